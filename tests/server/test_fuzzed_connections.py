"""Random bytes, cut requests, and requests that are sent together do not harm other clients.

`RUNBRIDGE_LONG=50` opens 20,000 connections, each time with other bytes.
"""

from __future__ import annotations

import json
import random
import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from httptools import HttpParserError, HttpResponseParser
from loaded_server import Client, until
from longer import LONG, SCALE
from served_workspaces import served

from bridge.server.protocol import WAITING_REQUESTS
from bridge.store.create import create_store

pytestmark = pytest.mark.slow

CONNECTIONS = 400 * SCALE
SEED = 20_261_128
PATIENCE_SECONDS = 30.0
"""The server waits 10 seconds for the rest of a head, and measures the rate of a body after 10 seconds."""

WAIT_SECONDS = 0.2
EVERY = 50
"""The number of connections after which another client sends a request."""

SIZES = [
    "0", "1", "3", "5", "a", "A", "00003", "3;a=b", "3 ", " 3", "-1", "+3", "0x3", "", "zz", "7fffffffffffffff",
    "ffffffffffffffff", "fffffffffffffffff", "100000", "3\r\nabc\r\n0", "3\n",
]  # fmt: skip

HEADERS = [
    "Host: evil.example", "Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999",
    "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding : chunked",
    "Connection: close", "Connection: upgrade", "Upgrade: h2c", "Upgrade: websocket", "Expect: 100-continue",
    "Expect: x", "A" * 40_000, "X: " + "a" * 40_000, ": x", "X", "X:\0", "X: \x7f", " X: folded",
    "Range: bytes=0-,1-", "Content-Type: \xff",
]  # fmt: skip


class Bytes:
    """Draws what is sent on a connection.

    Args:
        seed: determines everything.
        netloc: the host and port of the server.
        run: the id of a run.
    """

    def __init__(self, seed: int, netloc: str, run: str) -> None:
        self.chance = random.Random(seed)
        self._netloc, self._run = netloc, run

    def drawn(self) -> bytes:
        """Return the bytes for one connection."""
        kind = self.chance.choice([self._noise, self._one, self._changed, self._several, self._in_pieces, self._cut])
        return kind()

    def in_parts(self, data: bytes) -> Iterator[bytes]:
        """Yield the bytes in parts, as they are sent."""
        while data:
            size = self.chance.choice([1, 10, 100, 1_000, len(data), len(data), len(data)])
            yield data[:size]
            data = data[size:]

    def _noise(self) -> bytes:
        begin = self.chance.choice(
            [b"", b"GET ", b"GET / HTTP/1.1\r\n", b"\r\n\r\n", b"\x16\x03\x01\x02\x00", b"PRI * "]
        )
        return begin + self.chance.randbytes(self.chance.choice([0, 1, 7, 100, 5_000]))

    def _head(self, first: str, *headers: str) -> bytes:
        lines = [first, f"Host: {self._netloc}", *headers, "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def _one(self) -> bytes:
        """Return a valid request, or one with odd headers."""
        odd = self.chance.sample(HEADERS, self.chance.choice([0, 0, 0, 1, 2]))
        if self.chance.random() < 0.4:
            paths = [
                "/healthz",
                "/w/demo/api/2.0/mlflow/runs/get?run_id=" + self._run,
                "/w/demo/none",
                "/w/demo/portal/",
            ]
            return self._head(f"GET {self.chance.choice(paths)} HTTP/1.1", *odd)
        method, body = self.chance.choice(self._bodies())
        first = f"{'PUT' if 'artifacts/' in method else 'POST'} {method} HTTP/1.1"
        return self._head(first, "Content-Type: application/json", f"Content-Length: {len(body)}", *odd) + body

    def _bodies(self) -> list[tuple[str, bytes]]:
        point = {"run_id": self._run, "key": "loss", "value": 0.5, "timestamp": 1, "step": self.chance.randrange(99)}
        search = {"experiment_ids": ["0"], "max_results": 3}
        return [
            ("/w/demo/api/2.0/mlflow/runs/log-metric", json.dumps(point).encode()),
            ("/w/demo/api/2.0/mlflow/runs/log-batch", json.dumps({"run_id": self._run, "metrics": [point]}).encode()),
            ("/w/demo/api/2.0/mlflow/runs/search", json.dumps(search).encode()),
            (f"/w/demo/api/2.0/mlflow-artifacts/artifacts/0/{self._run}/artifacts/a.txt", b"text" * 1_000),
            ("/w/demo/api/bridge/v1/get_runs", json.dumps({"run_ids": [self._run]}).encode()),
        ]

    def _changed(self) -> bytes:
        """Return a request of which some bytes are others."""
        data = bytearray(self._one())
        for _ in range(self.chance.choice([1, 1, 3, 10])):
            data[self.chance.randrange(min(len(data), 300))] = self.chance.choice([0, 10, 13, 32, 58, 255, 65, 48])
        return bytes(data)

    def _several(self) -> bytes:
        return b"".join(self.chance.choice([self._one, self._changed])() for _ in range(self.chance.choice([2, 3, 20])))

    def _in_pieces(self) -> bytes:
        """Return a request whose body comes in pieces, most of them odd."""
        path = self.chance.choice(self._bodies())[0]
        first = f"{'PUT' if 'artifacts/' in path else 'POST'} {path} HTTP/1.1"
        pieces = [f"{self.chance.choice(SIZES)}\r\nabc\r\n" for _ in range(self.chance.choice([1, 2, 50]))]
        end = self.chance.choice(["0\r\n\r\n", "0\r\n", "", "0\r\nX: y\r\n\r\n", "0\r\n\r\nGET / HTTP/1.1\r\n\r\n"])
        return self._head(first, "Transfer-Encoding: chunked") + ("".join(pieces) + end).encode()

    def _cut(self) -> bytes:
        data = self.chance.choice([self._one, self._several, self._in_pieces])()
        return data[: self.chance.randrange(len(data))]


def exchanged(address: tuple[str, int], data: Bytes) -> tuple[bytes, bytes]:
    """Send what was drawn on a new connection, and return it with everything that the server answers.

    The client then stops sending, or closes or resets the connection. If it stops, the server must close the
    connection.
    """
    sent, answer = data.drawn(), b""
    with socket.create_connection(address, PATIENCE_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for part in data.in_parts(sent):
                connection.sendall(part)
            how = data.chance.choice(["stop", "wait", "wait", "wait", "close", "reset"])
            if how == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if how in ("close", "reset"):
                return sent, b""
            if how == "wait":  # for an answer, which a server may drop once the client has stopped
                select.select([connection], [], [], WAIT_SECONDS)
            with suppress(OSError):  # the server has reset the connection
                connection.shutdown(socket.SHUT_WR)
        except ConnectionError:  # the server has answered an error, and closed the connection
            pass
        try:
            while piece := connection.recv(65_536):
                answer += piece
        except ConnectionError:
            pass
    return sent, answer


class Answers:
    """The statuses and bodies of the answers in what a server has sent."""

    def __init__(self, data: bytes) -> None:
        self.statuses: list[int] = []
        self.bodies: list[bytes] = []
        self._parser = HttpResponseParser(self)
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        """Begin an answer."""
        self.statuses.append(self._parser.get_status_code())
        self.bodies.append(b"")

    def on_body(self, body: bytes) -> None:
        """Add to the present answer."""
        self.bodies[-1] += body


def test_nothing_that_a_connection_sends_harms_others(tmp_path: Path) -> None:
    create_store(tmp_path / "demo", "demo").close()
    seed = int(time.time()) if LONG else SEED
    with served({"demo": tmp_path / "demo"}, tmp_path / "log", "--mlflow", "off") as server:
        other = Client(server.at("demo"))
        run = other.new_run()
        parts = urlsplit(server.address)
        data = Bytes(seed, parts.netloc, run)
        statuses = Counter[int]()
        for number in range(CONNECTIONS):
            sent, answer = exchanged((str(parts.hostname), parts.port or 80), data)
            shown = f"seed {seed}, connection {number}: {sent[:2_000]!r} was answered {answer[:2_000]!r}"
            try:
                found = Answers(answer)
            except HttpParserError as error:
                raise AssertionError(f"{shown}: {error}") from error
            statuses.update(found.statuses)
            assert all(status < 500 for status in found.statuses), shown
            assert b"Traceback" not in answer, shown
            if number % EVERY == 0:
                assert other.ask("GET", f"/api/2.0/mlflow/runs/get?run_id={run}")[0] == 200, shown
        print(seed, sorted(statuses.items()))
        process = psutil.Process(server.process.pid)
        until(lambda: connections_of(process) <= 1, "the server keeps connections whose clients have gone")
        assert Client(server.address).ask("GET", "/readyz")[0] == 200
        assert process.num_threads() < 60
    log = (tmp_path / "log").read_text(errors="replace")
    assert "Traceback" not in log, (seed, log[-3_000:])
    assert statuses[200] > CONNECTIONS / 20 and statuses[400] > CONNECTIONS / 20, (seed, statuses)


def connections_of(process: psutil.Process) -> int:
    """Return the number of connections of a server with clients."""
    return sum(one.status == psutil.CONN_ESTABLISHED for one in process.net_connections("tcp"))


def test_requests_that_are_sent_together_are_answered_in_order(tmp_path: Path) -> None:
    create_store(tmp_path / "demo", "demo").close()
    seed = int(time.time()) if LONG else SEED
    chance = random.Random(seed)
    with served({"demo": tmp_path / "demo"}, tmp_path / "log", "--mlflow", "off") as server:
        parts = urlsplit(server.address)
        for _ in range(20 * SCALE):
            count, sent = chance.randint(2, WAITING_REQUESTS), b""
            for number in range(count):
                sent += request_for(number, chance, parts.netloc, number == count - 1)
            with socket.create_connection((str(parts.hostname), parts.port or 80), PATIENCE_SECONDS) as connection:
                place = chance.randrange(len(sent))
                connection.sendall(sent[:place])
                connection.sendall(sent[place:])
                answer = b""
                while piece := connection.recv(65_536):
                    answer += piece
            found = Answers(answer)
            assert found.statuses == [404] * count, (seed, sent, answer)
            assert [f"none{number}x".encode() in body for number, body in enumerate(found.bodies)] == [True] * count


def request_for(number: int, chance: random.Random, netloc: str, is_last: bool) -> bytes:
    """Return a request for a run that does not exist. Its answer contains its number."""
    id, end = f"none{number}x", "Connection: close\r\n" if is_last else ""
    if chance.random() < 0.5:
        head = f"GET /w/demo/api/2.0/mlflow/runs/get?run_id={id} HTTP/1.1\r\nHost: {netloc}\r\n{end}\r\n"
        return head.encode()
    body = json.dumps({"run_id": id, "key": "a", "value": "b" * chance.choice([0, 10, 4_000])}).encode()
    path = f"/w/demo/api/2.0/mlflow/runs/{chance.choice(['set-tag', 'log-parameter'])}"
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{end}"
    return f"POST {path} HTTP/1.1\r\nHost: {netloc}\r\n{kind}\r\n".encode() + body
