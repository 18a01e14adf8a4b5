"""A browser signs in to a server of several workspaces with a token, and sees only what the token allows."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from server_site import ServerSite, new_token, server_site

from bridge import Experiment, Workspace
from bridge.server import vendor

needs_page = pytest.mark.skipif(not vendor.is_fetched(), reason=f"packages are missing: run `{vendor.COMMAND}`")
pytestmark = [pytest.mark.browser, needs_page]

HOSTILE = "<img src=x onerror=\"document.title='attacked'\"><script>document.title='attacked'</script>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerSite]:
    """A server with a base path and two workspaces. A run of the first one has hostile names and files."""
    folder = tmp_path_factory.mktemp("team")
    named = {name: Workspace.create(name, path=folder / name) for name in ("first", "second")}
    run = Experiment(named["first"], "digits").start_logging(HOSTILE, outputs=False, snapshot_directory=None)
    run.log_params({HOSTILE: HOSTILE})
    run.description = HOSTILE
    run.set_tags({"note": HOSTILE})
    run.log("loss", 0.5)
    file = folder / "page.html"
    file.write_text("<script>document.title='attacked'</script>")
    run.upload_file("outputs/page.html", str(file))
    run.complete()
    stores = {name: workspace.stores for name, workspace in named.items()}
    with server_site(stores, folder / "home", base_path="/runs") as running:
        new_token(running.home, "admin")
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without a session."""
    made = browser.new_context()
    made.set_default_timeout(10_000)
    yield made
    made.close()


def sign_in(page: Page, address: str, token: str) -> None:
    """Open an address, and send the form that the server shows instead."""
    page.goto(address)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_the_page_that_was_asked_for_opens_after_the_form(site: ServerSite, context: BrowserContext) -> None:
    page = context.new_page()
    problems: list[str] = []
    address = f"{site.server.local_address}/w/first/portal/?theme=dark"
    sign_in(page, address, new_token(site.home, "reader", "first"))
    page.wait_for_url(address)
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    html = page.locator("html")
    expect(html).to_have_attribute("data-role", "reader")
    expect(html).to_have_attribute("data-base", "/runs/w/first/portal")
    expect(html).to_have_attribute("data-address", f"{site.server.local_address}/w/first")
    page.get_by_role("link", name="digits").first.click()
    expect(page.get_by_role("heading", level=1, name="digits")).to_be_visible()
    assert page.url.startswith(f"{site.server.local_address}/w/first/portal/experiments/")
    page.reload()
    expect(page.get_by_role("heading", level=1, name="digits")).to_be_visible()
    assert page.evaluate("() => document.cookie") == ""
    assert problems == []


def test_names_and_files_of_a_run_do_nothing(site: ServerSite, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, f"{site.server.local_address}/w/first/portal/", new_token(site.home, "admin", "first"))
    page.get_by_role("link", name="digits").first.click()
    page.get_by_role("link", name=re.compile("img src")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x")
    run = page.url.partition("/runs/w/first/portal/runs/")[2].partition("/")[0].partition("?")[0]
    for tab in ("details", "files"):
        page.goto(f"{site.server.local_address}/w/first/portal/runs/{run}/{tab}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x")
        assert page.title() != "attacked" and page.locator("img[src=x]").count() == 0
    answer = page.goto(f"{site.server.local_address}/w/first/portal/api/runs/{run}/files/outputs/page.html")
    assert answer is None or answer.status in (200, 403)
    assert page.title() != "attacked"


def test_a_wrong_token_shows_the_form_again(site: ServerSite, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, f"{site.server.local_address}/w/first/portal/", "rb_wrong")
    expect(page.get_by_text("This token is not valid.")).to_be_visible()
    assert context.cookies() == []


def test_the_list_of_workspaces_leads_to_their_pages_and_out(site: ServerSite, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, f"{site.server.local_address}/", new_token(site.home, "reader", "second"))
    expect(page.get_by_role("link")).to_have_text(["second"])
    page.get_by_role("link", name="second").click()
    expect(page.locator("html")).to_have_attribute("data-workspace", "second")
    page.goto(f"{site.server.local_address}/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(f"{site.server.local_address}/w/second/portal/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 360])
def test_every_page_leads_out(site: ServerSite, context: BrowserContext, width: int) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    home = f"{site.server.local_address}/w/first/portal/"
    sign_in(page, home, new_token(site.home, "reader", "first"))
    page.get_by_role("link", name="digits").first.click()
    addresses = [home, page.url]
    page.get_by_role("link", name=re.compile("img src")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x")
    for address in [*addresses, page.url]:
        page.goto(address)
        button = page.get_by_role("button", name="Sign out")
        expect(button).to_be_in_viewport(ratio=1)
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    button.click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(home)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_without_a_session_no_page_leads_out(site: ServerSite, browser: Browser) -> None:
    token = new_token(site.home, "reader", "first")
    made = browser.new_context(extra_http_headers={"Authorization": f"Bearer {token}"})
    page = made.new_page()
    page.goto(f"{site.server.local_address}/w/first/portal/")
    expect(page.get_by_role("button", name="Keys")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
    made.close()


class OtherPage(BaseHTTPRequestHandler):
    """A page of another port, with forms and scripts that change the server."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>other</title><body></body>")

    def log_message(self, format: str, *values: object) -> None:
        pass


FORM = """(address) => {
  const form = document.createElement("form");
  Object.assign(form, {method: "post", action: address, enctype: "text/plain"});
  const field = document.createElement("input");
  Object.assign(field, {name: '{"experiment_id": "0", "name": "attack", "x": "', value: '"}'});
  form.append(field);
  document.body.append(form);
  setTimeout(() => form.submit());
}"""

WRITES = ("/portal/api/runs/archive", "/api/2.0/mlflow/runs/create", "/ajax-api/2.0/mlflow/experiments/create")


def test_a_form_of_another_port_changes_nothing(site: ServerSite, context: BrowserContext) -> None:
    """The browser sends the cookie with the form, because another port of a host is the same site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OtherPage)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        page = context.new_page()
        sign_in(page, f"{site.server.local_address}/w/first/portal/", new_token(site.home, "admin", "first"))
        expect(page.locator("html")).to_have_attribute("data-role", "admin")
        for path in WRITES:
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            address = f"{site.server.local_address}/w/first{path}"
            with page.expect_response(address) as sent:
                page.evaluate(FORM, address)
            page.wait_for_url(address)
            assert "runbridge-" in sent.value.request.all_headers().get("cookie", ""), path
            assert sent.value.status == 403, path
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
