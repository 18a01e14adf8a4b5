"""Other users of the computer and pages of other servers can read and change nothing."""

from __future__ import annotations

import re
from http.client import HTTPConnection

import pytest
from asking import FROM_PAGE, NAVIGATION, Asking, Header

from bridge.server.identity import delays
from bridge.server.portal.routes import TABLE
from bridge.server.start import HOST

ROUTES = [(entry.method, "/portal/api" + entry.path) for entry in TABLE]
PAGES = ["/portal/", "/portal/runs/x", "/portal/experiments/0", "/portal", "/"]
EVERYTHING = [*ROUTES, *(("GET", path) for path in PAGES), ("POST", "/login/code")]


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers to wrong secrets are not delayed, because these tests send thousands."""
    monkeypatch.setattr(delays, "MOST_SECONDS", 0.0)


def filled(path: str) -> str:
    """Return the path of a route with names in it."""
    return re.sub(r"\{[^}]+\}", "0", path)


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
def test_without_a_secret_nothing_is_answered(owner: Asking, method: str, path: str) -> None:
    own = (("Origin", owner.origin), *FROM_PAGE, ("X-Runbridge", "1"))
    wrong = [
        (),
        (("Cookie", f"runbridge-{owner.server.port}=wrong"),),
        (("Cookie", owner.cookie[1].replace("runbridge-", "runbridge-1")),),
        (("Cookie", owner.cookie[1] + "x"),),
        (("Cookie", f"runbridge-{owner.server.port}="),),
        (("Authorization", "Bearer wrong"),),
        (("Authorization", ""),),
        (("Authorization", f"Basic {owner.server.token}"),),
        (("Authorization", owner.bearer[1] + "x"), owner.cookie),  # a wrong token is not replaced by the cookie
        (owner.bearer, ("Authorization", "Bearer wrong")),
    ]
    for secrets in wrong:
        answer = owner.ask(method, filled(path), *own, *secrets)
        assert answer.status == 401, secrets
        assert b"demo" not in answer.body and owner.server.token.encode() not in answer.body
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
def test_a_wrong_host_is_refused_with_any_secret(owner: Asking, method: str, path: str) -> None:
    port = owner.server.port
    hosts = ["evil.example", f"evil.example:{port}", HOST, f"{HOST}:{port + 1}", f"localhost.:{port}", ""]
    hosts += [f"x@{HOST}:{port}", f"{HOST}:{port}/", f"http://{HOST}:{port}", f"{HOST}:{port}, {HOST}:{port}"]
    wrong: list[list[str]] = [[host] for host in hosts] + [[], [owner.host, owner.host], [owner.host, "evil.example"]]
    for secret in (owner.cookie, owner.bearer):
        for host in wrong:
            headers = (secret, ("Origin", owner.origin), *FROM_PAGE, ("X-Runbridge", "1"))
            assert owner.ask(method, filled(path), *headers, host=host).status == 400, host


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
def test_pages_of_other_origins_are_refused(owner: Asking, method: str, path: str) -> None:
    port = owner.server.port
    origins = [f"http://{HOST}:{port + 1}", f"http://{HOST}", f"https://{HOST}:{port}", f"http://localhost:{port}"]
    origins += ["http://evil.example", f"http://evil.example:{port}", "null", "", f"http://{HOST}:{port}/"]
    for origin in origins:
        for secret in (owner.cookie, owner.bearer):
            headers = (secret, ("Origin", origin), *FROM_PAGE, ("X-Runbridge", "1"))
            assert owner.ask(method, filled(path), *headers).status == 403, origin
    two = (owner.cookie, ("Origin", owner.origin), ("Origin", "http://evil.example"), ("X-Runbridge", "1"))
    assert owner.ask(method, filled(path), *two).status == 403


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_cookie_alone_is_not_enough(owner: Asking, method: str, path: str) -> None:
    """A page of another port of this computer, such as a notebook, sends the cookie, too."""
    for site in ("same-site", "cross-site", "none", None):
        fetched = () if site is None else (("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "no-cors"))
        answer = owner.ask(method, filled(path), owner.cookie, *fetched, ("X-Runbridge", "1"))
        assert answer.status == 403, site


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route[0] != "GET"])
def test_a_change_needs_the_header_that_only_our_page_sends(owner: Asking, method: str, path: str) -> None:
    headers = (owner.cookie, ("Origin", owner.origin), *FROM_PAGE)
    for extra in ((), (("X-Runbridge", "0"),), (("X-Runbridge", "1"), ("X-Runbridge", "1"))):
        assert owner.ask(method, filled(path), *headers, *extra, body=b"{}").status == 403
    assert owner.change(method, filled(path), body={}).status != 403


@pytest.mark.parametrize("site", ["same-site", "cross-site", "none", "same-origin"])
def test_a_link_of_any_page_opens_a_page(owner: Asking, site: str) -> None:
    headers = (owner.cookie, ("Sec-Fetch-Site", site), *NAVIGATION)
    assert owner.ask("GET", "/portal/", *headers).status == 200
    in_api = owner.ask("GET", "/portal/api/home", *headers).status
    assert in_api == (200 if site in ("none", "same-origin") else 403), "a link to a file is no page"
    framed = (("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe"))
    assert owner.ask("GET", "/portal/", owner.cookie, *framed).status == 403


def test_every_name_of_the_computer_works(owner: Asking) -> None:
    for name in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
        host = f"{name}:{owner.server.port}"
        headers = (owner.cookie, *FROM_PAGE)
        assert owner.ask("GET", "/portal/api/home", *headers, host=[host]).status == 200
        origin = ("Origin", f"http://{host.lower()}")
        assert owner.ask("POST", "/portal/api/tail", *headers, origin, ("X-Runbridge", "1"), host=[host]).status != 403


def test_a_page_without_a_session_has_only_its_style(owner: Asking) -> None:
    answer = owner.ask("GET", "/portal/", *NAVIGATION)
    assert answer.status == 401 and b"<script" not in answer.body and b"demo" not in answer.body
    (style,) = re.findall(rb'href="([^"]+)"', answer.body)
    assert owner.ask("GET", style.decode()).headers["content-type"] == "text/css; charset=utf-8"
    for other in ("index.html", "x/../app.js", "../static_files.py", "%2e%2e/app.js"):
        assert owner.ask("GET", style.decode().replace("styles.css", other)).status == 404
    assert owner.ask("GET", "/portal/api/runs/styles.css").status == 401


def test_other_addresses_do_not_exist(owner: Asking) -> None:
    for path in ("/other", "/static/0/app.js", "/w", "/w/", "/w/other/portal"):
        assert owner.ask("GET", path, owner.bearer).status == 404


def needs(method: str, path: str) -> str:
    return next(entry.needs for entry in TABLE if (entry.method, "/portal/api" + entry.path) == (method, path))


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_read_only_page_changes_nothing(reader: Asking, owner: Asking, method: str, path: str) -> None:
    """The same request passes for the owner: it is then refused only because of what it contains."""
    allowed = needs(method, path) == "reader"
    for secret in (reader.cookie, reader.bearer):
        headers = (secret, ("Origin", reader.origin), *FROM_PAGE, ("X-Runbridge", "1"))
        answer = reader.ask(method, filled(path), *headers, body=b"" if method == "GET" else b"{}")
        assert (answer.status == 403) is not allowed, answer
        if not allowed:
            assert answer.kind == "NotAllowed"
    assert owner.change(method, filled(path), body={}).status != 403 or allowed


def test_every_method_that_is_no_read_needs_a_writer() -> None:
    """Two reads have a body, because their lists of runs are longer than an address may be."""
    reads = [entry for entry in TABLE if entry.needs == "reader"]
    assert {entry.path for entry in reads if entry.method != "GET"} == {"/series", "/tail"}


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_other_methods_are_refused(owner: Asking, method: str) -> None:
    preflight: tuple[Header, ...] = (("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST"))
    answer = owner.ask(method, "/portal/api/runs", owner.cookie, *preflight)
    assert answer.status in (400, 405)
    assert not any(name.startswith("access-control-") for name in answer.headers)


def test_large_and_endless_bodies_are_refused(owner: Asking) -> None:
    connection = HTTPConnection(HOST, owner.server.port, timeout=20)
    headers = {"Authorization": owner.bearer[1]}
    connection.request("POST", "/portal/api/tail", headers={**headers, "Content-Length": str(1 << 30)})
    assert connection.getresponse().status == 413
    connection.close()
    connection.putrequest("POST", "/portal/api/tail")
    for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():
        connection.putheader(name, value)
    connection.endheaders()  # the server answers before a body is sent
    assert connection.getresponse().status in (400, 411)
    connection.close()


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
def test_every_answer_has_the_headers_that_protect_it(owner: Asking, method: str, path: str) -> None:
    headers = (owner.cookie, ("Origin", owner.origin), *FROM_PAGE, ("X-Runbridge", "1"))
    for answer in (owner.ask(method, filled(path), *headers), owner.ask(method, filled(path))):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] in ("no-referrer", "same-origin")
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert re.search("frame-ancestors '(self|none)'|sandbox", policy)
        assert "server" not in answer.headers
        assert not any(name.startswith("access-control-") for name in answer.headers)
        assert answer.headers["cache-control"].startswith(("no-store", "private"))
