"""Where the tracking server is."""

from __future__ import annotations

import os
import sys
from typing import Any


def tracking_uri(given: str) -> str:
    """Return the address that was given, else ``MLFLOW_TRACKING_URI`` (which ``mlflow.set_tracking_uri`` sets too)."""
    found = given or os.environ.get("MLFLOW_TRACKING_URI", "")
    mlflow: Any = sys.modules.get("mlflow")
    if not found and hasattr(mlflow, "get_tracking_uri"):
        found = str(mlflow.get_tracking_uri())
    return found


def check(uri: str) -> None:
    """Raise ValueError, with what to do, where ``uri`` is no server's address."""
    if not uri:
        raise ValueError(
            "set MLFLOW_TRACKING_URI, or tracking_uri, to the address of a tracking server: http://localhost:5000"
        )
    if not uri.startswith(("http://", "https://")):
        raise ValueError(
            f"{uri} is no server's address: run `mlflow server --backend-store-uri {uri}`, and give its own"
        )
