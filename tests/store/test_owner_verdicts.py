"""A run is ended only if its owner is known to be dead. If that is not known, it is not guessed."""

from __future__ import annotations

import pytest

from bridge.journal.format import Header, read_boot_time
from bridge.records.limits import ABSENT_SECONDS, RENEW_SECONDS
from bridge.store.owners import Place, is_writer_running, owner_of, silence, this_place

BOOT, OTHER_BOOT = "b" * 31 + "1", "b" * 31 + "2"
MACHINE, OTHER_MACHINE = "a" * 31 + "1", "a" * 31 + "2"
HERE = Place(BOOT, MACHINE, 7)
SECOND = 1_000_000_000


def header(boot: str = BOOT, machine: str = MACHINE, clock: int = 7) -> Header:
    return Header("0" * 32, boot, 1, 1, 4242, "", machine, 9, 5, clock, 0)


def never_asked() -> float:
    raise AssertionError("how long it has been silent does not matter here")


@pytest.mark.parametrize(
    ("journal", "here"),
    [
        (header(), HERE),
        (header(OTHER_BOOT), HERE),
        (header(OTHER_BOOT, OTHER_MACHINE), HERE),
        (header("", ""), Place("", "", 0)),
        (None, HERE),
    ],
)
@pytest.mark.parametrize("running", [True, False, None])
def test_a_process_that_holds_the_lock_is_alive(journal, here, running):
    assert owner_of(journal, "held", running, here, never_asked) == "alive"


@pytest.mark.parametrize("lock", ["free", "unavailable"])
def test_a_running_process_is_alive_even_without_its_lock(lock):
    assert owner_of(header(), lock, True, HERE, never_asked) == "alive"


@pytest.mark.parametrize("running", [False, None])
def test_a_free_lock_of_this_boot_shows_that_its_process_is_dead(running):
    assert owner_of(header(), "free", running, HERE, never_asked) == "gone"
    assert owner_of(header(machine=""), "free", running, HERE._replace(machine_id=""), never_asked) == "gone"


def test_without_locks_a_process_of_this_boot_is_dead_if_it_does_not_run():
    assert owner_of(header(), "unavailable", False, HERE, never_asked) == "gone"
    assert owner_of(header(), "unavailable", None, HERE, lambda: 3600) == "unknown"


@pytest.mark.parametrize("lock", ["free", "unavailable"])
def test_an_earlier_boot_of_this_machine_has_ended_unless_its_processes_still_write(lock):
    """Machines cloned from one image have the same machine id, but different boots."""
    journal = header(OTHER_BOOT)
    assert owner_of(journal, lock, None, HERE, lambda: 2 * RENEW_SECONDS - 1) == "unknown"
    assert owner_of(journal, lock, None, HERE, lambda: 2 * RENEW_SECONDS + 1) == "gone"


@pytest.mark.parametrize(
    ("journal", "here"),
    [
        (header(OTHER_BOOT, OTHER_MACHINE), HERE),
        (header(OTHER_BOOT, ""), HERE._replace(machine_id="")),
        (header("", MACHINE), HERE),
        (header(BOOT), HERE._replace(boot_id="")),
        (header("", MACHINE), HERE._replace(boot_id="")),
        (header("d00d1234" * 4, OTHER_MACHINE), HERE._replace(boot_id="d00d1234" * 4)),
    ],
    ids=["another machine", "no machine", "no boot", "no boot here", "no boots", "a made-up boot of format 1"],
)
@pytest.mark.parametrize("lock", ["free", "unavailable"])
def test_a_process_that_may_be_elsewhere_is_dead_only_after_a_week_of_silence(journal, here, lock):
    assert owner_of(journal, lock, None, here, lambda: 0) == "unknown"
    assert owner_of(journal, lock, None, here, lambda: ABSENT_SECONDS - 1) == "unknown"
    assert owner_of(journal, lock, None, here, lambda: ABSENT_SECONDS + 1) == "gone"


def test_a_journal_whose_header_is_damaged_is_over_when_its_lock_is_free():
    assert owner_of(None, "free", None, HERE, never_asked) == "gone"
    assert owner_of(None, "unavailable", None, HERE, never_asked) == "unknown"


def test_process_ids_are_compared_only_within_one_boot():
    """The first process namespace has the same number on every machine, and process ids repeat."""
    import os

    from bridge.journal.process import pid_namespace, start_time, time_namespace

    here = this_place()
    own = Header("0" * 32, here.boot_id, 1, 1, os.getpid(), "", "", pid_namespace(), start_time(), time_namespace(), 0)
    assert is_writer_running(own, here) is True
    assert is_writer_running(own._replace(start_time=1), here) is False
    assert is_writer_running(own._replace(boot_id=OTHER_BOOT), here) is None
    assert is_writer_running(own._replace(pid_namespace=0), here) is None
    assert is_writer_running(None, here) is None


def test_silence_on_one_boot_is_measured_by_its_boot_clock_alone():
    spoke = read_boot_time() - 5 * SECOND
    found = silence(header(), HERE, spoke, 0, lambda: 10**18)
    assert 5 <= found < 60


@pytest.mark.parametrize(
    ("journal", "here", "spoke"),
    [
        (header(OTHER_BOOT), HERE, 1),
        (header(clock=8), HERE, 1),
        (header(clock=0), HERE._replace(time_namespace=0), 1),
        (header(""), HERE._replace(boot_id=""), 1),
        (header(), HERE, 0),
        (None, HERE, 1),
    ],
    ids=["another boot", "another clock", "no clock", "no boot", "no record", "no header"],
)
def test_silence_elsewhere_is_measured_by_the_clock_of_the_file_system_alone(journal, here, spoke):
    assert silence(journal, here, spoke, 40 * SECOND, lambda: 45 * SECOND) == 5
    assert silence(journal, here, spoke, 45 * SECOND, lambda: 40 * SECOND) == 0
