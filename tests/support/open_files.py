"""Lists the files that this process has open.

Other threads of the same process may open and close files during a test, so a test lists only the files of a folder.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

DESCRIPTORS = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"


def open_at(path: Path) -> list[str]:
    """Return the open files whose path begins with `path`, removed files included, one entry for each descriptor."""
    return [target for target in targets() if target.startswith(str(path))]


def open_below(folder: Path) -> list[str]:
    """Return the open files below a folder, removed files included, one entry for each descriptor."""
    return [target for target in targets() if target.startswith(f"{folder}/")]


def targets() -> list[str]:
    """Return what each descriptor of this process refers to: a path, or for example `pipe:[123]`."""
    found = []
    for number in os.listdir(DESCRIPTORS):
        with suppress(OSError):  # closed since it was listed, for example the descriptor of the listing
            found.append(os.readlink(f"{DESCRIPTORS}/{number}"))
    return found
