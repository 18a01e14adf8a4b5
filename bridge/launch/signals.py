"""The signals of a launcher."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress

CANCEL_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """The signals that this process has got: whether to cancel its run, and a way to wait for the next one.

    The handlers raise nothing.

    Attributes:
        canceled: a signal asked to cancel the run.
    """

    def __init__(self) -> None:
        self.canceled = False
        self._waking, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._poll = select.poll()
        self._poll.register(self._waking, select.POLLIN)

    def listen(self) -> None:
        """Take the signals that would end this process as a request to cancel its run."""

        def cancel(number: int, frame: object) -> None:
            self.canceled = True

        for number in CANCEL_SIGNALS:
            signal.signal(number, cancel)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # so that the end of the script ends `wait`
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def ignore(self) -> None:
        """Ignore the signals, because Python forgets its handlers before its process ends."""
        for number in CANCEL_SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def notify(self) -> None:
        """Let `wait` return."""
        with suppress(BlockingIOError):
            os.write(self._wake, b"\0")

    def wait(self, seconds: float) -> None:
        """Return when a signal has come, `notify` was called, or the time is over."""
        if self._poll.poll(seconds * 1000):
            os.read(self._waking, 4096)

    def close(self) -> None:
        """Close the pipe. A signal that comes later still cancels the run."""
        waking, wake, self._waking, self._wake = self._waking, self._wake, -1, -1
        for fd in (waking, wake):
            if fd >= 0:
                os.close(fd)
