"""Writing a file or a folder so that readers see all of it or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from bridge.journal.block import block
from bridge.journal.system import is_of_handler


@block
def written_whole(
    target: Path, place: Callable[[Path, Path], object] = os.replace, *, companions: Sequence[str] = ()
) -> Generator[Path, None, None]:
    """Give a new path in the folder of `target`; what the block writes there gets the name `target` at its end.

    If the block, `place` or a signal handler raises, what was written is removed and `target` stays as it is.

    Args:
        target: the path of a file or a folder. The folder that it is in must exist.
        place: gives what was written its name. It may leave a `target` that exists as it is.
        companions: endings of the names of more files that are removed, such as SQLite's `-wal`.

    Raises:
        OSError: what was written cannot be renamed.

    Example:
        >>> with written_whole(path) as part:
        ...     part.write_text("all or nothing")
    """
    part = target.with_name(f".{os.urandom(8).hex()}.part")  # short, because `target` may have the longest name
    names = [f"{part}{ending}" for ending in ("", *companions)]
    try:
        yield part
        place(part, target)
    finally:
        for name in names:
            # Only functions of C run before the file is removed: no signal handler can keep it from that.
            try:
                os.unlink(name)
            except OSError as error:
                if is_of_handler(error):
                    raise
                if os.path.isdir(name):
                    _remove_folder(name)


def _remove_folder(name: str) -> None:
    import shutil  # only a failure needs it

    shutil.rmtree(name, ignore_errors=True)
