"""The owners of journals: whether a process that writes a journal is alive, and how long it has been silent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from bridge.journal.folder import JournalFolder, Lock
from bridge.journal.format import Header, read_boot_time
from bridge.journal.process import boot_id, is_running, machine_id, time_namespace
from bridge.records.limits import ABSENT_SECONDS, LEASE_SECONDS, RENEW_SECONDS

if TYPE_CHECKING:
    from bridge.records.run import Lease

Owner = Literal["alive", "gone", "unknown"]


class Place(NamedTuple):
    """The machine on which a process runs, and the id of the boot of this machine. Unknown values are empty or 0."""

    boot_id: str
    machine_id: str
    time_namespace: int


def this_place() -> Place:
    """Return the machine and the boot that this process runs on."""
    return Place(boot_id(), machine_id(), time_namespace())


class Owners:
    """The processes that write journals.

    The file system's clock is the clock that sets the modification times of files. It is read once for all processes.

    Args:
        folder: the folder of journals.
        spoke: when each process last wrote, by journal id, in nanoseconds of the process's boot-time clock.
    """

    def __init__(self, folder: JournalFolder, spoke: dict[str, int]) -> None:
        self._folder, self._spoke = folder, spoke
        self._here = this_place()
        self._file_clock = cache(folder.now)

    def look(self, journal_id: str, header: Header | None, lock: Lock) -> Owner:
        """Return whether the process that writes a journal without a closing record is alive.

        Raises:
            FileNotFoundError: the journal does not exist.
        """
        running = is_writer_running(header, self._here)
        return owner_of(header, lock, running, self._here, lambda: self._silence(journal_id, header))

    def is_silent(self, journal_id: str, header: Header | None, lock: Lock) -> bool:
        """Return whether a process that has not ended has written nothing for longer than `LEASE_SECONDS`.

        If a process runs but its journal is not locked, another program has replaced its program (`os.exec…`). The new
        program does not write to the journal. Such a process is not silent.

        Raises:
            FileNotFoundError: the journal does not exist.
        """
        if lock == "free" and is_writer_running(header, self._here):
            return False
        return self._silence(journal_id, header) > LEASE_SECONDS

    def _silence(self, journal_id: str, header: Header | None) -> float:
        spoke = self._spoke.get(journal_id, 0)
        return silence(header, self._here, spoke, self._folder.written_at(journal_id), self._file_clock)


def owners_of(folder: JournalFolder, leases: Sequence[Lease]) -> Owners:
    """Return an `Owners` object for the processes that own runs. Each lease names the journal of the owner of a run."""
    return Owners(folder, {lease.journal_id: lease.boot_time for lease in leases})


def owner_of(
    header: Header | None, lock: Lock, running: bool | None, here: Place, silent_seconds: Callable[[], float]
) -> Owner:
    """Return whether the process that writes a journal without a closing record is alive.

    The result is "alive", "gone" if the process has ended, or "unknown".
    A held lock proves that a process has the journal open, on this or on another machine.
    If the process was started on this boot of this machine, a free lock proves that the process has ended. Otherwise
    the process may run on another machine. A free lock then proves nothing, because not every file system shares locks
    between machines.
    Host names are not compared: a container has its own name, and several machines may have the same name.

    Args:
        header: the header of the journal; None if it is damaged.
        lock: the state of the journal's lock.
        running: whether the process runs; None if that is not known, for example on another machine.
        here: the machine that this process runs on.
        silent_seconds: a function that returns how long the process has written nothing. Called only if needed.
    """
    if lock == "held" or running:
        return "alive"
    if header is None:
        # If "gone" is wrong here, no bytes are lost: a damaged journal is not removed but renamed.
        return "gone" if lock == "free" else "unknown"
    if is_of_boot(header, here):
        if lock == "free" or running is False:
            return "gone"
    elif _boot_of(header) and here.boot_id and header.machine_id and header.machine_id == here.machine_id:
        # Either this machine was rebooted, or the process runs on a clone of this machine. A process on a clone would
        # renew its leases. So if it is silent, this machine was rebooted.
        if silent_seconds() > 2 * RENEW_SECONDS:
            return "gone"
    return "gone" if silent_seconds() > ABSENT_SECONDS else "unknown"


def is_of_boot(header: Header, here: Place) -> bool:
    """Return whether a journal was created on this boot of this machine; False if that is not known."""
    return bool(here.boot_id) and _boot_of(header) == here.boot_id


def is_writer_running(header: Header | None, here: Place) -> bool | None:
    """Return whether the process that created a journal runs; None if this machine cannot know it."""
    if header is None or not is_of_boot(header, here):
        return None
    return is_running(header.pid, header.pid_namespace, header.start_time, header.time_namespace)


def silence(header: Header | None, here: Place, spoke: int, written: int, file_clock: Callable[[], int]) -> float:
    """Return how many seconds ago a process last wrote to its journal.

    The time is measured with the boot-time clock if this process has the same one, and otherwise with the file system's
    clock.
    The wall clock is not used, because it may be set at any time.

    Args:
        header: the header of the journal; None if it is damaged.
        here: the machine that this process runs on.
        spoke: when the process last wrote, by its boot-time clock, in nanoseconds; 0 if that is not known.
        written: when the journal was last written to, by the file system's clock, in nanoseconds.
        file_clock: a function that returns the file system's time, in nanoseconds.
    """
    if spoke and header is not None and is_of_boot(header, here):
        if here.time_namespace and header.time_namespace == here.time_namespace:
            return max(0, read_boot_time() - spoke) / 1e9
    return max(0, file_clock() - written) / 1e9


def _boot_of(header: Header) -> str:
    """Return the boot id in a header; empty if it is unknown.

    In the first format of journals, an unknown boot id was stored as the checksum of the host's name, repeated four
    times.
    """
    boot = header.boot_id
    return "" if boot == boot[:8] * 4 else boot
