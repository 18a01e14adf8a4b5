"""Attacks on the access to a server with tokens: other hosts, other origins, forged headers, and old tokens."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_site import Header, ServerSite, bearer, new_token, server_site

from bridge import Experiment, Workspace
from bridge.records.times import now_ms
from bridge.server import recheck
from bridge.server.identity import delays
from bridge.server.identity.audit import AuditLog
from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.delays import MOST_KEYS, Delays
from bridge.server.identity.token_store import TokenStore
from bridge.server.identity.tokens import Grant, TokenText
from bridge.store.create import create_store
from bridge.store.workspace_stores import WorkspaceStores

HOME = "/w/first/portal/api/home"
ARCHIVE = "/w/first/portal/api/runs/archive"
FROM_PAGE: tuple[Header, ...] = (("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors"))
NAVIGATION: tuple[Header, ...] = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, WorkspaceStores]]:
    folder = tmp_path_factory.mktemp("attacked")
    stores = {name: create_store(folder / name, name) for name in ("first", "second")}
    yield stores
    for one in stores.values():
        one.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def admin(home: Path) -> str:
    return new_token(home, "admin", "first")


@pytest.fixture(scope="module")
def site(named: dict[str, WorkspaceStores], home: Path, admin: str) -> Iterator[ServerSite]:
    with server_site(named, home) as running:
        yield running


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less after wrong tokens, because these tests send many."""
    monkeypatch.setattr(delays, "FIRST_SECONDS", 0.0001)
    monkeypatch.setattr(delays, "MOST_SECONDS", 0.01)


def signed_in(site: ServerSite, token: str) -> Header:
    """Send the form to sign in, and return the cookie."""
    form = f"token={token}&place=/w/first/portal/".encode()
    answer = site.ask("POST", "/login", ("Origin", site.origin), body=form)
    assert (answer.status, answer.headers["location"]) == (303, "/w/first/portal/")
    assert answer.headers["set-cookie"].partition("; ")[2] == "Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000"
    return "Cookie", answer.headers["set-cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def cookie(site: ServerSite, admin: str) -> Header:
    return signed_in(site, admin)


def test_a_token_is_taken_as_bearer_and_as_password(site: ServerSite, admin: str) -> None:
    assert site.ask("GET", HOME, bearer(admin)).status == 200
    assert site.ask("GET", HOME, ("authorization", f"bearer  {admin}")).status == 200
    basic = base64.b64encode(f"any user:{admin}".encode()).decode()
    assert site.ask("GET", HOME, ("Authorization", f"Basic {basic}")).status == 200
    for wrong in (f"Bearer {admin}x", f"Basic {admin}", "Basic !", f"Token {admin}", admin, ""):
        assert site.ask("GET", HOME, ("Authorization", wrong)).status == 401, wrong
    assert site.ask("GET", HOME, bearer(admin), bearer(admin)).status == 401
    assert site.ask("GET", f"{HOME}?token={admin}").status == 401, "no address contains a token"


def test_a_browser_that_sends_a_password_by_itself_is_checked_as_with_a_cookie(site: ServerSite, admin: str) -> None:
    basic = ("Authorization", f"Basic {base64.b64encode(f':{admin}'.encode()).decode()}")
    assert site.ask("POST", ARCHIVE, basic, ("Sec-Fetch-Site", "cross-site"), body=b"{}").status == 403
    assert site.ask("GET", HOME, basic, ("Sec-Fetch-Site", "same-site")).status == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "http://localhost", "null", "https://evil.example", ""])
def test_a_page_of_another_origin_changes_and_reads_nothing(
    site: ServerSite, cookie: Header, admin: str, origin: str
) -> None:
    for credentials in (cookie, bearer(admin)):
        for method, path in (("POST", ARCHIVE), ("GET", HOME), ("POST", "/w/first/portal/api/tail")):
            answer = site.ask(method, path, credentials, ("Origin", origin), *FROM_PAGE, ("X-Runbridge", "1"))
            assert answer.status == 403, (method, path)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_simple_request_of_another_page_changes_nothing(site: ServerSite, cookie: Header, kind: str) -> None:
    """A browser sends these without asking. An old one sends neither `Origin` nor `Sec-Fetch-Site`."""
    for headers in ((), (("Sec-Fetch-Site", "same-site"),), (("Sec-Fetch-Site", "none"),)):
        for path in (ARCHIVE, "/w/first/api/2.0/mlflow/runs/create", "/w/first/ajax-api/2.0/mlflow/runs/search"):
            answer = site.ask("POST", path, cookie, ("Content-Type", kind), *headers, body=b'{"runs": []}')
            assert answer.status == 403, path


def test_the_cookie_works_on_own_pages_only_and_ends_with_its_token(site: ServerSite, home: Path) -> None:
    token = new_token(home, "writer", "first")
    cookie = signed_in(site, token)
    assert site.ask("GET", HOME, cookie, *FROM_PAGE).status == 200
    assert site.ask("GET", "/w/first/portal/", cookie, ("Sec-Fetch-Site", "cross-site"), *NAVIGATION).status != 403
    assert site.ask("GET", HOME, cookie, ("Sec-Fetch-Site", "cross-site"), *NAVIGATION).status == 403
    assert site.ask("GET", "/w/second/portal/api/home", cookie, *FROM_PAGE).status == 404
    with ServerDatabase(home) as database:
        TokenStore(database).update_token(token.split("_")[1], revoked=now_ms())
    assert site.ask("GET", HOME, cookie, *FROM_PAGE).status == 401
    assert site.ask("GET", HOME, bearer(token)).status == 401


def test_a_session_ends_when_its_user_signs_out(site: ServerSite, admin: str) -> None:
    cookie = signed_in(site, admin)
    assert site.ask("POST", "/logout", cookie, ("Origin", "http://evil.example")).status == 403
    assert site.ask("GET", HOME, cookie, *FROM_PAGE).status == 200
    answer = site.ask("POST", "/logout", cookie, ("Origin", site.origin))
    assert answer.status == 303 and "Max-Age=0" in answer.headers["set-cookie"]
    assert site.ask("GET", HOME, cookie, *FROM_PAGE).status == 401


def test_another_page_cannot_sign_a_browser_in(site: ServerSite, admin: str) -> None:
    form = f"token={admin}".encode()
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        answer = site.ask("POST", "/login", ("Origin", origin), body=form)
        assert answer.status == 403 and "set-cookie" not in answer.headers
    assert "set-cookie" not in site.ask("POST", "/login", body=form).headers


@pytest.mark.parametrize("place", ["//evil.example", "https://evil.example", "/\\evil.example", "/a b", "javascript:x"])
def test_the_form_leads_to_this_server_only(site: ServerSite, admin: str, place: str) -> None:
    answer = site.ask("POST", "/login", ("Origin", site.origin), body=f"token={admin}&place={place}".encode())
    assert (answer.status, answer.headers["location"]) == (303, "/")


def test_the_form_does_not_repeat_what_was_sent(site: ServerSite) -> None:
    script = '"><script>alert(1)</script>'
    for answer in (
        site.ask("POST", "/login", ("Origin", site.origin), body=f"token=x&place=/{script}".encode()),
        site.ask("GET", f"/w/first/portal/{script.replace(' ', '')}?q={script}", *NAVIGATION),
    ):
        assert answer.status == 401 and b"<script" not in answer.body
        assert "script-src" not in answer.headers["content-security-policy"], "nothing is allowed by default"


def test_the_list_of_workspaces_has_only_those_of_the_token(site: ServerSite, admin: str, home: Path) -> None:
    of_all = new_token(home, "reader")
    assert re.findall(rb'href="(/w/[^"]+)"', site.ask("GET", "/", bearer(admin)).body) == [b"/w/first/portal/"]
    both = [b"/w/first/portal/", b"/w/second/portal/"]
    assert re.findall(rb'href="(/w/[^"]+)"', site.ask("GET", "/", bearer(of_all)).body) == both
    assert b"/w/" not in site.ask("GET", "/").body


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["evil.example"],
        ["127.0.0.1"],
        ["127.0.0.1:1"],
        [""],
        ["{host}", "{host}"],
        ["{host}", "evil.example"],
        ["evil.example", "{host}"],
        ["{host}."],
        ["x@{host}"],
        ["{host},evil.example"],
    ],
)
def test_a_request_names_this_server_once(site: ServerSite, admin: str, hosts: list[str]) -> None:
    given = [host.format(host=site.host) for host in hosts]
    answer = site.ask("GET", HOME, bearer(admin), host=given)
    assert answer.status == 400 and answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "head",
    [
        "GET http://{host}/w/first/portal/api/home HTTP/1.1\r\nHost: {host}\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: {host}\r\n",
        "POST /w/first/portal/api/tail HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "POST /w/first/portal/api/tail HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nContent-Length: 3\r\n",
        "GET /w/first/portal/api/home HTTP/1.1\r\nHost: {host}\r\nHost : evil.example\r\n",
    ],
)
def test_an_ambiguous_request_is_refused_and_its_connection_closed(site: ServerSite, admin: str, head: str) -> None:
    request = f"{head.format(host=site.host)}Authorization: Bearer {admin}\r\n\r\n{{}}GET / HTTP/1.1\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", site.server.port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    assert re.match(rb"HTTP/1.1 4\d\d ", answer) and answer.count(b"HTTP/1.1 ") == 1


def test_headers_of_proxies_change_nothing_unless_a_proxy_is_trusted(
    site: ServerSite, admin: str, named: dict[str, WorkspaceStores], home: Path
) -> None:
    forged = (("X-Forwarded-User", "boss"), ("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil.example"))
    assert site.ask("GET", HOME, *forged).status == 401
    assert site.ask("GET", HOME, bearer(admin), *forged, ("X-Forwarded-Proto", "https")).status == 200
    options = {"trust_proxy": ("127.0.0.1",), "user_header": "X-Forwarded-User", "host_names": ("runs.example.com",)}
    with server_site(named, home, public_url="https://runs.example.com", **options) as behind:
        user = (("X-Forwarded-User", "ann"), ("X-Forwarded-Proto", "https"))
        own = (*user, ("Origin", "https://runs.example.com"), ("X-Runbridge", "1"))
        assert behind.ask("POST", ARCHIVE, *own, host=["runs.example.com"], body=b'{"runs": []}').status not in (
            401,
            403,
        )
        purge = "/w/first/portal/api/runs/purge"
        assert behind.ask("POST", purge, *own, host=["runs.example.com"], body=b"{}").status == 403, "a writer"
        other = (*user, ("Origin", "http://runs.example.com"), ("X-Runbridge", "1"))
        assert behind.ask("POST", ARCHIVE, *other, host=["runs.example.com"], body=b"{}").status == 403
        assert behind.ask("POST", ARCHIVE, *user, host=["runs.example.com"], body=b"{}").status == 403
        for users in (("a", "b"), ("",), ("a\x01b",)):
            sent = [("X-Forwarded-User", one) for one in users]
            assert behind.ask("GET", HOME, *sent, *FROM_PAGE, host=["runs.example.com"]).status in (400, 401)
        signed = behind.ask("POST", "/login", ("Origin", "https://runs.example.com"), host=["runs.example.com"],
                            body=f"token={admin}".encode())  # fmt: skip
        assert re.fullmatch(
            rf"__Host-runbridge-{behind.server.port}=[\w-]+; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=2592000",
            signed.headers["set-cookie"],
        )
    with server_site(named, home, trust_proxy=("10.0.0.1",), user_header="X-Forwarded-User") as elsewhere:
        assert elsewhere.ask("GET", HOME, ("X-Forwarded-User", "ann"), *FROM_PAGE).status == 401


def test_wrong_tokens_are_delayed_and_valid_ones_are_not(
    site: ServerSite, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    real = Delays.after_failure

    def count(self: Delays, *keys: str) -> float:
        waited.append(real(self, *keys))
        return 0.0

    monkeypatch.setattr(Delays, "after_failure", count)
    wrong = str(TokenText("0" * 12, "0" * 64))
    for _ in range(12):
        assert site.ask("GET", HOME, bearer(wrong)).status == 401
    assert len(waited) == 12 and waited == sorted(waited) and 0 < waited[-1] == delays.MOST_SECONDS
    assert site.ask("GET", HOME, bearer(admin)).status == 200
    assert len(waited) == 12, "the failures of an address delay no valid token"


def test_the_memory_of_failures_is_bounded() -> None:
    counted = Delays()
    for number in range(MOST_KEYS + 100):
        counted.after_failure(f"address {number}")
    assert len(counted) == MOST_KEYS


def test_a_failure_is_forgotten_after_five_minutes() -> None:
    now = [0.0]
    counted = Delays(lambda: now[0])
    assert counted.after_failure("a", "b") == 0.0
    assert counted.after_failure("a") == delays.FIRST_SECONDS
    assert counted.after_failure("a", "b") == 2 * delays.FIRST_SECONDS, "the longest delay counts"
    now[0] += delays.FORGOTTEN_SECONDS
    assert counted.after_failure("a") == 0.0


@pytest.mark.slow
def test_a_stream_ends_when_its_token_is_revoked(
    site: ServerSite, named: dict[str, WorkspaceStores], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recheck.CHECK_SECONDS < 5
    monkeypatch.setattr(recheck, "CHECK_SECONDS", 0.1)
    kept, revoked = new_token(home, "reader", "first"), new_token(home, "reader", "first")
    connections, streams = {}, {}
    for token in (kept, revoked):
        connections[token] = http.client.HTTPConnection("127.0.0.1", site.server.port, timeout=20)
        headers = {"Authorization": f"Bearer {token}"}
        connections[token].request("GET", "/w/first/portal/api/changes", headers=headers)
        streams[token] = connections[token].getresponse()
        assert streams[token].status == 200 and streams[token].readline().startswith(b"retry")
    with ServerDatabase(home) as database:
        TokenStore(database).update_token(revoked.split("_")[1], revoked=now_ms())
    while streams[revoked].readline():
        pass
    assert streams[revoked].isclosed()
    Experiment(Workspace.open(named["first"].address), "after-the-end")
    line = b"first"
    while line and b'"experiments":["' not in line:
        line = streams[kept].readline()
    assert line, "the other stream goes on"
    for token in (kept, revoked):
        streams[token].close()
        connections[token].close()


@pytest.mark.slow
def test_an_upload_ends_when_its_token_is_revoked(
    site: ServerSite, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recheck, "CHECK_SECONDS", 0.1)
    token = new_token(home, "writer", "first")
    head = f"POST /w/first/portal/api/tail HTTP/1.1\r\nHost: {site.host}\r\nAuthorization: Bearer {token}\r\n"
    with socket.create_connection(("127.0.0.1", site.server.port), timeout=20) as connection:
        connection.sendall(f"{head}Content-Length: 1000000\r\n\r\n{{".encode())
        with ServerDatabase(home) as database:
            TokenStore(database).update_token(token.split("_")[1], revoked=now_ms())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 401 ")


def test_deletions_are_in_the_audit_log(site: ServerSite, named: dict[str, WorkspaceStores], home: Path) -> None:
    run = Experiment(Workspace.open(named["first"].address), "digits").start_logging(outputs=False)
    run.complete()
    with ServerDatabase(home) as database:
        record, text = TokenStore(database).create_token("ann", [Grant("admin", "first")])
        before = len(AuditLog(database).entries(1_000))
        refused = site.ask("POST", ARCHIVE, bearer(str(text)), body=b'{"runs": ["0123456789abcdef0123456789abcdef"]}')
        assert refused.status == 404 and len(AuditLog(database).entries(1_000)) == before, "nothing was done"
        answer = site.ask("POST", ARCHIVE, bearer(str(text)), body=json.dumps({"runs": [run.id]}).encode())
        assert answer.status < 300
        entry = AuditLog(database).entries(1)[0]
    assert (entry.action, entry.workspace, entry.target) == ("POST /portal/api/runs/archive", "first", run.id)
    assert (entry.user, entry.token_id, entry.address) == ("ann", record.id, "127.0.0.1")
    assert abs(entry.time - now_ms()) < 60_000


def test_a_token_is_in_no_answer_log_or_error(
    site: ServerSite, admin: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    secret = admin.split("_")[2]
    for path in (HOME, "/w/first/portal/", "/", "/nowhere", "/w/first/portal/api/runs/x", "/login"):
        for header in (bearer(admin), bearer(admin + "x"), ("Cookie", f"runbridge-{site.server.port}={admin}")):
            answer = site.ask("GET", path, header, *FROM_PAGE)
            assert secret.encode() not in answer.body and secret not in str(answer.headers)
    form = site.ask("POST", "/login", ("Origin", site.origin), body=f"token={admin}x".encode())
    assert form.status == 401 and secret.encode() not in form.body
    assert secret not in caplog.text and secret not in "".join(capfd.readouterr())


def test_the_address_of_a_workspace_leads_to_its_page_for_its_readers_only(site: ServerSite, admin: str) -> None:
    answer = site.ask("GET", "/w/first", bearer(admin))
    assert (answer.status, answer.headers["location"]) == (303, "/w/first/portal/")
    for path in ("/w/second", "/w/missing", "/w/FIRST", "/w/first%2f", "/w/%2e%2e", "/w/"):
        assert site.ask("GET", path, bearer(admin)).status == 404, path
