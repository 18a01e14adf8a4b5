"""Several requests of one connection."""

from __future__ import annotations

import logging
import threading

import pytest
from loaded_server import until
from raw_server import ROUTES, raw_server
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.server.connections import Connections
from bridge.server.protocol import WAITING_REQUESTS
from bridge.server.routes import Call, Route


def test_a_running_request_learns_that_the_client_has_gone(caplog: pytest.LogCaptureFixture) -> None:
    """uvicorn itself reports that only to the newest request."""
    started, gone = threading.Event(), threading.Event()

    async def wait(call: Call) -> ASGIApp:
        while (await call.receive())["type"] != "http.disconnect":
            started.set()
        gone.set()
        return PlainTextResponse("too late")

    with raw_server(Connections(), [*ROUTES, Route("GET", "/wait", wait, None, "read")]) as raw:
        with raw.connect() as connection:
            connection.sendall(raw.head("GET /wait HTTP/1.1") + raw.head())
            assert started.wait(20)
        assert gone.wait(20)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_refusal_is_not_written_into_a_running_answer() -> None:
    with raw_server(Connections()) as raw, raw.connect() as connection:
        connection.sendall(raw.head("GET /large HTTP/1.1"))
        answer = connection.recv(1_000)
        assert answer.startswith(b"HTTP/1.1 200 ")
        connection.sendall(raw.head() + b"no request\r\n\r\n")
        while piece := connection.recv(1 << 20):
            assert b"HTTP/1.1" not in piece
            answer += piece
    assert len(answer) < 64 << 20, "the connection is closed before the end of the answer"


def test_a_connection_has_a_number_of_waiting_requests() -> None:
    with raw_server(Connections()) as raw:
        last = raw.head("GET /size HTTP/1.1", "Connection: close")
        answer = raw.sent(raw.head() * WAITING_REQUESTS + last)
        assert answer.count(b"HTTP/1.1 200 ") == WAITING_REQUESTS + 1
        answer = raw.sent(raw.head() * (WAITING_REQUESTS + 1) + last)
        assert answer.startswith(b"HTTP/1.1 400 ") and b"too many requests" in answer


def test_a_failure_after_a_complete_answer_does_not_close_the_connection() -> None:
    """FastAPI raises the error to which it has answered 500 again, so that a server logs it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("failed", 500)(scope, receive, send)
        raise ValueError("logged")

    async def failing(call: Call) -> ASGIApp:
        return answer

    with raw_server(Connections(), [*ROUTES, Route("GET", "/failing", failing, None, "read")]) as raw:
        with raw.connect() as connection:
            for target, expected in (("/failing", b"HTTP/1.1 500 "), ("/size", b"HTTP/1.1 200 ")):
                connection.sendall(raw.head(f"GET {target} HTTP/1.1"))
                assert connection.recv(65_536).startswith(expected)
                until(lambda: raw.protocols[0].cycle.response_complete, "the answer is complete")
