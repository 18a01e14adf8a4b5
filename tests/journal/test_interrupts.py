"""An exception of a signal handler affects only the call of the writer that it leaves.

It is raised at every place where Python runs handlers."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest
from interrupting import EXCEPTIONS, Interrupts, each_place, ends_of_places
from longer import LONG
from raw_journals import RUN, Written, as_written, journals, points_of, reader_of

from bridge.errors import StoreUnavailable
from bridge.journal.writer import JournalWriter
from bridge.records.point_columns import PointColumns
from bridge.records.series import COLUMN, Point
from bridge.testing.columns import column_points

FILES = ("/journal/",)


def point(number: int, key: str = "a", value: object = None) -> Point:
    return Point(key, number if value is None else value, number, number)  # type: ignore[arg-type]


class Case:
    """A writer in a folder, the acknowledged points, and the points of the call under test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer = JournalWriter(folder)
        self.acknowledged: list[Written] = []
        self.attempted: list[Written] = []
        self.held: dict[str, bool] = {}

    def log(self, points: Sequence[Point]) -> None:
        """Log a point, and record that the call returned."""
        self.writer.log(RUN, points, 0)
        self.acknowledged += as_written(RUN, points)

    def attempt(self, points: Sequence[Point]) -> None:
        """Log a point in the call that may be interrupted."""
        self.attempted = as_written(RUN, points)
        self.writer.log(RUN, points, 0)

    def log_columns(self, points: PointColumns) -> None:
        self.attempted = as_written(RUN, points)
        assert self.writer.log_columns(RUN, points, 0)

    def log_number(self, number: int) -> None:
        self.attempted = as_written(RUN, [point(number)])
        assert self.writer.log_number(RUN, "a", number, number, number, 0)


def fresh(case: Case) -> None:
    pass


def one_logged(case: Case) -> None:
    case.log([point(0)])


def owner(case: Case) -> None:
    case.log([point(0)])
    case.writer.leases.hold(RUN)
    case.held[RUN] = True


def full(case: Case) -> None:
    owner(case)
    case.writer._files.current.full_at = 0


def waiting(case: Case) -> None:
    """Make points wait in memory, because the folder cannot be written."""
    case.writer.log(RUN, [point(0)], 0)
    case.acknowledged += as_written(RUN, [point(0)])
    case.writer._files.current.intact = False
    case.writer._files.leave(case.writer._leases)
    files = case.writer._files
    held, files._held = files._held, None
    case.folder.rename(case.folder.with_name("away"))
    case.folder.write_text("no folder")
    case.log([point(1)])
    case.log([point(2)])
    case.folder.unlink()
    case.folder.with_name("away").rename(case.folder)
    files._held = held


def on_full_disk(case: Case, room: int, call: Callable[[], object]) -> None:
    """Make a call while no file of this process may have more than `room` bytes beyond the open journal."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (case.writer._files.current.size + room, limit[1]))
    try:
        with suppress(StoreUnavailable):
            call()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def in_records_of(size: int, call: Callable[[], object]) -> None:
    """Make a call while no record may have more than `size` bytes of columns,"""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.journal.backlog.RECORD_BYTES", size)
        call()


def many_waiting(case: Case) -> None:
    """Make more points wait than a journal on the full disk has room for; a journal is open again."""
    waiting(case)
    case.folder.rename(case.folder.with_name("away"))
    files = case.writer._files
    held, files._held = files._held, None
    case.folder.write_text("no folder")
    case.log([point(number) for number in range(3, 5)])
    case.folder.unlink()
    case.folder.with_name("away").rename(case.folder)
    files._held = held
    files.start(case.writer._leases)


ROW = [Point("row", value, 5, 5, COLUMN, f"c{at}", at > 0) for at, value in enumerate((1, 2.5, "text", None))]


def columns(number: int, keys: str = "de") -> PointColumns:
    return column_points([Point(key, number + at + 0.5, number, number) for at, key in enumerate(keys)])


def columns_logged(case: Case) -> None:
    case.log(columns(0))


SCENES: dict[str, tuple[Callable[[Case], None], Callable[[Case], object]]] = {
    "the first point": (fresh, lambda case: case.attempt([point(5)])),
    "a number of a known series": (one_logged, lambda case: case.log_number(5)),
    "a number of a new series": (one_logged, lambda case: case.attempt([point(5, "b")])),
    "a text": (one_logged, lambda case: case.attempt([point(5, "t", "text")])),
    "a row": (one_logged, lambda case: case.attempt(ROW)),
    "a batch": (one_logged, lambda case: case.attempt([point(5), point(6, "b"), *ROW, point(7, "t", "x")])),
    "columns of new series": (one_logged, lambda case: case.attempt(columns(5))),
    "columns of known series": (columns_logged, lambda case: case.log_columns(columns(5))),
    "columns of one series": (columns_logged, lambda case: case.attempt(columns(5, "ddd"))),
    "columns in several records": (
        columns_logged,
        lambda case: in_records_of(20, lambda: case.attempt(columns(5, 9 * "d"))),
    ),
    "columns that wait": (waiting, lambda case: case.attempt(columns(5))),
    "a full journal": (full, lambda case: case.attempt([point(5)])),
    "points that wait": (waiting, lambda case: case.attempt([point(5)])),
    "flush": (waiting, lambda case: case.writer.flush()),
    "retry": (waiting, lambda case: case.writer.retry()),
    "a number on a full disk": (
        one_logged,
        lambda case: on_full_disk(case, 20, lambda: case.writer.log_number(RUN, "a", 5, 5, 5, 0)),
    ),
    "columns on a full disk": (
        columns_logged,
        lambda case: on_full_disk(case, 60, lambda: case.writer.log_columns(RUN, columns(5), 0)),
    ),
    "columns that a full disk cuts": (
        columns_logged,
        lambda case: on_full_disk(case, 150, lambda: in_records_of(20, lambda: case.attempt(columns(5, 9 * "d")))),
    ),
    "a batch that a full disk cuts": (
        one_logged,
        lambda case: on_full_disk(case, 100, lambda: case.attempt([point(number) for number in range(5, 9)])),
    ),
    "waiting points that a full disk cuts": (many_waiting, lambda case: on_full_disk(case, 300, case.writer.flush)),
    "a lease on a full disk": (
        owner,
        lambda case: on_full_disk(case, 10, lambda: case.writer.leases.hold("s" * 32)),
    ),
    "the start of a run": (fresh, lambda case: case.writer.leases.reserve()),
    "a lease": (one_logged, lambda case: case.writer.leases.hold("s" * 32)),
    "the renewal of leases": (owner, lambda case: case.writer.leases.renew()),
    "the end of a lease": (owner, lambda case: case.writer.leases.release(RUN)),
    "earlier journals": (
        full,
        lambda case: (case.attempt([point(5)]), case.writer.leases.confirm({case.writer.journal_id: 1 << 30})),
    ),
    "a run that stops": (owner, lambda case: case.writer.recheck_run(RUN)),
    "close": (owner, lambda case: case.writer.close()),
}


SLOW = {scene for scene in SCENES if "full disk" in scene} | {
    "a batch",
    "a full journal",
    "columns in several records",
    "columns of new series",
    "earlier journals",
    "flush",
}
"""The scenes with calls of many instructions, or with several calls."""

WHOLE = ("a row", "columns of new series", "columns of known series", "columns of one series")
"""The scenes whose call writes one record: all its points are stored or none."""


def is_locked(path: Path) -> bool:
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def check(case: Case, scene: str, where: str, returned: bool) -> None:
    """Log, flush and close after the interrupt, and check all points."""
    assert not taken_elsewhere(case.writer), where
    case.log([point(100)])
    case.log([point(101, "new")])
    unlocked = [one for one in journals(case.folder) if not is_locked(case.folder / f"{one}.log")]
    for journal_id in unlocked:
        reader = reader_of(case.folder, journal_id)
        stretch = reader.read(0, 1 << 30)
        assert stretch.closed or not stretch.leases or scene == "close", f"{where}: a journal with leases is unlocked"
    case.writer.flush()
    case.writer.close()

    found: list[tuple[int, Written]] = []
    leases: list[tuple[int, str, bool]] = []
    for journal_id in journals(case.folder):
        assert not is_locked(case.folder / f"{journal_id}.log"), where
        reader = reader_of(case.folder, journal_id)
        stretch = reader.read(0, 1 << 30)
        assert not stretch.damages and not stretch.torn, f"{where}: {stretch.damages}"
        found += zip(stretch.rows["time"].tolist(), points_of(stretch, reader.definitions), strict=True)
        leases += [(when, run_id, held) for _, run_id, when, _, held in stretch.leases]
    found.sort(key=lambda one: one[0])
    values = [written for _, written in found]
    for written in case.acknowledged:
        assert values.count(written) == 1, f"{where}: {written} is there {values.count(written)} times"
    for written in case.attempted:
        assert values.count(written) in ((1,) if returned else (0, 1)), where
    if scene in WHOLE:
        assert len({values.count(written) for written in case.attempted}) == 1, where
    assert len(values) == len(case.acknowledged) + sum(values.count(written) for written in case.attempted), where
    order = [value for value in values if value in case.acknowledged]
    assert order == case.acknowledged, where
    last = {run_id: held for _, run_id, held in sorted(leases)}
    for run_id, held in case.held.items():
        if scene != "the end of a lease":
            assert last[run_id] is held, where


def taken_elsewhere(writer: JournalWriter) -> bool:
    """Return whether another thread cannot take the writer's lock."""
    taken: list[bool] = []

    def attempt() -> None:
        mine = writer._lock.acquire(timeout=2)
        if mine:
            writer._lock.release()
        taken.append(not mine)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return taken[0]


@pytest.mark.parametrize(
    "scene", [pytest.param(scene, marks=pytest.mark.slow) if scene in SLOW else scene for scene in SCENES]
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a file whose opening was interrupted is closed by its object
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("garbage_collected")
def test_an_interrupt_anywhere_loses_no_point_and_stores_none_twice(tmp_path, scene):
    prepare, call = SCENES[scene]

    def case_in(name: str) -> Case:
        case = Case(tmp_path / name / "journal")
        (tmp_path / name).mkdir()
        prepare(case)
        return case

    for name in ("first", "counted"):  # the first call fills caches
        counted = case_in(name)
        ends = ends_of_places(FILES, partial(call, counted))
        counted.writer.close()
    count = ends[-1] + 1
    assert count > 3
    raised = 0
    # Every exception at every place, or one of them at the first and the last place of each instruction.
    chosen = list(each_place(count)) if LONG else list(zip(ends, cycle(EXCEPTIONS)))
    for at, error in chosen:
        case = case_in(f"{at}-{error.__name__}")
        returned = False
        with Interrupts(FILES, at, error) as interrupts:
            try:
                call(case)
                returned = True
            except error:
                raised += 1
        assert not returned or not interrupts.where, f"swallowed at {interrupts.where}"
        check(case, scene, f"{error.__name__} at {interrupts.where}", returned)
        shutil.rmtree(tmp_path / f"{at}-{error.__name__}")
    assert raised == len(chosen)
