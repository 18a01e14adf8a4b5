"""The stream of changes: what is new in a workspace since a cursor, told to all pages that listen."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import Response, StreamingResponse

from bridge.errors import StoreUnavailable
from bridge.records.views import Changes
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask
from bridge.server.portal.served import Served
from bridge.store.late_reads import late_reads
from bridge.store.views import RunViews

if TYPE_CHECKING:
    from bridge.store.journaled import JournaledStore

logger = logging.getLogger("bridge")

TICK_SECONDS, EVENT_SECONDS, COMMENT_SECONDS, PAUSE_SECONDS = 0.25, 0.5, 15.0, 2.0
"""How often the watcher looks for changes, how far events are apart, how often a silent stream sends a comment so that
proxies keep it open, and how long the watcher waits after an error."""

MOST_LISTENERS = 100
EVENTS, WATCHER = "text/event-stream", "watcher"

LAST_EVENT = "event: end\ndata: {}\n\n"
"""The last event of a stream that ends because the server stops. The client may connect again."""

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""`X-Accel-Buffering` tells nginx to pass events on immediately."""


class Scope(NamedTuple):
    """The subject of a listener. If both are empty, it is everything."""

    experiments: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()


class Pending:
    """Changes that wait until a listener takes them. Any number of changes become one event.

    The fields are those of `Changes`. `is_late` is that of the store.
    """

    def __init__(self, cursor: str, is_late: bool = False) -> None:
        self.cursor, self.is_late = cursor, is_late
        self._clear()

    def _clear(self) -> None:
        self._is_complete = True
        self._created: set[str] = set()
        self._runs: set[str] = set()
        self._removed: set[str] = set()
        self._files: set[str] = set()
        self._experiments: set[str] = set()

    @property
    def is_empty(self) -> bool:
        """Whether nothing has changed."""
        changed = (self._created, self._runs, self._removed, self._files, self._experiments)
        return self._is_complete and not any(changed)

    def add(self, changes: Changes) -> None:
        """Add changes that follow those before."""
        self.cursor = changes.cursor
        if not changes.is_complete:
            self._clear()
            self._is_complete = False
        gone = set(changes.removed)
        for ids in (self._created, self._runs, self._files):
            ids -= gone
        self._removed |= gone
        self._created |= set(changes.created)
        self._runs |= set(changes.runs)
        self._files |= set(changes.files)
        self._experiments |= set(changes.experiments)

    def take(self) -> dict[str, Any]:
        """Return the changes as JSON, and forget them."""
        event = {
            "cursor": self.cursor,
            "complete": self._is_complete,
            "late": self.is_late,
            "created": sorted(self._created),
            "runs": sorted(self._runs - self._created),
            "removed": sorted(self._removed),
            "files": sorted(self._files),
            "experiments": sorted(self._experiments),
        }
        self._clear()
        return event


class Listener:
    """A page that listens."""

    def __init__(self, scope: Scope, cursor: str, is_late: bool = False) -> None:
        self.scope = scope
        self.pending = Pending(cursor, is_late)
        self.changed = asyncio.Event()


class Watcher:
    """Looks for changes of a workspace while a listener exists. All listeners share it.

    Unless a method states otherwise, it may be called only in the event loop.

    Attributes:
        is_ending: whether the server stops, so that all listeners must end.

    Args:
        store: returns the store of the workspace.
    """

    def __init__(self, store: Callable[[], JournaledStore]) -> None:
        self._store = store
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._seen, self._is_new = "", False
        self.is_ending = False
        self._thread = ThreadPoolExecutor(1, "portal-changes")

    @property
    def is_watching(self) -> bool:
        """Whether it looks for changes now."""
        return self._task is not None

    def check_free(self) -> None:
        """Check that another page may listen. It may be called in any thread.

        Raises:
            StoreUnavailable: too many pages listen already.
        """
        if len(self._listeners) >= MOST_LISTENERS:
            raise StoreUnavailable("The stream of changes", f"{MOST_LISTENERS} pages use it already")

    def add(self, listener: Listener) -> None:
        """Add a listener.

        Raises:
            StoreUnavailable: too many pages listen already. Several requests may have passed `check_free` before the
                first of them listens.
        """
        self.check_free()
        self._listeners.add(listener)
        self._is_new = True
        if self._task is None:
            self._task = asyncio.create_task(self._watch())

    def remove(self, listener: Listener) -> None:
        """Remove a listener. After the last one, nothing looks for changes any more."""
        self._listeners.discard(listener)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    async def pause(self) -> None:
        """Wait between two events of a stream, but not if the server stops."""
        end = asyncio.get_running_loop().time() + EVENT_SECONDS
        while not self.is_ending and (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(left, 0.1))

    def end(self) -> None:
        """Let all listeners end, because the server stops."""
        self.is_ending = True
        for listener in self._listeners:
            listener.changed.set()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            pause = TICK_SECONDS
            listeners = list(self._listeners)
            asked = {(one.scope, one.pending.cursor) for one in listeners}
            if self._is_new:  # the cursor of a new listener may be older than the last look
                self._seen, self._is_new = "", False
            try:
                found = await loop.run_in_executor(self._thread, self._look, asked)
            except Exception as error:
                logger.warning("Changes of the workspace cannot be read: %s", error)
                found, pause = {}, PAUSE_SECONDS
            is_late = self._store().is_late
            for listener in listeners:
                if listener.pending.is_late != is_late:
                    listener.pending.is_late = is_late
                    listener.changed.set()
                changes = found.get((listener.scope, listener.pending.cursor))
                if changes is not None:
                    listener.pending.add(changes)
                    if not listener.pending.is_empty:
                        listener.changed.set()
            await asyncio.sleep(pause)

    def _look(self, asked: Iterable[tuple[Scope, str]]) -> dict[tuple[Scope, str], Changes]:
        """Return the changes for each scope since each cursor, in a thread. It is empty if nothing has changed."""
        with late_reads():
            return self._changes(self._store().views, asked)

    def _changes(self, views: RunViews, asked: Iterable[tuple[Scope, str]]) -> dict[tuple[Scope, str], Changes]:
        now = views.get_changes().cursor
        if now == self._seen:
            return {}
        found = {(scope, cursor): views.get_changes(cursor, scope.experiments, scope.runs) for scope, cursor in asked}
        self._seen = now
        return found


def get_changes(ask: Ask) -> Response:
    """Answer with the changes since a cursor: as a stream of events, or once as JSON if the request accepts only that.

    `since` is the cursor; without it, only later changes are sent. The header `Last-Event-ID` goes before it.
    `experiment` and `run` are lists of ids: only their changes are sent, and those of the runs of the experiments.
    An event is a JSON object with `cursor`, `complete`, `created`, `runs`, `removed`, `files` and `experiments`, as in
    `Changes`. If `complete` is false, everything must be read again. While `late` is true, the newest points cannot be
    stored, and no answer contains them.
    """
    scope = _scope(ask)
    since = ask.headers.get("last-event-id") or ask.query.get("since") or None
    first = ask.views.get_changes(since, scope.experiments, scope.runs)
    tracking = ask.served.stores.tracking
    listener = Listener(scope, first.cursor, tracking.is_late)
    listener.pending.add(first)
    accepted = ask.headers.get("accept", "")
    if "application/json" in accepted and EVENTS not in accepted:
        return json_answer(ask, listener.pending.take())
    watcher: Watcher = ask.served.kept(WATCHER, lambda: Watcher(lambda: ask.served.stores.tracking))
    watcher.check_free()
    return StreamingResponse(_events(watcher, listener), headers=HEADERS, media_type=EVENTS)


def _scope(ask: Ask) -> Scope:
    """Return the subject of a request: the whole workspace, or for some callers only their experiment."""
    experiments, runs = tuple(ask.words("experiment", 100)), tuple(ask.words("run", 1_000))
    return Scope(experiments or (ask.only if not runs else ()), runs)


def end_streams(served: Served) -> None:
    """Let all streams of a workspace end with a last event. Call it in the event loop."""
    watcher: Watcher | None = served.find(WATCHER)
    if watcher is not None:
        watcher.end()


async def _events(watcher: Watcher, listener: Listener) -> AsyncIterator[str]:
    """Yield events. The first one comes immediately. It has the cursor after which the others follow."""
    try:
        watcher.add(listener)
    except StoreUnavailable:
        return
    try:
        yield "retry: 1000\n\n" + _event(listener.pending.take())
        while True:
            await watcher.pause()
            while not await _has_changed(listener):
                yield ":\n\n"
            listener.changed.clear()
            if not listener.pending.is_empty or not watcher.is_ending:
                yield _event(listener.pending.take())
            if watcher.is_ending:
                yield LAST_EVENT
                return
    finally:
        watcher.remove(listener)


async def _has_changed(listener: Listener) -> bool:
    """Wait until something has changed. Return False if nothing has for a while."""
    try:
        await asyncio.wait_for(listener.changed.wait(), COMMENT_SECONDS)
    except asyncio.TimeoutError:
        return False
    return True


def _event(content: dict[str, Any]) -> str:
    return f"id: {content['cursor']}\ndata: {json.dumps(content, separators=(',', ':'))}\n\n"
