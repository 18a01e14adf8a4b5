"""One open journal: the file that this process appends to."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from contextlib import suppress
from functools import partial
from io import FileIO

from bridge.journal.folder import PART, HeldFolder
from bridge.journal.format import RECORDS_AT, SUFFIX, Header, encode_end, encode_header, new_header, new_journal_id
from bridge.journal.system import CallFailed, disk_full, system
from bridge.records.series import Definition

logger = logging.getLogger("bridge")

JOURNAL_BYTES = 64 << 20
"""A journal that is larger is closed, and another started, so that what is stored can be removed."""

COPY_BYTES = 1 << 20


class JournalFile:
    """A journal that this process appends to, and which series have a number in it.

    `seed` is the salt plus the size: what the checksum of the next record starts from.
    `ending` says that its closing record may be written: then a reader may remove the file.
    `intact` is False once its end is uncertain: then nothing is appended any more, a closing record neither.
    `is_published` says that the file has its name; until then no reader sees it.
    `leased_to` is where the last record of a lease ends.
    """

    __slots__ = (
        "_stream",
        "columns",
        "ending",
        "fast",
        "fd",
        "folder",
        "full_at",
        "header",
        "intact",
        "leased_to",
        "numbers",
        "is_published",
        "seed",
    )

    def __init__(self, header: Header, folder: HeldFolder | None, stream: FileIO | None) -> None:
        self.header, self.folder = header, folder
        self._stream = stream
        self.fd = -1 if stream is None else stream.fileno()
        self.seed, self.full_at = header.salt, header.salt + JOURNAL_BYTES
        self.leased_to = 0
        self.intact = True
        self.is_published = False
        self.ending = False
        self.numbers: dict[Definition, int] = {}
        self.fast: dict[tuple[str, str], int] = {}
        self.columns: dict[tuple[str, str], dict[tuple[str, bool], int]] = {}

    @property
    def id(self) -> str:
        return self.header.journal_id

    @property
    def name(self) -> str:
        return self.header.journal_id + SUFFIX

    @property
    def size(self) -> int:
        """Where the next record begins."""
        return self.seed - self.header.salt

    @property
    def is_in_place(self) -> bool:
        """Whether its name in its folder still names this file; True if it was closed."""
        if self.fd < 0 or self.folder is None:
            return True
        return self.folder.inode(self.name) == os.fstat(self.fd).st_ino

    def grown(self) -> int:
        """Return by how many bytes the file is larger than what is known to be written."""
        return os.fstat(self.fd).st_size - self.size

    def append(self, data: bytes) -> int:
        """Append bytes with one write; return how many were written.

        Raises:
            CallFailed: the write failed.
        """
        return system(os.write, self.fd, data)

    def sync(self) -> None:
        """Wait until the disk has the file.

        Raises:
            CallFailed: the disk may not have it; the next call would say that it has.
        """
        system(os.fsync, self.fd)

    def shorten(self, size: int) -> None:
        """Cut what is no whole record from the end."""
        try:
            system(os.ftruncate, self.fd, size)
        except CallFailed as failed:
            logger.debug("A torn record stays at the end of journal %s: %s", self.id, failed)

    def publish(self, fsync: bool) -> None:
        """Lock the file for the life of this process, and give it its name.

        Raises:
            CallFailed: it cannot be renamed.
        """
        assert self.folder is not None
        try:
            system(fcntl.flock, self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except CallFailed as failed:
            if failed.errno == errno.EWOULDBLOCK:  # a reader is about to remove the file, which was never placed
                raise
            logger.info("The file system of journal %s has no file locks.", self.id)
        if fsync:
            self.sync()
        folder = self.folder.fd
        system(os.rename, self._part, self.name, src_dir_fd=folder, dst_dir_fd=folder)
        self.is_published = True
        if fsync:
            system(os.fsync, folder)

    def check_published(self) -> bool:
        """Return whether an interrupted `publish` had renamed the file."""
        self.is_published = self.is_published or self.is_in_place
        return self.is_published

    def discard(self) -> None:
        """Remove a file that has no name."""
        assert self.folder is not None
        try:
            system(os.unlink, self._part, dir_fd=self.folder.fd)
        except CallFailed as failed:
            logger.debug("%s stays: %s", self._part, failed)
        self.close()

    def finish(self, fsync: bool) -> None:
        """Close the file, with a closing record unless its end is uncertain; idempotent."""
        if self.fd < 0:
            return
        try:
            if self.intact and self.is_published and self.grown() == 0:
                self.ending = True
                self.append(encode_end(self.seed, self.id, self.size))
                if fsync:
                    self.sync()
        except CallFailed as failed:
            logger.debug("Journal %s has no closing record: %s", self.id, failed)
        self.close()

    def close(self) -> None:
        """Close the file; idempotent."""
        stream, self._stream = self._stream, None
        self.fd = -1  # first: the number may be another file's as soon as this one is closed
        if stream is not None:
            stream.close()

    def copy_to(self, folder: HeldFolder, mode: int, fsync: bool) -> JournalFile:
        """Return the same journal in another folder, with all of its bytes: what was stored of it stays known.

        Raises:
            CallFailed: it cannot be written there.
        """
        with suppress(CallFailed):
            system(os.unlink, self._part, dir_fd=folder.fd)  # half a copy, of a call that an exception has left
        other = JournalFile(self.header, folder, _create(folder, self.id, mode))
        size = os.fstat(self.fd).st_size
        try:
            at = 0
            while at < size:
                data = os.pread(self.fd, min(COPY_BYTES, size - at), at)
                if other.append(data) != len(data):
                    raise disk_full()
                at += len(data)
            other.publish(fsync)
        except CallFailed:
            other.discard()
            raise
        other.seed, other.intact, other.leased_to = self.seed, self.intact, self.leased_to
        other.numbers, other.fast, other.columns = self.numbers, self.fast, self.columns
        return other

    @property
    def _part(self) -> str:
        return _part_name(self.id)


def _part_name(journal_id: str) -> str:
    return f".{journal_id}{PART}"


def _create(folder: HeldFolder, journal_id: str, mode: int) -> FileIO:
    # A `FileIO` closes its file when an interrupt comes before it has a name here.
    opener = partial(os.open, mode=mode, dir_fd=folder.fd)
    stream = system(FileIO, _part_name(journal_id), "xb+", True, opener)
    system(fcntl.fcntl, stream.fileno(), fcntl.F_SETFL, os.O_APPEND)
    if os.fstat(stream.fileno()).st_mode & 0o777 != mode and mode & 0o020:
        system(os.fchmod, stream.fileno(), mode)  # whatever the umask is
    return stream


def create(folder: HeldFolder, workspace_id: str, mode: int) -> JournalFile:
    """Return a new journal of this process with its header, which has no name yet.

    Raises:
        CallFailed: it cannot be written.
    """
    header = new_header(new_journal_id(), workspace_id)
    file = JournalFile(header, folder, _create(folder, header.journal_id, mode))
    try:
        data = 2 * encode_header(header)
        if file.append(data) != len(data):
            raise disk_full()
    except CallFailed:
        file.discard()
        raise
    file.seed = header.salt + RECORDS_AT
    return file


NO_FILE = JournalFile(Header("", "", 0, 0, 0), None, None)
"""What stands for no open journal: no series has a number in it."""
