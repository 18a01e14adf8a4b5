"""The charts of the experiment page: tables of rows, the layout of sections, and a move along x."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from boxes import box_of
from playwright.sync_api import Locator, Page, expect
from portal_site import PortalSite, start

from bridge import Experiment

pytestmark = pytest.mark.browser

RUNS = 3
PLACES = """(sections) => sections.map((section) => {
  const { x, y, width, height } = section.getBoundingClientRect();
  return [section.dataset.section, x, y, width, height];
})"""
FITS = """() => {
  const node = document.querySelector(".chart-scroll");
  const [one, two] = ["train", "val"].map((name) => document.querySelector(`[data-section=${name}] .chart`));
  return node.scrollHeight <= node.clientHeight && Math.abs(one.offsetHeight - two.offsetHeight) < 2;
}"""
MOVED = """() => ["val/loss", "train/loss"].every(
  (name) => document.querySelector(`[data-chart='${name}'] .lines-plot`).plot.lines[0].x[0] >= 49
)"""
OVER_C = "() => document.querySelector('[data-chart=cloud] .lines-plot').plot.lines[0].x[0] === 7"
DRAWN = """(figure) => figure.querySelector(".lines-plot").plot.lines.map((line) => ({
  name: line.name, dots: Boolean(line.dots), x: [...line.x.subarray(0, line.n)], y: [...line.y.subarray(0, line.n)],
}))"""


@pytest.fixture(scope="module")
def tables(site: PortalSite) -> str:
    """An experiment whose runs log rows, and numbers in three sections."""
    experiment = Experiment(site.workspace, "tables")
    for number in range(RUNS):
        run = start(experiment, f"table-{number}")
        for at in range(10):
            run.log_row("sine", phase=at / 2, value=math.sin(at / 2) + number)
        # The column that was logged first is the horizontal one. It goes back and forth.
        run.log_table("cloud", {"b": [3.0, 1.0, 2.0], "a": [number + 0.5, number + 1.5, number + 2.5], "c": [7, 8, 9]})
        run.log_row("final", size=10 + number, accuracy=0.5 + number / 10)
        for name in ("train/loss", "val/loss", "val/accuracy"):
            run.log_series(name, [1 / (1 + step) for step in range(100)], steps=list(range(100)))
        run.complete()
    return experiment.id


def chart(page: Page, name: str) -> Locator:
    """Return a chart whose lines are drawn and not older than the page's state."""
    figure = page.get_by_role("figure", name=name, exact=True)
    figure.scroll_into_view_if_needed()
    expect(figure.locator("canvas").first).to_be_visible()
    expect(figure.locator(".stale")).to_have_count(0)
    return figure


def lines(figure: Locator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = figure.evaluate(DRAWN)
    return sorted(found, key=lambda line: str(line["name"]))


def test_rows_are_drawn_over_their_first_column(page: Page, site: PortalSite, tables: str) -> None:
    page.goto(f"{site.address}experiments/{tables}?range=10..20")
    sine = chart(page, "sine")
    expect(sine).to_contain_text("value over phase")
    found = lines(sine)
    assert [line["name"] for line in found] == [f"table-{number}" for number in range(RUNS)]
    for number, line in enumerate(found):
        assert line["x"] == [at / 2 for at in range(10)], "the zoom of the steps is not that of the rows"
        assert line["y"] == pytest.approx([math.sin(at / 2) + number for at in range(10)]) and not line["dots"]
    cloud = lines(chart(page, "cloud"))
    assert cloud[1] == {"name": "table-1", "dots": True, "x": [1.0, 2.0, 3.0], "y": [2.5, 3.5, 1.5]}
    final = lines(chart(page, "final"))
    assert [(line["x"], line["y"], line["dots"]) for line in final] == [
        ([10 + n], [0.5 + n / 10], True) for n in range(RUNS)
    ]
    # The axes can be chosen, and the address keeps them.
    figure = chart(page, "cloud")
    figure.get_by_role("button", name=re.compile("Actions|More|Menu")).click()
    page.get_by_role("menuitemcheckbox", name="c", exact=True).first.click()
    expect(figure).to_contain_text("a over c")
    page.wait_for_function(OVER_C)
    page.reload()
    figure = chart(page, "cloud")
    expect(figure).to_contain_text("a over c")
    page.wait_for_function(OVER_C)
    assert lines(figure)[1]["y"] == [1.5, 2.5, 3.5]


def test_short_sections_share_a_row_and_few_charts_fill_the_screen(page: Page, site: PortalSite, tables: str) -> None:
    page.goto(f"{site.address}experiments/{tables}?charts=shut:Tables")
    chart(page, "train/loss")
    for width, height in ((1280, 720), (1600, 900), (2560, 1440)):
        page.set_viewport_size({"width": width, "height": height})
        chart(page, "val/loss")
        page.wait_for_function(FITS)  # all charts are on the screen
        scroll = page.locator(".chart-scroll")
        found = {name: place for name, *place in page.locator(".chart-section").evaluate_all(PLACES)}
        room = scroll.evaluate("(node) => [node.clientWidth, node.clientHeight]")
        charts = page.locator(".chart").evaluate_all(
            "(charts) => charts.map((chart) => chart.getBoundingClientRect().width)"
        )
        assert max(charts) <= 2 * min(charts) + 24
        used = sum(box[2] * box[3] for box in found.values())
        assert used > 0.55 * room[0] * room[1], f"{width}: sections use most of the screen"
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{site.address}experiments/{tables}?charts=per:3;shut:Tables")
    chart(page, "val/loss")
    boxes = {name: place for name, *place in page.locator(".chart-section").evaluate_all(PLACES)}
    assert boxes["train"][1] == boxes["val"][1] and boxes["val"][0] > boxes["train"][0], "both are in one row"


def test_shift_drag_moves_all_charts_along_x(page: Page, site: PortalSite, tables: str) -> None:
    page.goto(f"{site.address}experiments/{tables}?range=40..60")
    one = chart(page, "val/loss")
    box = box_of(one.locator(".lines-area"))
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page).to_have_url(re.compile(r"range=(49|50)[\d.]*\.\.(69|70)"))
    chart(page, "train/loss")
    page.wait_for_function(MOVED)
    for name in ("val/loss", "train/loss"):
        low, high = chart(page, name).evaluate("(figure) => figure.querySelector('.lines-plot').plot.range")
        assert high - low == pytest.approx(20, abs=0.1) and low == pytest.approx(50, abs=0.5)
