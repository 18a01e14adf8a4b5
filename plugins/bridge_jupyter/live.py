"""The exchange of messages between one view and its browser. It knows neither Jupyter nor threads."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bridge.errors import BridgeError
from bridge.server.portal.series import series_frame
from bridge_jupyter.contents import contents_of
from bridge_jupyter.log_tail import LogTail
from bridge_jupyter.other_charts import value_of

if TYPE_CHECKING:
    from bridge_jupyter.subject import Subject

logger = logging.getLogger("bridge")

PERIOD, SLOW_PERIOD = 0.5, 2.0
"""The seconds between two reads: while a run is open, and while all runs of an experiment have ended."""

SHARE = 0.1
"""The greatest share of a processor that the reads of one view take. Longer reads are followed by longer pauses."""

LONGEST_PAUSE = 30.0
REPEAT = 2.0
"""The seconds after which everything is sent again, until the browser has confirmed that it shows the view.

While a cell runs, a kernel may not receive the confirmation. A message that is sent before the view exists is lost.
"""

PICTURE_PERIOD = 10.0
"""The least number of seconds between two updates of the static picture in the notebook."""

CHARTS, OTHER_CHARTS, BUCKETS = 24, 4, 240
"""The numbers of charts and of other charts that are sent before the browser has asked for any, and of buckets."""

AXES = ("step", "time", "relative")

Send = Callable[[dict[str, Any], list[bytes]], None]


class LiveView:
    """Reads what a subject shows, sends it to a browser, and answers the requests of the browser.

    `request` and `is_gone` may be used from any thread, and the other methods from one thread at a time.
    A message is a dict whose `kind` is `state`, `frame`, `value`, `log` or `error`. A frame and the value of an image
    have a second part, their bytes.

    Args:
        subject: the runs that are shown.
        send: sends one message.
        show_picture: updates the static picture in the notebook; None if the picture cannot be updated.
    """

    def __init__(self, subject: Subject, send: Send, show_picture: Callable[[], None] | None = None) -> None:
        self.subject = subject
        self._send, self._show_picture = send, show_picture
        self._requests: deque[Mapping[str, Any]] = deque()
        self._viewers: set[str] = set()
        self._has_had_viewers = False
        self._keys: tuple[str, ...] | None = None
        self._others: tuple[str, ...] | None = None
        self._x = "step"
        self._low: float | None = None
        self._high: float | None = None
        self._sent: dict[str, object] = {}
        self._log = LogTail(subject.target.place) if subject.kind == "run" else None  # type: ignore[union-attr]
        self._due, self._repeat_at, self._picture_at = 0.0, 0.0, 0.0
        self._picture_is_old = False
        self._problem = ""

    def request(self, message: object) -> None:
        """Accept a message of the browser. `work` answers it. Anything that is not a message is ignored."""
        if isinstance(message, Mapping):
            self._requests.append(message)

    @property
    def is_gone(self) -> bool:
        """Whether the browser has closed every picture of this view."""
        return self._has_had_viewers and not self._viewers

    @property
    def due(self) -> float:
        """The time of `time.monotonic` at which `work` should be called next; infinity after the end of the run."""
        return 0.0 if self._requests else self._due

    def work(self) -> None:
        """Answer requests, and send what has changed. Errors of the store are sent to the browser."""
        begun = time.thread_time()
        try:
            is_asked = self._answer_requests()
            if is_asked or time.monotonic() >= self._due:
                self._send_changes()
            self._tell("")
        except BridgeError as error:
            self._tell(str(error))
        except Exception as error:  # an error in this thread must not reach the user's code, or end other views
            logger.debug("A view in the notebook cannot be updated: %s", error, exc_info=True)
            self._tell(f"The view cannot be updated: {error}")
        self._set_due(time.thread_time() - begun)

    def _set_due(self, cost: float) -> None:
        period = PERIOD if self.subject.is_open else SLOW_PERIOD
        now = time.monotonic()
        is_watched = self.subject.is_open or self.subject.can_grow or bool(self._problem)
        wait = max(period, min(cost / SHARE, LONGEST_PAUSE))
        self._due = now + wait if is_watched and not self.is_gone else math.inf

    def _answer_requests(self) -> bool:
        """Return whether there was a request."""
        is_asked = bool(self._requests)
        while self._requests:
            self._answer(self._requests.popleft())
        return is_asked

    def _answer(self, message: Mapping[str, Any]) -> None:
        """Answer one request. Requests of unknown kinds are ignored."""
        match message.get("kind"):
            case "ready":
                self._be_ready(str(message.get("view")))
            case "gone":
                self._viewers.discard(str(message.get("view")))
            case "zoom":
                self._zoom(_finite(message.get("low")), _finite(message.get("high")))
            case "axis":
                self._set_axis(message.get("x"))
            case "choose":
                self.subject.choose(_texts(message.get("runs")))
                self._sent.clear()
            case "keys" if isinstance(message.get("keys"), list):
                self._keys = _texts(message.get("keys"))
                self._others = _texts(message.get("others"))
            case "log" if self._log is not None:
                self._log.is_open = bool(message.get("open"))
                self._log.forget()

    def _send_changes(self) -> None:
        is_new = self.subject.refresh()
        now = time.monotonic()
        if not self._has_had_viewers and now >= self._repeat_at:
            self._sent.clear()
            self._repeat_at = now + REPEAT
        if is_new or not self._sent:
            self._send_state()
        self._send_series()
        self._send_others()
        self._send_log()
        self._picture_is_old = self._picture_is_old or is_new
        if self._picture_is_old and (now >= self._picture_at or not self.subject.is_open):
            self._picture_is_old, self._picture_at = False, now + PICTURE_PERIOD
            if self._show_picture is not None:
                self._show_picture()

    def _send_state(self) -> None:
        self._send(contents_of(self.subject), [])

    def _send_series(self) -> None:
        """Send the charts that have new points since they were sent."""
        keys = self.subject.keys()
        shown = keys[:CHARTS] if self._keys is None else [key for key in keys if key in self._keys]
        range_of_x = self._x, self._low, self._high
        stamps: dict[str, object] = {key: (range_of_x, self.subject.latest(key)) for key in shown}
        changed = [key for key in shown if self._sent.get(key) != stamps[key]]
        self._sent["state"] = True
        if not changed:
            return
        found = self.subject.sample(changed, BUCKETS, *range_of_x)
        self._send(
            {"kind": "frame", "what": "series", "keys": changed, "x": self._x},
            [series_frame(found, changed, "").to_bytes()],
        )
        self._sent.update({key: stamps[key] for key in changed})

    def _send_others(self) -> None:
        """Send the charts that are not lines and have new rows or files since they were sent."""
        charts = self.subject.others
        shown = charts[:OTHER_CHARTS] if self._others is None else [one for one in charts if one.id in self._others]
        for chart in shown:
            if self._sent.get(chart.id) != chart:
                value, buffers = value_of(self.subject.target.place, chart)  # type: ignore[union-attr]  # only runs have such charts
                self._send({"kind": "value", "id": chart.id, "value": value}, buffers)
                self._sent[chart.id] = chart

    def _send_log(self) -> None:
        tail = self._log.read() if self._log is not None else None
        if tail is not None:
            path, text, size = tail
            self._send({"kind": "log", "path": path, "text": text, "size": size}, [])

    def _tell(self, problem: str) -> None:
        """Send an error once, and send its end."""
        if problem != self._problem:
            self._problem = problem
            self._send({"kind": "error", "message": problem}, [])

    def _be_ready(self, viewer: str) -> None:
        self._viewers.add(viewer)
        self._has_had_viewers = True
        self._sent.clear()
        self._problem = ""
        if self._log is not None:
            self._log.forget()

    def _zoom(self, low: float | None, high: float | None) -> None:
        is_range = low is None or high is None or low < high
        self._low, self._high = (low, high) if is_range else (None, None)

    def _set_axis(self, x: object) -> None:
        if isinstance(x, str) and x in AXES:
            self._x, self._low, self._high = x, None, None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, (list, tuple)) else ()


def _finite(value: object) -> float | None:
    number = float(value) if isinstance(value, (int, float)) else math.nan
    return number if math.isfinite(number) else None
