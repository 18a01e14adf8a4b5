"""Runs a server of workspaces."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType

import numpy  # noqa: F401  # the first request that needs it would wait for the import
import uvicorn

from bridge.server.connections import Connections
from bridge.server.dispatch import Dispatcher, Identity
from bridge.server.files.native_routes import file_routes
from bridge.server.identity.access import Access
from bridge.server.identity.reachable import Proxy, Reachable
from bridge.server.memory import return_large_blocks
from bridge.server.native.routes import native_routes
from bridge.server.open_identity import OpenIdentity
from bridge.server.page import Page
from bridge.server.plugin_routes import plugin_routes
from bridge.server.portal.team import portal_routes
from bridge.server.protocol import protocol_of
from bridge.server.settings import Settings
from bridge.server.start import listen
from bridge.server.stopping import StoppingServer
from bridge.server.workspaces import ServedWorkspace, Workspaces
from bridge.store.workspace_stores import WorkspaceStores

UPLOAD_SECONDS = 10
"""How long a server that stops waits for the end of uploads and answers."""


def app(
    workspaces: Workspaces,
    identity: Identity,
    settings: Settings,
    page: Page | None = None,
    access: Access | None = None,
) -> Dispatcher:
    """Return the application that answers the requests to workspaces."""
    page = page or Page(settings.base_path)
    routes = [*portal_routes(), *page.routes()]
    if not settings.is_page_only:
        routes += native_routes()
        routes += file_routes()
        routes += plugin_routes(settings.plugin_options)
    server_routes = page.server_routes(workspaces, identity)
    if access is not None:
        server_routes += access.sign_in.routes()
    audit = access.audit if access is not None else None
    return Dispatcher(workspaces, identity, routes, server_routes, settings.base_path, audit)


def access_of(settings: Settings, port: int, page: Page) -> Access | None:
    """Return the access to a server with tokens, or None for one without."""
    if settings.no_token:
        return None
    proxy = Proxy(frozenset(settings.trust_proxy), settings.user_header or None) if settings.trust_proxy else None
    reachable = Reachable(port, settings.names, settings.public_url, proxy)
    return Access(port, settings.home, reachable, page.notices, settings.base_path, settings.hint, settings.start_role)


class RunningServer:
    """A server of workspaces. It listens when it is created. As a context manager, it answers requests in a thread.

    Attributes:
        address: the address that is printed, without a slash at the end.
        local_address: the address for programs on this computer, without a slash at the end.
        port: the port.
        access: the tokens and sessions; None without tokens.
        connections: the connections of the server.

    Args:
        workspaces: the workspaces.
        settings: the settings.

    Raises:
        InvalidValue: the port is in use, or this process may not listen on it.
    """

    def __init__(self, workspaces: Workspaces, settings: Settings) -> None:
        self._socket: socket.socket = listen(settings.port, settings.host)
        self.port: int = self._socket.getsockname()[1]
        self.local_address = f"http://{settings.local_host}:{self.port}{settings.base_path}"
        self.address = (
            settings.public_url.rstrip("/") or f"http://{settings.shown_host}:{self.port}{settings.base_path}"
        )
        self._workspaces = workspaces
        page = Page(settings.base_path, settings.is_page_only or settings.no_token)
        self.access = access_of(settings, self.port, page)
        identity = self.access.identity if self.access else OpenIdentity(self.port, settings.names)
        self.connections = Connections(
            settings.connections, settings.peer_connections, frozenset(settings.trust_proxy), identity.is_personal
        )
        config = uvicorn.Config(
            app(workspaces, identity, settings, page, self.access),
            http=protocol_of(self.connections),  # type: ignore[arg-type]  # uvicorn only calls it
            loop="uvloop",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            log_level="error",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=UPLOAD_SECONDS,
            timeout_keep_alive=60,
        )
        self._server = StoppingServer(config)
        self._thread = threading.Thread(target=self.run, name="runbridge server", daemon=True)

    def run(self) -> None:
        """Answer requests until SIGINT, SIGTERM or `stop`."""
        try:
            with suppress(KeyboardInterrupt):
                self._server.run(sockets=[self._socket])
        finally:
            if self.access is not None:
                self.access.close()

    def __enter__(self) -> RunningServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.join()

    def close(self) -> None:
        """Stop listening. Call it if `run` was not called."""
        self._socket.close()
        if self.access is not None:
            self.access.close()

    def stop(self) -> None:
        """Make `run` end: streams end, and answers that are being sent are completed."""
        self._server.should_exit = True


def serve(
    stores: Sequence[tuple[str, WorkspaceStores]], settings: Settings, announce: Callable[[RunningServer], None]
) -> None:
    """Serve workspaces in this thread until SIGINT or SIGTERM.

    Args:
        stores: the workspaces with their names in addresses.
        settings: the settings.
        announce: is called once the server listens.

    Raises:
        InvalidValue: two workspaces have the same name, or the port is in use.
    """
    return_large_blocks()
    server = RunningServer(
        Workspaces([ServedWorkspace(name, one, settings.file_rules) for name, one in stores]), settings
    )
    with suppress(KeyboardInterrupt):  # the server handles Ctrl-C only once it runs
        announce(server)
        server.run()


def serve_background(
    stores: Sequence[WorkspaceStores], port: int = 0, settings: Settings | None = None
) -> RunningServer:
    """Serve workspaces in a thread of this process, for tests and notebooks, without tokens and only on this computer.

    MLflow's own application is not loaded, unless the settings ask for it: it would change settings of MLflow in this
    process.

    Args:
        stores: the workspaces.
        port: the port; 0 is any free one.
        settings: other settings. The port and the absence of tokens are those of this function.
    """
    settings = replace(settings or Settings(mlflow="off"), port=port, no_token=True)
    return RunningServer(
        Workspaces([ServedWorkspace(address_name(one.name), one, settings.file_rules) for one in stores]), settings
    )


def address_name(name: str) -> str:
    """Return the name of a workspace as addresses have it: lower-case letters, digits, `_` and `-`."""
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:33] or "workspace"
