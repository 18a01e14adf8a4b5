"""A code gives a browser the cookie once, within five minutes, and leaves the address."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

import pytest
from asking import FROM_PAGE, NAVIGATION, Asking

from bridge.server.identity import delays
from bridge.server.identity.sessions import CODE_SECONDS, MOST_CODES, Codes


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_code_works_once() -> None:
    codes = Codes()
    code, other = codes.new_code("a"), codes.new_code("b")
    assert code != other and len(code) >= 32
    assert not codes.redeem("") and not codes.redeem(code[:-1]) and not codes.redeem("ä") and not codes.redeem("\udc80")
    assert codes.redeem(code) == "a" and codes.redeem(code) is None
    assert codes.redeem(other) == "b"


def test_a_code_works_for_five_minutes() -> None:
    clock = Clock()
    codes = Codes(clock)
    early, late = codes.new_code("a"), codes.new_code("a")
    clock.now += CODE_SECONDS - 1
    assert CODE_SECONDS == 300 and codes.redeem(early)
    clock.now += 2
    assert not codes.redeem(late)


def test_the_number_of_codes_is_bounded() -> None:
    codes = Codes()
    first = codes.new_code("a")
    for _ in range(MOST_CODES):
        last = codes.new_code("a")
    assert codes.redeem(first) is None and codes.redeem(last) == "a"


def test_secrets_differ_between_servers(owner: Asking, reader: Asking) -> None:
    assert owner.server.token != reader.server.token
    value = owner.cookie[1].partition("=")[2]
    stolen = ("Cookie", f"runbridge-{reader.server.port}={value}")
    assert reader.ask("GET", "/portal/api/home", stolen, *FROM_PAGE).status == 401
    own = ("Cookie", f"a=b; x; {owner.cookie[1]}")
    assert owner.ask("GET", "/portal/api/home", own, *FROM_PAGE).status == 200


def test_the_address_with_a_code_sets_the_cookie_and_loses_the_code(owner: Asking) -> None:
    parts = urlsplit(owner.server.address_with_code("runs/a%20b"))
    assert parts.netloc == owner.host
    answer = owner.ask("GET", f"{parts.path}?sort=-x&{parts.query}&q=%C3%A4+%26", *NAVIGATION)
    assert (answer.status, answer.headers["location"]) == (303, "/portal/runs/a%20b?sort=-x&q=%C3%A4+%26")
    name, _, flags = answer.headers["set-cookie"].partition("=")
    assert name == f"runbridge-{owner.server.port}"
    assert flags.partition("; ")[2] == "Path=/; HttpOnly; SameSite=Lax"
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
    code = owner.server.access.new_code()
    assert "set-cookie" not in owner.ask(method, f"{path}?code={code}").headers
    assert owner.server.access.codes.redeem(code)


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("/portal/runs/0a1b", "/portal/runs/0a1b"),
        ("/portal/runs/0a1b?x=time%26&y=1", "/portal/runs/0a1b?x=time%26&y=1"),
        ("", "/"),
        ("runs/0a1b", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/portal/a b", "/"),
        ("/portal/a\r\nSet-Cookie: x", "/"),
    ],
)
def test_a_file_on_this_computer_can_send_the_code(
    owner: Asking, monkeypatch: pytest.MonkeyPatch, place: str, target: str
) -> None:
    monkeypatch.setattr(delays, "MOST_SECONDS", 0.1)  # each test fails once
    form = urlencode({"code": owner.server.access.new_code(), "place": place}).encode()
    content = ("Content-Type", "application/x-www-form-urlencoded")
    answer = owner.ask("POST", "/login", ("Origin", "null"), content, body=form)
    assert (answer.status, answer.headers["location"]) == (303, target)
    assert answer.headers["set-cookie"].startswith(f"runbridge-{owner.server.port}=")
    assert owner.ask("POST", "/login", ("Origin", "null"), content, body=form).status == 401


def test_a_program_gets_new_codes_with_the_token_only(owner: Asking) -> None:
    path = "/login/code"
    assert owner.ask("POST", path, owner.bearer).status == 200
    assert owner.change("POST", path).status == 403


def test_the_redirect_stays_on_the_server(owner: Asking) -> None:
    for path in ("//evil.example/", "/portal//evil.example", "/\\evil.example", "/portal/%0d%0aX:y"):
        for code in (owner.server.access.new_code(), "used"):
            answer = owner.ask("GET", f"{path}?code={code}", owner.cookie, *NAVIGATION)
            target = answer.headers.get("location", "/portal/")
            assert target.startswith("/portal/") and not urlsplit(target).netloc, path
            assert "x" not in answer.headers
