"""A folder for PYTHONPATH by which an interpreter without Runbridge imports it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bridge.address import home_folder
from bridge.journal.whole_file import written_whole

DISTRIBUTION = "runbridge"
LOOK_SECONDS = 60.0
LOOK = "import importlib.util, sys; sys.exit(0 if importlib.util.find_spec('bridge') else 3)"


def import_paths(interpreter: str) -> list[str]:
    """What an interpreter needs on its PYTHONPATH to import Runbridge: nothing, if it has it, else `import_folder()`.

    Args:
        interpreter: its path; one that cannot be run needs nothing.
    """
    if interpreter == sys.executable:
        return []
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [interpreter, "-c", LOOK]
    try:
        # Not from the working folder, where a folder `bridge` may lie.
        done = subprocess.run(
            command, cwd="/", env=environment, capture_output=True, timeout=LOOK_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [str(import_folder())] if done.returncode == 3 else []


def import_folder() -> Path:
    """The folder `$BRIDGE_HOME/imports/<version>-<hash>` of links to what this process imports: `bridge`, its plugins,
    and the metadata by which MLflow finds these.

    It is made once, whole or not at all; processes may ask for it at once.
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
    with written_whole(folder, _place_unless_made) as part:
        part.mkdir()
        for place in places:
            (part / place.name).symlink_to(place, target_is_directory=True)
    return folder


def _place_unless_made(part: Path, folder: Path) -> None:
    try:
        part.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process has made it
            raise


def _places() -> Iterator[Path]:
    """`bridge` and its plugins: beside it as installed, or in `plugins` of a checkout."""
    package = Path(__file__).resolve().parent.parent
    yield package
    for folder in (package.parent, package.parent / "plugins"):
        yield from (file.parent for file in sorted(folder.glob("bridge_*/__init__.py")))


def _metadata() -> tuple[str, Path | None]:
    """The version, and the folder of the distribution's metadata; none, where Runbridge is on the path alone."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        found = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        return "0", None
    files = [file for file in found.files or () if file.name == "METADATA"]
    return found.version, Path(str(files[0].locate())).resolve().parent if files else None
