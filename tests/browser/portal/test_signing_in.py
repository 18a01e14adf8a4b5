"""A real browser is signed in by the address with a code; pages of other servers get nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, expect
from portal_site import PortalSite

from bridge.cli.browser import write_opener

pytestmark = pytest.mark.browser


class OtherPage(BaseHTTPRequestHandler):
    """A page of another port of this computer, such as a notebook's."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>other</title><body></body>")

    def log_message(self, format: str, *values: object) -> None:
        pass


@pytest.fixture(scope="module")
def other_port() -> Iterator[int]:
    """The port of another server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OtherPage)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def signed_out(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without a session."""
    context = browser.new_context()
    yield context
    context.close()


def code(site: PortalSite) -> str:
    answer = requests.post(f"{site.server}/login/code", headers={"Authorization": f"Bearer {site.token}"}, timeout=20)
    return str(answer.json()["code"])


def test_the_code_leaves_the_address_and_works_once(site: PortalSite, signed_out: BrowserContext) -> None:
    page = signed_out.new_page()
    address = f"{site.address}?code={code(site)}&theme=dark"
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert urlsplit(page.url).query == "theme=dark"
    assert "code=" not in page.evaluate("() => performance.getEntriesByType('navigation')[0].name")
    assert page.evaluate("() => document.referrer + document.cookie") == "", "scripts cannot read the cookie"
    (cookie,) = signed_out.cookies(site.address)
    port = urlsplit(site.address).port
    assert cookie["name"] == f"runbridge-{port}"
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["expires"] == -1, "it ends with the browser"
    signed_out.clear_cookies()
    page.goto(address)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_text("Run the command `runbridge ui` again")).to_be_visible()


def test_the_file_that_the_command_opens_signs_the_browser_in(
    site: PortalSite, signed_out: BrowserContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    page = signed_out.new_page()
    page.goto(write_opener(site.address, code(site), "compare").as_uri())
    page.wait_for_url(f"{site.address}compare")
    expect(page.locator("html")).to_have_attribute("data-workspace", "demo")


ATTACK = """async (address) => {
  const got = {};
  const tries = {
    read: () => fetch(address + "api/home", {credentials: "include"}),
    simple: () => fetch(address + "api/home", {credentials: "include", mode: "no-cors"}),
    write: () => fetch(address + "api/runs/archive", {method: "POST", credentials: "include",
      headers: {"X-Runbridge": "1", "Content-Type": "application/json"}, body: '{"runs": []}'}),
    blind: () => fetch(address + "api/runs/archive", {method: "POST", credentials: "include", mode: "no-cors",
      body: '{"runs": ["x"]}'}),
  };
  for (const [name, attempt] of Object.entries(tries)) {
    got[name] = await attempt().then((r) => `${r.type} ${r.status}`, () => "refused");
  }
  const element = (tag, address) => new Promise((resolve) => {
    const made = document.createElement(tag);
    made.onload = () => resolve("loaded");
    made.onerror = () => resolve("refused");
    made.src = address;
    document.body.append(made);
  });
  got.script = await element("script", address + "api/home");
  got.image = await element("img", address + "api/home");
  got.stream = await new Promise((resolve) => {
    const source = new EventSource(address + "api/changes", {withCredentials: true});
    source.onopen = () => resolve("open");
    source.onerror = () => resolve("refused");
  });
  const frame = document.createElement("iframe");
  const loaded = new Promise((resolve) => { frame.onload = resolve; });
  frame.src = address;
  document.body.append(frame);
  await loaded;
  try { got.frame = frame.contentDocument ? "read" : "refused"; } catch { got.frame = "refused"; }
  const opened = window.open(address);
  await new Promise((resolve) => setTimeout(resolve, 500));
  try { got.opened = opened && opened.document.title ? "read" : "refused"; } catch { got.opened = "refused"; }
  return got;
}"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_port_or_host_gets_nothing(
    context: BrowserContext, site: PortalSite, other_port: int, host: str
) -> None:
    """The browser sends the cookie to every port of 127.0.0.1, so the server must tell its own pages from others."""
    page = context.browser.new_context().new_page()  # type: ignore[union-attr]
    site.sign_in(page.context)
    answers: list[tuple[str, int, str]] = []
    page.on("response", lambda answer: answers.append((answer.request.method, answer.status, answer.url)))
    page.goto(f"http://{host}:{other_port}/")
    got = page.evaluate(ATTACK, site.address)
    assert set(got.values()) <= {"refused", "opaque 0"}, got
    in_api = {status for _, status, url in answers if "/api/" in url}
    assert in_api <= {401, 403, 405}, answers
    framed = [frame for frame in page.frames if frame.url.startswith(site.address)]
    assert all(frame.locator("html[data-workspace]").count() == 0 for frame in framed)
    page.context.close()


def test_another_name_of_this_computer_gets_nothing(context: BrowserContext, site: PortalSite) -> None:
    """A page of `evil.localhost` can be a page of any server whose name leads to 127.0.0.1 (DNS rebinding)."""
    page = context.browser.new_context().new_page()  # type: ignore[union-attr]
    port = urlsplit(site.address).port
    answer = page.goto(f"http://evil.localhost:{port}/portal/?code={code(site)}")
    assert answer is not None and answer.status == 400
    assert page.context.cookies() == []
    page.context.close()
