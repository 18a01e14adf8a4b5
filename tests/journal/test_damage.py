"""A damaged journal costs what is damaged and nothing else, and the damage is reported with file and offset."""

from __future__ import annotations

import logging
import os
import struct
from pathlib import Path
from zlib import crc32

import pytest

from bridge import Experiment, Run, Workspace
from bridge.journal.format import HEADER, HEADER_SIZE, NUMBER_SIZE, SUFFIX
from bridge.journal.reader import JournalReader

KEYS = ("loss", "accuracy")
POINTS = 100


class Written:
    """A workspace in which another process has logged and was killed, so that its journal is whole and unfolded."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace.create("work", path=folder)
        run = Experiment(self.workspace, "damage").start_logging()
        run.complete()
        self.run_id = run.id
        pid = os.fork()
        if pid == 0:
            try:
                own = Run.get(Workspace.open(folder), self.run_id)
                for number in range(POINTS):
                    for key in KEYS:
                        own.log(key, number)
                own.log("note", "the end")
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        (self.path,) = (folder / "journal").glob("*" + SUFFIX)
        self.data = self.path.read_bytes()

    def damage(self, data: bytes) -> None:
        self.path.write_bytes(data)

    def flip(self, offset: int) -> None:
        self.damage(self.data[:offset] + bytes([self.data[offset] ^ 0x40]) + self.data[offset + 1 :])

    def point_offset(self, key: str, number: int) -> int:
        """Where the record of a point begins."""
        reader = JournalReader(self.path)
        stretch = reader.read(0, len(self.data))
        series = {definition.key: n for n, definition in reader.definitions.items()}[key]
        rows = [at for at, row in enumerate(stretch.rows) if row["series"] == series]
        return int(stretch.row_ends[rows[number]]) - NUMBER_SIZE

    def read(self) -> dict[str, object]:
        return Run.get(Workspace.open(self.workspace.path), self.run_id).get_metrics()

    @property
    def warnings(self) -> tuple[str, ...]:
        return Run.get(self.workspace, self.run_id).warnings


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path / "work")


ALL = {"loss": list(range(POINTS)), "accuracy": list(range(POINTS)), "note": "the end"}


def test_an_undamaged_journal_is_read_whole_and_removed(written, caplog):
    assert written.read() == ALL
    assert not written.path.exists()
    assert caplog.records == []
    assert written.warnings == ()


@pytest.mark.parametrize("cut", [1, 3, 16, 40])
def test_a_torn_tail_ends_a_journal(written, caplog, cut):
    """Only the torn record is missing, and where it begins is said."""
    written.damage(written.data[:-cut])
    offset = len(written.data) - (48 - 8 + len("the end"))

    assert written.read() == {key: value for key, value in ALL.items() if key != "note"}
    assert f"{written.path}" in caplog.text and f"offset {offset}" in caplog.text


def test_every_flipped_byte_of_a_point_costs_that_point_alone(tmp_path, caplog):
    """Whichever byte of a record is wrong, all other points are read, and the record's offset is said."""
    for byte in range(0, NUMBER_SIZE, 5):
        written = Written(tmp_path / str(byte))
        offset = written.point_offset("loss", 50)
        written.flip(offset + byte)
        caplog.clear()

        expected = [number for number in range(POINTS) if number != 50]
        assert written.read() == {**ALL, "loss": expected}
        assert f"{written.path} is damaged at offset {offset}" in caplog.text
        assert len(caplog.records) == 1
        assert [warning for warning in written.warnings if f"offset {offset}" in warning] == list(written.warnings)
        assert len(written.warnings) == 1


def test_a_flipped_byte_in_a_definition_costs_nothing(written, caplog):
    """A definition stands twice."""
    written.flip(HEADER_SIZE + 20)

    assert written.read() == ALL
    assert f"damaged at offset {HEADER_SIZE}" in caplog.text


@pytest.mark.parametrize("byte", [0, 8, 10, 20, 40, 60, HEADER_SIZE - 1])
def test_a_flipped_byte_in_the_header_costs_no_point(written, caplog, byte):
    written.flip(byte)

    assert written.read() == ALL
    assert f"{written.path} is damaged at offset 0" in caplog.text


def test_a_truncated_journal_is_read_up_to_there(written, caplog):
    """The middle of a record and everything after it is gone."""
    offset = written.point_offset("loss", 50)
    written.damage(written.data[: offset + 20])

    assert written.read() == {"loss": list(range(50)), "accuracy": list(range(50))}
    assert f"{written.path}" in caplog.text and f"offset {offset}" in caplog.text


def test_a_journal_shorter_than_its_header_is_reported(written, caplog):
    written.damage(written.data[: HEADER_SIZE // 2])

    assert written.read() == {}
    assert f"{written.path}" in caplog.text and "offset 0" in caplog.text


def test_an_empty_file_is_reported_and_everything_else_is_read(written, caplog):
    empty = written.path.with_name("0" * 32 + SUFFIX)
    empty.write_bytes(b"")

    assert written.read() == ALL
    assert f"{empty}" in caplog.text and "offset 0" in caplog.text


def test_a_journal_of_a_newer_version_is_left_as_it_is(written, caplog):
    """It is named, kept byte by byte, and does not keep the others from being read."""
    newer = written.path.with_name("f" * 32 + SUFFIX)
    header = written.data[:8] + struct.pack("<H", 2) + written.data[10 : HEADER.size]
    data = header + struct.pack("<I", crc32(header)) + os.urandom(300)
    newer.write_bytes(data)

    assert written.read() == ALL
    assert newer.read_bytes() == data
    assert str(newer) in caplog.text and "upgrade runbridge" in caplog.text


def test_garbage_in_the_middle_is_passed_over_to_the_next_record(written, caplog):
    offset = written.point_offset("accuracy", 30)
    written.damage(written.data[:offset] + os.urandom(1000) + written.data[offset:])

    assert written.read() == ALL
    assert f"damaged at offset {offset}: 1000 bytes" in caplog.text


def test_a_damaged_journal_is_kept_aside_and_reported_once(written, caplog):
    """What could not be read can still be looked at, and no later reader stumbles over it."""
    written.flip(written.point_offset("loss", 3))
    written.read()
    caplog.clear()

    written.read()
    assert caplog.records == []
    assert written.path.with_suffix(".damaged").exists()
    assert not written.path.exists()


def test_a_failed_write_begins_a_new_journal_with_that_record(tmp_path):
    """After a short write the torn file is never appended to: no point is lost, none is there twice."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "short").start_logging()
    pid = os.fork()
    if pid == 0:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        own = Run.get(Workspace.open(workspace.path), run.id)
        own.log("point", 0)
        size = next((workspace.path / "journal").glob("*.log")).stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
        for number in range(1, 6):
            own.log("point", number)
        own.flush()
        os._exit(len(list((workspace.path / "journal").glob("*.log"))))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) >= 2

    assert run.get_metrics()["point"] == list(range(6))
    run.complete()


@pytest.fixture(autouse=True)
def _warnings_are_captured(caplog):
    caplog.set_level(logging.WARNING, logger="bridge")
