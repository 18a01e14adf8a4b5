"""Writing local files for a caller. Errors of the system become errors of Runbridge."""

from __future__ import annotations

import errno
from pathlib import Path

from bridge.errors import BridgeError, InvalidValue, NotAllowed, StoreUnavailable
from bridge.journal.system import is_of_handler
from bridge.records.text import RULE


class Writing:
    """A context manager in which a file or folder of this computer is written.

    Args:
        target: the file or folder.

    Raises:
        InvalidValue: the target is a folder or below a file, or its path is not valid, for example too long.
        NotAllowed: this process may not write the target.
        StoreUnavailable: the target cannot be written for another reason, for example a full disk.
    """

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (OSError, UnicodeEncodeError)) and not is_of_handler(error):
            raise _cannot_write(self._target, error) from error


def _cannot_write(target: Path, error: OSError | UnicodeEncodeError) -> BridgeError:
    """Convert an error that was raised while a file was written to an error of Runbridge."""
    if isinstance(error, UnicodeEncodeError):
        return InvalidValue("output path", str(target), RULE)
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return InvalidValue("output path", str(target), "must not be below a file")
    if isinstance(error, IsADirectoryError):
        return InvalidValue("output path", str(target), "must be the path of a file, but is a folder")
    reason = (error.strerror or str(error)).lower()
    if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return InvalidValue("output path", str(target), f"cannot be written: {reason}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NotAllowed("write", str(target.absolute()), reason)
    return StoreUnavailable(str(target.absolute()), reason)
