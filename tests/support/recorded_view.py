"""Views in notebooks whose messages a test reads instead of a browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bridge import Experiment, Run
from bridge.store.frames import read_frame
from bridge_jupyter.live import LiveView
from bridge_jupyter.subject import Subject

MakeView = Callable[..., "Recorded"]


class Recorded:
    """A view, and the messages that it has sent since the last call of `take`."""

    def __init__(self, target: Run | Experiment | Sequence[Run]) -> None:
        self.messages: list[tuple[dict[str, Any], list[bytes]]] = []
        self.pictures = 0
        subject = Subject(target)
        subject.refresh()
        self.live = LiveView(subject, lambda *message: self.messages.append(message), self._show)

    def _show(self) -> None:
        self.pictures += 1

    def take(self, *requests: dict[str, Any]) -> list[tuple[dict[str, Any], list[bytes]]]:
        """Send requests, let the view work, and return what it sends."""
        for request in requests:
            self.live.request(request)
        self.live._due = 0.0
        self.messages = []
        self.live.work()
        return self.messages

    def of_kind(self, kind: str, *requests: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the messages of a kind that the view sends next."""
        return [message for message, _ in self.take(*requests) if message["kind"] == kind]

    def series(self, *requests: dict[str, Any]) -> dict[str, Any]:
        """Return the head and the columns of the frames that the view sends next, as one dict."""
        found: dict[str, Any] = {}
        for message, frames in self.take(*requests):
            if message["kind"] == "frame":
                head, columns = read_frame(frames[0])
                found |= {"axis": message["x"], "what": message["what"], **head, **columns}
        return found


class Clock:
    """The time of views. It stands still until a test changes it, so a busy computer does not change a result."""

    def __init__(self) -> None:
        self.now, self.cost = 1000.0, 0.0
        self._processor = 0.0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        """Each read of a view calls this at its start and at its end, and so takes `cost` seconds."""
        self._processor += self.cost
        return self._processor
