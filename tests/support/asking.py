"""Requests to a server of the page, with exactly the headers that a test gives."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple

from bridge.server.portal_server import PortalServer
from bridge.server.start import HOST

Header = tuple[str, str]
FROM_PAGE: tuple[Header, ...] = (("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors"))
"""The headers that a browser adds to a read by a script of the page."""
NAVIGATION: tuple[Header, ...] = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))


def cookie_of(server: PortalServer) -> tuple[str, str]:
    """Start a session of a server, and return the name and the value of its cookie."""
    secret = server.access.accounts.start_session(server.access.start_token_id)
    assert secret is not None
    return f"runbridge-{server.port}", secret


class Answer(NamedTuple):
    """An answer of the server."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """The kind of the error in the body."""
        return str(json.loads(self.body)["error"]["kind"])


class Asking:
    """A client of one server.

    Args:
        server: the server.
    """

    def __init__(self, server: PortalServer) -> None:
        self.server = server
        self.host = f"{HOST}:{server.port}"
        self.origin = f"http://{self.host}"
        self.cookie: Header = ("Cookie", "=".join(cookie_of(server)))
        self.bearer: Header = ("Authorization", f"Bearer {server.token}")

    def ask(self, method: str, path: str, *headers: Header, host: Any = "", body: bytes | None = None) -> Answer:
        """Send a request and return the answer.

        Args:
            method: the method.
            path: the path and the query, sent as they are.
            headers: all headers but `Host` and `Content-Length`.
            host: the values of `Host`; "" is the right one.
            body: the body.
        """
        connection = http.client.HTTPConnection(HOST, self.server.port, timeout=20)
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
            # The stream of changes does not end.
            content = b"" if given.get("content-type", "").startswith("text/event-stream") else answer.read()
            return Answer(answer.status, given, content)
        finally:
            connection.close()

    def change(self, method: str, path: str, *headers: Header, body: object = None) -> Answer:
        """Send a change as a script of the page does, with more headers."""
        own = (self.cookie, ("Origin", self.origin), *FROM_PAGE, ("X-Runbridge", "1"))
        return self.ask(method, path, *own, *headers, body=json.dumps(body).encode())
