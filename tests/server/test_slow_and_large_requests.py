"""A client that sends slowly, much, or ambiguous bytes is answered with one sentence, and its connection is closed."""

from __future__ import annotations

import http.client
import resource
import socket
import time
from collections.abc import Iterator

import pytest
from raw_server import RawServer, exchanged, raw_server

from bridge.server import protocol
from bridge.server.connections import Connections
from bridge.server.start import HOST


@pytest.fixture(scope="module")
def raw() -> Iterator[RawServer]:
    with raw_server(Connections()) as server:
        yield server


def status(answer: bytes) -> int:
    assert answer.count(b"HTTP/1.1 ") == 1, answer[:500]
    return int(answer.split(b" ", 2)[1])


def test_a_right_request_is_answered(raw: RawServer) -> None:
    answer = raw.sent(raw.head("POST /size HTTP/1.1", "Content-Length: 3", "Connection: close") + b"abc")
    assert status(answer) == 200 and answer.endswith(b"\r\n\r\n3")


def test_a_head_that_is_never_complete_is_closed(raw: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    assert status(raw.sent(raw.head()[:-2])) == 408
    assert status(raw.sent(raw.head()[:-2], *[b"X: y\r\n"] * 10, pause=0.1)) == 408, "more headers keep it open"
    assert raw.sent(*[b"\r\n"] * 10, pause=0.1) == b"", "empty lines keep it open"


def test_the_second_request_of_a_connection_has_the_same_limit(raw: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with raw.connect() as connection:
        connection.sendall(raw.head())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
        assert status(exchanged(connection, raw.head()[:30])) == 408


def test_a_head_that_follows_a_body_in_the_same_segment_has_the_limit(
    raw: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    body = bytes(60_000)
    first = raw.head("POST /size HTTP/1.1", f"Content-Length: {len(body)}") + body
    answer = raw.sent(first + raw.head()[:30])
    assert answer.count(b"HTTP/1.1 200 ") == 1 and answer.count(b"HTTP/1.1 408 ") == 1


def test_a_connection_that_waits_for_its_next_request_stays_open(
    raw: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    with raw.connect() as connection:
        for _ in range(2):
            connection.sendall(raw.head())
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.5)


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (["X: y"] * 99, 200),
        (["X: y"] * 100, 431),
        (["X: " + "a" * 30_000], 200),
        (["X: " + "a" * 32_768], 431),
        (["X: " + "a" * 9_000] * 4, 431),
    ],
)
def test_headers_have_a_limit(raw: RawServer, more: list[str], wanted: int) -> None:
    more = [*more, "Connection: close"] if wanted == 200 and len(more) == 1 else more
    with raw.connect() as connection:
        connection.sendall(raw.head("GET /size HTTP/1.1", *more))
        assert status(connection.recv(65_536)) == wanted


def test_an_address_has_a_limit(raw: RawServer) -> None:
    assert status(raw.sent(raw.head(f"GET /size?{'a' * 60_000} HTTP/1.1", "Connection: close"))) == 200
    assert status(raw.sent(raw.head(f"GET /size?{'a' * 70_000} HTTP/1.1"))) == 414


def test_a_head_of_20_megabytes_is_not_kept(raw: RawServer) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    long = b"a" * 20_000_000
    assert not raw.sent(raw.head()[:-2] + b"X: " + long).startswith(b"HTTP/1.1 200 ")
    assert not raw.sent(b"GET /" + long).startswith(b"HTTP/1.1 200 ")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000, "20 MB are those of this test"


def test_a_body_that_stops_is_closed(raw: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "BODY_SECONDS", 0.3)
    head = raw.head("POST /size HTTP/1.1", "Content-Length: 100000")
    assert status(raw.sent(head)) == 408
    assert status(raw.sent(head, *[b"a" * 10] * 20, pause=0.05)) == 408, "200 bytes a second are too few"
    assert status(raw.sent(head + b"a" * 50_000)) == 408


def test_a_body_that_arrives_fast_enough_is_accepted(raw: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "BODY_SECONDS", 0.2)
    head = raw.head("POST /size HTTP/1.1", "Content-Length: 16000", "Connection: close")
    assert raw.sent(head, *[b"a" * 1000] * 16, pause=0.05).endswith(b"16000")


def test_a_server_that_reads_late_does_not_count_against_the_client(
    raw: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "BODY_SECONDS", 0.3)
    head = raw.head("POST /late HTTP/1.1", "Content-Length: 20000000", "Connection: close")
    assert raw.sent(head + bytes(20_000_000)).endswith(b"20000000")


def test_a_client_that_reads_nothing_is_closed(raw: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "WRITE_SECONDS", 0.3)
    with raw.connect() as connection:
        connection.sendall(raw.head("GET /large HTTP/1.1"))
        time.sleep(1)
        received = 0
        with pytest.raises(ConnectionError):
            while piece := connection.recv(1 << 20):
                received += len(piece)
            raise ConnectionResetError
        assert received < 60 << 20


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nHost: evil.example\r\n\r\n",
    ],
)
def test_an_ambiguous_body_ends_the_connection(raw: RawServer, rest: bytes) -> None:
    smuggled = raw.head("GET /large HTTP/1.1")
    answer = raw.sent(raw.head("POST /size HTTP/1.1")[:-2] + rest + smuggled)
    assert status(answer) == 400 and b"connection: close" in answer


def test_a_body_in_pieces_needs_http_1_1(raw: RawServer) -> None:
    head = raw.head("POST /size HTTP/1.0", "Transfer-Encoding: chunked")
    assert status(raw.sent(head + b"3\r\nabc\r\n0\r\n\r\n")) == 400


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_a_body_is_never_taken_for_a_request(raw: RawServer, protocol: str) -> None:
    upgrade = ["Connection: upgrade", f"Upgrade: {protocol}"]
    smuggled = raw.head("GET /size HTTP/1.1")
    for length in (f"Content-Length: {len(smuggled)}", "Transfer-Encoding: chunked"):
        answer = raw.sent(raw.head("POST /size HTTP/1.1", *upgrade, length), smuggled, pause=0.05)
        assert status(answer) == 400 and b"without the header Upgrade" in answer
        assert answer.count(b"HTTP/1.1 ") == 1
    answer = raw.sent(raw.head("GET /size HTTP/1.1", *upgrade), smuggled)  # it is not upgraded
    assert status(answer) == 200 and b"connection: close" in answer
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("target", ["http://evil.example/size", "*", "evil.example:80"])
def test_the_target_of_a_request_is_a_path(raw: RawServer, target: str) -> None:
    method = "CONNECT" if ":" in target and "/" not in target else "GET"
    assert status(raw.sent(raw.head(f"{method} {target} HTTP/1.1"))) == 400


def test_a_client_that_sends_too_much_still_gets_the_sentence(raw: RawServer) -> None:
    for _ in range(5):
        connection = http.client.HTTPConnection(HOST, raw.port, timeout=20)
        connection.request("POST", "/small", body=bytes(8_000_000))
        answer = connection.getresponse()
        assert answer.status == 413 and b"must be at most 1000" in answer.read()
        connection.close()


@pytest.mark.parametrize("rest", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_an_answer_before_the_end_of_a_long_body_ends_the_connection(raw: RawServer, rest: str) -> None:
    answer = raw.sent(raw.head("POST /nothing HTTP/1.1", rest) + b"3\r\nabc\r\n")
    assert status(answer) == 404 and b"connection: close" in answer


def test_after_an_answer_before_the_end_of_a_short_body_the_connection_is_used_again(raw: RawServer) -> None:
    with raw.connect() as connection:
        for _ in range(3):
            connection.sendall(raw.head("POST /nothing HTTP/1.1", "Content-Length: 100000"))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 404 ")
            connection.sendall(bytes(100_000))


def test_one_address_has_a_number_of_connections() -> None:
    with raw_server(Connections(most=8, most_of_peer=3)) as raw:
        held = [raw.connect() for _ in range(3)]
        for connection in held:
            connection.sendall(raw.head())
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        answer = raw.sent(raw.head())
        assert status(answer) == 503 and b"retry-after: 1" in answer
        held.pop().close()
        assert status(raw.sent(raw.head("GET /size HTTP/1.1", "Connection: close"))) == 200
        others = [raw.connect(f"127.0.0.{number}") for number in (2, 2, 2, 3, 3, 3)]
        for connection in others:
            connection.sendall(raw.head())
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        with raw.connect("127.0.0.4") as connection:
            assert status(exchanged(connection, raw.head())) == 503, "the server has eight connections"
        assert (raw.connections.open, raw.connections.refused) == (8, 2)
        for connection in (*held, *others):
            connection.close()


def test_a_trusted_proxy_may_have_more_connections() -> None:
    with raw_server(Connections(most_of_peer=1, proxies=frozenset({HOST}))) as raw:
        held = [raw.connect() for _ in range(5)]
        for connection in held:
            connection.sendall(raw.head())
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
            connection.close()


def test_accepted_sockets_send_without_delay(raw: RawServer) -> None:
    with raw.connect() as connection:
        connection.sendall(raw.head())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        (protocol,) = raw.protocols
        accepted = protocol.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
