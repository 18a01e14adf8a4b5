"""The compare page: runs side by side, parallel coordinates whose ranges become a filter, sources and environments."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import controls
import psutil
import pytest
from boxes import box_of
from controls import find
from playwright.sync_api import Locator, Page, Route, expect
from portal_site import PortalSite, start

from bridge import Environment, Experiment, ScriptRunConfig

pytestmark = pytest.mark.browser

SWEEP = 24


@pytest.fixture(scope="module")
def sweep(site: PortalSite) -> str:
    """The id of an experiment with runs of three params and a metric that depends on them."""
    experiment = Experiment(site.workspace, "sweep")
    for number in range(SWEEP):
        run = start(experiment, f"sweep-{number}")
        run.log_params({"lr": 10.0 ** -(1 + number % 4), "model": ("cnn", "mlp", "vit")[number % 3], "seed": 1})
        run.log("val/loss", (number + 1) / 10)
        run.log("val/accuracy", 1 - number / 100)
        run.complete()
    return str(experiment.id)


def cells(page: Page, row: str) -> list[str]:
    """Return the texts of a row of the table of params and metrics."""
    table = find(page, controls.PARAMS).get_by_role("table")
    found = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name=re.compile(f"^{row}")))
    return [" ".join(text.split()) for text in found.get_by_role("cell").all_inner_texts()]


def compare(page: Page, site: PortalSite, ids: dict[str, str], *runs: str, more: str = "") -> None:
    """Open the comparison of runs of the experiment digits."""
    chosen = ",".join(ids[run] for run in runs)
    page.goto(f"{site.address}experiments/{ids['experiment']}/compare?runs={chosen}{more}")
    expect(find(page, controls.PARAMS)).to_be_visible()


def test_only_params_that_differ_are_shown_until_all_are_wanted(
    page: Page, site: PortalSite, ids: dict[str, str]
) -> None:
    compare(page, site, ids, "run0", "run4", "run1")
    rows = find(page, controls.PARAMS).get_by_role("rowheader")
    expect(rows.get_by_text("lr", exact=True)).to_be_visible()
    expect(rows.get_by_text("batch_size")).to_have_count(0)
    expect(find(page, controls.PARAMS)).to_contain_text("Equal in all runs: 1 param.")
    find(page, controls.ONLY_DIFFERING).click()
    expect(rows.get_by_text("batch_size")).to_be_visible()
    page.reload()
    expect(rows.get_by_text("batch_size")).to_be_visible()
    page.go_back()
    expect(rows.get_by_text("batch_size")).to_have_count(0)


def test_the_best_value_is_marked_and_its_direction_can_be_changed(
    page: Page, site: PortalSite, ids: dict[str, str]
) -> None:
    compare(page, site, ids, "run0", "run1", "run2", "run11")
    assert ["best" in cell for cell in cells(page, "verdict")] == [False, False, False, True]
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Best of verdict: the highest").click()
    expect(page.get_by_role("button", name="Best of verdict: the lowest")).to_be_visible()
    assert ["best" in cell for cell in cells(page, "verdict")] == [True, False, False, False]


def test_a_value_that_is_logged_before_the_stream_begins_is_shown(page: Page, site: PortalSite) -> None:
    experiment = Experiment(site.workspace, "live-compare")
    runs = [start(experiment, name) for name in ("left", "right")]
    for run in runs:
        run.log("loss", 0.5)
    held: list[Route] = []
    page.route("**/portal/api/changes*", lambda route: held.append(route))
    ids = ",".join(run.id for run in runs)
    page.goto(f"{site.address}experiments/{experiment.id}/compare?runs={ids}")
    expect(find(page, controls.PARAMS)).to_contain_text("Equal in all runs: 1 metric.")
    runs[0].log("loss", 0.25)
    while not held:
        page.wait_for_timeout(50)
    held[0].continue_()
    expect(find(page, controls.PARAMS)).to_contain_text("0.25")
    for run in runs:
        run.complete()


def test_differences_to_the_baseline_are_shown_in_percent(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    compare(page, site, ids, "run0", "run10")
    page.get_by_role("button", name="Baseline: curves-0").click()
    expect(find(page, controls.PARAMS).get_by_text("baseline")).to_be_visible()
    assert cells(page, "verdict")[1].endswith("+5.6 %")
    assert f"base={ids['run0']}" in page.url


def test_the_table_turns_so_that_each_run_is_a_row(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    compare(page, site, ids, "run0", "run1")
    page.keyboard.press("T")
    table = find(page, controls.PARAMS).get_by_role("table")
    expect(table.get_by_role("rowheader").first).to_have_text("curves-0")
    expect(table.get_by_role("columnheader", name="model")).to_be_visible()
    expect(find(page, controls.TURN)).to_have_attribute("aria-pressed", "true")


def test_runs_are_added_and_removed(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    compare(page, site, ids, "run0", "run1")
    bar = page.get_by_role("list", name="Compared runs")
    page.get_by_role("button", name="Remove curves-1").click()
    expect(bar.get_by_role("listitem")).to_have_count(1)
    page.get_by_role("button", name="Add runs").click()
    expect(page.get_by_role("dialog").locator("input")).to_be_focused()
    page.keyboard.type("gentle")
    expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_text([re.compile("gentle-crane$")])
    page.keyboard.press("Enter")
    expect(bar.get_by_role("link", name="gentle-crane")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 runs")
    assert page.url.endswith(f"runs={ids['run0']},{ids['kinds']}")


def filter_of(page: Page) -> str:
    """Return the filter in the address."""
    return parse_qs(urlsplit(page.url).query).get("q", [""])[0]


def drag_on(page: Page, axis: str, low: float, high: float) -> None:
    """Drag on an axis of the parallel coordinates, between two places from 0 (lower end) to 1."""
    box = box_of(page.locator(".parallel-box"))
    name = box_of(find(page, controls.PARALLEL).get_by_role("button", name=axis, exact=True))
    x, top, height = name["x"] + name["width"] / 2, box["y"] + 34, box["height"] - 56
    page.mouse.move(x, top + height * (1 - low))
    page.mouse.down()
    page.mouse.move(x, top + height * (1 - (low + high) / 2))
    page.mouse.move(x, top + height * (1 - high))
    page.mouse.up()


def test_a_range_on_an_axis_becomes_the_filter(page: Page, site: PortalSite, sweep: str) -> None:
    page.goto(f"{site.address}experiments/{sweep}/compare?q=params.seed%20%3D%20'1'")
    status = find(page, controls.PARALLEL).get_by_role("status")
    expect(status).to_have_text("24 runs")
    page.locator(".parallel-box").scroll_into_view_if_needed()
    drag_on(page, "val/loss", 0.5, 1.02)
    expect(status).to_have_text("12 of 24 runs in the ranges")
    found = re.fullmatch(
        r"params\.seed = '1' and metrics\.`val/loss` >= ([\d.]+) and metrics\.`val/loss` <= ([\d.]+)", filter_of(page)
    )
    assert found and 1.2 < float(found[1]) <= 1.3 and float(found[2]) == pytest.approx(2.4)
    # The filter means the same to the store.
    status_of_answer, _, body = site.get(f"/experiments/{sweep}/match?{urlsplit(page.url).query}")
    assert status_of_answer == 200 and b'"total":12' in body
    page.reload()
    expect(status).to_have_text("12 of 24 runs in the ranges")
    page.get_by_role("button", name="Clear ranges").click()
    expect(status).to_have_text("24 runs")
    assert filter_of(page) == "params.seed = '1'"
    page.go_back()
    expect(status).to_have_text("12 of 24 runs in the ranges")


def test_a_range_is_chosen_by_keyboard_and_a_param_excludes_other_values(
    page: Page, site: PortalSite, sweep: str
) -> None:
    page.goto(f"{site.address}experiments/{sweep}/compare")
    parallel = find(page, controls.PARALLEL)
    axis = parallel.get_by_role("button", name="model", exact=True)
    axis.focus()
    page.keyboard.press("Enter")
    form = page.get_by_role("form", name="Range of model")
    expect(form.get_by_label("From")).to_be_focused()
    page.keyboard.type("mlp")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(parallel.get_by_role("status")).to_have_text("16 of 24 runs in the ranges")
    assert filter_of(page) == "params.model != 'cnn'"
    axis.click()
    form.get_by_role("button", name="Clear").click()
    expect(parallel.get_by_role("status")).to_have_text("24 runs")


def test_axes_are_moved_and_chosen_and_the_address_keeps_them(page: Page, site: PortalSite, sweep: str) -> None:
    page.goto(f"{site.address}experiments/{sweep}/compare")
    names = page.locator(".parallel-name")
    expect(names).to_have_text(["lr", "model", "val/loss", "val/accuracy"])
    names.filter(has_text="model").click()
    page.get_by_role("button", name="Move left").click()
    expect(names).to_have_text(["model", "lr", "val/loss", "val/accuracy"])
    page.get_by_role("button", name="Axes").click()
    page.get_by_role("dialog").get_by_label("seed").click()
    page.keyboard.press("Escape")
    expect(names).to_have_text(["model", "lr", "val/loss", "val/accuracy", "seed"])
    page.reload()
    expect(names).to_have_text(["model", "lr", "val/loss", "val/accuracy", "seed"])


def test_the_scatter_chart_shows_any_two_columns(page: Page, site: PortalSite, sweep: str) -> None:
    page.goto(f"{site.address}experiments/{sweep}/compare")
    scatter = find(page, controls.SCATTER)
    scatter.get_by_role("combobox", name="X", exact=True).select_option("lr")
    scatter.get_by_role("combobox", name="Y", exact=True).select_option("val/loss")
    expect(scatter.get_by_role("figure")).to_have_attribute("aria-label", "val/loss over lr, 24 runs")
    box = scatter.locator(".scatter-box")
    box.scroll_into_view_if_needed()
    place = box_of(box)
    influence = page.get_by_role("region", name="Influence of params")
    expect(influence.get_by_role("row").nth(1)).to_contain_text(re.compile(r"^lr\d+ %"))
    # The run with the greatest loss and the least learning rate is at the upper left.
    page.mouse.move(place["x"] + 64 + 10, place["y"] + 12 + 10)
    expect(scatter.locator(".run-tip")).to_contain_text("sweep-23")
    page.mouse.click(place["x"] + 64 + 10, place["y"] + 12 + 10)
    expect(page).to_have_url(re.compile("/runs/[0-9a-f]{32}$"))


def test_runs_in_the_ranges_are_compared(page: Page, site: PortalSite, sweep: str) -> None:
    page.goto(f"{site.address}experiments/{sweep}/compare?brush=metrics.val/loss:0..0.35")
    page.get_by_role("button", name="Compare 3 runs").click()
    expect(page.get_by_role("list", name="Compared runs").get_by_role("listitem")).to_have_count(3)


MATRIX = (
    "run.log_confusion_matrix('pets', {'schema_type': 'confusion_matrix', 'schema_version': '1.0.0', 'data':"
    " {'class_labels': ['cat', 'dog'], 'matrix': [[round(50 * RATE), 2], [1, 9]]}})"
)


@pytest.fixture(scope="module")
def scripts(site: PortalSite, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The ids of two runs of scripts that differ in a line, a file and a package."""
    folder: Path = tmp_path_factory.mktemp("scripts")
    experiment = Experiment(site.workspace, "scripts")
    ids = []
    for number in range(2):
        source = folder / str(number)
        source.mkdir()
        lines = ["from bridge import Run", "", f"RATE = 0.{number + 1}", "", "run = Run.get_context()"]
        lines += ["run.log('loss', RATE)", "print('rate', RATE)", MATRIX, ""]
        (source / "train.py").write_text("\n".join(lines), encoding="utf-8")
        (source / "same.txt").write_text("same\n", encoding="utf-8")
        if number:
            (source / "schedule.yaml").write_text("warmup: 5\n", encoding="utf-8")
        environment = Environment("plain")
        environment.python.user_managed_dependencies = True
        environment.environment_variables = {"OMP_NUM_THREADS": str(number + 1), "SAME": "1"}
        config = ScriptRunConfig(str(source), "train.py", environment=environment)
        run = experiment.submit(config)
        run.wait_for_completion()
        ids.append(run.id)
    return ids


def test_sources_and_environments_are_compared(page: Page, site: PortalSite, scripts: list[str]) -> None:
    page.goto(f"{site.address}compare?runs={','.join(scripts)}&base={scripts[0]}")
    source = find(page, controls.SOURCE_DIFFERENCE)
    expect(source.get_by_role("list", name="Files that differ").get_by_role("button")).to_have_text(
        [re.compile("train.py"), re.compile("schedule.yaml")]
    )
    lines = source.get_by_role("group", name="Difference of train.py").get_by_role("row")
    expect(lines.filter(has_text="RATE = 0.1")).to_have_class("removed")
    expect(lines.filter(has_text="RATE = 0.2")).to_have_class("added")
    source.get_by_role("button", name="schedule.yaml").click()
    expect(source.get_by_role("group", name="Difference of schedule.yaml").get_by_role("row")).to_have_count(2)
    environment = find(page, controls.ENVIRONMENT)
    expect(environment.get_by_role("row").filter(has_text="OMP_NUM_THREADS").get_by_role("cell")).to_have_text(
        ["1", "2"]
    )
    expect(environment.get_by_text("SAME")).to_have_count(0)
    logs = page.get_by_role("region", name="Logs", exact=True).get_by_role("figure")
    logs.first.scroll_into_view_if_needed()
    expect(logs).to_contain_text(["rate 0.1", "rate 0.2"])
    pictures = page.get_by_role("region", name="Images and matrices")
    pictures.get_by_role("checkbox", name=re.compile("^Difference to")).check()
    table = pictures.get_by_role("table", name=re.compile("difference to"))
    expect(table.get_by_role("row", name="cat +5 0")).to_be_visible()
    assert "minus=base" in page.url


def test_images_and_confusion_matrices_are_side_by_side(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    compare(page, site, ids, "run0", "kinds")
    pictures = page.get_by_role("region", name="Images and matrices")
    expect(pictures.get_by_role("figure", name="confusion of gentle-crane").get_by_role("table")).to_be_visible()
    shot = pictures.get_by_role("figure", name="gentle-crane", exact=True)
    shot.scroll_into_view_if_needed()  # only then is the image loaded
    expect(shot.get_by_role("img")).to_be_visible()


def browser_seconds() -> float:
    """Return the CPU seconds of the browsers that this process started."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            if "chrom" in process.name():
                times = process.cpu_times()
                total += times.user + times.system
        except psutil.Error:
            continue
    return total


MANY = """async () => {
  const root = `${document.documentElement.dataset.static}/`;
  const [{ Parallel }, { numberAxis }, { render }, { html }, { useState }] = await Promise.all(
    [`${root}parts/parallel.js`, `${root}lib/axes.js`, "preact", "htm/preact", "preact/hooks"]
      .map((name) => import(name)));
  let seed = 1;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const axes = Array.from({ length: 8 }, (_, at) =>
    numberAxis(`metrics.m${at}`, `m${at}`, Float64Array.from({ length: 10000 }, random)));
  const names = Array.from({ length: 10000 }, (_, at) => `run-${at}`);
  function Many() {
    const [ranges, setRanges] = useState({});
    const onRange = (key, range) => setRanges(range ? { [key]: range } : {});
    const nothing = () => {};
    return html`<${Parallel} ...${{ axes, names, ranges, onRange }} tint=${axes[7]} dark=${false}
      colourOf=${() => "#0072b2"} onOpen=${nothing} onMove=${nothing} onLog=${nothing} />`;
  }
  const box = document.getElementById("page");
  box.replaceChildren();
  render(html`<${Many} />`, box);
}"""
FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def count_of(place: Page | Locator) -> int:
    """Return the number of runs in the ranges."""
    text = place.locator(".parallel-count").inner_text()
    return int(text.split()[0].replace(",", ""))


def test_a_range_over_ten_thousand_lines_follows_the_pointer_for_100_ms_a_move(page: Page, site: PortalSite) -> None:
    page.goto(site.address)
    expect(find(page, controls.EXPERIMENTS)).to_be_visible()
    page.evaluate(MANY)
    expect(page.locator(".parallel-count")).to_have_text("10,000 runs")
    name = box_of(page.get_by_role("button", name="m4", exact=True))
    box = box_of(page.locator(".parallel-box"))
    x, moves = name["x"] + name["width"] / 2, 30
    page.mouse.move(x, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(x, box["y"] + 60)
    page.evaluate(FRAME)
    before, counts = browser_seconds(), set()
    for number in range(moves):
        page.mouse.move(x, box["y"] + 70 + 8 * number)
        page.evaluate(FRAME)
        counts.add(count_of(page))
    spent = (browser_seconds() - before) / moves
    page.mouse.up()
    assert len(counts) == moves, "the picture did not follow each move"
    assert spent <= 0.1


def test_the_experiment_page_shows_the_last_image_of_each_run(
    page: Page, site: PortalSite, ids: dict[str, str]
) -> None:
    page.goto(f"{site.address}experiments/{ids['experiment']}?charts=find:sample")
    image = page.get_by_role("figure", name="sample").get_by_role("img", name="sample of gentle-crane, step 2")
    expect(image).to_be_visible()
    assert image.evaluate("(node) => node.decode().then(() => node.naturalWidth)") == 64
