"""A server in a process of its own that tests stop, kill and start again, behind a proxy whose address stays."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from faulty_proxy import FaultyProxy
from served_workspaces import ServedBySubprocess, served


class AwayServer:
    """A server of one workspace, as a context manager.

    Attributes:
        folder: the folder of the workspace.
        name: the name under which the server serves it.
        proxy: the proxy before the server.
        address: the address of the workspace, which stays the same after a restart.

    Args:
        folder: the folder of the workspace.
        log: the file for the output of the server.
        options: options of the command `runbridge server`; by default those of a server without MLflow.
    """

    def __init__(self, folder: Path, log: Path, *options: str) -> None:
        self.name = "demo"
        self.folder, self._log, self._options = folder, log, options or ("--mlflow", "off")
        self._stack, self._running = ExitStack(), ExitStack()
        self._server: ServedBySubprocess | None = None
        self.proxy = FaultyProxy(0)
        self.address = f"{self.proxy.address}/w/demo"

    def __enter__(self) -> AwayServer:
        self._stack.enter_context(self.proxy)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._stack.close()

    def start(self) -> None:
        """Start the server, which may have another port than before."""
        self._server = self._running.enter_context(served({self.name: self.folder}, self._log, *self._options))
        self.proxy.server_port = urlsplit(self._server.address).port or 0

    @property
    def is_running(self) -> bool:
        """Whether the process of the server exists."""
        return self._server is not None and self._server.process.poll() is None

    def end(self) -> int:
        """Let the server end in order, unless it has ended. Return its exit code."""
        self._running.close()
        return self.wait()

    def signal(self, number: int) -> None:
        """Send a signal to the server."""
        assert self._server is not None
        self._server.process.send_signal(number)

    def wait(self) -> int:
        """Wait until the server has ended, and return its exit code."""
        assert self._server is not None
        return self._server.process.wait(60)

    def kill(self) -> None:
        """Kill the server as `kill -9` does."""
        self.signal(signal.SIGKILL)
        self.end()

    def restart(self) -> None:
        """Kill the server, and start it again."""
        self.kill()
        self.start()
