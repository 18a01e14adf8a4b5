"""Copies of files, with their hashes. Every folder is opened relative to its parent, so that no link is followed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import FileIO
from itertools import islice
from typing import BinaryIO, NamedTuple

from bridge.errors import StoreUnavailable
from bridge.journal.system import CallFailed, Ignoring, is_of_handler, system
from bridge.maintenance.progress import Meter
from bridge.store.folder.files import Files

PIECE_BYTES = 1 << 20

FLUSHING_THREADS, FLUSHED_AT_ONCE = 16, 10_000
"""How many threads wait for files to be on the disk, and how many files they get at a time."""

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Content(NamedTuple):
    """The size and the hash of bytes."""

    size_bytes: int
    sha256: str


def copy_file(file: BinaryIO, size_bytes: int, target: Files, path: str, meter: Meter) -> Content:
    """Copy the first bytes of an open file to a new file, with its permissions and its modification time."""
    state = os.fstat(file.fileno())
    *above, name = path.split("/")
    with target.below(above, make=True) as folder:
        fd = os.open(name, NEW, 0o600, dir_fd=folder)
    try:
        with os.fdopen(fd, "wb", buffering=0, closefd=False) as copy:
            content = _copy(file, size_bytes, copy, path, meter)
        os.fchmod(fd, stat.S_IMODE(state.st_mode))
        os.utime(fd, ns=(state.st_atime_ns, state.st_mtime_ns))
    finally:
        os.close(fd)
    return content


def link_file(source: Files, from_path: str, target: Files, path: str) -> os.stat_result | None:
    """Give a file a second name. Return its state, or None if this is not possible, for example on another disk."""
    *from_above, from_name = from_path.split("/")
    *above, name = path.split("/")
    with Ignoring(FileNotFoundError, NotADirectoryError), source.below(from_above) as from_folder:
        with target.below(above, make=True) as folder:
            try:
                system(os.link, from_name, name, src_dir_fd=from_folder, dst_dir_fd=folder, follow_symlinks=False)
            except CallFailed:
                return None
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
    return None


def remove_file(target: Files, path: str) -> None:
    """Remove a file that was just created."""
    *above, name = path.split("/")
    with target.below(above) as folder:
        os.unlink(name, dir_fd=folder)


def content_of(file: BinaryIO, size_bytes: int | None, path: str, meter: Meter) -> Content:
    """Return the size and the hash of the first bytes of an open file; None means all bytes."""
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(file, size_bytes, path):
        digest.update(piece)
        size += len(piece)
        meter.add(len(piece))
    return Content(size, digest.hexdigest())


def flush_files(files: Files, paths: Iterable[str]) -> None:
    """Wait until files are on the disk. File systems write many files together if several threads wait for them."""
    left = iter(paths)
    with ThreadPoolExecutor(FLUSHING_THREADS) as threads:
        while some := list(islice(left, FLUSHED_AT_ONCE)):
            deque(threads.map(partial(_flush, files), some), maxlen=0)  # raises the errors of the threads


def _flush(files: Files, path: str) -> None:
    file = files.find(path)
    if file is not None:
        with file:
            os.fsync(file.fileno())


def write_all(file: FileIO, data: bytes) -> None:
    """Write bytes, with as many calls as necessary."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _copy(file: BinaryIO, size_bytes: int, copy: FileIO, path: str, meter: Meter) -> Content:
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(file, size_bytes, path):
        digest.update(piece)
        write_all(copy, piece)
        size += len(piece)
        meter.add(len(piece))
    return Content(size, digest.hexdigest())


def _pieces(file: BinaryIO, size_bytes: int | None, path: str) -> Iterator[bytes]:
    """Yield the first bytes of a file, or all bytes. An error names the file, because another one may be written."""
    left = size_bytes
    while left is None or left > 0:
        try:
            piece = file.read(PIECE_BYTES if left is None else min(PIECE_BYTES, left))
        except OSError as error:
            if is_of_handler(error):
                raise
            raise StoreUnavailable(path, f"cannot be read: {(error.strerror or str(error)).lower()}") from error
        if not piece:
            return
        yield piece
        left = None if left is None else left - len(piece)
