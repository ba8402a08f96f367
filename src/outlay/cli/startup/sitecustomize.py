"""Start outlay before the program; then be gone, so that the program finds everything as it would without.

Python imports the module of this name when it starts, in the program and in every Python process that it starts in
turn: spawned workers, servers' children, scripts. It must never hinder one of them.
"""

import importlib
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is slow to import, and few need it
_STARTED = "_OUTLAY_RUN"  # must be outlay.cli.run.STARTED


def _start() -> None:
    try:
        import outlay
        from outlay.errors import OutlayError
    except ImportError:
        # A child that is another Python is none of ours; the program itself was meant to be metered.
        if os.environ.get(_STARTED) == str(os.getpid()):
            sys.stderr.write(f"outlay: it is not installed for {sys.executable}, whose calls are not metered.\n")
        return
    try:
        outlay.init()
    except OutlayError as error:
        sys.stderr.write(f"outlay: calls are not metered: {error}\n")


def _step_aside() -> None:
    """Take this folder off the path again, and let the sitecustomize run that this one stands before."""
    sys.path[:] = [place for place in sys.path if os.path.abspath(place or ".") != _HERE]  # noqa: PTH100 - see above
    this = sys.modules.pop("sitecustomize")
    try:
        importlib.import_module("sitecustomize")
    except ImportError as error:
        sys.modules["sitecustomize"] = this
        if error.name != "sitecustomize":
            raise


_step_aside()
_start()
