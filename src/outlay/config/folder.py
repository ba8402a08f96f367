"""The folder of ledger and spool: the user's own, and a private one to fall back to where that can't be written."""

from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from outlay.config.settings import Settings

logger = logging.getLogger("outlay")

_said: set[Path | None] = set()


def data_folder(settings: Settings, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder of ledger and spool, as set or by the system's custom; None for a user without a home."""
    if settings.data:
        return Path(settings.data)
    xdg = Path(environ.get("XDG_DATA_HOME", ""))
    if xdg.is_absolute() and sys.platform.startswith("linux"):  # a relative one is to be ignored, says its standard
        return xdg / "outlay"
    if sys.platform == "win32" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"]) / "outlay"
    try:
        home = Path.home()
    except RuntimeError:  # neither HOME nor an entry in the user database, as in many containers
        return None
    if not home.is_dir():  # root could make it: a home is not ours to make
        return None
    custom = {"win32": "AppData/Local/outlay", "darwin": "Library/Application Support/outlay"}
    return home / custom.get(sys.platform, ".local/share/outlay")


def writable(folder: Path | None) -> Path:
    """Return ``folder``, made if need be; where that can't be, a private temporary one, which is said once."""
    reason = "there is no home folder"
    if folder is not None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
            reason = "it is read-only"
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
    return _spare(folder, reason)


def working_folder() -> str:
    """Return the name of the working directory; empty where it was deleted."""
    try:
        return Path.cwd().name
    except OSError:
        return ""


def _spare(folder: Path | None, reason: str) -> Path:
    from tempfile import gettempdir  # it brings more than all of outlay.config, for those who can't write

    try:
        spare = private(Path(gettempdir()))
        outcome = f"keeps its ledger in {spare}"
    except OSError:  # nothing can be written anywhere: each record is counted as lost, and the application goes on
        spare = folder or Path("outlay")
        outcome = "keeps nothing"
    if folder not in _said:
        _said.add(folder)
        at = folder or "the user's data folder"
        logger.warning("outlay can't write to %s (%s): it %s. Set OUTLAY_DATA to a folder.", at, reason, outcome)
    return spare


def private(shared: Path) -> Path:
    """Return a folder in ``shared``, where anyone may write, that nobody but this user can have filled or can read.

    The same one each time, so that ``outlay report`` finds what the application wrote; a new one where somebody else
    has taken that name, be it by a link, a file or a folder. Raises OSError.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    folder = shared / f"outlay-{user}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not _ours(folder.lstat()):
            from tempfile import mkdtemp  # as above

            return Path(mkdtemp(prefix=f"{folder.name}-", dir=shared))
        folder.chmod(0o700)
    return folder


def _ours(found: os.stat_result) -> bool:
    """Return whether a name stands for a folder of this user's, no link, that nobody else could write to."""
    if os.name != "posix":  # temporary folders are each user's own there
        return stat.S_ISDIR(found.st_mode)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
