"""The backend ``mlflow``: its options, and what it does with a batch."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import msgspec

from outlay.integration import Backend, Batch, Delivered, Place, Result
from outlay_integrations.exporters.mlflow.address import check, tracking_uri
from outlay_integrations.exporters.mlflow.runs import RUN, active_run

if TYPE_CHECKING:
    from outlay_integrations.exporters.mlflow.runs import Runs
    from outlay_integrations.exporters.mlflow.server import Server


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set under ``[exporters.mlflow]``; what is not, is as ``MLFLOW_*`` says."""

    tracking_uri: str = ""
    """The tracking server: ``http://localhost:5000``. Else ``MLFLOW_TRACKING_URI``."""
    experiment: str = ""
    """Name of the experiment, which is made where there is none. Else ``MLFLOW_EXPERIMENT_ID`` or ``_NAME``."""
    run_metrics: bool = True
    """Whether calls in a run are logged to it as metrics."""
    own_run: bool = True
    """Whether calls outside of any run are added up in a run of the project's own."""

    def __post_init__(self) -> None:
        if self.tracking_uri:  # else it may be set later, by mlflow.set_tracking_uri
            check(self.tracking_uri)


class Mlflow:
    """An experiment of a tracking server."""

    def __init__(self, server: Server, experiment: str, runs: Runs | None, *, adopt: bool) -> None:
        self._server = server
        self._experiment = experiment
        self._runs = runs
        self._adopt = adopt

    def send(self, batch: Batch) -> Result:
        """Send the spans of the batch; where they were taken, its run metrics."""
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        from outlay_integrations.exporters.mlflow.spans import spans  # needs the SDK

        self._server.deadline = time.monotonic() + batch.timeout
        body = encode_spans(spans(batch, adopt=self._adopt)).SerializeToString()
        wrong = self._server.post_spans(body, self._experiment)
        if wrong is None and self._runs is not None:
            wrong = self._runs.log(batch.calls)
        return wrong or Delivered()

    def close(self) -> None:
        """Close the connections and the book of runs."""
        self._server.close()
        if self._runs is not None:
            self._runs.close()


def _open(options: Options, place: Place) -> Mlflow:
    from outlay_integrations.exporters.mlflow.runs import Runs
    from outlay_integrations.exporters.mlflow.server import Server
    from outlay_integrations.exporters.mlflow.totals import Book

    uri = tracking_uri(options.tracking_uri)
    check(uri)
    server = Server(uri)
    experiment = _experiment(options, server)
    runs = Runs(server, Book(place.folder), experiment, own=options.own_run) if options.run_metrics else None
    # Where the application has mlflow share its TracerProvider, mlflow has the spans around ours.
    shared = os.environ.get("MLFLOW_USE_DEFAULT_TRACER_PROVIDER", "true").lower() in ("false", "0")
    return Mlflow(server, experiment, runs, adopt=not shared)


def _experiment(options: Options, server: Server) -> str:
    if not options.experiment and (given := os.environ.get("MLFLOW_EXPERIMENT_ID")):
        return given
    name = options.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME")
    return server.experiment(name) if name else "0"


MLFLOW = Backend(
    name="mlflow",
    open=_open,
    options=Options,
    modules=("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.common", "requests"),
    install="outlay[mlflow]",
    tree=True,
    note=active_run,
    needs=(RUN,),
)
