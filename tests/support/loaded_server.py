"""Requests to `runbridge server` by a client that uses only HTTP, and raw event streams."""

from __future__ import annotations

import http.client
import json
import socket
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from bridge.records.times import now_ms

PATIENCE_SECONDS = 30.0

Reply = tuple[int, http.client.HTTPMessage, bytes]
"""The status, the headers and the body of an answer."""


class Client:
    """A client with one connection.

    Args:
        address: the address of a workspace.
        source: the address of this computer from which it connects.
    """

    def __init__(self, address: str, source: str = "127.0.0.1") -> None:
        parts = urlsplit(address)
        self.path, self.host, self.port = parts.path, str(parts.hostname), parts.port or 80
        self._connection = http.client.HTTPConnection(self.host, self.port, timeout=30, source_address=(source, 0))

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Send a request, and return the status, the headers and the body of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._connection.request(method, self.path + path, body, named)
            answer = self._connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def call(self, method: str, key_of_call: str = "", **arguments: Any) -> Any:
        """Call a method of the store, and return its result. The status must be 200."""
        status, _, body = self.try_call(method, key_of_call, **arguments)
        assert status == 200, body
        return json.loads(body)["result"]

    def try_call(self, method: str, key_of_call: str = "", **arguments: Any) -> Reply:
        """Call a method of the store.

        The key lets the server recognize a repetition. Only points may be sent without a key: they then go into the
        journal of the server.
        """
        headers = {"Content_Type": "application/json"}
        if key_of_call or method != "log_points":
            headers["Idempotency_Key"] = key_of_call or uuid.uuid4().hex
        return self.ask("POST", f"/api/bridge/v1/{method}", json.dumps(arguments).encode(), **headers)

    def new_run(self, experiment_id: str = "0") -> str:
        """Create a run, and return its id."""
        run_id = uuid.uuid4().hex
        record = {"id": run_id, "experiment_id": experiment_id, "start_time": now_ms()}
        self.call("create_runs", records=[record], leases=[])
        return run_id

    def log(self, run_id: str, key: str, steps: list[int]) -> None:
        """Log a point for each step. Its value is the step."""
        self.call("log_points", run_id=run_id, points=[point_json(key, step) for step in steps])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __del__(self) -> None:
        self.close()


def point_json(key: str, step: int) -> list[Any]:
    """Return a point, as the native API sends it."""
    return [key, float(step), 1_700_000_000_000 + step, step]


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait until a condition holds, and return its value."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(what)


class Stream:
    """An event stream that is read without a thread, or another request whose body is never complete.

    Args:
        address: the address of a workspace.
        source: the address of this computer from which it connects.
        token: the token, if the server has tokens.
        head: the method.
        path: the path below the workspace.
        length: the length of the body that is announced and not sent; 0 for an event stream.
    """

    def __init__(
        self,
        address: str,
        source: str = "127.0.0.1",
        token: str = "",
        head: str = "GET",
        path: str = "/portal/api/changes",
        length: int = 0,
    ) -> None:
        parts = urlsplit(address)
        self._socket = socket.create_connection((str(parts.hostname), parts.port or 80), 30, source_address=(source, 0))
        lines = [f"{head} {parts.path}{path} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"Authorization: Bearer {token}"] if token else []
        lines += [f"Content-Length: {length}"] if length else []
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.text = b""
        if not length:
            self.read_until(b"data: ")

    def read_until(self, wanted: bytes) -> None:
        """Read until a text has come."""
        while wanted not in self.text:
            piece = self._socket.recv(65_536)
            assert piece, self.text
            self.text += piece

    def read_to_the_end(self) -> bytes:
        """Read until the server ends the stream, and return everything."""
        while piece := self._socket.recv(65_536):
            self.text += piece
        return self.text

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __del__(self) -> None:
        self.close()
