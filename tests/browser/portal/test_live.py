"""Values that other processes log appear on the open page, and nothing that the user chose changes."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from boxes import box_of
from playwright.sync_api import Locator, Page, expect
from portal_site import PATIENCE_SECONDS, PortalSite, start

from bridge import Experiment, Run
from bridge.records.times import now_ms

pytestmark = pytest.mark.browser

WRITER = """
import sys
from bridge import Workspace

run = Workspace.open(sys.argv[1]).get_run(sys.argv[2])
for line in sys.stdin:
    name, value, step = line.split()
    run.log(name, float(value), step=int(step))
    print(flush=True)
"""

SOON_SECONDS = 1.0


class Writer:
    """Another process that logs points to a run on request."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def log(self, name: str, value: float, step: int) -> float:
        """Log a point, and return the time after it was logged."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{name} {value} {step}\n")
        self.process.stdin.flush()
        self.process.stdout.readline()
        return time.monotonic()


@contextmanager
def writer(site: PortalSite, run: Run) -> Iterator[Writer]:
    command = [sys.executable, "-c", WRITER, str(site.workspace.path), run.id]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Writer(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE_SECONDS)


def opened(page: Page, site: PortalSite, experiment: str, state: str = "") -> Locator:
    """Open an experiment, and wait until the page listens to changes."""
    page.goto(f"{site.address}experiments/{experiment}?{state}")
    expect(page.get_by_role("status", name="Live updates")).to_have_text("live")
    grid = page.get_by_role("grid", name="Runs")
    expect(grid.locator(".table-row").first).to_be_visible()
    return grid


def last_point(page: Page, chart: str) -> list[float]:
    """Return the last point that a chart draws."""
    found: list[float] = page.evaluate(
        "(name) => { const node = document.querySelector(`[data-chart='${name}'] .lines-plot`);"
        " const [line] = node.plot.lines; return [line.x[line.n - 1], line.y[line.n - 1], line.n]; }",
        chart,
    )
    return found


def test_a_point_of_another_process_is_on_the_page_within_a_second(page: Page, site: PortalSite) -> None:
    experiment = Experiment(site.workspace, "live")
    run = start(experiment, "live-run")
    for step in range(20):
        run.log("loss", 1 / (1 + step), step=step)
    grid = opened(page, site, experiment.id, "cols=name,metrics.loss&smooth=0.3")
    page.wait_for_function("() => document.querySelector('[data-chart=loss] .lines-plot')?.plot?.lines[0]?.n === 20")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    waits: list[float] = []
    with writer(site, run) as other:
        while len(waits) < 3 or (min(waits) >= SOON_SECONDS and len(waits) < 12):  # other tests may use the processors
            step = 20 + len(waits)
            logged = other.log("loss", step * 10.0, step)
            page.wait_for_function(
                "(value) => document.querySelector('.table-row .number').textContent === value", arg=str(step * 10)
            )
            page.wait_for_function(
                "(n) => document.querySelector('[data-chart=loss] .lines-plot').plot.lines[0].n === n", arg=step + 1
            )
            waits.append(time.monotonic() - logged)
    assert min(waits) < SOON_SECONDS, waits
    assert last_point(page, "loss")[:2] == [step, 10 * step]
    assert not [url for url in requests if url.endswith("/series")], "only the tail of the series is read"
    expect(grid.get_by_role("row", name="live-run")).to_contain_text(str(10 * step))
    run.complete()


WATCH_ROWS = """() => {
  window.drawn = [];
  const note = (changes) => window.drawn.push(...changes.map(({ target }) => {
    const node = target.nodeType === Node.TEXT_NODE ? target.parentNode : target;
    return `${node.closest(".table-row")?.dataset.id}: ${node.closest(".cell")?.dataset.title ?? "row"}`;
  }));
  new MutationObserver(note).observe(document.querySelector(".table-body"),
    { subtree: true, childList: true, attributes: true, characterData: true });
}"""


def test_only_cells_with_another_value_are_drawn_while_runs_log(page: Page, site: PortalSite) -> None:
    experiment = Experiment(site.workspace, "drawn")
    runs = [start(experiment, f"drawn-{number}") for number in range(5)]
    for run in runs:
        for step in range(20):
            run.log("hidden", 1 / (1 + step), step=step)
            run.log("loss", 0.5, step=step)
    grid = opened(page, site, experiment.id, "cols=name,metrics.loss,params.lr")
    points = "(n) => document.querySelector('[data-chart=hidden] .lines-plot')?.plot?.lines.at(-1)?.n === n"
    page.wait_for_function(points, arg=20)
    page.evaluate(WATCH_ROWS)
    runs[0].log("hidden", 0.0, step=20)
    page.wait_for_function(points, arg=21)
    assert page.evaluate("window.drawn") == [], "the table does not show what has changed"
    runs[1].log("loss", 0.75, step=20)
    expect(grid.get_by_role("row", name="drawn-1")).to_contain_text("0.75")
    assert set(page.evaluate("window.drawn")) == {f"{runs[1].id}: loss"}
    for run in runs:
        run.complete()


def test_new_runs_move_nothing_and_are_announced(page: Page, site: PortalSite) -> None:
    experiment = Experiment(site.workspace, "arrivals")
    for number in range(60):
        start(experiment, f"arrival-{number}").complete()
    grid = opened(page, site, experiment.id)
    page.keyboard.press("j")
    page.keyboard.press("x")
    grid.evaluate("(node) => { node.scrollTop = 560; }")
    expect(grid.locator("[data-place='20']")).to_be_attached()
    grid.hover()
    place = grid.get_by_role("row", name="arrival-37", exact=True)
    before = box_of(place)
    for number in range(3):
        run = start(experiment, f"later-{number}")
        run.log("loss", 1.0)
        run.complete()
    button = page.get_by_role("button", name=re.compile("3 new runs"))
    expect(button).to_be_visible()
    assert box_of(place) == before, "the rows on the screen stay where they are"
    expect(page.get_by_role("toolbar", name="Selected runs")).to_contain_text("1 run selected")
    button.click()
    expect(grid.get_by_role("row", name="later-2")).to_be_visible()
    expect(button).to_have_count(0)
    expect(grid.get_by_role("row", name="arrival-59")).to_have_attribute("aria-selected", "true")


def test_a_zoom_and_a_filter_stay_while_runs_log(page: Page, site: PortalSite) -> None:
    experiment = Experiment(site.workspace, "zoomed")
    run = start(experiment, "zoomed-run")
    for step in range(50):
        run.log("loss", float(step), step=step)
    opened(page, site, experiment.id, "range=10..20&q=metrics.loss > 5&charts=find:loss")
    page.wait_for_function("() => document.querySelector('[data-chart=loss] .lines-plot')?.plot?.lines[0]?.n === 11")
    address = page.url
    run.log("loss", 99.0, step=50)
    page.get_by_role("grid").get_by_text("99").wait_for()
    assert page.url == address
    assert last_point(page, "loss") == [20, 20, 11]
    run.complete()


def test_an_archived_run_leaves_the_page_and_p_pauses(page: Page, site: PortalSite) -> None:
    experiment = Experiment(site.workspace, "leaving")
    runs = [start(experiment, f"leaving-{number}") for number in range(3)]
    for run in runs:
        run.complete()
    grid = opened(page, site, experiment.id)
    site.workspace.stores.tracking.delete_runs([runs[0].id], now_ms())
    expect(grid.get_by_role("row", name="leaving-0")).to_have_count(0)
    page.keyboard.press("p")
    expect(page.get_by_role("status", name="Live updates")).to_have_text("paused")
    site.workspace.stores.tracking.delete_runs([runs[1].id], now_ms())
    page.keyboard.press("p")
    expect(grid.get_by_role("row", name="leaving-1")).to_have_count(0)
    expect(grid.get_by_role("row", name="leaving-2")).to_have_count(1)


DIFFERENT_PIXELS = """(key) => {
  const { plot } = document.querySelector(`[data-chart=${key}] .lines-plot`);
  const { context, canvas } = plot.frame;
  const pixels = () => context.getImageData(0, 0, canvas.width, canvas.height).data;
  const grown = pixels();
  plot.draw(plot.drawn.natural);
  const whole = pixels();
  let different = 0;
  for (let at = 0; at < whole.length; at += 4)
    different += [0, 1, 2, 3].some((part) => Math.abs(whole[at + part] - grown[at + part]) > 40);
  return [different, plot.ends];
}"""


def test_grown_lines_have_the_same_picture_as_lines_that_are_drawn_again(page: Page, site: PortalSite) -> None:
    experiment = Experiment(site.workspace, "growing")
    runs = [start(experiment, f"grower-{number}") for number in range(12)]
    for number, run in enumerate(runs):
        run.log_series("loss", [math.sin(step / 9 + number) for step in range(1200)], steps=list(range(1200)))
        run.log_series("few", [math.cos(step / 9 + number) for step in range(100)], steps=list(range(100)))
    opened(page, site, experiment.id)
    reached = "(key) => document.querySelector(`[data-chart=${key}] .lines-plot`)?.plot?.lines.length === 12"
    for key, first in {"loss": 1200, "few": 100}.items():
        page.wait_for_function(reached, arg=key)
        for step in range(first, first + 6):
            for number, run in enumerate(runs):
                run.log(key, math.sin(step / 9 + number) * 0.9, step=step)
            page.wait_for_function(
                "([key, points]) => document.querySelector(`[data-chart=${key}] .lines-plot`).plot.lines"
                ".every((line) => line.points === points)",
                arg=[key, step + 1],
            )
        different, ends = page.evaluate(DIFFERENT_PIXELS, key)
        assert ends >= 3, "most updates draw only the ends of the lines"
        assert different <= 4, "where dashes of a line begin, a pixel may differ"
    for run in runs:
        run.complete()
