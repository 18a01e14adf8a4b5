"""The table of runs: order, filter, columns, groups, children, selection, and what the address keeps of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from boxes import box_of
from playwright.sync_api import Locator, Page, expect
from portal_site import PortalSite, start

from bridge import Experiment
from bridge.records.run import RunChanges
from bridge.records.series import Point

pytestmark = pytest.mark.browser

MANY_KEYS = 12_000


@pytest.fixture
def runs(page: Page, site: PortalSite, ids: dict[str, str]) -> Iterator[Locator]:
    """The grid of the runs of `digits`, which the page shows."""
    yield opened(page, site, ids["experiment"])


def opened(page: Page, site: PortalSite, experiment: str, state: str = "") -> Locator:
    page.goto(f"{site.address}experiments/{experiment}?{state}")
    grid = page.get_by_role("grid", name="Runs")
    expect(grid.get_by_role("row").nth(1)).to_be_visible()
    return grid


def names(grid: Locator) -> list[str]:
    """Return the names of the runs on the screen, in order."""
    rows = grid.locator(".table-row").all()
    found = [(int(row.get_attribute("data-place") or 0), row.get_attribute("aria-label") or "") for row in rows]
    return [name for _, name in sorted(found)]


def header(grid: Locator, title: str) -> Locator:
    return grid.get_by_role("columnheader", name=title)


def test_a_press_on_a_header_orders_the_runs_and_is_kept_in_the_address(page: Page, runs: Locator) -> None:
    header(runs, "verdict").or_(header(runs, "train/loss")).first.wait_for()
    button = header(runs, "train/loss").get_by_role("button").first
    button.click()
    expect(header(runs, "train/loss")).to_have_attribute("aria-sort", "ascending")
    ascending = names(runs)
    button.click()
    expect(page).to_have_url(re.compile(r"sort=-metrics\.train/loss"))
    curves = [name for name in names(runs) if name.startswith("curves") or name == "glad-bow"]
    assert curves == [name for name in reversed(ascending) if name.startswith("curves") or name == "glad-bow"]
    assert set(names(runs)[len(curves) :]) == set(names(runs)) - set(curves), "runs without the metric come last"
    page.reload()
    expect(header(runs, "train/loss")).to_have_attribute("aria-sort", "descending")
    page.go_back()
    expect(header(runs, "train/loss")).to_have_attribute("aria-sort", "ascending")


def test_a_filter_leaves_the_runs_that_match_and_a_mistake_is_shown_at_its_place(page: Page, runs: Locator) -> None:
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Filter runs")
    expect(field).to_be_focused()
    field.fill("params.model = 'cnn' and metrics.verdict > 0.91")
    field.press("Enter")
    expect(page.get_by_role("status").filter(has_text="of 19 runs")).to_have_text("3 of 19 runs")
    assert names(runs) == ["curves-9", "curves-6", "curves-3"]
    field.fill("params.model = 'cnn' and metrics.verdict >> 1")
    field.press("Escape")
    field.press("Enter")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("^")
    assert names(runs) == ["curves-9", "curves-6", "curves-3"], "the last filter without a mistake holds"


def test_the_filter_completes_keys_comparators_and_values(page: Page, runs: Locator) -> None:
    field = page.get_by_role("combobox", name="Filter runs")
    field.click()
    field.press_sequentially("mod")
    page.get_by_role("option", name="params.model").click()
    page.get_by_role("option", name="=", exact=True).click()
    page.get_by_role("option", name="vit").click()
    expect(field).to_have_value("params.model = 'vit' ")
    expect(runs.locator(".table-row")).to_have_count(4)


def test_columns_are_found_among_thousands_of_keys(page: Page, site: PortalSite) -> None:
    wide = Experiment(site.workspace, "wide")
    run = start(wide, "wide-run")
    tracking = site.workspace.stores.tracking
    tracking.log_points(run.id, [Point(f"group{n % 100}/key{n}", float(n), 1, 0) for n in range(MANY_KEYS)])
    run.complete()
    tracking.get_runs(["none"])  # moves the points into the database, so that no request of the page does it
    grid = opened(page, site, wide.id)
    page.keyboard.press(".")
    field = page.get_by_role("combobox", name="Find a column")
    field.fill("group99/key11999")
    page.get_by_role("option", name="group99/key11999").click()
    page.keyboard.press("Escape")
    expect(header(grid, "group99/key11999")).to_be_attached()
    expect(grid.locator(".cell.number", has_text="11999")).to_be_attached()
    assert page.locator(".chart-slot").count() <= 100, "closed sections hold no charts"


def test_columns_are_resized_moved_and_hidden_and_the_address_keeps_it(page: Page, runs: Locator) -> None:
    status = header(runs, "Status")
    status.wait_for()
    grip = box_of(status.locator(".grip"))
    page.mouse.move(grip["x"] + 4, grip["y"] + 10)
    page.mouse.down()
    page.mouse.move(grip["x"] + 44, grip["y"] + 10, steps=3)
    page.mouse.up()
    box, name_box = box_of(header(runs, "Created")), box_of(status)
    assert name_box["width"] == 144
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(name_box["x"] + 10, name_box["y"] + 10, steps=4)
    page.mouse.up()
    heads = runs.get_by_role("columnheader")
    expect(heads.nth(2)).to_have_attribute("data-id", "start_time")
    expect(page).to_have_url(re.compile(r"cols=name,start_time,status"))
    page.keyboard.press(".")
    page.get_by_role("option", name="Status").click()
    page.keyboard.press("Escape")
    expect(status).to_have_count(0)
    page.reload()
    expect(heads.nth(2)).to_have_attribute("data-id", "start_time")
    expect(status).to_have_count(0)


def test_only_columns_that_differ_are_shown_on_request(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    state = "cols=name,params.batch_size,params.model&q=metrics.verdict > 0"
    grid = opened(page, site, ids["experiment"], state)
    expect(header(grid, "batch_size")).to_be_visible()
    page.keyboard.press("D")
    expect(header(grid, "batch_size")).to_have_count(0)
    expect(header(grid, "model")).to_be_visible()


def test_groups_show_mean_and_deviation_and_open_to_their_runs(page: Page, runs: Locator) -> None:
    page.keyboard.press("G")
    page.get_by_role("combobox", name="Group by").fill("params.model")
    page.get_by_role("option", name="params.model").first.click()
    page.keyboard.press("Escape")
    row = runs.get_by_role("row", name="model = cnn")
    expect(row).to_contain_text("model = cnn (4)")
    expect(row).to_contain_text(re.compile(r"0\.\d+ ± 0\.\d+"))
    row.get_by_role("button", name="Open").click()
    expect(row.get_by_role("button", name="Close")).to_have_attribute("aria-expanded", "true")
    expect(runs.get_by_role("row", name="curves-9")).to_be_visible()
    chart = page.get_by_role("figure", name="train/loss")
    expect(chart).to_contain_text("model = mlp")


def test_child_runs_are_below_their_parent_which_shows_the_best_of_them(
    page: Page, site: PortalSite, ids: dict[str, str]
) -> None:
    grid = opened(page, site, ids["experiment"], "cols=name,metrics.loss")
    parent = grid.get_by_role("row", name="calm-arch")
    expect(parent.locator(".number")).to_have_text("0.1667")
    expect(grid.get_by_role("row", name="child-1")).to_have_count(0)
    parent.get_by_role("button", name="Open").click()
    expect(grid.get_by_role("row", name="child-1")).to_be_visible()
    assert names(grid).index("child-1") > names(grid).index("calm-arch")


def test_the_keyboard_moves_selects_shows_and_opens(page: Page, runs: Locator) -> None:
    first = names(runs)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(runs.get_by_role("row", name=first[1], exact=True)).to_have_class(re.compile("active"))
    page.keyboard.press("x")
    page.keyboard.press("J")
    page.keyboard.press("J")
    selected = runs.locator("[aria-selected=true]")
    expect(selected).to_have_count(3)
    expect(page.get_by_role("toolbar", name="Selected runs")).to_contain_text("3 runs selected")
    page.keyboard.press("Escape")
    expect(selected).to_have_count(0)
    page.keyboard.press("v")
    expect(page).to_have_url(re.compile("hide="))
    page.keyboard.press("V")
    expect(page).to_have_url(re.compile("show=ids:"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/portal/runs/[0-9a-f]+"))


def test_a_run_is_renamed_in_place(page: Page, site: PortalSite) -> None:
    experiment = Experiment(site.workspace, "names")
    run = start(experiment, "before")
    run.log("loss", 1.0)
    run.complete()
    grid = opened(page, site, experiment.id)
    page.keyboard.press("j")
    page.keyboard.press("r")
    grid.get_by_role("textbox", name="Name").fill("after")
    page.keyboard.press("Enter")
    expect(grid.get_by_role("row", name="after")).to_be_visible()
    page.reload()
    expect(grid.get_by_role("row", name="after")).to_be_visible()


def test_a_note_is_written_from_the_table(page: Page, site: PortalSite) -> None:
    experiment = Experiment(site.workspace, "noted")
    run = start(experiment, "noted-run")
    run.complete()
    grid = opened(page, site, experiment.id)
    page.keyboard.press("j")
    page.keyboard.press("e")
    dialog = page.get_by_role("dialog", name="Note of noted-run")
    dialog.get_by_role("textbox", name="Note").fill("A **bigger** batch.")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    assert site.workspace.get_run(run.id).description == "A **bigger** batch."
    page.keyboard.press("e")
    expect(dialog.get_by_role("textbox", name="Note")).to_have_value("A **bigger** batch.")
    expect(grid).to_be_attached()


def test_a_negative_duration_is_a_question_mark_with_both_times(page: Page, site: PortalSite) -> None:
    experiment = Experiment(site.workspace, "clocks")
    run = start(experiment, "skewed")
    run.complete()
    site.workspace.stores.tracking.update_runs([run.id], RunChanges(end_time=1_000_000_000_000))
    grid = opened(page, site, experiment.id, "cols=name,duration")
    cell = grid.get_by_role("gridcell").nth(2)
    expect(cell).to_have_text("?")
    expect(cell).to_have_attribute("title", re.compile(r"ended before it started: 20\d\d-.* to 2001-09-0"))


def test_a_narrow_screen_shows_runs_as_cards(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    grid = opened(page, site, ids["experiment"])
    expect(grid.locator(".table-row").first).to_have_css("height", "68px")
    box = box_of(grid.locator(".table-row").first)
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
