"""The columns of the table of runs: their menu, the values of a metric, colours, and more runs than a browser holds."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from portal_site import PortalSite, start

from bridge import Experiment

pytestmark = pytest.mark.browser

RUNS, STEPS = 6, 30
DOTS = """(rows) => rows.map(
  (row) => [Number(row.dataset.place), row.querySelector(".eye-dot").style.getPropertyValue("--run")]
)"""


@pytest.fixture(scope="module")
def valleys(site: PortalSite) -> str:
    """An experiment whose runs have their least loss at different steps, and two models."""
    experiment = Experiment(site.workspace, "valleys")
    for number in range(RUNS):
        run = start(experiment, f"valley-{number}")
        run.log_params({"model": "cnn" if number % 2 else "mlp", "depth": number})
        lowest = 5 * number
        losses = [abs(step - lowest) + 0.5 + number for step in range(STEPS)]
        run.log_series("val/loss", losses, steps=list(range(STEPS)))
        run.complete()
    return experiment.id


def opened(page: Page, site: PortalSite, experiment: str, state: str = "") -> Locator:
    page.goto(f"{site.address}experiments/{experiment}?{state}")
    grid = page.get_by_role("grid", name="Runs")
    expect(grid.locator(".table-row").first).to_be_visible()
    return grid


def menu(page: Page, grid: Locator, column: str) -> Locator:
    """Open the menu of a column by the right button of the mouse."""
    expect(grid.locator(".head-menu").first).to_be_attached()  # their module is loaded after the first chart
    grid.locator(f"[data-id='{column}']").click(button="right")
    return page.get_by_role("menu", name=f"Column {column}")


def values(grid: Locator, column: str) -> list[str]:
    """Return the texts of a column, from the top."""
    heads = grid.locator(".table-heads [data-id]").evaluate_all("(heads) => heads.map((head) => head.dataset.id)")
    cells = grid.locator(f".table-row [data-column='{heads.index(column)}']")
    found: list[tuple[int, str]] = cells.evaluate_all(
        "(cells) => cells.map((cell) => [Number(cell.parentNode.dataset.place), cell.textContent])"
    )
    return [text for _, text in sorted(found)]


def test_a_column_shows_the_best_value_with_its_step_and_the_value_at_a_step(
    page: Page, site: PortalSite, valleys: str
) -> None:
    grid = opened(page, site, valleys, "cols=name,metrics.val/loss")
    best = menu(page, grid, "metrics.val/loss").get_by_role("menuitemcheckbox", name="Least, with its step")
    expect(best).to_contain_text("best")
    best.click()
    least = grid.locator("[data-id='metrics.val/loss:min']")
    expect(least).to_contain_text("min")
    newest = [f"{number + 0.5}@{5 * number}" for number in reversed(range(RUNS))]
    expect(grid.locator(".table-row").first).to_contain_text(newest[0])
    assert values(grid, "metrics.val/loss:min") == newest
    menu(page, grid, "metrics.val/loss:min").get_by_role("menuitemcheckbox", name="At a step").click()
    expect(page.get_by_role("combobox", name="Find a column")).to_be_focused()
    page.keyboard.type("10")
    expect(page.get_by_role("option", name="val/loss:@10")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    at_ten = [f"{abs(10 - 5 * number) + 0.5 + number}" for number in reversed(range(RUNS))]
    expect(grid.locator(".table-row").first).to_contain_text(at_ten[0])
    assert values(grid, "metrics.val/loss:@10") == at_ten
    grid.locator("[data-id='metrics.val/loss:@10'] .sort").click()
    expect(page).to_have_url(re.compile("sort=metrics.val/loss:@10"))
    # The cells of the order are filled in the same turn as the address.
    assert [float(text) for text in values(grid, "metrics.val/loss:@10")] == sorted(map(float, at_ten))
    page.reload()
    expect(grid.locator("[data-id='metrics.val/loss:@10']")).to_have_attribute("aria-sort", "ascending")
    expect(grid.locator(".table-row").first).to_contain_text("2.5")
    assert len(values(grid, "metrics.val/loss:min")) == RUNS


def test_the_menu_of_a_column_pins_colours_and_hides_it_by_keyboard(page: Page, site: PortalSite, valleys: str) -> None:
    grid = opened(page, site, valleys, "cols=name,params.model,params.depth,status")
    first = grid.get_by_role("button", name="Column name")
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menu", name="Column params.model")).to_be_visible()
    page.get_by_role("menuitemcheckbox", name="Keep at the left up to here").press("Enter")
    expect(page).to_have_url(re.compile("pin=2"))
    expect(grid.locator("[data-id='params.model']")).to_have_class(re.compile("pinned"))
    # A pinned column does not move with the others.
    model, depth = (grid.locator(f".table-row [data-column='{at}']").first for at in (1, 2))
    expect(model).to_have_css("position", "sticky")
    expect(depth).not_to_have_css("position", "sticky")
    before = dots(grid)
    assert len(set(before)) == RUNS, "each run has its colour"
    menu(page, grid, "params.model").get_by_role("menuitemcheckbox", name="Colour runs by").click()
    expect(page).to_have_url(re.compile("colour=params.model"))
    expect(page.get_by_role("figure", name="val/loss", exact=True).locator("canvas").first).to_be_visible()
    coloured = dots(grid)
    assert len(set(coloured)) == 2 and coloured[0] == coloured[2] != coloured[1]
    lines = page.locator("[data-chart='val/loss'] .lines-plot").evaluate(
        "(plot) => plot.plot.lines.map((line) => line.colour)"
    )
    assert sorted(lines) == sorted(coloured), "the charts have the colours of the table"
    menu(page, grid, "params.depth").get_by_role("menuitem", name="Hide").click()
    expect(grid.locator("[data-id='params.depth']")).to_have_count(0)
    page.reload()
    expect(grid.locator(".table-row").first).to_be_visible()
    expect(grid.locator("[data-id='params.depth']")).to_have_count(0)
    assert dots(grid) == coloured


def dots(grid: Locator) -> list[str]:
    """Return the colours of the runs, from the top."""
    found: list[tuple[int, str]] = grid.locator(".table-row").evaluate_all(DOTS)
    return [colour for _, colour in sorted(found)]


def test_the_page_says_that_it_shows_only_the_first_of_very_many_runs(
    page: Page, site: PortalSite, valleys: str
) -> None:
    def with_lower_limit(route: Route) -> None:
        route.continue_(url=route.request.url.replace("limit=50000", "limit=4"))

    page.route("**/table?*", with_lower_limit)
    grid = opened(page, site, valleys, "cols=name,params.depth")
    said = page.locator(".experiment-part")
    expect(said).to_contain_text("The first 4 of 6 runs are shown")
    expect(page.locator(".experiment-count")).to_have_text("6 runs")
    assert values(grid, "params.depth") == ["5", "4", "3", "2"]
    # The order decides which runs are the first.
    grid.locator("[data-id='params.depth'] .sort").click()
    expect(grid.locator(".table-row").first).to_contain_text("valley-0")
    expect(said).to_contain_text("The first 4 of 6 runs are shown")
    assert values(grid, "params.depth") == ["0", "1", "2", "3"]
    said.get_by_role("button", name="A filter").click()
    page.keyboard.type('metrics."val/loss" < 16')
    page.keyboard.press("Enter")
    expect(said).to_have_count(0)
    expect(page.locator(".experiment-count")).to_have_text("2 of 6 runs")
    assert values(grid, "params.depth") == ["4", "5"]
