"""Check the one wheel in the folder that is given: complete, small and importable. Run in a new virtual environment."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

CEILING = 25 * 10**6
"""Bytes that a base install takes with its dependencies, pip itself left out."""

PACKAGES = (Path("src/outlay"), Path("integrations/outlay_integrations"))


def left_out(wheel: Path) -> list[str]:
    """Return the files of both packages that are tracked by git but missing in ``wheel``."""
    tracked = subprocess.run(
        ["git", "ls-files", *map(str, PACKAGES)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    return [name for name in tracked if name.split("/", 1)[1] not in held]


def installed_bytes() -> int:
    """Return the size of all files of all installed distributions but pip and setuptools, as installed."""
    files = [
        Path(str(distribution.locate_file(file)))
        for distribution in metadata.distributions(path=[sysconfig.get_path("purelib")])
        if distribution.name not in {"pip", "setuptools"}
        for file in distribution.files or ()
    ]
    return sum(file.stat().st_size for file in files if file.is_file())


def main(folder: Path) -> int:
    """Install the wheel of ``folder`` into this environment; return 1 with a sentence if something is wrong with it."""
    (wheel,) = folder.glob("*.whl")
    if missing := left_out(wheel):
        print("the wheel lacks:", *missing)
        return 1
    pip = [sys.executable, "-m", "pip", "install", str(wheel)]
    subprocess.run(pip, check=True)
    for check in (["-c", "import outlay, outlay_integrations"], ["-m", "pip", "check"]):
        # Isolated, or the checkout that we stand in would be imported.
        subprocess.run([sys.executable, "-I", *check], check=True)
    size = installed_bytes()
    print(f"{wheel.name}: base install with dependencies {size / 10**6:.1f} MB, ceiling {CEILING / 10**6:.0f} MB")
    return int(size > CEILING)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
