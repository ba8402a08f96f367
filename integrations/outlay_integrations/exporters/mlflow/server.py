"""A tracking server: where it is, who asks, and its experiment."""

from __future__ import annotations

import os
import time
from typing import Any

import requests

from outlay.integration import Later, Refused
from outlay_integrations.exporters.answers import trouble


class Server:
    """A tracking server, asked as ``MLFLOW_TRACKING_*`` says: password or token, certificates."""

    def __init__(self, uri: str) -> None:
        self._uri = uri.rstrip("/")
        self._session = requests.Session()
        own = os.environ.get
        if token := own("MLFLOW_TRACKING_TOKEN"):
            self._session.headers["authorization"] = f"Bearer {token}"
        elif user := own("MLFLOW_TRACKING_USERNAME"):
            self._session.auth = (user, own("MLFLOW_TRACKING_PASSWORD", ""))
        insecure = own("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1")
        # Given with each request: a session's own is overruled by REQUESTS_CA_BUNDLE.
        self._verify = False if insecure else own("MLFLOW_TRACKING_SERVER_CERT_PATH") or None
        self._session.cert = own("MLFLOW_TRACKING_CLIENT_CERT_PATH") or None
        if workspace := own("MLFLOW_WORKSPACE"):
            self._session.headers["x-mlflow-workspace"] = workspace
        self.deadline = time.monotonic() + 30.0
        """When whoever asks has to be done (``time.monotonic()``)."""

    def post_spans(self, body: bytes, experiment: str) -> Refused | Later | None:
        """Send an OTLP request; return what is wrong, or None."""
        headers = {"content-type": "application/x-protobuf", "x-mlflow-experiment-id": experiment}
        return trouble(self._ask("POST", "/v1/traces", data=body, headers=headers))

    def post(self, path: str, body: dict[str, Any]) -> requests.Response:
        """Ask the REST API."""
        return self._ask("POST", f"/api/2.0/mlflow/{path}", json=body)

    def experiment(self, name: str) -> str:
        """Return the id of the experiment ``name``, which is made where there is none, as mlflow does."""
        for _ in range(2):
            found = self._ask("GET", "/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": name})
            if found.status_code == 404:
                found = self.post("experiments/create", {"name": name})
                if found.status_code == 400:  # another process was faster
                    continue
            found.raise_for_status()
            answer = found.json()
            return str(answer.get("experiment", answer)["experiment_id"])
        raise ValueError(f"the experiment {name!r} is neither there nor can it be made: {found.text[:200]}")

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _ask(self, method: str, path: str, **more: Any) -> requests.Response:
        left = max(self.deadline - time.monotonic(), 0.05)
        return self._session.request(method, self._uri + path, timeout=left, verify=self._verify, **more)
