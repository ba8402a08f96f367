"""The backend ``langsmith``: its options, and what it does with a batch."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import msgspec

from outlay.integration import Backend, Batch, Delivered, Later, Place, Refused, Result
from outlay_integrations.exporters.addresses import check_address
from outlay_integrations.exporters.langsmith.runs import run

if TYPE_CHECKING:
    from langsmith import Client

    from outlay_integrations.exporters.langsmith.listening import Session


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set under ``[exporters.langsmith]``; what is not, is as ``LANGSMITH_*`` says."""

    endpoint: str = ""
    """The API: ``https://eu.api.smith.langchain.com``. Else ``LANGSMITH_ENDPOINT``."""
    api_key: str = ""
    """Else ``LANGSMITH_API_KEY``."""
    workspace_id: str = ""
    """Else ``LANGSMITH_WORKSPACE_ID``."""
    project: str = ""
    """Where runs go. Else ``LANGSMITH_PROJECT``, else ``default``."""

    def __post_init__(self) -> None:
        check_address("endpoint", self.endpoint, "https://api.smith.langchain.com")


class LangSmith:
    """A project of LangSmith's."""

    def __init__(self, client: Client, session: Session, project: str) -> None:
        self._client = client
        self._session = session
        self._project = project

    def send(self, batch: Batch) -> Result:
        """Send the runs of the batch in one request."""
        self._session.begin(time.monotonic() + batch.timeout)
        self._client.multipart_ingest(create=[run(batch, record, self._project) for record in batch.records])
        wrong = self._session.said()
        # Later wins over Refused: nothing is split while another place can't be reached.
        later = next((one for one in wrong if isinstance(one, Later)), None)
        if later is None and self._session.conflict and len(batch.records) > 1:
            return Refused("409: it has one of them")  # which is found by halves, so that the others get there too
        return later or (wrong[0] if wrong else Delivered())

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _open(options: Options, _: Place) -> LangSmith:
    from langsmith import Client
    from urllib3.util import Retry

    from outlay_integrations.exporters.langsmith.listening import Session

    session = Session()
    given: dict[str, Any] = {
        "api_url": options.endpoint or None,
        "api_key": options.api_key or None,
        "workspace_id": options.workspace_id or None,
    }
    client = Client(
        **given,
        session=session,
        retry_config=Retry(0),  # who tries again, and when, is decided in one place
        auto_batch_tracing=False,  # no thread
        tracing_mode="langsmith",  # LANGSMITH_OTEL_ENABLED would have it set the application's TracerProvider
        tracing_sampling_rate=1.0,  # money is never sampled
        omit_traced_runtime_info=True,  # it is this process's, and not always the caller's
        disable_prompt_cache=True,
    )
    named = os.environ.get("LANGSMITH_PROJECT") or os.environ.get("LANGCHAIN_PROJECT")
    return LangSmith(client, session, options.project or named or "default")


LANGSMITH = Backend(
    name="langsmith",
    open=_open,
    options=Options,
    modules=("langsmith",),
    install="outlay[langsmith]",
    tree=True,
)
