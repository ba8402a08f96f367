"""What installed packages register is found wherever the standard library finds it."""

from __future__ import annotations

import sys
import zipfile
from importlib.metadata import Distribution, DistributionFinder, PathDistribution, entry_points
from pathlib import Path

import pytest

from outlay import plugins

REGISTERED = "[outlay.{kind}]\n{name} = some.module:NAME\n[console_scripts]\n{name} = some.module:main\n"


def found() -> set[tuple[str, str]]:
    """Return (group, name) of what is found now."""
    return {(entry.group, entry.name) for entry in plugins._entries.__wrapped__()}  # noqa: SLF001 - without its memory


def found_by_the_standard_library() -> set[tuple[str, str]]:
    """Return the same by ``entry_points()``, which takes many times as long."""
    groups = ("outlay.transports", "outlay.apis", "outlay.providers", "outlay.exporters")
    return {(entry.group, entry.name) for group in groups for entry in entry_points(group=group)}


def describe(folder: Path, name: str, kind: str = "apis") -> None:
    """Write what an installed package says of itself."""
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(REGISTERED.format(kind=kind, name=name))


def test_packages_are_found_in_every_kind_of_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wheels, old eggs, a zip file on the path; not a folder that is gone, nor a package without entry points."""
    ours = found()
    assert ("outlay.transports", "httpx") in ours
    describe(tmp_path / "site" / "wheel-1.dist-info", "wheel")
    describe(tmp_path / "site" / "old-1.egg-info", "old", "providers")
    describe(tmp_path / "egg-1.egg" / "EGG-INFO", "egg", "transports")
    (tmp_path / "site" / "none-1.dist-info").mkdir()
    (tmp_path / "site" / "file-1.egg-info").write_text("Name: file")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        packed.writestr("zipped-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: zipped\nVersion: 1\n")
        packed.writestr("zipped-1.dist-info/entry_points.txt", REGISTERED.format(kind="apis", name="zipped"))
    places = [tmp_path / "site", tmp_path / "egg-1.egg", tmp_path / "packed.zip", tmp_path / "gone"]
    monkeypatch.setattr(sys, "path", [*sys.path, *map(str, places)])
    more = {
        ("outlay.apis", "wheel"),
        ("outlay.providers", "old"),
        ("outlay.transports", "egg"),
        ("outlay.apis", "zipped"),
    }
    assert found() == ours | more == found_by_the_standard_library()


def test_packages_that_stand_on_no_path_are_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen application has a finder of its own."""
    describe(tmp_path / "frozen-1.dist-info", "frozen")

    class Frozen(DistributionFinder):
        def find_spec(self, *_: object) -> None:
            """Find no module."""

        def find_distributions(self, _: object = None) -> list[Distribution]:
            """Return what was frozen."""
            return [PathDistribution(tmp_path / "frozen-1.dist-info")]

    ours = found()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Frozen()])
    assert found() == ours | {("outlay.apis", "frozen")} == found_by_the_standard_library()
