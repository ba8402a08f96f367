"""An environment for each backend's tracing, made once: their packages exclude each other."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.tracers import RIVALS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "environments"


def python_of(backend: str, folder: Path = FOLDER) -> str:
    """Return the interpreter of a backend's environment, which is made where there is none: that takes minutes."""
    place = folder / backend
    python = place / "bin" / "python"
    done = place / "installed"
    if not done.exists():
        print(f"making {place}", file=sys.stderr, flush=True)
        venv.create(place, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "-q", "-e", *RIVALS[backend].packages]
        subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr)
        done.touch()
    return str(python)


def versions(python: str, names: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of distributions that are installed for an interpreter."""
    ask = f"import importlib.metadata as m; print(*(m.version(n) for n in {names!r}))"
    found = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.split()
    return dict(zip(names, found, strict=True))
