"""Weave's trace server, and W&B's own for the project: where they are, and who asks."""

from __future__ import annotations

import netrc
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from outlay.integration import Later, Refused
from outlay_integrations.exporters.answers import trouble

CLOUD = "https://api.wandb.ai"
TRACES = "https://trace.wandb.ai"

WHO = "query DefaultEntity { viewer { defaultEntity { name } } }"
PROJECT = "query Project($name: String!, $entity: String!) { project(name: $name, entityName: $entity) { name } }"
MAKE = (
    "mutation UpsertModel($name: String!, $entity: String!) "
    "{ upsertModel(input: { name: $name, entityName: $entity }) { model { name } } }"
)


class NoProject(ValueError):
    """It is not said, or not to be found out, which project calls go to."""


class Server:
    """A trace server, as ``WANDB_*`` says."""

    def __init__(self, url: str, api_key: str) -> None:
        own = os.environ.get
        self._base = (own("WANDB_BASE_URL") or CLOUD).rstrip("/")
        shown = (own("WANDB_PUBLIC_BASE_URL") or self._base).rstrip("/")
        default = TRACES if shown == CLOUD else f"{shown}/traces"
        self._url = (url or own("WF_TRACE_SERVER_URL") or default).rstrip("/")
        self._session = requests.Session()
        if key := api_key or own("WANDB_API_KEY") or _key_of(self._base):
            self._session.auth = ("api", key)
        self.deadline = time.monotonic() + 30.0
        """When whoever asks has to be done (``time.monotonic()``)."""

    def project(self, given: str) -> str:
        """Return ``entity/project``, asking for the entity where none is given, and making a project that is not there.

        Without a key (a server of one's own that asks for none) it is taken as it is.
        """
        name = given or os.environ.get("WANDB_PROJECT", "")
        entity, _, name = name.rpartition("/")
        entity = entity or os.environ.get("WANDB_ENTITY", "")
        if self._session.auth is None:
            if not entity:
                raise NoProject("set WANDB_API_KEY, or write the project as team/project")
            return f"{entity}/{name}"
        if not entity:
            entity = ((self._query(WHO).get("viewer") or {}).get("defaultEntity") or {}).get("name") or ""
            if not entity:
                raise NoProject("the key has no default entity: set WANDB_ENTITY, or write the project as team/project")
        if not self._query(PROJECT, name=name, entity=entity).get("project"):
            self._query(MAKE, name=name, entity=entity)
        return f"{entity}/{name}"

    def send(self, project: str, calls: list[dict[str, Any]]) -> Refused | Later | None:
        """Send calls that have ended; return what is wrong, or None."""
        return self._post(f"/v2/{quote(project)}/calls/complete", {"batch": calls})

    def tell(self, project: str, costs: dict[str, Any]) -> Refused | Later | None:
        """Tell prices by model; return what is wrong, or None."""
        return self._post("/cost/create", {"project_id": project, "costs": costs})

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _post(self, path: str, body: dict[str, Any]) -> Refused | Later | None:
        return trouble(self._ask(self._url + path, body))

    def _query(self, query: str, **variables: str) -> dict[str, Any]:
        answer = self._ask(f"{self._base}/graphql", {"query": query, "variables": variables})
        answer.raise_for_status()
        found = answer.json()
        if found.get("errors"):
            raise NoProject(f"{self._base} says: {found['errors'][0].get('message', found['errors'])}")
        return dict(found.get("data") or {})

    def _ask(self, url: str, body: dict[str, Any]) -> requests.Response:
        left = max(self.deadline - time.monotonic(), 0.05)
        return self._session.post(url, json=body, timeout=left)


def _key_of(base: str) -> str | None:
    """Return the key that ``wandb login`` has put into netrc."""
    for name in (".netrc", "_netrc"):
        file = Path.home() / name
        if file.exists() and (found := netrc.netrc(file).authenticators(urlsplit(base).netloc)):
            return found[2]
    return None
