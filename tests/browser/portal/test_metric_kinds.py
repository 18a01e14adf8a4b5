"""Each kind of metric shows its chart without configuration: one test for each way of logging.

The first five ways are those of Azure ML's article on logging: its tables of what can be logged, and how it is shown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from portal_site import PATIENCE_SECONDS, Problems, portal_site, start

from bridge import Experiment, Run, Workspace

pytestmark = pytest.mark.browser


KINDS: dict[str, Callable[[Run], object]] = {}
"""The values that the run of these tests logs, by the name of the metric."""


def logs(name: str) -> Callable[[Callable[[Run], object]], Callable[[Run], object]]:
    """Let the run of these tests log a metric with a function."""

    def keep(log: Callable[[Run], object]) -> Callable[[Run], object]:
        KINDS[name] = log
        return log

    return keep


class Shown:
    """The page of a run that has logged everything, on the tab Metrics."""

    def __init__(self, page: Page, address: str, shots: Path) -> None:
        self.page, self.address, self._shots = page, address, shots

    def metric(self, name: str) -> Locator:
        """Return the card of a metric."""
        card = self.page.get_by_role("figure", name=name, exact=True).first
        card.scroll_into_view_if_needed()
        expect(card).to_be_visible()
        return card

    def keep(self, name: str, card: Locator | None = None) -> None:
        """Keep a picture of a card, or of the page."""
        self.page.mouse.move(0, 0)
        path = self._shots / f"portal-kind-{name}.png"
        card.screenshot(path=path) if card else self.page.screenshot(path=path)

    def tab(self, name: str) -> None:
        """Open a tab, and wait until it is shown: a metric has a card in several tabs."""
        link = self.page.get_by_role("navigation", name="Run").get_by_role("link", name=name)
        link.click()
        expect(link).to_have_attribute("aria-current", "page")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, browser: Browser, shots: Path) -> Iterator[Shown]:
    """The page of a run that has logged everything. It is loaded once for all tests."""
    workspace = Workspace.create("kinds", path=tmp_path_factory.mktemp("kinds") / "kinds")
    run = start(Experiment(workspace, "kinds"), "every-kind")
    for log in KINDS.values():
        log(run)
    run.complete()
    with portal_site(workspace) as site:
        problems = Problems(site.address)
        context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        context.on("page", problems.watch)
        site.sign_in(context)
        shown = Shown(context.new_page(), f"{site.address}runs/{run.id}", shots)
        shown.page.goto(f"{shown.address}/metrics")
        yield shown
        context.close()
    workspace.close()
    assert problems.unexpected() == []


@pytest.fixture
def shown(opened: Shown) -> Shown:
    """The tab Metrics of the run that has logged everything."""
    opened.tab("Metrics")
    return opened


def line_of(card: Locator) -> dict[str, Any]:
    """Return the points that a line chart draws, read back from it."""
    drawn = card.locator(".lines-plot")
    expect(drawn.locator("canvas").first).to_be_visible()
    found: dict[str, Any] = drawn.evaluate(
        "node => { const [line] = node.plot.lines;"
        " return { x: [...line.x.slice(0, line.n)], y: [...line.y.slice(0, line.n)] }; }"
    )
    return found


def plot_of(card: Locator, name: str = "") -> list[list[float | None]]:
    """Return the x of a small plot and the y of each of its lines, read back from it."""
    figure = card.get_by_role("figure", name=name) if name else card.locator("figure.plot")
    expect(figure.first.locator("canvas").first).to_be_visible()
    found: list[list[float | None]] = figure.first.locator(".plot-ground").evaluate("node => node.plot.data")
    return found


def form_of(card: Locator) -> str:
    """Return how a small plot draws its first line: `line` or `points`."""
    form: str = card.locator(".plot-ground").evaluate("node => node.plot.props.lines[0].as")
    return form


def has_ink(card: Locator) -> bool:
    """Return whether the canvas of a chart shows anything."""
    count: int = card.locator("canvas").first.evaluate(
        "node => node.getContext('2d').getImageData(0, 0, node.width, node.height).data"
        ".reduce((sum, byte) => sum + (byte > 0), 0)"
    )
    return count > 500


FIBONACCI = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
ANGLES = np.linspace(-math.pi, math.pi, 20)


@logs("Fibonacci")
def log_list(run: Run) -> None:
    run.log_list(name="Fibonacci", value=FIBONACCI)


def test_log_list_is_a_line_over_the_position(shown: Shown) -> None:
    card = shown.metric("Fibonacci")
    drawn = line_of(card)
    assert drawn["x"] == list(range(12))
    assert drawn["y"] == FIBONACCI
    assert has_ink(card)
    shown.keep("log-list", card)


@logs("Sigmoid")
def log_in_a_loop(run: Run) -> None:
    for i in range(-10, 10):
        run.log(name="Sigmoid", value=1 / (1 + np.exp(-i)))


def test_log_in_a_loop_is_a_line(shown: Shown) -> None:
    card = shown.metric("Sigmoid")
    drawn = line_of(card)
    assert drawn["x"] == list(range(20))
    assert drawn["y"] == pytest.approx([1 / (1 + math.exp(-i)) for i in range(-10, 10)])
    shown.keep("log-in-a-loop", card)


@logs("Cosine Wave")
def log_row(run: Run) -> None:
    for angle in ANGLES:
        run.log_row(name="Cosine Wave", angle=angle, cos=np.cos(angle))


def test_log_row_of_two_numbers_is_a_line_of_one_over_the_other(shown: Shown) -> None:
    card = shown.metric("Cosine Wave")
    x, y = plot_of(card)
    assert x == pytest.approx(ANGLES.tolist())
    assert y == pytest.approx(np.cos(ANGLES).tolist())
    assert form_of(card) == "line"
    expect(card.locator(".plot-x-name")).to_contain_text("angle")
    assert has_ink(card)
    shown.keep("log-row", card)


@logs("Sine Wave")
def log_table(run: Run) -> None:
    run.log_table(name="Sine Wave", value={"angle": ANGLES.tolist(), "sine": np.sin(ANGLES).tolist()})


def test_log_table_of_two_numbers_is_a_line_of_one_over_the_other(shown: Shown) -> None:
    card = shown.metric("Sine Wave")
    x, y = plot_of(card)
    assert (x, y) == (pytest.approx(ANGLES.tolist()), pytest.approx(np.sin(ANGLES).tolist()))
    assert form_of(card) == "line"
    shown.keep("log-table", card)
    card.get_by_role("button", name="Table").click()
    expect(card.get_by_role("columnheader")).to_have_text(["step", "angle", "sine"])


@logs("food")
def log_image(run: Run) -> None:
    from PIL import Image

    pixels = np.random.default_rng(3).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    with TemporaryDirectory() as folder:
        path = f"{folder}/breadpudding.jpg"
        Image.fromarray(pixels).save(path)
        for _ in range(3):
            run.log_image(name="food", path=path, plot=None, description="desert")


def test_log_image_shows_the_image_with_its_description(shown: Shown) -> None:
    shown.tab("Images")
    card = shown.metric("food")
    expect(card).to_contain_text("desert")
    image = card.get_by_role("img", name="food, step 2")
    expect(image).to_be_visible()
    assert image.evaluate("async node => (await node.decode(), [node.naturalWidth, node.naturalHeight])") == [64, 48]
    shown.page.get_by_role("slider", name="Step").fill("0")
    expect(card.get_by_role("img", name="food, step 0")).to_be_visible()
    shown.keep("log-image")
    card.get_by_role("button", name="Enlarge food, step 0").click()
    large = shown.page.get_by_role("dialog", name="food")
    expect(large).to_be_visible()
    shown.page.keyboard.press("ArrowRight")
    expect(large.get_by_role("img", name="food, step 1")).to_be_visible()
    shown.page.keyboard.press("Escape")
    expect(large).to_be_hidden()


@logs("curve")
def log_plot(run: Run) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure = pyplot.figure()
    figure.gca().plot([1, 2, 3])
    run.log_image("curve", plot=figure)
    pyplot.close(figure)


def test_a_plot_of_matplotlib_is_shown(shown: Shown) -> None:
    card = shown.metric("curve")
    image = card.get_by_role("img", name="curve, step 0")
    expect(image).to_be_visible()
    assert image.evaluate("async node => (await node.decode(), node.naturalWidth)") > 100
    shown.keep("log-image-plot", card)


@logs("F1")
def log_one_number(run: Run) -> None:
    run.log("F1", 0.98123)


def test_one_number_is_shown_as_a_value(shown: Shown) -> None:
    card = shown.metric("F1")
    expect(card).to_contain_text("0.98123")
    assert card.locator("canvas").count() == 0
    shown.keep("one-number", card)


@logs("loss")
def log_with_a_description(run: Run) -> None:
    for step in range(3):
        run.log("loss", 1 / (1 + step), description="On the training set.")


def test_a_description_stands_under_the_title(shown: Shown) -> None:
    expect(shown.metric("loss")).to_contain_text("On the training set.")


@logs("odd")
def log_odd_numbers(run: Run) -> None:
    for step, value in enumerate((1.0, math.nan, 2.0, math.inf, 3.0)):
        run.log("odd", value, step=step)


def test_nan_and_infinity_are_counted(shown: Shown) -> None:
    card = shown.metric("odd")
    line_of(card)
    expect(card).to_contain_text("1 NaN")
    expect(card).to_contain_text("1 infinite")
    shown.keep("nan", card)


@logs("phase")
def log_texts(run: Run) -> None:
    for step, phase in enumerate(("warm-up", "train", "train", "test")):
        run.log("phase", phase, step=10 * step)


def test_texts_are_coloured_bands_with_a_table(shown: Shown) -> None:
    card = shown.metric("phase")
    expect(card.locator(".bands-band")).to_have_text(["warm-up", "train", "test"])
    expect(card.get_by_role("row")).to_have_text(["stepvaluepoints", "30test1", "10train2", "0warm-up1"])
    shown.keep("texts", card)


@logs("done")
def log_truth_values(run: Run) -> None:
    for value in (False, False, None, True):
        run.log("done", value)


def test_truth_values_and_none_are_bands(shown: Shown) -> None:
    card = shown.metric("done")
    expect(card.get_by_role("row")).to_have_text(["stepvaluepoints", "3True1", "2None1", "0False2"])
    shown.keep("truth-values", card)


@logs("verdict")
def log_one_text(run: Run) -> None:
    run.log("verdict", "good enough")


def test_one_text_is_shown_as_a_value(shown: Shown) -> None:
    card = shown.metric("verdict")
    expect(card).to_contain_text("good enough")
    shown.keep("one-text", card)


@logs("pairs")
def log_pairs(run: Run) -> None:
    run.log_table("pairs", {"a": [3.0, 1.0, 2.0, 1.5], "b": [1.0, 4.0, 9.0, 2.0]})


def test_two_columns_whose_first_goes_back_and_forth_are_a_scatter(shown: Shown) -> None:
    card = shown.metric("pairs")
    x, y = plot_of(card)
    assert (x, y) == ([1.0, 1.5, 2.0, 3.0], [4.0, 2.0, 9.0, 1.0])
    assert form_of(card) == "points"
    assert has_ink(card)
    shown.keep("scatter", card)


@logs("embedding")
def log_many_columns(run: Run) -> None:
    columns = {"x": [1.0, 2.0, 3.0], "y": [3.0, 1.0, 2.0], "z": [5.0, 6.0, 7.0], "word": ["a", "b", "a"]}
    run.log_table("embedding", columns)


def test_more_columns_have_a_choice_of_x_y_and_colour(shown: Shown) -> None:
    card = shown.metric("embedding")
    assert plot_of(card) == [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]]
    card.get_by_label("y", exact=True).select_option("z")
    card.get_by_label("colour", exact=True).select_option("word")
    expect(card.locator(".plot-key")).to_have_text(["a", "b"])
    assert plot_of(card)[1:] == [[5.0, None, 7.0], [None, 6.0, None]]
    shown.keep("chooser", card)


@logs("answers")
def log_table_of_texts(run: Run) -> None:
    run.log_table("answers", {"text": ["one", "two"], "label": ["a", "b"], "right": [True, None]})


def test_a_table_of_texts_is_a_table(shown: Shown) -> None:
    card = shown.metric("answers")
    expect(card.get_by_role("row")).to_have_text(["steptextlabelright", "0oneaTrue", "1twobNone"])
    shown.keep("table-of-texts", card)


def chart(kind: str, **data: Any) -> dict[str, Any]:
    """Return the value of a chart that is logged as JSON."""
    return {"schema_type": kind, "schema_version": "1.0.0", "data": data}


@logs("pets")
def log_confusion_matrix(run: Run) -> None:
    for right in (6, 8):
        matrix = chart("confusion_matrix", class_labels=["cat", "dog"], matrix=[[right, 10 - right], [1, 9]])
        run.log_confusion_matrix("pets", matrix)


def test_a_confusion_matrix_is_a_heat_map_with_shares(shown: Shown) -> None:
    card = shown.metric("pets")
    table = card.get_by_role("table", name="pets")
    expect(table.get_by_role("row", name="cat 8 2 80 %")).to_be_visible()
    expect(card).to_contain_text("85 % right of 20")
    full, empty = (table.get_by_role("cell", name=text, exact=True) for text in ("9", "1"))
    colours = [cell.evaluate("node => getComputedStyle(node).backgroundColor") for cell in (full, empty)]
    assert colours[0] != colours[1]
    shown.keep("confusion-matrix", card)
    card.get_by_role("button", name="By row").click()
    expect(table.get_by_role("row", name="dog 10 % 90 % 90 %")).to_be_visible()
    card.get_by_role("button", name="By column").click()
    expect(table.get_by_role("row", name="cat 89 % 18 %")).to_be_visible()


def test_two_confusion_matrices_are_subtracted(shown: Shown) -> None:
    card = shown.metric("pets")
    choice = card.get_by_label("Difference of pets to")
    choice.select_option("the first step")
    card.get_by_role("button", name="Counts").click()
    difference = card.get_by_role("table", name="pets, difference to step 0")
    expect(difference.get_by_role("row", name="cat +2 −2")).to_be_visible()
    expect(card).to_contain_text("+10 percentage points right")
    card.get_by_role("button", name="By row").click()
    expect(difference.get_by_role("row", name="cat +20 −20")).to_be_visible()
    assert "minus=first" in shown.page.url
    shown.keep("confusion-difference", card)
    choice.select_option("nothing")
    expect(card.get_by_role("table", name="pets", exact=True)).to_be_visible()


@logs("accuracy")
def log_accuracy_table(run: Run) -> None:
    cat = [[4, 4, 0, 0], [4, 2, 2, 0], [3, 1, 3, 1], [3, 0, 4, 1], [0, 0, 4, 4]]
    dog = [[4, 4, 0, 0], [4, 1, 3, 0], [4, 0, 4, 0], [2, 0, 4, 2], [0, 0, 4, 4]]
    shares = [0.0, 0.25, 0.5, 0.75, 1.0]
    value = chart(
        "accuracy_table",
        probability_tables=[cat, dog],
        percentile_tables=[cat, dog],
        probability_thresholds=shares,
        percentile_thresholds=shares,
        class_labels=["cat", "dog"],
    )
    run.log_accuracy_table("accuracy", value)


def test_an_accuracy_table_is_curves(shown: Shown) -> None:
    card = shown.metric("accuracy")
    keys = card.locator(".plot-key")
    expect(keys.first).to_have_text("cat 0.9063")
    expect(keys).to_have_count(5)  # two classes, the averages, and guessing
    shown.keep("accuracy-table", card)
    for kind, axis in {
        "Precision–recall": "Recall",
        "Calibration": "Predicted probability",
        "Gains": "Share of cases",
        "Lift": "Share of cases",
    }.items():
        card.get_by_role("button", name=kind).click()
        expect(card.locator(".plot-x-name")).to_have_text(axis)
        assert len(plot_of(card, f"accuracy: {kind}")) >= 4
    lift = plot_of(card, "accuracy: Lift")
    assert max(value for value in lift[1] if value is not None) == 2.0


@logs("residuals")
def log_residuals(run: Run) -> None:
    run.log_residuals("residuals", chart("residuals", bin_edges=[-3, -1, 1, 3], bin_counts=[1, 2, 1]))


def test_residuals_are_a_histogram_with_mean_and_width(shown: Shown) -> None:
    card = shown.metric("residuals")
    assert plot_of(card) == [[-2, 0, 2], [1, 2, 1]]
    expect(card.locator("dl")).to_have_text("mean0deviation1.414cases4")
    shown.keep("residuals", card)


@logs("predictions")
def log_predictions(run: Run) -> None:
    averages, errors, counts = [1, 2, 4], [0.5, 0.5, 1], [3, 4, 5]
    edges = [0, 2, 4, 6]
    value = chart("predictions", bin_averages=averages, bin_errors=errors, bin_counts=counts, bin_edges=edges)
    run.log_predictions("predictions", value)


def test_predictions_are_shown_with_band_and_ideal_line(shown: Shown) -> None:
    card = shown.metric("predictions")
    x, low, high, ideal, mean = plot_of(card, "predictions: predicted over true values")
    assert x == ideal == [1, 3, 5]
    assert (low, mean, high) == ([0.5, 1.5, 3], [1, 2, 4], [1.5, 2.5, 5])
    assert plot_of(card, "predictions: histogram of true values")[1] == [3, 4, 5]
    shown.keep("predictions", card)


@logs("system")
def log_system(run: Run) -> None:
    names = ("system/cpu_percent", "system/memory_bytes", "system/gpu_0_percent", "system/gpu_1_percent")
    for step in range(5):
        for name in names:
            run.log(name, 10.0 * step, step=step)


def test_system_metrics_have_a_tab_of_their_own(shown: Shown) -> None:
    assert shown.page.get_by_role("figure", name="system/cpu_percent").count() == 0
    shown.tab("System")
    for section, charts in {"host": 2, "gpu": 1}.items():
        section_of = shown.page.get_by_role("region", name=section, exact=True)
        expect(section_of.locator("figure.metric")).to_have_count(charts)
    both = shown.metric("system/gpu_*_percent")
    expect(both.locator(".legend")).to_have_text("gpu 0 40gpu 1 40")
    assert both.locator(".lines-plot").evaluate("node => node.plot.lines.map(line => line.name)") == ["gpu 0", "gpu 1"]
    shown.keep("system")


def test_x_may_be_another_metric(shown: Shown) -> None:
    axis = shown.page.get_by_label("Horizontal axis")
    axis.select_option("Fibonacci")
    drawn = shown.metric("Sigmoid").locator(".lines-plot")
    shown.page.wait_for_function("node => node.plot.lines[0].x[11] === 89", arg=drawn.element_handle())
    expect(shown.page).to_have_url(re.compile("x=metric:Fibonacci"))
    assert line_of(shown.metric("Sigmoid"))["x"] == sorted(FIBONACCI)
    axis.select_option("step")


def test_all_kinds_are_readable_in_dark_and_on_a_small_screen(shown: Shown) -> None:
    shown.page.emulate_media(color_scheme="dark")
    shown.metric("Sigmoid")
    shown.keep("all-dark")
    shown.page.set_viewport_size({"width": 360, "height": 740})
    shown.metric("phase")
    shown.keep("all-small")
    wide = shown.page.locator(".run-tab").evaluate("node => node.scrollWidth - node.clientWidth")
    assert wide <= 0
