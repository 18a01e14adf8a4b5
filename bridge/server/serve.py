"""Runs a server of workspaces."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

import uvicorn

from bridge.server.dispatch import Dispatcher, Identity
from bridge.server.open_identity import OpenIdentity
from bridge.server.plugin_routes import PluginOptions, plugin_routes
from bridge.server.portal.team import portal_routes
from bridge.server.protocol import Protocol
from bridge.server.routes import Route
from bridge.server.start import Server, listen_on
from bridge.server.workspaces import ServedWorkspace, Workspaces
from bridge.store.workspace_stores import WorkspaceStores

IN_PROCESS = PluginOptions(mlflow="off")
"""The options of a server in a user's process, in which MLflow's application must not change settings of MLflow."""


def app(
    workspaces: Workspaces, identity: Identity, base_path: str = "", options: PluginOptions | None = None
) -> Dispatcher:
    """Return the application that answers the requests to workspaces. The default options are those of a server."""
    routes: list[Route] = [*portal_routes(), *plugin_routes(options or PluginOptions())]
    return Dispatcher(workspaces, identity, routes, base_path=base_path)


class RunningServer:
    """A server that answers requests in a thread, as a context manager.

    Attributes:
        address: the address, without a slash at the end.
        port: the port.
    """

    def __init__(self, workspaces: Workspaces, port: int = 0, options: PluginOptions = IN_PROCESS) -> None:
        self._socket: socket.socket = listen_on(port)
        self.port: int = self._socket.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            app(workspaces, OpenIdentity(self.port), options=options),
            http=Protocol,
            loop="uvloop",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            log_level="error",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=3,
            timeout_keep_alive=60,
        )
        self._server = Server(config)
        self._thread = threading.Thread(target=self._run, name="runbridge server", daemon=True)

    def _run(self) -> None:
        with suppress(KeyboardInterrupt):
            self._server.run(sockets=[self._socket])

    def __enter__(self) -> RunningServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop: streams end, and answers that are being sent are completed."""
        self._server.should_exit = True
        self._thread.join()


def serve_background(stores: Sequence[WorkspaceStores], port: int = 0) -> RunningServer:
    """Serve workspaces in a thread of this process, for tests and notebooks, without tokens and only on this computer.

    Args:
        stores: the workspaces.
        port: the port; 0 is any free one.
    """
    return RunningServer(Workspaces([ServedWorkspace(one.name.lower(), one) for one in stores]), port)
