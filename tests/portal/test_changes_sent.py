"""Pages hear of changes soon, in few events, and at no cost while nothing happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_calls import Api, run_loop
from sent_events import limit, listening

from bridge.records.run import RunChanges, RunRecord
from bridge.records.views import Changes
from bridge.server.portal import live
from bridge.server.portal.live import Pending
from bridge.server.portal.served import Served
from bridge.store.workspace_stores import WorkspaceStores


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_loop(test())


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "TICK_SECONDS", 0.005)
    monkeypatch.setattr(live, "EVENT_SECONDS", 0.01)


def test_a_page_hears_of_new_runs_points_files_and_removals(stores: WorkspaceStores, api: Api) -> None:
    async def test() -> None:
        async with listening(api) as events:
            assert [one["runs"] + one["created"] for one in events.read] == [[]]
            stores.tracking.create_runs([RunRecord("r1", "0")])
            assert (await events.until(lambda read: len(read) == 2))[-1]["created"] == ["r1"]
            stores.tracking.log("r1", "loss", 1.0, 1)
            assert (await events.until(lambda read: len(read) == 3))[-1]["runs"] == ["r1"]
            stores.artifacts.append("0/r1/artifacts", "logs/a.txt", b"x")
            assert (await events.until(lambda read: len(read) == 4))[-1]["files"] == ["r1"]
            stores.tracking.set_experiment_tags("0", {"a": "b"})
            assert (await events.until(lambda read: len(read) == 5))[-1]["experiments"] == ["0"]
            stores.tracking.purge_runs(["r1"])
            assert (await events.until(lambda read: len(read) == 6))[-1]["removed"] == ["r1"]

    run(test)


def test_a_page_hears_only_of_what_it_shows(stores: WorkspaceStores, api: Api) -> None:
    other = stores.tracking.create_experiment("other", 1).id
    stores.tracking.create_runs([RunRecord("r1", "0"), RunRecord("r2", other), RunRecord("r3", other)])

    async def test() -> None:
        async with listening(api, "experiment=0") as events, listening(api, "run=r2") as others:
            for id in ("r1", "r2", "r3"):
                stores.tracking.log(id, "loss", 1.0, 1)
            await events.until(lambda read: len(read) > 1)
            await others.until(lambda read: len(read) > 1)
            assert [one["runs"] for one in events.read[1:]] == [["r1"]]
            assert [one["runs"] for one in others.read[1:]] == [["r2"]]

    run(test)


def test_a_page_that_was_away_hears_what_it_missed(stores: WorkspaceStores, api: Api) -> None:
    cursor = api.get("/experiments/0/table").frame[0]["cursor"]
    stores.tracking.create_runs([RunRecord("r1", "0")])

    async def test() -> None:
        async with listening(api, f"since={cursor}") as events:
            assert events.read[0]["created"] == ["r1"]
            seen = events.read[0]["cursor"]
            assert f"id: {seen}\n" in events.text
        stores.tracking.log("r1", "loss", 1.0, 1)
        async with listening(api, f"since={cursor}", {"last-event-id": seen}) as events:
            assert (events.read[0]["created"], events.read[0]["runs"]) == ([], ["r1"])

    run(test)


def test_many_changes_become_one_event(stores: WorkspaceStores, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVENT_SECONDS", 0.3)

    async def test() -> None:
        async with listening(api) as events:
            for number in range(20):
                stores.tracking.create_runs([RunRecord(f"r{number}", "0")])
                await asyncio.sleep(0.005)
            await events.until(lambda read: sum(len(one["created"]) for one in read) == 20)
            assert len(events.read) <= 4

    run(test)


def test_nobody_looks_for_changes_while_nobody_listens(
    stores: WorkspaceStores, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchers: list[live.Watcher] = []
    make = live.Watcher.__init__

    def noted(self: live.Watcher, *args: Any) -> None:
        make(self, *args)
        watchers.append(self)

    monkeypatch.setattr(live.Watcher, "__init__", noted)

    async def test() -> None:
        async with listening(api), listening(api, "experiment=0"):
            assert [one.is_watching for one in watchers] == [True]
        assert [one.is_watching for one in watchers] == [False]
        async with listening(api):
            assert [one.is_watching for one in watchers] == [True]

    run(test)


def test_while_nothing_changes_one_cheap_read_serves_all_pages(stores: WorkspaceStores, api: Api) -> None:
    calls: list[tuple[Any, ...]] = []
    views = stores.tracking.views

    class Counted:
        is_late = False

        @property
        def views(self) -> Counted:
            return self

        def get_changes(self, *asked: Any) -> Changes:
            calls.append(asked)
            return views.get_changes(*asked)

    async def test() -> None:
        watcher = live.Watcher(Counted)  # type: ignore[arg-type]
        cursor = views.get_changes().cursor
        listeners = [live.Listener(live.Scope((str(number),)), cursor) for number in range(10)]
        for one in listeners:
            watcher.add(one)
        while len(calls) < 30:
            await asyncio.sleep(0.01)
        for one in listeners:
            watcher.remove(one)
        assert set(calls[11:]) == {()}

    run(test)


def test_too_many_pages_are_refused(stores: WorkspaceStores, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_LISTENERS", 1)

    async def test() -> None:
        async with listening(api) as events, listening(api) as others:
            assert (events.status, others.status) == (200, 503)
            assert "1 pages use it already" in others.text

    run(test)


def test_of_pages_that_ask_at_once_as_many_listen_as_may(
    stores: WorkspaceStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several requests are checked in threads before the first of them listens."""
    monkeypatch.setattr(live, "MOST_LISTENERS", 2)

    async def test() -> None:
        watcher = live.Watcher(lambda: stores.tracking)
        streams = [live._events(watcher, live.Listener(live.Scope(), "")) for _ in range(3)]
        first = [await anext(stream, "") for stream in streams]
        assert [bool(event) for event in first] == [True, True, False]
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]
        assert not watcher.is_watching

    run(test)


def test_a_silent_stream_sends_comments(stores: WorkspaceStores, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "COMMENT_SECONDS", 0.01)

    async def test() -> None:
        async with listening(api) as events, limit():
            while ":\n\n:\n\n" not in events.text:
                events.grown.clear()
                await events.grown.wait()
            assert len(events.read) == 1

    run(test)


def test_a_page_can_ask_once_instead(stores: WorkspaceStores, api: Api) -> None:
    json_only = {"accept": "application/json"}
    cursor = api.send("GET", "/changes", headers=json_only).json["cursor"]
    stores.tracking.create_runs([RunRecord("r1", "0")])
    stores.tracking.update_runs(["r1"], RunChanges(description="new"))
    found = api.send("GET", "/changes", headers=json_only, parameters={"since": cursor}).json
    assert (found["created"], found["complete"]) == (["r1"], True)
    old = api.send("GET", "/changes", headers=json_only, parameters={"since": "1@other"}).json
    assert old["complete"] is False
    wrong = api.send("GET", "/changes", headers=json_only, parameters={"since": "nonsense"})
    assert (wrong.status, "cursor" in wrong.sentence) == (400, True)


IDS = st.lists(st.sampled_from("abc"), unique=True, max_size=3)
STEPS = st.lists(st.tuples(IDS, IDS, IDS, st.booleans()), max_size=6)


@given(STEPS)
def test_merged_changes_tell_a_page_the_same(steps: list[tuple[list[str], list[str], list[str], bool]]) -> None:
    """A page that applies one merged event has the same runs as one that applies each event."""
    pending, one_by_one, wrong = Pending("0"), set("ab"), False
    for number, (created, runs, removed, complete) in enumerate(steps, 1):
        if not complete:
            changes, wrong, one_by_one = Changes(str(number), False), True, set()
        else:
            changes = Changes(str(number), True, tuple(runs), tuple(created), tuple(removed))
            one_by_one = (one_by_one - set(removed)) | set(created) | set(runs)
        pending.add(changes)
    event = pending.take()
    start = set() if wrong else set("ab")
    assert (start - set(event["removed"])) | set(event["created"]) | set(event["runs"]) == one_by_one
    assert event["complete"] is not wrong
    assert pending.is_empty
    assert event["cursor"] == str(len(steps))


def test_a_workspace_keeps_one_watcher(stores: WorkspaceStores) -> None:
    served = Served(stores)
    assert served.kept("x", list) is served.kept("x", list)


def test_the_stream_goes_on_after_an_error(
    stores: WorkspaceStores, api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live, "PAUSE_SECONDS", 0.01)
    look, failures = live.Watcher._look, iter(range(3))

    def failing(self: live.Watcher, asked: Any) -> Any:
        if next(failures, None) is not None:
            raise OSError("the disk is gone")
        return look(self, asked)

    monkeypatch.setattr(live.Watcher, "_look", failing)

    async def test() -> None:
        async with listening(api) as events:
            stores.tracking.create_runs([RunRecord("r1", "0")])
            assert (await events.until(lambda read: len(read) == 2))[-1]["created"] == ["r1"]

    run(test)
    assert "the disk is gone" in caplog.text
