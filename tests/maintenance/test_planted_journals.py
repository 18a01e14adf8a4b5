"""Faults of journals, receipts and leases are found and repaired, also beside processes that still write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filled import FIRST, age, ask, change, fill, points_of

from bridge.journal.format import HEADER_SIZE, NUMBER_SIZE
from bridge.maintenance.doctor import examine
from bridge.maintenance.repair import repair

POINTS = 200
WRITER = """
import sys, time
from bridge.records.run import RunRecord
from bridge.store import journaled
from bridge.store.open import open_store
journaled.JournaledStore.be_tended = lambda self: None  # nothing is folded in the background
store = open_store(sys.argv[1]).tracking
store.begin_runs([RunRecord("w", "0", status="Running")])
for step in range(int(sys.argv[2])):
    store.log("w", "loss", step / 3, step, 1_700_000_000_000 + step)
print("logged", flush=True)
if sys.argv[3] == "fold":
    store.get_series_of(["w"])
    print("folded", flush=True)
sys.stdin.readline()
"""


class Writer:
    """A process that logs points of a run, and waits."""

    def __init__(self, path: Path, folds: bool = False) -> None:
        self.path = path
        command = [sys.executable, "-c", WRITER, str(path), str(POINTS), "fold" if folds else "log"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "logged\n"
        assert not folds or self.process.stdout.readline() == "folded\n"
        (self.journal,) = (path / "journal").glob("*.log")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def start(work: Path) -> Iterator[Callable[..., Writer]]:
    writers: list[Writer] = []

    def begin(folds: bool = False) -> Writer:
        writers.append(Writer(work, folds))
        return writers[-1]

    yield begin
    for writer in writers:
        if writer.process.poll() is None:
            writer.kill()


def codes_of(path: Path) -> set[str]:
    return {finding.code for finding in examine(path)}


def flip(file: Path, at: int, count: int = 1) -> None:
    """Change bytes of a file, at an offset from its start or, if negative, from its end."""
    content = bytearray(file.read_bytes())
    for offset in range(at, at + count):
        content[offset] ^= 0x5A
    with file.open("r+b") as opened:  # the same inode, as after damage of the disk
        opened.write(content)


def losses_of(path: Path) -> int:
    """Return the number of stored points of the writer."""
    return len(points_of(path, ("w",))[("w", "loss", "", 0, "number")][1]) // 8


def test_a_running_writer_is_healthy(work: Path, start: Callable[..., Writer]) -> None:
    start()
    assert examine(work) == []


def test_a_killed_writer_leaves_a_stale_lease_that_is_ended(work: Path, start: Callable[..., Writer]) -> None:
    writer = start()
    writer.kill()
    assert codes_of(work) == {"lease.stale"}
    age(writer.journal)
    assert codes_of(work) == {"lease.stale", "journal.unfolded"}
    assert repair(work).left == []
    assert ask(work, "SELECT status FROM run WHERE id = 'w'") == "Failed"
    assert losses_of(work) == POINTS
    assert not writer.journal.exists()


def test_a_lease_without_a_journal_is_ended(work: Path) -> None:
    change(work, "UPDATE run SET status = 'Running' WHERE id = ?", FIRST)
    change(work, "INSERT INTO lease (run, journal_id, time) SELECT key, 'gone', 5 FROM run WHERE id = ?", FIRST)
    assert codes_of(work) == {"lease.stale"}
    assert repair(work).left == []
    assert ask(work, "SELECT status FROM run WHERE id = ?", FIRST) == "Failed"


def test_flipped_bytes_in_the_middle_cost_only_their_record(work: Path, start: Callable[..., Writer]) -> None:
    writer = start()
    writer.kill()
    damaged = writer.journal.read_bytes()
    flip(writer.journal, len(damaged) - 50 * NUMBER_SIZE + 20)
    damaged = writer.journal.read_bytes()
    assert "journal.damaged" in codes_of(work)
    result = repair(work)
    assert result.left == [] and result.copies is not None
    assert losses_of(work) == POINTS - 1
    kept = list((result.copies / "journal").iterdir())
    assert {file.read_bytes() for file in kept} == {damaged}


def test_damage_in_the_journal_of_a_running_process_is_left_until_it_ends(
    work: Path, start: Callable[..., Writer]
) -> None:
    writer = start()
    flip(writer.journal, -50 * NUMBER_SIZE + 20)
    (finding,) = repair(work).left
    assert finding.code == "journal.damaged" and not finding.repairable and "still runs" in finding.remedy
    writer.kill()
    assert repair(work).left == []
    assert losses_of(work) == POINTS - 1


def test_damage_in_the_folded_part_loses_nothing(work: Path, start: Callable[..., Writer]) -> None:
    writer = start(folds=True)
    writer.kill()
    flip(writer.journal, -NUMBER_SIZE + 20)
    assert "journal.damaged" in codes_of(work)
    assert repair(work).left == []
    assert losses_of(work) == POINTS


@pytest.mark.parametrize("cut", [1, 17, NUMBER_SIZE - 1])
def test_a_torn_record_at_the_end_costs_only_this_record(work: Path, start: Callable[..., Writer], cut: int) -> None:
    writer = start()
    writer.kill()
    os.truncate(writer.journal, writer.journal.stat().st_size - cut)
    assert "journal.torn" in codes_of(work)
    result = repair(work)
    assert result.left == [] and result.copies is not None
    assert losses_of(work) == POINTS - 1
    assert (result.copies / "journal" / writer.journal.name).stat().st_size % 2 in (0, 1)


def test_one_damaged_copy_of_the_header_loses_nothing(work: Path, start: Callable[..., Writer]) -> None:
    writer = start()
    writer.kill()
    flip(writer.journal, 30)
    assert "journal.copy" in codes_of(work)
    assert repair(work).left == []
    assert losses_of(work) == POINTS


def test_two_damaged_copies_of_the_header_are_moved_away(work: Path, start: Callable[..., Writer]) -> None:
    writer = start()
    writer.kill()
    flip(writer.journal, 30)
    flip(writer.journal, HEADER_SIZE + 30)
    assert "journal.header" in codes_of(work)
    result = repair(work)
    assert result.left == [] and result.copies is not None
    assert len(list((result.copies / "journal").iterdir())) >= 1


def test_an_empty_journal_is_moved_away(work: Path) -> None:
    file = work / "journal" / f"{'e' * 32}.log"
    file.touch()
    age(file)
    assert codes_of(work) == {"journal.empty"}
    assert repair(work).left == []
    assert not file.exists()


def test_a_journal_of_another_workspace_is_left(work: Path, tmp_path: Path, start: Callable[..., Writer]) -> None:
    other = tmp_path / "other"
    fill(other)
    writer = Writer(other)
    writer.kill()
    writer.journal.rename(work / "journal" / writer.journal.name)
    assert codes_of(work) == {"journal.foreign"}
    assert {finding.code for finding in repair(work).left} == {"journal.foreign"}
    assert (work / "journal" / writer.journal.name).exists()


def test_a_journal_of_a_newer_format_is_left(work: Path, start: Callable[..., Writer]) -> None:
    from bridge.journal.format import HEADER, MAGIC

    body = HEADER.pack(MAGIC, 9, HEADER_SIZE, 0, bytes(16), bytes(16), 0, 0, 1)
    from zlib import crc32

    file = work / "journal" / f"{'f' * 32}.log"
    file.write_bytes(body + crc32(body).to_bytes(4, "little") + bytes(500))
    assert codes_of(work) == {"journal.newer"}
    assert repair(work).repaired == []


def test_a_damaged_journal_that_a_fold_has_kept_is_moved_away(work: Path) -> None:
    (work / "journal" / f"{'e' * 32}.damaged").write_bytes(b"something")
    assert codes_of(work) == {"journal.kept"}
    result = repair(work)
    assert result.left == [] and result.copies is not None
    assert (result.copies / "journal" / f"{'e' * 32}.damaged").read_bytes() == b"something"


@pytest.mark.parametrize("receipt", [10**9, -20], ids=["beyond the end", "within a record"])
def test_a_wrong_receipt_is_set_after_the_stored_points(work: Path, start: Callable[..., Writer], receipt: int) -> None:
    """Half of the points are stored. Afterwards each of them is stored once."""
    writer = start(folds=True)
    change(work, "UPDATE receipt SET stored = ? + stored WHERE journal_id = ?", receipt, writer.journal.stem)
    assert codes_of(work) == {"receipt.wrong"}
    assert repair(work).left == []
    writer.kill()
    assert repair(work).left == []
    assert losses_of(work) == POINTS


def test_a_receipt_beyond_unfolded_points_does_not_lose_them(work: Path, start: Callable[..., Writer]) -> None:
    writer = start()
    change(work, "INSERT INTO receipt (journal_id, stored) VALUES (?, ?)", writer.journal.stem, 10**9)
    assert repair(work).left == []
    writer.kill()
    assert repair(work).left == []
    assert losses_of(work) == POINTS


def test_a_truncated_journal_keeps_what_was_folded(work: Path, start: Callable[..., Writer]) -> None:
    writer = start(folds=True)
    os.truncate(writer.journal, writer.journal.stat().st_size - 10 * NUMBER_SIZE)
    assert "receipt.wrong" in codes_of(work)
    writer.kill()
    assert repair(work).left == []
    assert losses_of(work) == POINTS
