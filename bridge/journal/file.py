"""One open journal file, to which this process appends."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from contextlib import suppress
from functools import partial
from io import FileIO
from typing import Any, TypeAlias

from bridge.journal.folder import PART, HeldFolder
from bridge.journal.format import RECORDS_AT, SUFFIX, Header, encode_end, encode_header, new_header, new_journal_id
from bridge.journal.own_file import OwnFile, opening
from bridge.journal.system import CallFailed, disk_full, free_space, system
from bridge.records.series import Definition

logger = logging.getLogger("bridge")

JOURNAL_BYTES = 64 << 20
"""The size above which a journal is closed and a new one started.

A closed journal can be removed as soon as all its points are in the database.
"""

COPY_BYTES = 1 << 20
"""How many bytes of a journal are copied at a time."""


HeadName: TypeAlias = "tuple[str, str, type, type, int]"


class JournalFile:
    """A journal file that this process appends to, and the series numbers that stand for the series in its records.

    `seed` is the start value for the checksum of the next record: the salt (a number in the header) plus the current
    size of the file.
    `full_at` is the value of `seed` at which the journal is full.
    `ending` is True if the closing record may have been written. Afterwards a reader may remove the file.
    `intact` is False after a failed write or `fsync`, or after another process has changed the file. Afterwards nothing
    is appended, not even a closing record.
    `is_published` is True if the file was renamed to its final name. Before that, no reader reads it.
    `is_synced` is False while the file may have points that must be written to the disk before a log call returns.
    `leased_to` is the offset at which the last lease record ends. A lease states that this process owns a run.
    `numbers` maps each series to its series number. For a faster lookup, three other dicts contain these numbers too.
    `heads` contains the packed heads of the number points of scalars, without their checksums. Their names are the run
    id, the key, the types of value and step, and the API. Only the types float, int and None occur.
    `columns` contains the numbers of table columns: `columns[run_id, key][column, is_number]`. A column can have two
    series. `is_number` is True for the series of its numbers, and False for the series of its texts.
    `batches` contains the numbers of the series that were logged together in columns, by run id and keys.
    """

    __slots__ = (
        "_stream",
        "batches",
        "columns",
        "ending",
        "fd",
        "folder",
        "full_at",
        "header",
        "heads",
        "intact",
        "leased_to",
        "numbers",
        "is_published",
        "is_synced",
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
        self.is_synced = True
        self.ending = False
        self.numbers: dict[Definition, int] = {}
        self.heads: dict[HeadName, bytes] = {}
        self.columns: dict[tuple[str, str], dict[tuple[str, bool], int]] = {}
        self.batches: dict[tuple[str, tuple[str, ...]], int | bytes] = {}

    @property
    def id(self) -> str:
        """The journal's id."""
        return self.header.journal_id

    @property
    def name(self) -> str:
        """The name of the file once it is published."""
        return self.header.journal_id + SUFFIX

    @property
    def size(self) -> int:
        """The offset at which the next record begins."""
        return self.seed - self.header.salt

    @property
    def is_in_place(self) -> bool:
        """Whether the open file is still in the folder under its name, and was not removed or replaced.

        If the file is not open, the name is not checked, and the value is True.
        """
        if self.fd < 0 or self.folder is None:
            return True
        return self.folder.inode(self.name) == os.fstat(self.fd).st_ino

    def forget_run(self, run_id: str) -> None:
        """Remove a run from `heads` and `batches`."""
        tables: tuple[dict[Any, Any], ...] = (self.heads, self.batches)
        for known in tables:
            for name in [name for name in known if name[0] == run_id]:
                del known[name]

    def grown(self) -> int:
        """Return how many bytes the file has after the last record that this process has appended."""
        return os.fstat(self.fd).st_size - self.size

    def append(self, data: bytes | bytearray) -> int:
        """Append bytes with one write, and return the number of bytes that were written.

        Raises:
            CallFailed: the write failed.
        """
        return system(os.write, self.fd, data)

    def sync(self) -> None:
        """Wait until the file is on the disk.

        Raises:
            CallFailed: the data may be lost. Do not call this method again, because a second `fsync` may report success
                although the data was lost.
        """
        system(os.fsync, self.fd)

    def shorten(self, size: int) -> None:
        """Cut off an incomplete record at the end of the file. `size` is the new size of the file."""
        try:
            system(os.ftruncate, self.fd, size)
        except CallFailed as failed:
            logger.debug("The incomplete record at the end of journal %s was not removed: %s", self.id, failed)

    def free_space(self) -> None:
        """Give the space of the records back to the disk. They must be stored, because they cannot be read any more."""
        try:
            free_space(self.fd, RECORDS_AT, self.size - RECORDS_AT)
        except CallFailed as failed:
            logger.debug("The space of journal %s is not free before its end: %s", self.id, failed)

    def publish(self, fsync: bool) -> None:
        """Lock the file until it is closed, and rename it to its final name.

        Args:
            fsync: wait until the file and its name are on the disk.

        Raises:
            CallFailed: the file cannot be renamed.
        """
        assert self.folder is not None
        try:
            system(fcntl.flock, self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except CallFailed as failed:
            if failed.errno == errno.EWOULDBLOCK:
                # If a file stays unpublished for long, its writer was probably killed, and another process locks and
                # removes the file. Another process has locked this file, and will remove it.
                raise
            logger.info("Journal %s is not locked, because its file system has no file locks.", self.id)
        if fsync:
            self.sync()
        folder = self.folder.fd
        system(os.rename, self._part, self.name, src_dir_fd=folder, dst_dir_fd=folder)
        self.is_published = True
        if fsync:
            system(os.fsync, folder)

    def check_published(self) -> bool:
        """Return whether the file is published. An interrupted call of `publish` may have renamed it."""
        self.is_published = self.is_published or self.is_in_place
        return self.is_published

    def discard(self) -> None:
        """Remove a file that is not published, and close it."""
        assert self.folder is not None
        try:
            system(os.unlink, self._part, dir_fd=self.folder.fd)
        except CallFailed as failed:
            logger.debug("The file %s was not removed: %s", self._part, failed)
        self.close()

    def finish(self, fsync: bool) -> None:
        """Append a closing record if the file is published and intact, and close the file; idempotent."""
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
        # `fd` is reset before the file is closed. After the file is closed, another file may get the same descriptor.
        self.fd = -1
        if stream is not None:
            stream.close()

    def copy_to(self, folder: HeldFolder, mode: int, fsync: bool) -> JournalFile:
        """Return a copy of the journal in another folder.

        The copy has the same bytes and id. So the journal's receipt, which is the byte offset up to which its points
        are in the database, also applies to the copy.

        Raises:
            CallFailed: the copy cannot be written there.
        """
        with suppress(CallFailed):
            system(os.unlink, self._part, dir_fd=folder.fd)  # an interrupted call may have left a part of a copy
        other = JournalFile(self.header, folder, _create(folder, self.id, mode))
        try:
            self._copy_bytes(other)
            other.publish(fsync)
        except CallFailed:
            other.discard()
            raise
        other.seed, other.intact, other.leased_to = self.seed, self.intact, self.leased_to
        other.numbers, other.heads, other.columns, other.batches = self.numbers, self.heads, self.columns, self.batches
        return other

    def _copy_bytes(self, other: JournalFile) -> None:
        size, at = os.fstat(self.fd).st_size, 0
        while at < size:
            data = os.pread(self.fd, min(COPY_BYTES, size - at), at)
            if other.append(data) != len(data):
                raise disk_full()
            at += len(data)

    @property
    def _part(self) -> str:
        return _part_name(self.id)


def _part_name(journal_id: str) -> str:
    return f".{journal_id}{PART}"


def _create(folder: HeldFolder, journal_id: str, mode: int) -> FileIO:
    opener = partial(os.open, mode=mode, dir_fd=folder.fd)
    stream = OwnFile()
    with opening():
        try:
            system(FileIO.__init__, stream, _part_name(journal_id), "xb+", True, opener)
        except BaseException:  # as `opening` explains
            raise
    system(fcntl.fcntl, stream.fileno(), fcntl.F_SETFL, os.O_APPEND)
    if os.fstat(stream.fileno()).st_mode & 0o777 != mode and mode & 0o020:
        system(os.fchmod, stream.fileno(), mode)  # the umask has removed permissions: set them again
    return stream


def create(folder: HeldFolder, workspace_id: str, mode: int) -> JournalFile:
    """Return a new journal of this process. It has its header and is not published yet.

    Raises:
        CallFailed: the file cannot be written.
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
"""The object that means "no journal is open". It has no file, and no series has a number in it."""
