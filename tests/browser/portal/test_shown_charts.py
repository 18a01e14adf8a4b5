"""The charts of the experiment page: exact values at every zoom, what they say about what they do not show, themes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from boxes import box_of
from playwright.sync_api import Browser, Locator, Page, expect
from portal_site import PortalSite, Problems, start

from bridge import Experiment

pytestmark = pytest.mark.browser

POINTS = 1_000_000
LOW, HIGH = -4.68, 4.732
PLACES = (123_457, 876_543)
"""The steps of the least and the greatest value."""

DRAWN = """(figure, name) => {
  const { plot } = figure.querySelector(".lines-plot");
  const part = (line, name) => line[name] && [...line[name].subarray(0, line.n)].map(String);
  if (name === "range") return { range: plot.range, extent: plot.extent, thick: plot.thick };
  return plot.lines.map((line) => ({
    id: line.id, name: line.name, exact: line.exact, points: line.points,
    x: [...line.x.subarray(0, line.n)], y: part(line, "y"), low: part(line, "low"), high: part(line, "high"),
  }));
}"""


@pytest.fixture(scope="module")
def long_run(site: PortalSite) -> tuple[str, str, np.ndarray[Any, Any]]:
    """An experiment with one run of a million points, the run, and its values."""
    experiment = Experiment(site.workspace, "long")
    run = start(experiment, "long-run")
    values = np.clip(np.random.default_rng(0).standard_normal(POINTS), -4.6, 4.6)
    values[PLACES[0]], values[PLACES[1]] = LOW, HIGH
    run.log_series("noise", values.tolist(), steps=list(range(POINTS)))
    run.complete()
    return experiment.id, run.id, values


@pytest.fixture(scope="module")
def odd(site: PortalSite) -> str:
    """An experiment whose runs have values that a chart cannot show as they are."""
    experiment = Experiment(site.workspace, "odd")
    for number in range(3):
        run = start(experiment, f"odd-{number}")
        values = [1 / (1 + step) for step in range(100)]
        if number == 0:
            values[50], values[60], values[70] = 1000.0, -0.5, 0.0
            run.log("marks", math.nan, step=0)
            run.log("marks", math.inf, step=1)
            run.log("marks", -math.inf, step=2)
            run.log("marks", 1.0, step=3)
        run.log_series("a/loss", values, steps=list(range(100)))
        run.log_series("b/loss", [2 * value for value in values], steps=list(range(100)))
        run.log("score", 0.5 + number / 10)
        run.complete()
    return experiment.id


def opened(page: Page, site: PortalSite, experiment: str, state: str = "") -> Page:
    page.goto(f"{site.address}experiments/{experiment}?{state}")
    return page


def chart(page: Page, name: str) -> Locator:
    """Return a chart whose lines are drawn and not older than the page's state."""
    figure = page.get_by_role("figure", name=name, exact=True)
    expect(figure.locator("canvas").first).to_be_visible()
    expect(figure.locator(".stale")).to_have_count(0)
    return figure


def drawn(figure: Locator) -> list[dict[str, Any]]:
    """Return the values that a chart draws."""
    found: list[dict[str, Any]] = figure.evaluate(DRAWN, "lines")
    for line in found:
        for name in ("y", "low", "high"):
            if line[name] is not None:
                line[name] = np.array([float(value.replace("Infinity", "inf")) for value in line[name]])
    return found


def state_of(figure: Locator) -> Mapping[str, Any]:
    found: dict[str, Any] = figure.evaluate(DRAWN, "range")
    return found


def drag(page: Page, figure: Locator, first: float, last: float) -> None:
    """Drag over a chart, from a share of its width to another."""
    box = box_of(figure.locator(".lines-area"))
    page.mouse.move(box["x"] + first * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + last * box["width"], box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()


def test_a_million_points_show_their_exact_extremes_at_every_zoom(
    page: Page, site: PortalSite, long_run: tuple[str, str, np.ndarray[Any, Any]]
) -> None:
    experiment, run, values = long_run
    figure = chart(opened(page, site, experiment), "noise")
    (line,) = drawn(figure)
    assert (np.nanmin(line["low"]), np.nanmax(line["high"]), line["points"]) == (LOW, HIGH, POINTS)
    extent = state_of(figure)["extent"]
    assert extent["low"] < LOW and extent["high"] > HIGH, "the axis shows both"
    # The drawn lines equal the store's envelope, bucket by bucket, and so the points themselves.
    buckets = len(line["y"])
    (sampled,) = site.workspace.stores.tracking.views.sample_series([run], ["noise"], buckets)
    assert sampled.buckets is not None
    np.testing.assert_array_equal(line["low"], sampled.buckets.minimum)
    np.testing.assert_array_equal(line["high"], sampled.buckets.maximum)
    # A compressed series adds the values up in another order.
    np.testing.assert_allclose(line["y"], sampled.buckets.mean, rtol=1e-12)
    low, high = 123_000, 124_000
    zoomed = f"range={low}..{high}"
    figure = chart(opened(page, site, experiment, zoomed), "noise")
    (line,) = drawn(figure)
    assert (np.nanmin(line["low"]), np.nanmax(line["high"])) == (LOW, values[low : high + 1].max())
    figure = chart(opened(page, site, experiment, f"range={PLACES[0] - 20}..{PLACES[0] + 20}"), "noise")
    (line,) = drawn(figure)
    assert line["exact"] and line["x"] == list(range(PLACES[0] - 20, PLACES[0] + 21))
    np.testing.assert_array_equal(line["y"], values[PLACES[0] - 20 : PLACES[0] + 21])


def test_a_drag_zooms_all_charts_and_a_double_click_shows_the_whole_range(
    page: Page, site: PortalSite, odd: str
) -> None:
    opened(page, site, odd)
    one, other = chart(page, "a/loss"), chart(page, "b/loss")
    whole = state_of(one)["range"]
    drag(page, one, 0.25, 0.5)
    expect(page).to_have_url(re.compile(r"range=[\d.]+\.\.[\d.]+"))
    chart(page, "b/loss")
    low, high = state_of(one)["range"]
    assert state_of(other)["range"] == [low, high] and whole[0] < low < high < whole[1]
    page.wait_for_function("() => document.querySelector('[data-chart=\"b/loss\"] .lines-plot').plot.lines[0].n < 40")
    assert all(low <= x <= high for line in drawn(other) for x in line["x"]), "the zoom is read again"
    page.reload()
    assert state_of(chart(page, "a/loss"))["range"] == [low, high]
    page.get_by_role("figure", name="a/loss").locator(".lines-area").dblclick()
    expect(page).not_to_have_url(re.compile("range="))
    page.go_back()
    expect(page).to_have_url(re.compile("range="))


def test_the_run_under_the_pointer_is_thick_in_all_charts(page: Page, site: PortalSite, odd: str) -> None:
    opened(page, site, odd, "q=metrics.score < 0.65 and metrics.score > 0.55")
    one, other = chart(page, "a/loss"), chart(page, "b/loss")
    box = box_of(one.locator(".lines-area"))
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] - 12)
    expect(one.locator(".chart-tip")).to_contain_text(re.compile(r"step (49|50).*odd-1.*0\.0(2|196)"))
    run = drawn(one)[0]["id"]
    assert state_of(one)["thick"] == run and state_of(other)["thick"] == run
    page.mouse.move(5, 5)
    expect(one.locator(".chart-tip")).to_be_hidden()
    assert state_of(other)["thick"] is None


def test_points_that_an_axis_cannot_show_are_counted(page: Page, site: PortalSite, odd: str) -> None:
    opened(page, site, odd, "y=log")
    figure = chart(page, "a/loss")
    expect(figure.get_by_role("button", name="2 points ≤ 0 not shown")).to_be_visible()
    opened(page, site, odd, "outliers=hide")
    figure = chart(page, "a/loss")
    assert state_of(figure)["extent"]["high"] < 2
    expect(figure.get_by_role("button", name="1 point outside ↑")).to_be_visible()
    figure.get_by_role("button", name="outside ↑").click()
    expect(figure.get_by_role("button", name="outside ↑")).to_have_count(0)
    assert state_of(figure)["extent"]["high"] > 1000
    marks = chart(page, "marks")
    expect(marks).to_contain_text("× 1 NaN")
    expect(marks).to_contain_text("2 infinite")


def test_one_value_a_run_is_a_list_of_bars_in_order(page: Page, site: PortalSite, odd: str) -> None:
    opened(page, site, odd)
    bars = page.get_by_role("figure", name="score").get_by_role("listitem")
    expect(bars).to_have_text([re.compile("odd-0.*0.5"), re.compile("odd-1.*0.6"), re.compile("odd-2.*0.7")])


def test_smoothing_is_drawn_over_the_raw_line(page: Page, site: PortalSite, odd: str) -> None:
    opened(page, site, odd)
    figure = chart(page, "a/loss")
    before = figure.locator("canvas").first.evaluate("(canvas) => canvas.toDataURL()")
    page.keyboard.press("s")
    page.keyboard.press("6")
    expect(page).to_have_url(re.compile("smooth=0.6"))
    assert figure.locator("canvas").first.evaluate("(canvas) => canvas.toDataURL()") != before
    values = figure.evaluate(
        "(figure) => { const { plot } = figure.querySelector('.lines-plot');"
        " return [...plot.options.smoothed(plot.lines[1])] }"
    )
    assert values[0] == 1 and values[20] > 1 / 21, "an average of what came before"
    assert drawn(figure)[1]["y"][20] == 1 / 21, "the raw values stay"


def test_a_change_of_the_theme_repaints_the_charts(page: Page, site: PortalSite, odd: str) -> None:
    pixels = "(canvas) => canvas.toDataURL()"
    page.emulate_media(color_scheme="light")
    opened(page, site, odd)
    light = chart(page, "a/loss").locator("canvas").first.evaluate(pixels)
    other = page.context.new_page()
    other.emulate_media(color_scheme="dark")
    dark = chart(opened(other, site, odd), "a/loss").locator("canvas").first.evaluate(pixels)
    other.close()
    assert dark != light
    page.bring_to_front()
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "(dark) => document.querySelector('[data-chart=\"a/loss\"] canvas').toDataURL() === dark", arg=dark
    )


def test_a_closed_section_loads_nothing(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    asked: list[str] = []
    page.on(
        "request",
        lambda request: asked.extend(
            json.loads(request.post_data or "{}").get("keys", []) if request.url.endswith("/series") else []
        ),
    )
    opened(page, site, ids["experiment"], "charts=shut:train,Metrics")
    chart(page, "val/loss")
    assert "val/loss" in asked and not [key for key in asked if key.startswith("train/")]
    page.get_by_role("heading", name=re.compile(r"^train")).first.get_by_role("button").click()
    chart(page, "train/loss")
    assert "train/loss" in asked
    page.get_by_role("searchbox", name="Find charts").fill("accuracy")
    expect(page.get_by_role("figure", name="train/loss")).to_have_count(0)
    expect(page.get_by_role("figure", name="train/accuracy")).to_be_visible()


def test_a_chart_is_enlarged_by_keyboard_and_saved_as_a_file(page: Page, site: PortalSite, odd: str) -> None:
    opened(page, site, odd)
    figure = chart(page, "a/loss")
    figure.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="a/loss")
    expect(dialog.get_by_role("row", name=re.compile("odd-2.*0.01.*1.*100"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    figure.hover()
    for label, start_of_file in (
        ("Download CSV of what is seen", b"run,run_id,step,value"),
        ("Download SVG", b"<svg"),
        ("Download PNG", b"\x89PNG"),
    ):
        figure.get_by_role("button", name="Actions of a/loss").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=label).click()
        content = download.value.path().read_bytes()
        assert content.startswith(start_of_file)
        if label.endswith("seen"):
            assert content.count(b"\n") == 301 and b"odd-0" in content


def test_the_address_gives_the_same_picture_to_another_browser(
    page: Page, site: PortalSite, ids: dict[str, str], browser: Browser, problems: Problems
) -> None:
    state = (
        "charts=shut:Texts&cols=name,metrics.train/loss:min,params.lr&pin=2&q=metrics.verdict > 0.92&range=20..150"
        "&smooth=0.7&sort=-metrics.train/loss:min&x=step&y=log&hide=" + ids["run9"]
    )
    opened(page, site, ids["experiment"], state)
    before = picture(page)
    page.reload()
    assert picture(page) == before
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.on("page", problems.watch)
    site.sign_in(context)
    other = context.new_page()
    other.goto(page.url)
    assert picture(other) == before
    context.close()


def picture(page: Page) -> tuple[str, list[str], list[str]]:
    """Return what a page shows: its address, the texts of its table, and the pixels of all charts."""
    chart(page, "train/loss")
    grid = page.get_by_role("grid")
    expect(grid.get_by_role("row").nth(3)).to_be_visible()
    texts = grid.get_by_role("columnheader").all_text_contents() + grid.get_by_role("gridcell").all_text_contents()
    pixels: list[str] = page.evaluate(
        "() => [...document.querySelectorAll('.lines-plot canvas')].map((canvas) => canvas.toDataURL())"
    )
    assert texts and pixels
    return page.url, texts, pixels
