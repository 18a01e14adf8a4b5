"""The journal files that a writer has open: the current journal, and earlier ones that are not closed yet."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping
from pathlib import Path

from bridge.journal.file import NO_FILE, JournalFile, create
from bridge.journal.folder import HeldFolder, hold
from bridge.journal.format import same_id
from bridge.journal.leases import Leases
from bridge.journal.system import CallFailed, disk_full

logger = logging.getLogger("bridge")


class JournalFiles:
    """The journal files of one writer. The caller must hold the lock of the writer.

    A signal handler may raise at any moment of a method. So a file is added to its new list before it is removed from
    its old list, and every method may be called again.

    `current` is the journal that is appended to, or `NO_FILE`.
    `earlier` are journals to which nothing is appended any more. They stay locked until the store has the leases (which
    process owns which run) of the current journal. If they were unlocked before that, a reader would conclude that this
    process has ended, and would end its runs.
    `lost` are journals of a workspace that is not at the path any more.

    Args:
        folder: the folder of the journals. It is created if it does not exist.
        fsync: wait for the disk before a call returns.
        shared: the group of the folder may read and remove the journals.
        workspace_id: the only workspace whose processes may fold new journals, which means to copy their points into
            its database; empty if any workspace may.
    """

    def __init__(self, folder: Path, fsync: bool, shared: bool, workspace_id: str) -> None:
        self.folder, self.fsync, self.shared, self.workspace_id = folder, fsync, shared, workspace_id
        self.current = NO_FILE
        self.earlier: list[JournalFile] = []
        self.lost: list[JournalFile] = []
        self._held: HeldFolder | None = None
        self._next: HeldFolder | None = None
        self._folders: list[HeldFolder] = []

    def start(self, leases: Leases) -> None:
        """Start a new current journal.

        The journal appears in the folder with its header and leases, and stays locked until it is closed.

        Raises:
            CallFailed: the journal cannot be written.
        """
        file = create(self._hold_folder(), self.workspace_id, self._mode)
        # `publish` gives the file the name that readers look for. If a signal handler raises during `publish`, this
        # process must still know the file.
        self.current = file
        try:
            records = leases.encode(file.seed, leases.run_ids(), held=True)
            if records:
                if file.append(records) != len(records):
                    raise disk_full()
                file.seed += len(records)
            file.leased_to = file.size
            file.publish(self.fsync)
        except CallFailed:
            if not file.check_published():
                self.current = NO_FILE
                file.discard()
            raise
        logger.debug("Journal %s was opened in %s", file.id, self.folder)

    def leave(self, leases: Leases) -> None:
        """Stop using the current journal. Close it, unless it must stay locked because of leases."""
        self.earlier.append(self.current)
        self.current = NO_FILE
        if not leases.need_journal:
            self.close_earlier()

    def close_earlier(self) -> None:
        """Close the earlier journals, each with a closing record."""
        while self.earlier:
            self.earlier[0].finish(self.fsync)
            del self.earlier[0]

    def free_space(self, stored: Mapping[str, int]) -> None:
        """Give the space of earlier journals back to the disk if the store has all their bytes.

        Args:
            stored: how many bytes of each journal the store has.
        """
        for file in self.earlier:
            if stored.get(file.id, 0) >= file.size:
                file.free_space()

    def close_all(self) -> None:
        """Close all journals, each with a closing record.

        If the folder at the path is then replaced by another one, the next journal starts in the new folder.
        """
        if self.current is not NO_FILE:
            self.earlier.append(self.current)
            self.current = NO_FILE
        self.earlier += self.lost
        self.lost = []
        self.close_earlier()
        self._held = self._next = None

    def close_folders(self) -> None:
        """Close the folders. No journal may be open."""
        while self._folders:
            self._folders.pop().close()

    def drop(self) -> None:
        """Close files and folders in a child after a fork, without touching what the parent writes."""
        for file in (self.current, *self.earlier, *self.lost):
            file.close()
        for folder in self._folders:
            folder.close()

    @property
    def is_in_place(self) -> bool:
        """Whether `folder` still contains the open journals, and was not replaced; True if no journal is open."""
        in_place = self._held is None or self._held.is_at(self.folder)
        for file in (self.current, *self.earlier):
            in_place = in_place and (not file.is_published or file.ending or file.is_in_place)
        return in_place

    def open_folder(self) -> bool:
        """Open the folder that is now at the path, into which the next `put_back` puts the journals.

        Return whether it is open. Another folder may replace it afterwards. So the caller opens it before it reads
        which workspace is at the path.
        """
        try:
            self._next = self._hold_now()
        except CallFailed as failed:
            logger.debug("The folder %s cannot be opened: %s", self.folder, failed)
            return False
        return True

    def put_back(self, workspace_id: str) -> None:
        """Put the journals of a workspace into the folder of `open_folder`. All other journals become lost.

        A journal that was removed is written again with all its bytes and its id. The receipts (up to which byte the
        points of a journal are in the database) then stay valid, and no point is stored twice.

        Raises:
            CallFailed: a journal cannot be written there. Journals that were already put back stay there.
        """
        held = self._held = self._next or self._hold_now()
        replaced: list[JournalFile] = []
        for files in (self.earlier, self.lost):
            for file in list(files):
                if self._has_copy(file):
                    replaced.append(file)
                    files.remove(file)
                elif same_id(file.header.workspace_id, workspace_id):
                    self.earlier.append(self._put_back(file, held, replaced))
                    files.remove(file)
                elif files is self.earlier:
                    self.lost.append(file)
                    files.remove(file)
        self._put_back_current(workspace_id, held, replaced)
        for file in replaced:
            file.close()
        self._next = None

    def _put_back_current(self, workspace_id: str, held: HeldFolder, replaced: list[JournalFile]) -> None:
        if self.current is NO_FILE:
            return
        if same_id(self.current.header.workspace_id, workspace_id):
            self.current = self._put_back(self.current, held, replaced)
        else:
            self.lost.append(self.current)
            self.current = NO_FILE

    def _has_copy(self, file: JournalFile) -> bool:
        """Return whether an interrupted `put_back` has already copied a file."""
        return any(other is not file and other.id == file.id and other.is_in_place for other in self.earlier)

    def _put_back(self, file: JournalFile, held: HeldFolder, replaced: list[JournalFile]) -> JournalFile:
        """Return the file if it is in the folder `held`. Otherwise copy it to this folder, and return the copy.

        A file that was copied is added to `replaced`, the list of the files that the caller must close.
        """
        if not file.is_published or (file.folder is held and file.is_in_place):
            return file
        copy = file.copy_to(held, self._mode, self.fsync)
        replaced.append(file)
        logger.warning("Journal %s was put back into %s, from which it had been removed.", file.id, self.folder)
        return copy

    @property
    def _mode(self) -> int:
        return 0o664 if self.shared else 0o644

    def _hold_now(self) -> HeldFolder:
        """Return the folder now at the path, open until `close_folders`. `CallFailed` if it cannot be opened."""
        held = hold(self.folder, self._held, make=True)
        if held not in self._folders:
            self._folders.append(held)
        return held

    def _hold_folder(self) -> HeldFolder:
        """Return the folder of the journals. It stays open until `close_folders`.

        Raises:
            CallFailed: the folder cannot be opened, or it is not the folder in which the first journal was started.
        """
        if self._held is None:
            self._held = hold(self.folder, None, make=True)
            self._folders.append(self._held)
        elif not self._held.is_at(self.folder):
            raise CallFailed(OSError(errno.ESTALE, "the folder was removed or replaced"))
        return self._held
