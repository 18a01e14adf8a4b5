"""A real server with tokens, and requests to it with exactly the headers that a test gives."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asking import Answer

from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.token_store import TokenStore
from bridge.server.identity.tokens import Grant
from bridge.server.roles import Role
from bridge.server.serve import RunningServer
from bridge.server.settings import Settings
from bridge.server.workspaces import ServedWorkspace, Workspaces
from bridge.store.workspace_stores import WorkspaceStores

Header = tuple[str, str]


@dataclass
class ServerSite:
    """A running server with tokens.

    Attributes:
        server: the server.
        home: the folder of `server.db`.
    """

    server: RunningServer
    home: Path

    @property
    def host(self) -> str:
        """The value of `Host`."""
        return f"127.0.0.1:{self.server.port}"

    @property
    def origin(self) -> str:
        """The origin of the server's pages."""
        return f"http://{self.host}"

    def ask(self, method: str, path: str, *headers: Header, host: Any = "", body: bytes | None = None) -> Answer:
        """Send a request and return the answer.

        Args:
            method: the method.
            path: the path and the query, sent as they are.
            headers: all headers but `Host` and `Content-Length`.
            host: the values of `Host`; "" is the right one.
            body: the body.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for value in [self.host] if host == "" else host:
                connection.putheader("Host", value)
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None or method not in ("GET", "HEAD"):
                connection.putheader("Content-Length", str(len(body or b"")))
            connection.endheaders(body)
            answer = connection.getresponse()
            given = {name.lower(): value for name, value in answer.getheaders()}
            is_stream = given.get("content-type", "").startswith("text/event-stream")
            return Answer(answer.status, given, b"" if is_stream else answer.read())
        finally:
            connection.close()


def bearer(token: str) -> Header:
    """Return the header with a token."""
    return "Authorization", f"Bearer {token}"


def new_token(home: Path, role: Role, workspace: str | None = None, experiment: str | None = None) -> str:
    """Create a token in the database of a server, and return its text. Its user is the name of the role."""
    with ServerDatabase(home) as database:
        return str(TokenStore(database).create_token(role, [Grant(role, workspace, experiment)])[1])


@contextmanager
def server_site(named: dict[str, WorkspaceStores], home: Path, **settings: Any) -> Iterator[ServerSite]:
    """Serve workspaces in a thread, with the tokens in `server.db`."""
    chosen = Settings(**{"port": 0, "home": home, "mlflow": "off", **settings})
    served = Workspaces([ServedWorkspace(name, stores, chosen.file_rules) for name, stores in named.items()])
    with RunningServer(served, chosen) as server:
        yield ServerSite(server, home)
