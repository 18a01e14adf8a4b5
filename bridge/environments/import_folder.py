"""Makes Runbridge importable for an interpreter that does not have it, with a folder for its `PYTHONPATH`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bridge.address import home_folder
from bridge.journal.whole_file import rename_unless_made, written_whole

DISTRIBUTION = "runbridge"
LOOK_SECONDS = 60.0
LOOK = "import importlib.util, sys; sys.exit(0 if importlib.util.find_spec('bridge') else 3)"


def import_paths(interpreter: str) -> list[str]:
    """Return the folders that an interpreter needs on its PYTHONPATH to import Runbridge.

    The list is empty if Runbridge is installed for the interpreter. It is also empty if the interpreter cannot be run.

    Args:
        interpreter: the path of the interpreter.
    """
    if interpreter == sys.executable:
        return []
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [interpreter, "-c", LOOK]
    try:
        # The command does not run in the working folder, because that folder may contain a folder `bridge`.
        done = subprocess.run(
            command, cwd="/", env=environment, capture_output=True, timeout=LOOK_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [str(import_folder())] if done.returncode == 3 else []


def import_folder() -> Path:
    """Return the folder `$BRIDGE_HOME/imports/<version>-<hash>`. Create the folder if it does not exist.

    The folder contains links to `bridge`, to its plugins, and to the metadata by which MLflow finds the plugins. All
    links lead to the files that this process uses. It is safe if several processes create the folder at the same time.
    """
    import hashlib

    places = sorted(_places(), key=lambda place: place.name)
    version, metadata = _metadata()
    if metadata is not None:
        places.append(metadata)
    key = hashlib.sha256(b"\0".join(map(os.fsencode, places))).hexdigest()[:16]
    folder = home_folder().absolute() / "imports" / f"{version}-{key}"
    if all((folder / place.name).exists() for place in places):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(folder, rename_unless_made) as part:
        part.mkdir()
        for place in places:
            (part / place.name).symlink_to(place, target_is_directory=True)
    return folder


def _places() -> Iterator[Path]:
    """Yield the folders of `bridge` and its plugins.

    If Runbridge is installed, the plugins are next to `bridge`. In a checkout they are in `plugins`.
    """
    package = Path(__file__).resolve().parent.parent
    yield package
    for folder in (package.parent, package.parent / "plugins"):
        yield from (file.parent for file in sorted(folder.glob("bridge_*/__init__.py")))


def _metadata() -> tuple[str, Path | None]:
    """Return the version of Runbridge and the folder of its metadata; "0" and None if Runbridge is not installed."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        found = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        return "0", None
    files = [file for file in found.files or () if file.name == "METADATA"]
    return found.version, Path(str(files[0].locate())).resolve().parent if files else None
