"""Connections of other users of this computer, and requests that are too long or malformed, are closed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest
from asking import Asking

from bridge.server import peers, protocol
from bridge.server.peers import is_of_another_user
from bridge.server.start import HOST

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists the users of connections")


def sent(asking: Asking, data: bytes) -> bytes:
    """Send bytes, and return what comes until the server closes the connection."""
    with socket.create_connection((HOST, asking.server.port), timeout=20) as connection:
        answer = b""
        try:
            connection.sendall(data)
            while piece := connection.recv(65_536):
                answer += piece
        except ConnectionError:
            pass
        return answer


def head(asking: Asking, first: str = "GET /portal/api/home HTTP/1.1", *more: str) -> bytes:
    lines = [first, f"Host: {asking.host}", f"{asking.bearer[0]}: {asking.bearer[1]}", "Connection: close", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_right_request_is_answered(owner: Asking) -> None:
    assert sent(owner, head(owner)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "more",
    [
        "Host : evil.example",
        " evil.example",
        "X: a\0b",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Content-Length: +2",
        "Content-Length: -1",
        "Content-Length: 99999999999999999999999",
        "Transfer-Encoding: identity, chunked",
    ],
)
def test_an_ambiguous_request_is_refused(owner: Asking, more: str) -> None:
    answer = sent(owner, head(owner, "POST /portal/api/tail HTTP/1.1", more) + b"{}")
    assert answer.partition(b" ")[2][:3] in (b"400", b"411"), answer
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("target", ["http://evil.example/portal/api/home", "http://127.0.0.1/portal/api/home", "*"])
def test_the_target_is_a_path(owner: Asking, target: str) -> None:
    assert sent(owner, head(owner, f"GET {target} HTTP/1.1")).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "path", ["//api/home", "/API/home", "/api%2fhome", "/../portal/api/home", "/api/%2e%2e/api/home"]
)
def test_other_spellings_of_a_path_need_the_session_too(owner: Asking, path: str) -> None:
    request = f"GET /portal{path} HTTP/1.1\r\nHost: {owner.host}\r\nConnection: close\r\n\r\n"
    assert sent(owner, request.encode()).startswith(b"HTTP/1.1 401 ")


def test_a_long_head_is_refused_before_it_has_arrived(owner: Asking) -> None:
    start = head(owner)[:-2]
    for long in (b"X: " + b"a" * (protocol.HEAD_BYTES + protocol.TARGET_BYTES), b"X: a\r\n" * protocol.HEAD_BYTES):
        assert sent(owner, start + long).startswith(b"HTTP/1.1 431 ")
    assert sent(owner, start + b"X: " + b"a" * 30_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_long_form_is_refused_before_it_is_read(owner: Asking) -> None:
    """Everyone may send this form, and splitting it takes long."""
    request = f"POST /login HTTP/1.1\r\nHost: {owner.host}\r\nContent-Length: 10000000\r\n\r\n"
    started = time.monotonic()
    sent(owner, request.encode() + b"a=b&" * 2_500_000)
    assert sent(owner, head(owner)).startswith(b"HTTP/1.1 200 ")
    assert time.monotonic() - started < 10


def test_a_connection_without_a_request_is_closed(owner: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    assert sent(owner, b"") == b""
    assert sent(owner, b"GET /portal/ HTTP/1.1\r\nHost:").startswith(b"HTTP/1.1 408 ")


@linux
def test_the_user_of_a_connection_is_found() -> None:
    for family, address in ((socket.AF_INET, HOST), (socket.AF_INET6, f"::ffff:{HOST}")):
        with socket.socket() as listening, socket.socket(family) as client:
            listening.bind((HOST, 0))
            listening.listen()
            client.connect((address, listening.getsockname()[1]))
            accepted, peer = listening.accept()
            with accepted, pytest.MonkeyPatch.context() as patch:
                own = (1, os.getuid())  # the state is "established"
                assert peers.ask_kernel(peer, accepted.getsockname()) == own
                assert peers.read_tables(peer, accepted.getsockname()) == own
                assert not is_of_another_user(peer, accepted.getsockname())
                patch.setattr(peers, "_is_own", lambda user: user != os.getuid())
                assert is_of_another_user(peer, accepted.getsockname()), "it is in the table"
                patch.undo()
                client.close()
                assert is_of_another_user(peer, accepted.getsockname()), "a closed connection has no user"
    assert not is_of_another_user((HOST, 1), (HOST, 2)), "the connection is not known"


@linux
@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a process of another user")
def test_another_user_gets_nothing_even_with_the_token(owner: Asking) -> None:
    code = f"""
import encodings.idna, os, socket, sys
if sys.argv[1:]:
    os.setgroups([])
    os.setgid(65_534)
    os.setuid(65_534)
connection = socket.create_connection(({HOST!r}, {owner.server.port}))
try:
    connection.sendall({head(owner)!r})
    print(connection.recv(10))
except ConnectionError:
    print("refused")
"""
    ask = [sys.executable, "-I", "-S", "-c", code]
    assert subprocess.run(ask, capture_output=True, text=True).stdout == "b'HTTP/1.1 2'\n"
    other = subprocess.run([*ask, "other"], capture_output=True, text=True)
    assert other.stdout in ("refused\n", "b''\n"), other.stderr
