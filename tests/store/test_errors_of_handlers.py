"""An exception of a signal handler is not mistaken for a failed call of the system, even if it looks like one."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path
from types import CodeType, FrameType

import pytest
from interrupting import Interrupts, ends_of_places
from longer import LONG

from bridge.journal.folder import JournalFolder
from bridge.records.run import RunRecord
from bridge.store import fold
from bridge.store.create import create_store
from bridge.store.one_run import create_run
from bridge.store.workspace_stores import WorkspaceStores

NUMBERS = [
    errno.ETIMEDOUT, errno.EIO, errno.ENOENT, errno.EACCES, errno.EWOULDBLOCK, errno.EEXIST, errno.ENOSYS, errno.EBADF,
    errno.ENOTDIR, errno.EINTR,
]  # fmt: skip
"""An `OSError` with one of these numbers has the class or the number that our code expects somewhere."""

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # for files whose opening was interrupted
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("garbage_collected"),
]


class Raising:
    """Make a function raise an error once when it is entered, as a signal handler can."""

    def __init__(self, function: Callable[..., object], error: OSError) -> None:
        self.code: CodeType = function.__code__
        self.error = error

    def __enter__(self) -> None:
        sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is self.code:
            sys.settrace(None)
            raise self.error


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspaceStores:
    monkeypatch.setattr(fold, "SWEEP_SECONDS", 0.0)  # every fold does all of its checks
    opened = create_store(tmp_path / "work", "work")
    create_run(opened.tracking, RunRecord("r", "0"))
    return opened


def logged(opened: WorkspaceStores) -> list[float]:
    (record,) = opened.tracking.get_series_of(["r"])["r"]
    assert record.numbers is not None
    return record.numbers.tolist()


def what_is_wrong(interrupts: Interrupts, call: Callable[[], object], number: int) -> list[str]:
    """Return what a call did wrongly with an error of that number: nothing, if the error left the call unchanged."""
    name = errno.errorcode[number]
    try:
        with interrupts:
            call()
    except OSError as error:
        unchanged = error.errno == number and error.strerror == interrupts.where
        return [] if unchanged else [f"{error!r} at {interrupts.where}"]
    except Exception as error:  # of any type: it replaced the handler's error
        return [f"{error!r} instead of {name} at {interrupts.where}"]
    return [f"nothing instead of {name} at {interrupts.where}"] if interrupts.where else []


def chosen_places(files: tuple[str, ...], call: Callable[[], object]) -> list[tuple[int, int]]:
    """Return places of a call, and an error's number for each.

    These are every second one of the first and the last places of each instruction, or all places with RUNBRIDGE_LONG.
    """
    ends = ends_of_places(files, call)
    return list(zip(range(ends[-1] + 1) if LONG else ends[::2], cycle(NUMBERS)))


ERRORS = [TimeoutError("time is up"), *(OSError(number, "of a handler") for number in NUMBERS)]


@pytest.mark.slow
def test_an_error_of_a_handler_leaves_a_fold_at_any_place(opened: WorkspaceStores) -> None:
    files, values = ("/store/", "/journal/"), [0.0]
    opened.tracking.log("r", "loss", 0.0, 0, 0)
    logged(opened)

    def next_point() -> None:
        values.append(float(len(values)))
        opened.tracking.log("r", "loss", values[-1], len(values), len(values))

    next_point()
    chosen = chosen_places(files, partial(logged, opened))
    assert len(chosen) > 100
    wrong = []
    for turn, (at, number) in enumerate(chosen):
        next_point()
        wrong += what_is_wrong(Interrupts(files, at, partial(OSError, number)), lambda: logged(opened), number)
        if turn % 20 == 0:
            assert logged(opened) == values
    assert not wrong, "\n".join(wrong)
    assert logged(opened) == values


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_an_error_of_a_handler_leaves_the_call_that_preserves_a_damaged_journal(
    untended: None, opened: WorkspaceStores, error: OSError
) -> None:
    for number in range(5):
        opened.tracking.log("r", "loss", float(number), number, number)
    (path,) = Path(opened.address).glob("journal/*.log")
    data = bytearray(path.read_bytes())
    data[-60] ^= 255
    with path.open("r+b") as file:
        file.write(data)
    with pytest.raises(OSError) as raised, Raising(JournalFolder.link_damaged, error):
        logged(opened)
    assert raised.value is error
    assert len(logged(opened)) == 4
    assert path.with_suffix(".damaged").exists()


@pytest.mark.slow
def test_an_error_of_a_handler_leaves_a_call_for_files_at_any_place(opened: WorkspaceStores, tmp_path: Path) -> None:
    files, root = ("/store/", "/journal/"), "0/r"
    (tmp_path / "source").write_bytes(b"of a file")
    calls: list[Callable[[], object]] = [
        lambda: opened.artifacts.put(root, "below/a folder/x", b"x"),
        lambda: opened.artifacts.put(root, "y", tmp_path / "source"),
        lambda: b"".join(opened.artifacts.get(root, "y")),
        lambda: opened.artifacts.append(root, "log", b"line"),
        lambda: opened.artifacts.download(root, "y", tmp_path / "target"),
        lambda: opened.artifacts.delete(root, "below"),
    ]
    wrong = []
    for call in calls:
        call()
        for at, number in chosen_places(files, call):
            wrong += what_is_wrong(Interrupts(files, at, partial(OSError, number)), call, number)
    assert not wrong, "\n".join(wrong)
