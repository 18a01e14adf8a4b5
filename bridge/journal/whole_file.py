"""Writes a file or a folder so that readers see all of it or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from bridge.journal.block import block
from bridge.journal.system import is_of_handler


@block
def written_whole(
    target: Path,
    place: Callable[[Path, Path], object] = os.replace,
    *,
    companions: Sequence[str] = (),
    fsync: bool = False,
) -> Generator[Path, None, None]:
    """Yield a new path in the folder of `target`. The block writes a file or folder to it, which then becomes `target`.

    If the block, `place` or a signal handler raises, the new file or folder is removed, and `target` is unchanged.
    If a signal handler raises while a new folder is removed, a part of that folder stays.

    Args:
        target: the path of a file or a folder. The folder that contains it must exist.
        place: renames the new file or folder to `target`. It may leave an existing `target` unchanged.
        companions: the endings of additional files that the block may create, such as SQLite's `-wal`. The name of such
            a file is the new path followed by the ending. These files are removed after the block.
        fsync: wait until the new file and its name are on the disk.

    Raises:
        OSError: the new file or folder cannot be renamed.

    Example:
        >>> with written_whole(path) as part:
        ...     part.write_text("all or nothing")
    """
    part = target.with_name(f".{os.urandom(8).hex()}.part")  # `target.name` may be too long to extend
    names = [f"{part}{ending}" for ending in ("", *companions)]
    try:
        yield part
        if fsync:
            _sync(part)
        place(part, target)
        if fsync:
            _sync(target.parent)
    finally:
        for name in names:
            # Only C code runs before the file is removed, so no signal handler can prevent the removal.
            try:
                os.unlink(name)
            except OSError as error:
                if is_of_handler(error):
                    raise
                if os.path.isdir(name):
                    _remove_folder(name)


def rename_unless_made(part: Path, target: Path) -> None:
    """Rename a new folder to `target`, unless another process has created `target`.

    Callers of `written_whole` pass this function as the argument `place`.
    """
    try:
        part.rename(target)
    except OSError as error:
        if is_of_handler(error) or not target.is_dir():
            raise


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _remove_folder(name: str) -> None:
    import shutil  # imported here, because only a failure needs it

    shutil.rmtree(name, ignore_errors=True)
