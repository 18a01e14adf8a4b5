"""Sends prepared requests over several connections, with little work of its own."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Sent(NamedTuple):
    """The result of sending requests.

    Attributes:
        seconds: from the first byte until the last answer.
        own: the processor time of the sender.
    """

    seconds: float
    own: float


class Connection:
    """A connection that stays open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._connected()

    def _connected(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._port), timeout=120)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def prepared(self, path: str, body: bytes, content_type: str = "application/json", more: str = "") -> bytes:
        """Return the bytes of a POST request."""
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: {content_type}\r\n{more}"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def send(self, request: bytes) -> None:
        """Send a request and wait for its answer.

        Raises:
            RuntimeError: the status is not 200.
        """
        answer = self._first_part(request)
        if not answer:  # a server closes a connection that was idle for some seconds
            self._socket.close()
            self._socket = self._connected()
            answer = self._first_part(request)
        while b"\r\n\r\n" not in answer:
            answer += self._received()
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer[:500].decode("latin-1"))
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        while len(body) < length:
            body += self._received()
        self.body = body

    def _first_part(self, request: bytes) -> bytes:
        """Send a request and return the first bytes of the answer; empty if the connection was closed."""
        try:
            self._socket.sendall(request)
            return self._socket.recv(65_536)
        except ConnectionError:
            return b""

    def _received(self) -> bytes:
        received = self._socket.recv(65_536)
        if not received:
            raise RuntimeError("the server has closed the connection within an answer")
        return received

    def ask(self, path: str, body: Any) -> Any:
        """Send a POST request with JSON, and return the JSON of the answer."""
        self.send(self.prepared(path, json.dumps(body).encode()))
        return json.loads(self.body)

    def get(self, path: str) -> Any:
        """Send a GET request, and return the JSON of the answer."""
        self.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode())
        return json.loads(self.body)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def send_at(
    connections: Sequence[Connection],
    requests: Sequence[Iterable[bytes]],
    rate: float,
    reader: Connection,
    reads: Sequence[bytes],
    pause: float = 0.05,
) -> tuple[Sent, list[float]]:
    """Send the requests of each connection at a rate, and read over another connection until all are sent.

    Args:
        connections: the connections.
        requests: the requests of each connection.
        rate: the requests of each connection per second. A connection that is late does not wait.
        reader: another connection.
        reads: the requests that are sent over it in turn.
        pause: the seconds between two reads.

    Returns:
        The result, and the seconds of each read.
    """
    times: list[float] = []
    ended = threading.Event()

    def paced(prepared: Iterable[bytes]) -> Iterable[bytes]:
        begun = time.perf_counter()
        for number, request in enumerate(prepared):
            time.sleep(max(0.0, begun + number / rate - time.perf_counter()))
            yield request

    def read() -> None:
        number = 0
        while not ended.wait(pause):
            begun = time.perf_counter()
            reader.send(reads[number % len(reads)])
            times.append(time.perf_counter() - begun)
            number += 1

    reading = threading.Thread(target=read)
    reading.start()
    try:
        sent = send_all(connections, [paced(own) for own in requests])
    finally:
        ended.set()
        reading.join()
    return sent, times


def send_all(connections: Sequence[Connection], requests: Sequence[Iterable[bytes]]) -> Sent:
    """Send the requests of each connection one after another, in a thread for each connection."""
    failed: list[Exception] = []

    def send(connection: Connection, prepared: Iterable[bytes]) -> None:
        try:
            for request in prepared:
                connection.send(request)
        except (OSError, RuntimeError) as error:
            failed.append(error)

    pairs = zip(connections, requests, strict=True)
    threads = [threading.Thread(target=send, args=pair) for pair in pairs]
    begun, own = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return Sent(time.perf_counter() - begun, time.process_time() - own)
