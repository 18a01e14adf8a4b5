"""A code gives a browser the cookie once, within five minutes, and leaves the address."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from asking import NAVIGATION, Asking

from bridge.server.session import CODE_SECONDS, Session


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_code_works_once() -> None:
    session = Session(5000)
    code, other = session.new_code(), session.new_code()
    assert code != other and len(code) >= 32
    assert not session.redeem("") and not session.redeem(code[:-1]) and not session.redeem("ä")
    assert session.redeem(code) and not session.redeem(code)
    assert session.redeem(other)


def test_a_code_works_for_five_minutes() -> None:
    clock = Clock()
    session = Session(5000, clock)
    early, late = session.new_code(), session.new_code()
    clock.now += CODE_SECONDS - 1
    assert CODE_SECONDS == 300 and session.redeem(early)
    clock.now += 2
    assert not session.redeem(late)


def test_secrets_differ_between_servers() -> None:
    first, second = Session(5000), Session(5000)
    assert first.token != second.token
    assert first.set_cookie("/portal") != second.set_cookie("/portal")
    headers = [(b"cookie", first.set_cookie("/portal").partition(";")[0].encode())]
    assert first.has_cookie(headers) and not second.has_cookie(headers)
    assert first.has_cookie([(b"cookie", b"a=b; x; " + headers[0][1])])


def test_the_address_with_a_code_sets_the_cookie_and_loses_the_code(owner: Asking) -> None:
    parts = urlsplit(owner.server.address_with_code("runs/a%20b"))
    assert parts.netloc == owner.host
    answer = owner.ask("GET", f"{parts.path}?sort=-x&{parts.query}&q=%C3%A4+%26", *NAVIGATION)
    assert (answer.status, answer.headers["location"]) == (303, "/portal/runs/a%20b?sort=-x&q=%C3%A4+%26")
    name, _, flags = answer.headers["set-cookie"].partition("=")
    assert name == f"runbridge-{owner.server.port}"
    assert flags.partition("; ")[2] == "Path=/portal; HttpOnly; SameSite=Lax"
    assert answer.headers["referrer-policy"] == "no-referrer" and answer.headers["cache-control"] == "no-store"
    cookie = ("Cookie", answer.headers["set-cookie"].partition(";")[0])
    assert owner.ask("GET", "/portal/", cookie, *NAVIGATION).status == 200


def test_a_used_code_gives_nothing(owner: Asking) -> None:
    parts = urlsplit(owner.server.address_with_code())
    address = f"{parts.path}?{parts.query}"
    assert owner.ask("GET", address).status == 303
    again = owner.ask("GET", address)
    assert again.status == 401 and "set-cookie" not in again.headers
    assert b"used already" in again.body and b"runbridge ui" in again.body
    signed_in = owner.ask("GET", address, owner.cookie, *NAVIGATION)
    assert (signed_in.status, signed_in.headers["location"]) == (303, "/portal/"), "as after Back"
    assert "set-cookie" not in signed_in.headers


@pytest.mark.parametrize("query", ["code=", "code=wrong", "code", "code=%00", "code=a&code=b", "xcode=1"])
def test_a_wrong_code_gives_nothing(owner: Asking, query: str) -> None:
    answer = owner.ask("GET", f"/portal/?{query}")
    assert answer.status == 401 and "set-cookie" not in answer.headers


@pytest.mark.parametrize(("method", "path"), [("HEAD", "/portal/"), ("GET", "/portal/api/home"), ("POST", "/portal/")])
def test_only_opening_a_page_uses_a_code(owner: Asking, method: str, path: str) -> None:
    code = owner.server.session.new_code()
    assert "set-cookie" not in owner.ask(method, f"{path}?code={code}").headers
    assert owner.server.session.redeem(code)


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("", "/portal/"),
        ("runs/0a1b", "/portal/runs/0a1b"),
        ("//evil.example", "/portal/"),
        ("https://evil.example", "/portal/"),
        ("a b", "/portal/"),
        ("a\r\nSet-Cookie: x", "/portal/"),
    ],
)
def test_a_file_on_this_computer_can_send_the_code(owner: Asking, place: str, target: str) -> None:
    form = f"code={owner.server.session.new_code()}&place={place}".encode()
    content = ("Content-Type", "application/x-www-form-urlencoded")
    answer = owner.ask("POST", "/portal/session", ("Origin", "null"), content, body=form)
    assert (answer.status, answer.headers["location"]) == (303, target)
    assert answer.headers["set-cookie"].startswith(owner.cookie[1])
    assert owner.ask("POST", "/portal/session", ("Origin", "null"), content, body=form).status == 401


def test_a_program_gets_new_codes_with_the_token_only(owner: Asking) -> None:
    path = "/portal/api/session/code"
    assert owner.ask("POST", path, owner.bearer).status == 200
    assert owner.change("POST", path).status == 403


def test_the_redirect_stays_on_the_server(owner: Asking) -> None:
    for path in ("//evil.example/", "/portal//evil.example", "/\\evil.example", "/portal/%0d%0aX:y"):
        for code in (owner.server.session.new_code(), "used"):
            answer = owner.ask("GET", f"{path}?code={code}", owner.cookie, *NAVIGATION)
            target = answer.headers.get("location", "/portal/")
            assert target.startswith("/portal/") and not urlsplit(target).netloc, path
            assert "x" not in answer.headers
