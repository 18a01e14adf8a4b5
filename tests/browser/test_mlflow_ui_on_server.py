"""MLflow's UI works on a server of workspaces, below the address of a workspace and under a strict content policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from longer import LONG
from mlflow import MlflowClient
from playwright.sync_api import Browser, Error
from routes import PAGES, PAGES_OF_RUNS
from served_workspaces import served
from server_site import new_token
from visiting import PATIENCE, Visitor

from bridge.store.create import create_store

pytestmark = pytest.mark.browser

OF_CLOSED_GROUPS = ("gateway", "judges_of_all", "mcp_", "settings_connections", "settings_webhooks")
"""How the names of pages begin that MLflow shows only with groups of `--allow-mlflow`."""

NOT_FOUND = re.compile(r"/ajax-api/[23]\.0/mlflow/(gateway/endpoints/list|users/.+|roles/.+|assistant/.+)")
"""Requests of these pages that the server does not answer. MLflow answers those for users and roles with tokens."""


def pages_by_route() -> dict[str, tuple[str, ...]]:
    """Return all pages, each route once, because this server has everything from the start.

    A page without closed groups has the texts of all pages of its route that have none.
    """
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for name, (route, *texts) in (PAGES_OF_RUNS | PAGES).items():
        before, seen = found.get(route, (name, ()))
        if name.startswith(OF_CLOSED_GROUPS) and not before.startswith(OF_CLOSED_GROUPS):
            continue
        found[route] = (name, (*seen, *texts))
    return {name: (route, *texts) for route, (name, texts) in found.items()}


ALL = pages_by_route()
FIRST_OF_ALL = "home_of_all"
SAMPLE = (
    "home_of_all", "experiments", "trace_usage", "runs_of_all", "runs_as_charts", "runs_as_tables", "traces_of_all",
    "trace", "session", "logged_model", "logged_model_artifacts", "playground", "run_with_model", "run_metrics",
    "run_artifact", "compared_runs", "metric", "models_of_all", "model_version", "evaluation_run", "evaluated_traces",
    "dataset", "experiment_prompt", "prompt", "review_queue_of_all", "account", "admin_user", "settings_general",
    "gateway_of_all", "judges", "mcp_server", "settings_webhooks",
)  # fmt: skip
"""A page of each kind: others are visited with RUNBRIDGE_LONG, and on `mlflow server` by `test_mlflow_ui.py`."""
VISITED = [name for name in ALL if LONG or name in SAMPLE]
CLOSED = [name for name in VISITED if name.startswith(OF_CLOSED_GROUPS)]

POLICY = "Content Security Policy"
BLOCKED_VIDEO = "https://mlflow.org/docs/latest/images/"
"""The address of a video that pages without traces would load from another host."""


CREATE_MODEL = """name => fetch("ajax-api/2.0/mlflow/registered-models/create", {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({name}),
}).then(got => got.status)"""


def violations(visitor: Visitor) -> set[str]:
    return {one for one in visitor.complaints if POLICY in one and BLOCKED_VIDEO not in one}


def test_the_sample_has_pages_of_the_list() -> None:
    assert {*SAMPLE} <= ALL.keys()


@pytest.mark.parametrize("name", [name for name in VISITED if name not in CLOSED])
def test_a_page_shows_what_the_workspace_has(visitor_of_server: Visitor, shots: Path, name: str) -> None:
    visitor = visitor_of_server
    route, *texts = ALL[name]
    if name == FIRST_OF_ALL:
        visitor.page.reload()  # because it caches tables
    visitor.open(route)
    visitor.sees(*texts)
    visitor.rest()
    visitor.page.screenshot(path=shots / f"{name}_on_server.png")
    assert violations(visitor) == set()
    failed = {one for one in visitor.asked() if one[2] >= 400}
    assert {one for one in failed if one[2] != 404 or not NOT_FOUND.fullmatch(one[1])} == set()


@pytest.mark.parametrize("name", CLOSED)
def test_a_page_of_a_closed_group_does_not_break(visitor_of_server: Visitor, name: str) -> None:
    visitor = visitor_of_server
    visitor.open(ALL[name][0])
    visitor.rest()
    assert violations(visitor) == set()
    assert {status for _, _, status in visitor.asked()} <= {200, 404}


def test_the_policy_lets_no_other_script_run(visitor_of_server: Visitor) -> None:
    page = visitor_of_server.page
    visitor_of_server.complaints.clear()
    with pytest.raises(Error, match=POLICY):
        page.add_script_tag(content="window.ran = true")
    assert page.evaluate("window.ran") is None
    assert violations(visitor_of_server) != set()


def test_the_link_that_mlflows_client_prints_opens_the_run(
    visitor_of_server: Visitor, capsys: pytest.CaptureFixture[str]
) -> None:
    site = visitor_of_server.site
    client = MlflowClient(site.address)
    client.set_terminated(client.create_run(site.ids["empty"], run_name="linked").info.run_id)
    printed = capsys.readouterr().out
    (link,) = re.findall(r"http://\S+/runs/\S+", printed)
    page = visitor_of_server.page.context.new_page()
    page.goto(link)
    page.get_by_text("linked").locator("visible=true").first.wait_for(timeout=PATIENCE * 1000)
    page.close()


def test_a_script_in_a_file_of_a_run_does_not_run(visitor_of_server: Visitor) -> None:
    visitor, run = visitor_of_server, visitor_of_server.site.ids["run"]
    script = "<script>document.body.innerText = 'ran'; parent.document.title = 'ran'</script>"
    MlflowClient(visitor.site.address).log_text(run, f"<p>some text</p>{script}", "page.html")
    visitor.open("experiments/{experiment}/runs/{run}/artifacts/page.html")
    frame = visitor.page.frame_locator("iframe")
    frame.get_by_text("some text").wait_for(timeout=PATIENCE * 1000)
    visitor.rest()
    assert frame.locator("body").inner_text() == "some text"
    assert visitor.page.title() != "ran"
    assert violations(visitor) != set()


def test_a_browser_with_a_session_uses_mlflows_ui_as_its_role_allows(browser: Browser, tmp_path: Path) -> None:
    create_store(tmp_path / "demo", "demo")
    writer, reader = (new_token(tmp_path / "home", role, "demo") for role in ("writer", "reader"))
    with served(
        {"demo": tmp_path / "demo"}, tmp_path / "server.log", "--home", str(tmp_path / "home"), tokens=True
    ) as server:
        for token, can_write in ((writer, True), (reader, False)):
            context = browser.new_context()
            page = context.new_page()
            page.goto(f"{server.at('demo')}/#/experiments/0/runs")
            page.get_by_label("Token").fill(token)
            page.get_by_role("button").first.click()
            page.get_by_text("Default").locator("visible=true").first.wait_for(timeout=PATIENCE * 1000)
            status = page.evaluate(CREATE_MODEL, f"of {can_write}")
            assert status == (200 if can_write else 403)
            assert page.evaluate("fetch('ajax-api/2.0/mlflow/registered-models/search').then(got => got.status)") == 200
            context.close()


def test_nothing_was_logged_as_an_error(visitor_of_server: Visitor) -> None:
    assert "Traceback" not in visitor_of_server.site.log.read_text()
