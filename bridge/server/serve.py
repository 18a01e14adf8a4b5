"""Runs a server of workspaces."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any

import numpy  # noqa: F401  # the first request that needs it would wait for the import
import uvicorn
from starlette.types import ASGIApp

from bridge.errors import BridgeError
from bridge.server.access_log import AccessLog
from bridge.server.admission import Admission
from bridge.server.connections import Connections
from bridge.server.dispatch import Dispatcher, Identity
from bridge.server.files.native_routes import file_routes
from bridge.server.folding import Folding
from bridge.server.identity.access import Access
from bridge.server.identity.reachable import Proxy, Reachable
from bridge.server.interpreter import serve_well
from bridge.server.measured import Measured
from bridge.server.memory import return_large_blocks
from bridge.server.native.routes import native_routes
from bridge.server.observed import Observed
from bridge.server.open_identity import OpenIdentity
from bridge.server.openapi import description_of
from bridge.server.operations import operation_routes
from bridge.server.page import Page
from bridge.server.plugin_routes import plugin_routes
from bridge.server.portal.live import end_streams
from bridge.server.portal.team import portal_routes
from bridge.server.protocol import protocol_of
from bridge.server.routes import Route
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
    admission: Admission | None = None,
    operations: Sequence[Route] = (),
) -> Dispatcher:
    """Return the application that answers the requests to workspaces."""
    page = page or Page(settings.base_path)
    routes = [*portal_routes(), *page.routes()]
    if not settings.is_page_only:
        routes += native_routes()
        routes += file_routes()
        routes += plugin_routes(settings.plugin_options)
    server_routes = [*operations, *page.server_routes(workspaces, identity)]
    if access is not None:
        server_routes += access.sign_in.routes()
    audit = access.audit if access is not None else None
    return Dispatcher(workspaces, identity, routes, server_routes, settings.base_path, audit, admission)


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
        folds: whether the server opens and folds the workspaces itself, and refuses what it cannot store. The process
            must not use the workspaces for anything else.
        announce: is called once the server answers requests to the workspaces.

    Raises:
        InvalidValue: the port is in use, or this process may not listen on it.
    """

    def __init__(
        self,
        workspaces: Workspaces,
        settings: Settings,
        folds: bool = False,
        announce: Callable[[RunningServer], None] = lambda server: None,
    ) -> None:
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
        self._folding = Folding(workspaces.values(), self.stop) if folds else None
        self._log = AccessLog(settings.access_log) if settings.access_log else None
        self._announce = announce
        self._failure: Exception | None = None
        measured = Measured(self.connections, self._folding.workspaces.values() if self._folding else ())
        operations = operation_routes(self._folding, measured, identity, self._describe)
        application = app(workspaces, identity, settings, page, self.access, Admission(self._folding), operations)
        self._dispatcher = application
        config = _config(Observed(application, measured, self._log), self.connections)
        beside = [self._tell, *([self._folding.run] if self._folding else []), *([self._reopen] if self._log else [])]
        self._server = StoppingServer(config, beside, self._end_streams)
        self._thread = threading.Thread(target=self.run, name="runbridge server", daemon=True)

    def run(self) -> None:
        """Answer requests until SIGINT, SIGTERM or `stop`.

        Raises:
            BridgeError: a workspace cannot be opened.
        """
        try:
            with suppress(KeyboardInterrupt):
                self._server.run(sockets=[self._socket])
        finally:
            if self._folding is not None:
                self._folding.close()
            if self.access is not None:
                self.access.close()
            if self._log is not None:
                self._log.close()
        failure = self._failure or (self._folding.failure if self._folding else None)
        if failure is not None:
            raise failure

    async def _tell(self) -> None:
        if self._folding is not None:
            await self._folding.opened.wait()
        try:
            self._announce(self)
        except (OSError, BridgeError) as error:  # such as a pipe that no process reads
            self._failure = error
            self.stop()

    async def _reopen(self) -> None:
        assert self._log is not None
        while True:
            await asyncio.sleep(1)
            self._log.reopen_if_moved()

    def _describe(self) -> dict[str, Any]:
        return description_of(self._dispatcher.table.routes, self._dispatcher.server_table.routes)

    def _end_streams(self) -> None:
        for workspace in self._workspaces.values():
            end_streams(workspace.served)

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


def _config(application: ASGIApp, connections: Connections) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=protocol_of(connections),  # type: ignore[arg-type]  # uvicorn only calls it
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


def serve(
    stores: Sequence[tuple[str, WorkspaceStores]], settings: Settings, announce: Callable[[RunningServer], None]
) -> None:
    """Serve workspaces in this thread until SIGINT or SIGTERM.

    Args:
        stores: the workspaces with their names in addresses. They need not be open yet.
        settings: the settings.
        announce: is called once the server answers requests to the workspaces.

    Raises:
        InvalidValue: two workspaces have the same name, or the port is in use.
        BridgeError: a workspace cannot be opened.
    """
    return_large_blocks()
    serve_well()
    workspaces = Workspaces([ServedWorkspace(name, one, settings.file_rules) for name, one in stores])
    with suppress(KeyboardInterrupt):  # the server handles Ctrl-C only once it runs
        RunningServer(workspaces, settings, True, announce).run()


def serve_background(
    stores: Sequence[WorkspaceStores], port: int = 0, settings: Settings | None = None
) -> RunningServer:
    """Serve workspaces in a thread of this process, for tests and notebooks, without tokens and only on this computer.

    MLflow's own application is never loaded, because it would change settings of MLflow in this process. Requests that
    need it are answered with one sentence, which names `runbridge server`.

    Args:
        stores: the workspaces.
        port: the port; 0 is any free one.
        settings: other settings. Those for the port, tokens and MLflow's application are ignored.
    """
    settings = replace(settings or Settings(), port=port, no_token=True, mlflow="off")
    return RunningServer(
        Workspaces([ServedWorkspace(address_name(one.name), one, settings.file_rules) for one in stores]), settings
    )


def address_name(name: str) -> str:
    """Return the name of a workspace as addresses have it: lower-case letters, digits, `_` and `-`."""
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:33] or "workspace"
