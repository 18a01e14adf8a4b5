"""Data that would break a careless page: markup, odd names, very many keys, deep trees, huge lines, odd times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import controls
import pytest
from controls import find
from playwright.sync_api import Page, expect
from portal_site import PortalSite, Problems, portal_site, start

from bridge import Experiment, Run, Workspace
from bridge.records.run import RunChanges

pytestmark = pytest.mark.browser

MARKUP = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>\"'`${window.hacked=1}"
LONG = "a-very-long-name-without-a-space-" * 7 + "and-its-end-x"[:24]
RIGHT_TO_LEFT = "\u202eسجل التدريب הרצה 12\u202c"
KEYS, DEPTH, LINE = 12_000, 1_000, 10_000_000


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, dict[str, str]]]:
    """A workspace whose every text is markup, and whose every size is extreme; and ids by name."""
    folder = tmp_path_factory.mktemp("hostile")
    workspace = Workspace.create("hostile", path=folder / "hostile")
    experiment = Experiment(workspace, "hostile")
    experiment.tag("mlflow.note.content", f"{MARKUP}\n\n[x](javascript:window.hacked=1) <svg onload=window.hacked=1>")
    experiment.tag(MARKUP, MARKUP)
    experiment.tag("runbridge.view." + MARKUP[:60], "q=" + MARKUP)
    ids = {"experiment": experiment.id}
    ids["markup"] = _markup(experiment, folder)
    for name in (LONG, RIGHT_TO_LEFT, "\u200b", "💥" * 60):
        run = start(experiment, name)
        run.log_param("lr", 0.1)
        run.log("loss", 1.0)
        run.complete()
        ids[name] = run.id
    ids["keys"] = _many_keys(experiment)
    ids["back"] = _negative(experiment, workspace)
    deep = Experiment(workspace, "deep")
    ids["deep"], ids["deepest"] = deep.id, _deep(deep)
    yield workspace, ids
    workspace.close()


def _markup(experiment: Experiment, folder: Path) -> str:
    run = start(experiment, MARKUP)
    run.description = MARKUP
    run.log_params({MARKUP: MARKUP, "lr": MARKUP})
    run.set_tags({MARKUP: MARKUP})
    run.add_properties({"a": MARKUP})
    for step in range(3):
        run.log(MARKUP, step, description=MARKUP)
        run.log("loss", step)
        run.log("phase" + MARKUP, MARKUP)
    row: Any = {MARKUP: 1.0, "y": 2.0}
    run.log_row("row" + MARKUP, **row)
    run.log_table("table", {MARKUP: [MARKUP, "b"], "n": [1, 2]})
    matrix = {"class_labels": [MARKUP, "b"], "matrix": [[1, 2], [3, 4]]}
    run.log_confusion_matrix(MARKUP, {"schema_type": "confusion_matrix", "schema_version": "1.0.0", "data": matrix})
    for name, text in {
        "page.html": f"<script>top.hacked=1;parent.hacked=1</script>{MARKUP}",
        "picture.svg": "<svg xmlns='http://www.w3.org/2000/svg' onload='top.hacked=1'><script>top.hacked=1</script>"
        "</svg>",
        "readme.md": MARKUP,
        "user_logs/std_log.txt": f"{MARKUP}\n\x1b[31m{MARKUP}\x1b[0m\n\x1b]8;;javascript:hacked=1\x07x\x1b]8;;\x07\n",
        "user_logs/long.txt": "short\n" + "x" * LINE + "\nend\n",
    }.items():
        file = folder / name.replace("/", "-")
        file.write_text(text, encoding="utf-8")
        run.upload_file(name, str(file))
    run.fail(MARKUP)
    return run.id


def _many_keys(experiment: Experiment) -> str:
    run: Run = start(experiment, "many-keys")
    for number in range(KEYS):
        run.log(f"section{number % 60}/key{number}", number)
    run.complete()
    return run.id


def _negative(experiment: Experiment, workspace: Workspace) -> str:
    run = start(experiment, "back-in-time")
    run.log("loss", 1.0)
    run.complete()
    store = workspace.stores.tracking
    begun = store.get_runs([run.id])[run.id].start_time
    store.update_runs([run.id], RunChanges(end_time=(begun or 0) - 9_495_000))
    return run.id


def _deep(experiment: Experiment) -> str:
    run = start(experiment, "level-0")
    runs = [run]
    for level in range(1, DEPTH):
        runs.append(runs[-1].child_run(f"level-{level}"))
    for one in reversed(runs):
        one.complete()
    return runs[-1].id


@pytest.fixture(scope="module")
def site(hostile: tuple[Workspace, dict[str, str]]) -> Iterator[PortalSite]:
    """A server of the hostile workspace."""
    with portal_site(hostile[0]) as site:
        yield site


@pytest.fixture
def ids(hostile: tuple[Workspace, dict[str, str]]) -> dict[str, str]:
    """The ids in the hostile workspace."""
    return hostile[1]


@pytest.fixture(autouse=True)
def accepted(problems: Problems) -> None:
    """Expect the reports of handlers that are removed from Markdown, and of scripts in frames that allow none."""
    problems.accept("inline event handler")
    problems.accept("sandboxed|files/page.html")


def check(page: Page) -> None:
    """Check that no script ran, and that the page is not wider than the screen."""
    assert page.evaluate("() => window.hacked") is None
    assert page.evaluate("() => document.querySelectorAll('img[src=x], [onerror], [onload], #page script').length") == 0
    for width in (1440, 360):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"the page is {wide} pixels too wide at {width}"
    page.set_viewport_size({"width": 1440, "height": 900})


def shot(page: Page, shots: Path, name: str) -> None:
    """Store a picture for a person to look at."""
    page.screenshot(path=shots / f"hostile-{name}.png")


PLACES = {
    "home": "",
    "search": "?q=%3Cimg",
    "experiment": "experiments/{experiment}",
    "grouped": "experiments/{experiment}?group=params.lr",
    "notes": "experiments/{experiment}/notes",
    "compare": "experiments/{experiment}/compare?runs={markup},{keys}&differ=0",
    "all": "experiments/{experiment}/compare",
    "run": "runs/{markup}",
    "metrics": "runs/{markup}/metrics",
    "files": "runs/{markup}/files?file=page.html",
    "picture": "runs/{markup}/files?file=picture.svg",
    "details": "runs/{markup}/details",
    "log": "runs/{markup}/logs",
    "deepest": "runs/{deepest}",
    "children": "experiments/{deep}",
    "back": "runs/{back}",
    "keys": "runs/{keys}/metrics",
}


SHOWN = {
    "compare": ".compare-table",
    "all": ".scatter",
    "metrics": "figure.metric canvas",
    "files": "iframe",
    "picture": ".preview",
    "log": ".log-row",
    "keys": "figure.metric",
    "experiment": ".runs-table .table-row",
    "children": ".runs-table .table-row",
}
"""The selector of a part of the page that appears last."""


@pytest.mark.parametrize("name", PLACES)
def test_no_script_runs_and_nothing_breaks_the_layout(
    page: Page, site: PortalSite, ids: dict[str, str], shots: Path, name: str
) -> None:
    page.goto(site.address + PLACES[name].format(**ids))
    expect(page.get_by_role("heading", level=1)).not_to_have_text("…")
    expect(page.locator("[aria-busy='true']")).to_have_count(0)
    if name in SHOWN:
        expect(page.locator(SHOWN[name]).first).to_be_visible()
    shot(page, shots, name)
    check(page)


def test_an_address_that_is_markup_shows_an_error(
    page: Page, site: PortalSite, ids: dict[str, str], problems: Problems
) -> None:
    problems.accept("400")
    page.goto(f"{site.address}experiments/{ids['experiment']}?q=%3Cscript%3E&sort=%22&x=%27&view=%3Cimg%20src=x%3E")
    expect(page.get_by_role("alert")).to_be_visible()
    check(page)
    page.goto(f"{site.address}runs/%3Cimg%20src=x%20onerror=hacked=1%3E")
    problems.accept("404")
    expect(page.get_by_role("alert")).to_be_visible()
    check(page)


def test_a_run_with_markup_in_every_field_shows_the_markup_as_text(
    page: Page, site: PortalSite, ids: dict[str, str]
) -> None:
    page.goto(f"{site.address}experiments/{ids['experiment']}?cols=name,params.lr")
    row = find(page, controls.RUNS).get_by_role("row", name=MARKUP, exact=True)
    expect(row).to_contain_text("<script>window.hacked=1</script>")
    expect(row.get_by_role("gridcell").nth(2)).to_contain_text("onerror=")


def test_a_negative_duration_is_shown_as_unknown(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    page.goto(f"{site.address}experiments/{ids['experiment']}?cols=name,duration")
    row = find(page, controls.RUNS).get_by_role("row", name="back-in-time", exact=True)
    expect(row.get_by_role("gridcell").nth(2)).to_have_text("?")


def test_a_line_of_ten_megabytes_is_shown_in_part(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    page.goto(f"{site.address}runs/{ids['markup']}/logs?log=user_logs/long.txt")
    expect(page.get_by_text("end", exact=True).first).to_be_visible()
    assert page.evaluate("() => document.getElementById('page').textContent.length") < 1_000_000


def test_a_key_among_twelve_thousand_becomes_a_column(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    page.goto(f"{site.address}experiments/{ids['experiment']}")
    expect(find(page, controls.RUNS).get_by_role("row", name="many-keys", exact=True)).to_be_visible()
    find(page, controls.COLUMNS).click()
    expect(page.get_by_role("dialog").get_by_role("combobox")).to_be_focused()
    page.keyboard.type("key11987")
    found = page.get_by_role("dialog").get_by_role("option", name="section47/key11987")
    expect(found).to_be_visible()
    found.dispatch_event("click")  # the list is drawn again while the keys arrive
    page.keyboard.press("Escape")
    row = find(page, controls.RUNS).get_by_role("row", name="many-keys", exact=True)
    expect(row).to_contain_text("11987")


def test_the_deepest_child_names_the_runs_above_it(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    page.goto(f"{site.address}runs/{ids['deepest']}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"level-{DEPTH - 1}")
    expect(page.get_by_role("link", name=f"level-{DEPTH - 2}").first).to_be_visible()
