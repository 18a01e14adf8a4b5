"""A change whose answer is lost is made once, and its repeated request gets the same answer."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from answer_cutter import AnswerCutter
from growing_server import TestServer
from served_workspaces import served

from bridge.errors import AlreadyExists, InvalidState, InvalidValue, NotFound
from bridge.records.run import SCRIPT_RUN, Lease, RunChanges, RunRecord
from bridge.records.series import Point
from bridge.store.create import create_store
from bridge.store.http.backend import HttpBackend
from bridge.store.http.methods import METHODS
from bridge.store.one_run import create_run, get_run, get_series
from bridge.store.sql.answers import KEPT_MILLISECONDS, Request, in_steps, once
from bridge.store.sql.sqlite import open_sqlite


class Cut:
    """A store whose next answer can be cut, and one on the same workspace without a proxy."""

    def __init__(self, cutter: AnswerCutter, name: str) -> None:
        self.cutter = cutter
        self.store = HttpBackend(f"{cutter.address}{name}", patience_seconds=20)
        self.plain = HttpBackend(f"{cutter.target}{name}")

    def next(self) -> HttpBackend:
        """Return the store. The answer to its next request is cut."""
        self.cutter.cut_next()
        return self.store


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    with TestServer() as server:
        yield server


@pytest.fixture
def cut(server: TestServer, tmp_path: Path) -> Iterator[Cut]:
    with server.workspace(tmp_path / "demo") as address, AnswerCutter(server.address) as cutter:
        cut = Cut(cutter, address[len(server.address) :])
        yield cut
        assert cutter.cuts and not cutter._left
        cut.store.close()
        cut.plain.close()


def test_an_experiment_is_created_once(cut: Cut) -> None:
    made = cut.next().create_experiment("vision", 5, tags={"a": "b"})
    assert made == cut.plain.get_experiment(made.id)
    with pytest.raises(AlreadyExists):
        cut.next().create_experiment("vision", 5)


def test_a_status_that_must_be_expected_is_set_once(cut: Cut) -> None:
    create_run(cut.plain, RunRecord("r", "0", status="Running"))
    cut.next().update_runs(["r"], RunChanges(status="Finalizing", expected=("Running",)))
    assert get_run(cut.plain, "r").status == "Finalizing"
    with pytest.raises(InvalidState):
        cut.next().update_runs(["r"], RunChanges(status="Completed", expected=("Running",)))


def test_a_later_change_of_another_client_is_not_undone(cut: Cut) -> None:
    create_run(cut.plain, RunRecord("r", "0"))
    cut.cutter.cut_next(lambda: cut.plain.update_runs(["r"], RunChanges(tags={"best": "second"})))
    cut.store.update_runs(["r"], RunChanges(tags={"best": "first"}))
    assert get_run(cut.plain, "r").tags == {"best": "second"}


def test_a_tag_is_removed_and_an_experiment_deleted_and_purged_once(cut: Cut) -> None:
    made = cut.plain.create_experiment("vision", 5, tags={"a": "b"})
    cut.next().set_experiment_tags(made.id, {}, ["a"])
    assert cut.plain.get_experiment(made.id).tags == {}
    cut.next().delete_experiment(made.id, 6)
    with pytest.raises(NotFound):
        cut.next().delete_experiment(made.id, 6)
    cut.next().purge_experiment(made.id)
    with pytest.raises(NotFound):
        cut.next().purge_experiment(made.id)
    with pytest.raises(NotFound):
        cut.plain.get_experiment(made.id)


def test_points_are_logged_once(cut: Cut) -> None:
    create_run(cut.plain, RunRecord("r", "0"))
    cut.next().log_points("r", [Point("loss", 0.5, 1), Point("loss", "x", 2)])
    assert sorted(len(record.positions) for record in get_series(cut.plain, "r")) == [1, 1]


def test_a_run_is_created_and_claimed_once(cut: Cut) -> None:
    record = RunRecord("r", "0", status="Queued", start_time=1, type=SCRIPT_RUN)
    (made,) = cut.next().create_runs([record])
    assert made.number == 1
    cut.next().claim_run("r", Lease("r", "j", 2))
    assert get_run(cut.plain, "r").status == "Preparing"


def test_a_refused_change_is_tried_again(cut: Cut) -> None:
    """The refusal is not stored: what the request needs may exist by now."""
    cut.cutter.cut_next(lambda: create_run(cut.plain, RunRecord("r", "0")))
    cut.store.update_runs(["r"], RunChanges(tags={"a": "b"}))
    assert get_run(cut.plain, "r").tags == {"a": "b"}


@pytest.mark.slow
@pytest.mark.processes
def test_a_change_is_made_once_if_the_server_is_killed_before_it_answers(tmp_path: Path) -> None:
    create_store(tmp_path / "demo", "demo").close()
    with ExitStack() as stack:
        first = stack.enter_context(served({"demo": tmp_path / "demo"}, tmp_path / "first.log"))
        cutter = stack.enter_context(AnswerCutter(first.address))
        running = [first]

        def kill() -> None:
            running[-1].process.send_signal(signal.SIGKILL)
            running[-1].process.wait()
            again = served({"demo": tmp_path / "demo"}, tmp_path / f"{len(running)}.log")
            running.append(stack.enter_context(again))
            cutter.target = running[-1].address

        store = HttpBackend(f"{cutter.address}/w/demo", patience_seconds=60)
        cutter.cut_next(kill)
        made = store.create_experiment("vision", 5)
        create_run(store, RunRecord("r", made.id))
        cutter.cut_next(kill)
        store.log_points("r", [Point("loss", 0.5, 1)])
        assert len(get_series(store, "r")[0].positions) == 1
        store.delete_experiment(made.id, 6)
        cutter.cut_next(kill)
        store.purge_experiment(made.id)
        with pytest.raises(NotFound):
            store.get_experiment(made.id)
        assert (cutter.cuts, len(running)) == (3, 4)
        store.close()


class Killed(BaseException):
    """Stands for the end of the server: nothing runs after it."""


def test_a_change_in_steps_is_continued_if_the_server_was_killed_between_them(tmp_path: Path) -> None:
    store = open_sqlite(tmp_path / "workspace.db")
    request = Request(b"k" * 16, b"purge", 1)
    calls: list[str] = []

    def change(*steps: str, error: BaseException | None = None) -> bytes:
        calls.extend(steps)
        if error is not None:
            raise error
        return b"done"

    def sent(*steps: str, error: BaseException | None = None, is_done: bool = False) -> bytes:
        return in_steps(store.database, request, lambda: change(*steps, error=error), lambda: is_done)

    with pytest.raises(Killed):
        sent("first", error=Killed())
    assert sent("rest") == b"done"
    assert sent("never") == b"done"
    assert calls == ["first", "rest"]
    request = request._replace(key=b"l" * 16)
    with pytest.raises(NotFound):  # a new request for something that does not exist
        sent(error=NotFound("experiment", "7"), is_done=True)
    with pytest.raises(Killed):
        sent(error=Killed())
    with pytest.raises(NotFound):  # the experiment is active
        sent(error=NotFound("experiment", "7"))
    with pytest.raises(Killed):
        sent(error=Killed())
    assert sent(error=NotFound("experiment", "7"), is_done=True) == b""
    store.close()


def test_every_change_has_a_key_or_receipts() -> None:
    assert [name for name, method in METHODS.items() if method.access == "write" and not method.is_keyed] == ["append"]


def test_an_answer_is_kept_for_a_day_and_belongs_to_one_request(tmp_path: Path) -> None:
    store = open_sqlite(tmp_path / "workspace.db")
    now = time.time_ns() // 1_000_000
    request = Request(b"k" * 16, b"create a", now)
    calls = []

    def change(backend: object) -> bytes:
        calls.append(backend)
        return b"made"

    assert [once(store.database, request, change) for _ in range(2)] == [b"made", b"made"]
    assert len(calls) == 1
    with pytest.raises(InvalidValue, match="was used for another request"):
        once(store.database, request._replace(checksum=b"create b"), change)
    once(store.database, Request(b"l" * 16, b"", now + KEPT_MILLISECONDS), change)
    with store.database.read() as c:
        assert c.execute("SELECT count(*) FROM answer").fetchone() == (2,)
    once(store.database, Request(b"m" * 16, b"", now + KEPT_MILLISECONDS + 1), change)
    with store.database.read() as c:
        assert [row[0][:1] for row in c.execute("SELECT key FROM answer ORDER BY key").fetchall()] == [b"l", b"m"]
    store.close()
