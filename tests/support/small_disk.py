"""A small disk in memory that tests fill."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PIECES = (1 << 20, 4096, 1)
"""The sizes of the writes that fill the disk to the last byte."""

CAN_MOUNT = sys.platform == "linux" and os.getuid() == 0
"""Whether this process may mount a disk. Only root on Linux may."""


@contextmanager
def mounted_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk in a new folder, and return the folder. A test that cannot do this is skipped."""
    if not CAN_MOUNT:
        pytest.skip("only root on Linux mounts a small disk in memory")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def filled(disk: Path, free: int = 0) -> Iterator[None]:
    """Fill the disk during the block, except for some bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in PIECES:
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                pass
        os.ftruncate(file.fileno(), max(0, file.tell() - free))
    try:
        yield
    finally:
        filler.unlink()
