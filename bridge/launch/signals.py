"""Handles the signals that a launcher receives."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress

CANCEL_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """The signals that this process has received. Their handlers raise no exceptions.

    Attributes:
        canceled: True if a signal has requested that the run is canceled.
    """

    def __init__(self) -> None:
        self.canceled = False
        self._waking, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._poll = select.poll()
        self._poll.register(self._waking, select.POLLIN)

    def listen(self) -> None:
        """Install signal handlers. SIGTERM, SIGINT and SIGHUP then cancel the run instead of ending this process."""

        def cancel(number: int, frame: object) -> None:
            self.canceled = True

        for number in CANCEL_SIGNALS:
            signal.signal(number, cancel)
        # The handler does nothing. But only a signal that has a handler makes `wait` return, and SIGCHLD arrives when
        # the script ends.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def ignore(self) -> None:
        """Ignore the signals. At its exit, Python removes its handlers, and a signal would then kill the process."""
        for number in CANCEL_SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def notify(self) -> None:
        """Make `wait` return."""
        with suppress(BlockingIOError):
            os.write(self._wake, b"\0")

    def wait(self, seconds: float) -> None:
        """Wait until a signal arrives, `notify` is called, or the time is over."""
        if self._poll.poll(seconds * 1000):
            os.read(self._waking, 4096)

    def close(self) -> None:
        """Close the pipe through which signals and `notify` wake `wait`. A later signal still sets `canceled`."""
        waking, wake, self._waking, self._wake = self._waking, self._wake, -1, -1
        for fd in (waking, wake):
            if fd >= 0:
                os.close(fd)
