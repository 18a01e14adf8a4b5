"""A client repeats requests that are not answered, for a limited time, and believes only answers of a server."""

from __future__ import annotations

import json
import logging
import os
import pickle
import random
import threading
import time
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
import requests

from bridge.errors import BridgeError, NotFound, StoreUnavailable
from bridge.records.wire import dump_error
from bridge.store.http import protocol, requests_sent
from bridge.store.http.backend import HttpBackend
from bridge.store.http.methods import PROTOCOL, PROTOCOL_HEADER
from bridge.store.http.requests_sent import Requests
from bridge.store.retries import Retries


class Scripted(NamedTuple):
    """An answer of a server of tests. Without a status, the connection is closed.

    `missing` is how many bytes of the content never arrive.
    """

    status: int = 0
    content: bytes = b""
    headers: Mapping[str, str] = {}
    missing: int = 0


HEADERS = {"Content-Type": "application/json", PROTOCOL_HEADER: str(PROTOCOL), "Set-Cookie": "a=b"}
OK = Scripted(200, b'{"result": "an id"}', HEADERS)


class ScriptedServer(ThreadingHTTPServer):
    """A server that gives the answers of a list, and then the last one again."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Scripted] = [OK]
        self.heads: list[dict[str, str]] = []
        self.times: list[float] = []
        self.connections = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heads.append({name.lower(): value for name, value in self.headers.items()})
        self.server.times.append(time.monotonic())
        script = self.server.script
        answer = script.pop(0) if len(script) > 1 else script[0]
        if not answer.status:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content[: len(answer.content) - answer.missing])
        self.close_connection = answer.missing > 0

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests_sent, "FIRST_PAUSE_SECONDS", 0.01)


def ask(server: ScriptedServer, *script: Scripted, patience_seconds: float = 20, token: str | None = None) -> str:
    """Ask for the id of the workspace."""
    server.script = list(script)
    store = HttpBackend(server.address, token, patience_seconds)
    try:
        return store.find_workspace_id()
    finally:
        store.close()


@pytest.mark.parametrize(
    "failure",
    [
        Scripted(),
        Scripted(429),
        Scripted(502, b"<html>"),
        Scripted(503, b"<html>", {"Content-Type": "text/html"}),
        Scripted(503, b"{}", {"Content-Type": "application/json", "Retry-After": "0"}),
        Scripted(504),
        OK._replace(missing=1),
        Scripted(404, b'{"error": "NotFound"}', {"Content-Type": "application/json"}, missing=21),
        Scripted(500, b"<html>", missing=1),
    ],
)
def test_a_request_is_repeated_until_it_is_answered(server: ScriptedServer, failure: Scripted) -> None:
    assert ask(server, failure, failure, OK) == "an id"
    assert len(server.heads) == 3


def test_the_random_numbers_of_a_program_do_not_change(server: ScriptedServer) -> None:
    random.seed(7)
    expected = random.getstate()
    assert ask(server, Scripted(), Scripted(429), OK) == "an id"
    Retries().fail(StoreUnavailable)
    assert random.getstate() == expected, "a program that has set a seed gets the same numbers"


def test_the_server_chooses_the_pause(server: ScriptedServer) -> None:
    assert ask(server, Scripted(429, headers={"Retry-After": "1"}), OK) == "an id"
    assert server.times[1] - server.times[0] >= 1
    date = formatdate(time.time() + 2, usegmt=True)
    assert ask(server, Scripted(503, headers={"Retry-After": date}), OK) == "an id"
    assert server.times[3] - server.times[2] > 0.5


def test_a_request_is_repeated_only_for_its_time(server: ScriptedServer) -> None:
    with pytest.raises(StoreUnavailable, match="closed"):
        ask(server, Scripted(), patience_seconds=0.3)
    with pytest.raises(StoreUnavailable, match="it answered with the status 429, but not as Runbridge does"):
        ask(server, Scripted(429, headers={"Retry-After": "3600"}), patience_seconds=5)
    assert len(server.heads) > 2


def test_an_answer_that_is_cut_is_described(server: ScriptedServer) -> None:
    for answer in (OK, Scripted(404, b"<html>")):
        with pytest.raises(StoreUnavailable, match=r"is not available: the connection was lost within an answer\.$"):
            ask(server, answer._replace(missing=1), patience_seconds=0.2)


def test_a_server_that_never_answers_takes_no_more_than_the_time(server: ScriptedServer) -> None:
    silent = threading.Event()
    server.RequestHandlerClass.do_POST, answer = (lambda self: silent.wait(30)), Handler.do_POST  # type: ignore[attr-defined]
    try:
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match="it did not answer in time"):
            ask(server, patience_seconds=1)
        assert time.monotonic() - started < 20
    finally:
        silent.set()
        server.RequestHandlerClass.do_POST = answer  # type: ignore[attr-defined]


def test_an_error_of_the_store_is_final(server: ScriptedServer) -> None:
    error = StoreUnavailable("The database", "the request took longer than its time limit")
    content = json.dumps(dump_error(error)).encode()
    with pytest.raises(StoreUnavailable, match="longer than its time limit"):
        ask(server, Scripted(503, content, {"Content-Type": "application/json"}), OK)
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    "answer, sentence",
    [
        (Scripted(302, headers={"Location": "http://127.0.0.1:9/"}), "it redirects to another address"),
        (Scripted(404, b"This server has no such address."), "There is no workspace"),
        (Scripted(200, b"<html>", {"Content-Type": "text/html"}), "it is not a server of Runbridge"),
        (Scripted(200, b"{}", HEADERS), "its answer cannot be read"),
        (Scripted(200, b"[]", HEADERS), "its answer cannot be read"),
        (Scripted(200, b"{}", {**HEADERS, PROTOCOL_HEADER: "0"}), "upgrade runbridge on the server"),
        (Scripted(500, b'{"error": {"kind": "os", "sentence": 5, "fields": []}}'), "but not as Runbridge does"),
        (Scripted(500, b"[" * 100_000, {"Content-Type": "application/json"}), "but not as Runbridge does"),
    ],
)
def test_another_answer_is_described_in_one_sentence(server: ScriptedServer, answer: Scripted, sentence: str) -> None:
    with pytest.raises(BridgeError, match=sentence):
        ask(server, answer, OK)
    assert len(server.heads) == 1


def refusal(version: int) -> Scripted:
    """Return the answer of a server with another version to a client that it does not know."""
    content = json.dumps(dump_error(StoreUnavailable("It", "the versions differ"))).encode()
    return Scripted(409, content, {**HEADERS, PROTOCOL_HEADER: str(version)})


def test_the_newest_protocol_that_both_know_is_sent(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "PROTOCOL", PROTOCOL + 2)
    store = HttpBackend(server.address)
    upgraded = Scripted(200, OK.content, {**HEADERS, PROTOCOL_HEADER: str(PROTOCOL + 9)})
    server.script = [refusal(PROTOCOL), OK, OK, refusal(PROTOCOL - 1), upgraded, OK]
    for _ in range(2):
        assert store.find_workspace_id() == "an id"
    with pytest.raises(StoreUnavailable, match="upgrade runbridge on the server"):
        store.find_workspace_id()
    for _ in range(2):
        assert store.find_workspace_id() == "an id"
    sent = [int(head[PROTOCOL_HEADER.lower()]) for head in server.heads]
    assert sent == [PROTOCOL + 2, PROTOCOL, PROTOCOL, PROTOCOL, PROTOCOL, PROTOCOL + 2]
    store.close()


def test_a_refusal_of_a_newer_server_is_final(server: ScriptedServer) -> None:
    with pytest.raises(StoreUnavailable, match="the versions differ"):
        ask(server, refusal(PROTOCOL + 1), OK)
    assert len(server.heads) == 1


def test_the_token_is_sent_and_never_shown(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert ask(server, OK, token="rb_token") == "an id"
    assert server.heads[0]["authorization"] == "Bearer rb_token"
    requests = Requests(server.address, "rb_token")
    assert "rb_token" not in repr(requests)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(requests)


def test_connections_are_used_again_and_cookies_are_not_kept(server: ScriptedServer) -> None:
    store = HttpBackend(server.address)
    assert [store.find_workspace_id() for _ in range(5)] == ["an id"] * 5
    assert server.connections == 1
    assert not any("cookie" in head for head in server.heads)
    store.close()
    assert store.find_workspace_id() == "an id"
    store.close()


def test_a_child_after_a_fork_has_connections_of_its_own(server: ScriptedServer) -> None:
    store = HttpBackend(server.address)
    store.find_workspace_id()
    child = os.fork()
    if child == 0:
        os._exit(0 if store.find_workspace_id() == "an id" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.find_workspace_id() == "an id"
    assert server.connections == 2
    store.close()


def test_threads_share_a_store(server: ScriptedServer) -> None:
    store = HttpBackend(server.address)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.extend(store.find_workspace_id() for _ in range(20))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["an id"] * 160
    store.close()


def test_an_absent_server_is_named() -> None:
    store = HttpBackend("http://127.0.0.1:9", patience_seconds=0.1)
    with pytest.raises(StoreUnavailable, match=r"http://127.0.0.1:9 is not available: connection refused"):
        store.find_workspace_id()


def test_a_run_that_does_not_exist_is_the_same_error_as_locally(server: ScriptedServer) -> None:
    content = json.dumps(dump_error(NotFound("run", "x"))).encode()
    with pytest.raises(NotFound, match="There is no run 'x'") as raised:
        ask(server, Scripted(404, content, {"Content-Type": "application/json"}))
    assert (raised.value.kind, raised.value.name) == ("run", "x")


def test_a_program_that_logs_everything_sees_its_own_connections_and_not_ours(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = HttpBackend(server.address)
    with caplog.at_level(logging.DEBUG):
        server.script = [Scripted(), Scripted(503, b"", {"Retry-After": "0"}), OK]
        assert store.find_workspace_id() == "an id"
        assert [record.name for record in caplog.records if record.name.startswith("urllib3")] == []
        requests.post(server.address, b"", timeout=30)
    assert [record.name for record in caplog.records if record.name.startswith("urllib3")]
    store.close()
