"""Where ledger and spool are kept, and where if that can't be."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from outlay.config import Settings, data_folder, writable
from outlay.config.folder import private

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


def mode(path: Path) -> int:
    """Return the permissions of a folder."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a temporary folder that anyone may write to, and the one that outlay finds."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_the_folder_that_is_set_is_used(tmp_path: Path) -> None:
    """Made with its parents, for its user alone."""
    folder = data_folder(Settings(data=str(tmp_path / "a/b")), {})
    assert writable(folder) == tmp_path / "a/b"
    assert mode(tmp_path / "a/b") == 0o700


def test_the_custom_of_the_system_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux XDG_DATA_HOME, where it is an absolute path, or .local/share in the home folder."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder(Settings(), {"XDG_DATA_HOME": "/srv/data"}) == Path("/srv/data/outlay")
    assert data_folder(Settings(), {"XDG_DATA_HOME": "data"}) == tmp_path / ".local/share/outlay"
    assert data_folder(Settings(), {}) == tmp_path / ".local/share/outlay"


def test_a_home_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HOME=/nonexistent means that there is none, also for root, who could make it."""
    monkeypatch.setenv("HOME", str(tmp_path / "nonexistent"))
    assert data_folder(Settings(), {}) is None


def test_a_user_without_a_home_has_a_ledger(shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In a private temporary folder; the user is told, once, with what to do."""
    with caplog.at_level(logging.WARNING, "outlay"):
        first, second = writable(None), writable(None)
    assert first == second
    assert first.parent == shared
    assert mode(first) == 0o700
    assert len(caplog.messages) <= 1  # another test of this process may have been told already


@posix
def test_an_application_without_home_or_user_entry_runs(tmp_path: Path) -> None:
    """A container's arbitrary user: init() works, says so once over two starts, and the call is kept."""
    script = """if True:
        import os, pwd
        def nobody(uid): raise KeyError(uid)
        pwd.getpwuid = nobody
        os.environ.pop("HOME", None)
        os.environ.pop("OUTLAY_DATA", None)
        os.environ.pop("XDG_DATA_HOME", None)
        import outlay
        outlay.init(); outlay.init()
        outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1)
        assert outlay.flush() == 0
    """
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environ, check=True, capture_output=True, text=True)
    assert done.stderr.count("outlay can't write to the user's data folder (there is no home folder)") == 1
    assert (tmp_path / f"outlay-{os.getuid()}/ledger.db").is_file()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path, shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Is left as it is, and named."""
    taken = tmp_path / "ledger"
    taken.write_text("mine")
    with caplog.at_level(logging.WARNING, "outlay"):
        assert writable(taken).parent == shared
        assert writable(taken / "below").parent == shared
    assert taken.read_text() == "mine"
    assert [message.startswith(f"outlay can't write to {taken}") for message in caplog.messages] == [True, True]
    assert all(message.endswith("Set OUTLAY_DATA to a folder.") for message in caplog.messages)


@posix
def test_a_folder_that_can_not_be_written_to(tmp_path: Path) -> None:
    """A read-only folder: the ledger is in a private temporary one. Root may write anywhere, so it steps down."""
    locked, spare = tmp_path / "locked", tmp_path / "spare"
    tmp_path.chmod(0o755)
    locked.mkdir(mode=0o555)
    spare.mkdir()
    spare.chmod(0o1777)
    script = f"""if True:
        import os, tempfile
        from pathlib import Path
        from outlay.config import writable
        tempfile.tempdir = "spare"
        os.chdir({str(tmp_path)!r})
        if os.getuid() == 0:
            os.setuid(65534)
        print(os.getuid(), writable(Path("locked/ledger")), writable(Path("locked")))
    """
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    user, first, second = done.stdout.split()
    assert Path(first).parts[-2:] == ("spare", f"outlay-{user}")
    assert second == first
    assert "can't write to locked/ledger (permission denied)" in done.stderr
    assert "can't write to locked (it is read-only)" in done.stderr


def test_nowhere_to_write_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Records are then counted as lost, one by one; the application goes on."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file/none"))
    with caplog.at_level(logging.WARNING, "outlay"):
        assert writable(tmp_path / "file") == tmp_path / "file"
    assert "it keeps nothing" in caplog.text


@posix
def test_the_private_folder_is_found_again(shared: Path) -> None:
    """So that `outlay report` shows what the application wrote; one that others could read is closed."""
    first = private(shared)
    first.chmod(0o755)
    assert private(shared) == first
    assert mode(first) == 0o700


@posix
@pytest.mark.parametrize("trap", ["link", "dangling link", "file", "open to all"])
def test_a_private_folder_that_somebody_prepared_is_not_used(tmp_path: Path, shared: Path, trap: str) -> None:
    """In a folder that anyone may write to, a name may have been taken to catch what goes there."""
    name, elsewhere = shared / f"outlay-{os.getuid()}", tmp_path / "elsewhere"
    if trap == "link":
        elsewhere.mkdir()
        name.symlink_to(elsewhere)
    elif trap == "dangling link":
        name.symlink_to(elsewhere)
    elif trap == "file":
        name.write_text("")
    else:
        name.mkdir()
        name.chmod(0o777)
    found = private(shared)
    assert found != name
    assert found.parent == shared
    assert mode(found) == 0o700
    assert not elsewhere.exists() or not list(elsewhere.iterdir())


@posix
def test_a_private_folder_of_another_user_is_not_used(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that only its owner can write to: he can read what is put there."""
    stranger = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: stranger)
    name = shared / f"outlay-{stranger}"
    name.mkdir(mode=0o700)  # it is ours, so it is not the stranger's that we claim to be
    assert private(shared) != name
