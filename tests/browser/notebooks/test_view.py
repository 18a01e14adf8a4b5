"""The widget works in any host of anywidget modules: charts, zoom, themes, tables, logs, and odd names."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from boxes import box_of
from playwright.sync_api import expect
from widget_host import WidgetHost

from bridge import Experiment, Run

pytestmark = pytest.mark.browser
MakeHost = Callable[..., WidgetHost]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def run(experiment: Experiment) -> Run:
    """A run with two metrics, a value and a param."""
    run = experiment.start_logging(snapshot_directory=None, display_name="calm-arch")
    for step in range(50):
        run.log("train/loss", 1 / (1 + step / 10), step=step)
        run.log("val/accuracy", 1 - 1 / (2 + step / 10), step=step)
    run.log("final", 0.93)
    return run


def test_a_run_shows_what_was_logged_and_what_is_logged_later(run: Run, host: MakeHost) -> None:
    shown = host(run)
    shown.until_shown("calm-arch")
    shown.until(lambda: shown.has_drawn("train/loss"))
    (line,) = shown.drawn("train/loss")
    assert line["y"] == run.get_metrics("train/loss")["train/loss"]
    assert "0.93" in shown.view.inner_text()
    run.log("train/loss", 0.001, step=50)
    shown.until(lambda: shown.drawn("train/loss")[0]["y"][-1] == 0.001)
    run.complete()
    shown.until_shown("Completed")


def test_the_view_is_at_most_480_pixels_high_at_any_width(run: Run, experiment: Experiment, host: MakeHost) -> None:
    for key in range(30):
        run.log_list(f"many/{key}", [1, 2, 3])
    shown = host(run)
    shown.until_shown("many/1")
    for width in (1400, 900, 400):
        shown.page.set_viewport_size({"width": width, "height": 620})
        box = box_of(shown.element)
        assert box["height"] <= 480 and box["width"] <= width
        assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_charts_that_become_visible_are_updated(run: Run, host: MakeHost) -> None:
    for key in range(60):
        run.log_list(f"many/{key}", [1, 2, 3])
    shown = host(run)
    shown.until_shown("many/59")
    shown.until(lambda: any(one["kind"] == "keys" for one in shown.asked))
    assert not shown.has_drawn("many/59")
    shown.chart("many/59").scroll_into_view_if_needed()
    shown.until(lambda: shown.has_drawn("many/59"))
    assert shown.drawn("many/59")[0]["y"] == [1, 2, 3]


def test_a_drag_zooms_all_charts_down_to_single_points(run: Run, host: MakeHost) -> None:
    for step in range(5000):
        run.log("long", 1000.0 if step == 2500 else math.sin(step), step=step)
    shown = host(run)
    shown.until(lambda: shown.has_drawn("long"))
    (line,) = shown.drawn("long")
    assert not line["exact"]
    assert max(line["high"]) == 1000.0
    plot = box_of(shown.chart("long").locator(".lines-area"))
    middle = plot["y"] + plot["height"] / 2
    shown.page.mouse.move(plot["x"] + plot["width"] * 0.49, middle)
    shown.page.mouse.down()
    shown.page.mouse.move(plot["x"] + plot["width"] * 0.51, middle, steps=4)
    shown.page.mouse.up()
    shown.until(lambda: shown.drawn("long")[0]["exact"])
    (line,) = shown.drawn("long")
    assert 2400 < line["x"][0] < 2500 < line["x"][-1] < 2600
    assert line["y"] == [1000.0 if step == 2500 else math.sin(step) for step in map(int, line["x"])]
    assert shown.chart("train/loss").is_visible()  # although it has no points in this range
    shown.view.get_by_role("button", name="Reset zoom").click()
    shown.until(lambda: not shown.drawn("long")[0]["exact"])


def test_the_pointer_shows_exact_values_beside_it_even_in_a_moved_cell(run: Run, host: MakeHost) -> None:
    shown = host(run)
    shown.until(lambda: shown.has_drawn("train/loss"))
    shown.page.evaluate("document.querySelector('.runbridge-view').parentElement.style.transform = 'translateY(40px)'")
    plot = box_of(shown.chart("train/loss").locator(".lines-area"))
    x, y = plot["x"] + plot["width"] - 2, plot["y"] + plot["height"] / 2
    shown.page.mouse.move(x - 4, y)
    shown.page.mouse.move(x, y)
    tip = shown.chart("train/loss").locator(".chart-tip")
    expect(tip).to_contain_text("step 49")
    expect(tip).to_contain_text("0.169492")
    assert abs(box_of(tip)["y"] - y) < 60


def test_another_axis_shows_the_same_points_over_time(run: Run, host: MakeHost) -> None:
    shown = host(run)
    shown.until(lambda: shown.has_drawn("train/loss"))
    shown.view.get_by_role("button", name="Time").click()
    shown.until(lambda: shown.drawn("train/loss")[0]["x"][0] > 1e12)
    assert shown.drawn("train/loss")[0]["y"] == run.get_metrics("train/loss")["train/loss"]


def test_the_theme_of_the_notebook_decides(run: Run, host: MakeHost, shots: Path) -> None:
    run.log_list("val/loss", [math.exp(-step / 20) + 0.05 * math.sin(step) for step in range(60)])
    run.child_run("fold-1").complete()
    shown = host(run)
    colours = []
    for theme in ("light", "dark"):
        shown.set_theme(theme)
        expect(shown.element).to_have_attribute("data-theme", theme)
        shown.until(lambda: shown.has_drawn("val/loss"))
        colours.append(shown.view.evaluate("one => getComputedStyle(one).backgroundColor"))
        shown.page.screenshot(path=shots / f"notebook_run_{theme}.png")
    assert colours == ["rgb(255, 255, 255)", "rgb(22, 27, 33)"]


def test_the_theme_of_every_kind_of_notebook_is_recognised(run: Run, host: MakeHost) -> None:
    shown = host(run)
    for name in ("vscode-dark", "vscode-light", "oklch-dark", "oklch-light", "vscode-high-contrast"):
        shown.set_theme(name)
        expect(shown.element).to_have_attribute("data-theme", "light" if "light" in name else "dark")


def test_an_experiment_is_a_table_and_charts_of_its_runs(experiment: Experiment, host: MakeHost, shots: Path) -> None:
    for number in range(6):
        with experiment.start_logging(snapshot_directory=None, display_name=f"run-{number}") as run:
            run.log_list("loss", [1 / (1 + step / (5 + number)) for step in range(40)])
            run.log("accuracy", 0.9 + number / 100)
    shown = host(experiment)
    shown.until(lambda: shown.has_drawn("loss"))
    assert len(shown.drawn("loss")) == 6
    assert shown.chart("accuracy").locator(".bar").count() == 6
    shown.page.screenshot(path=shots / "notebook_experiment_light.png")
    shown.set_theme("dark")
    expect(shown.element).to_have_attribute("data-theme", "dark")
    shown.page.screenshot(path=shots / "notebook_experiment_dark.png")
    shown.view.get_by_role("button", name="Hide run-3 in the charts").click()
    shown.until(lambda: len(shown.drawn("loss")) == 5)
    new = experiment.start_logging(snapshot_directory=None, display_name="new")
    new.log_list("loss", [3, 2, 1])
    shown.until_shown("new")


def test_a_run_without_metrics_shows_those_of_its_children(experiment: Experiment, host: MakeHost) -> None:
    sweep = experiment.start_logging(snapshot_directory=None, display_name="sweep")
    shown = host(sweep)
    shown.until_shown("Nothing is logged yet")
    for number in range(3):
        with sweep.child_run(f"child-{number}") as child:
            child.log_list("mse", [3 - number, 2 - number])
    shown.until(lambda: shown.has_drawn("mse") and len(shown.drawn("mse")) == 3)
    assert "Children" in shown.view.inner_text()
    assert "child-2" in shown.view.inner_text()


def test_the_log_is_closed_and_opens_at_its_end(run: Run, host: MakeHost, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("\n".join(f"line {number}" for number in range(3000)) + "\n")
    run.upload_file("user_logs/std_log.txt", str(log))
    shown = host(run)
    shown.until_shown("user_logs/std_log.txt")
    text = shown.view.locator("pre")
    expect(text).to_be_hidden()
    shown.view.get_by_text("Log", exact=True).last.click()
    shown.until(lambda: "line 1000\n" in (text.text_content() or ""))
    assert (text.text_content() or "").endswith("line 2999\n")
    assert text.evaluate("one => one.scrollTop + one.clientHeight >= one.scrollHeight - 8")


def test_a_failed_run_shows_its_error_first(run: Run, host: MakeHost) -> None:
    run.fail("the disk is full")
    shown = host(run)
    shown.until_shown("the disk is full")
    expect(shown.view.locator(".body > :first-child")).to_have_text("the disk is full")


def test_markup_and_odd_values_do_no_harm(experiment: Experiment, host: MakeHost, shots: Path) -> None:
    run = experiment.start_logging(snapshot_directory=None, display_name=MARKUP)
    run.log_list(MARKUP, [1, 2, 3])
    run.log_list("נתון " + "שלום " * 40, [1, math.nan, math.inf, 2])
    run.log("text", MARKUP)
    run.log("k" * 255, 1e-300)
    run.tag("tag", MARKUP)
    run.child_run(MARKUP).fail(MARKUP)
    shown = host(run)
    shown.until_shown("1 infinite")
    assert shown.view.locator("img").count() == 0
    assert shown.view.inner_text().count(MARKUP) >= 4
    assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shown.page.screenshot(path=shots / "notebook_hostile.png")


def test_keys_in_the_view_do_not_reach_the_notebook(run: Run, host: MakeHost) -> None:
    """In JupyterLab, the keys `d d` delete a cell."""
    shown = host(run)
    shown.until_shown("calm-arch")
    shown.page.evaluate("document.addEventListener('keydown', () => (window.heard = true))")
    shown.view.get_by_role("button", name="Time").focus()
    shown.page.keyboard.press("d")
    assert shown.page.evaluate("window.heard") is None
    expect(shown.element).to_have_attribute("data-lm-suppress-shortcuts", "true")


def test_the_picture_in_the_notebook_is_hidden_while_the_view_exists(run: Run, host: MakeHost) -> None:
    shown = host(run)
    shown.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<div class=runbridge-picture data-view=v1>picture</div>')"
    )
    picture = shown.page.get_by_text("picture", exact=True)
    shown.until_shown("calm-arch")
    expect(picture).to_be_hidden()
    shown.page.evaluate("window.hide()")
    expect(picture).to_be_visible()
    shown.until(lambda: shown.asked[-1]["kind"] == "gone")
    shown.until(lambda: shown.live.is_gone)
    shown.page.evaluate("window.show()")
    shown.until_shown("calm-arch")
    shown.until(lambda: not shown.live.is_gone)


def test_the_page_of_the_run_is_one_click_away(run: Run, host: MakeHost) -> None:
    shown = host(run)
    shown.until_shown("calm-arch")
    shown.view.get_by_role("button", name="Open page").click()
    assert run.get_portal_url() in shown.view.inner_text()


def test_the_view_is_accessible(run: Run, host: MakeHost) -> None:
    shown = host(run)
    shown.until(lambda: shown.has_drawn("train/loss"))
    summary = shown.chart("train/loss").locator(".visually-hidden").first.text_content() or ""
    assert summary.startswith("train/loss: latest 0.1695, from 0.1695 to 1")
    for button in shown.view.get_by_role("button").all():
        assert button.get_attribute("aria-label") or button.inner_text().strip()


def test_tables_matrices_curves_and_images_are_shown_as_on_the_page(
    run: Run, host: MakeHost, shots: Path, tmp_path: Path
) -> None:
    for x in range(5):
        run.log_row("wave", x=x, y=math.sin(x))
    run.log_table("words", {"word": ["one", "two"], "count": [3, 4]})
    logged = {
        "pets": (run.log_confusion_matrix, {"class_labels": ["cat", "dog"], "matrix": [[8, 2], [1, 9]]}),
        "price": (
            run.log_predictions,
            {"bin_averages": [1, 2], "bin_errors": [0.5, 0.5], "bin_counts": [3, 4], "bin_edges": [0, 2, 4]},
        ),
        "errors": (run.log_residuals, {"bin_edges": [-1, 0, 1], "bin_counts": [2, 3]}),
    }
    for name, (log, data) in logged.items():
        kind = log.__name__.removeprefix("log_")
        log(name, {"schema_type": kind, "schema_version": "1.0.0", "data": data})
    picture = tmp_path / "picture.png"
    picture.write_bytes(base64.b64decode(PIXEL))
    run.log_image("food", path=str(picture))
    shown = host(run, theme="dark", width=1100)
    shown.until(lambda: shown.chart("pets").locator("table").count() > 0)
    row = shown.chart("pets").get_by_role("row", name="cat 8 2 80 %")
    expect(row).to_have_count(1)
    for key, plots in {"wave": 1, "words": 1, "errors": 1, "price": 2}.items():
        shown.chart(key).scroll_into_view_if_needed()
        shown.until(lambda key=key, plots=plots: shown.chart(key).locator(".plot-ground canvas").count() == plots)
    assert not shown.chart("wave.y").count()
    mark = shown.chart("price").locator(".plot-mark").last
    expect(mark).to_have_css("background-color", "rgb(108, 176, 255)")  # the accent of the dark theme
    shown.chart("food").scroll_into_view_if_needed()
    shown.until(lambda: shown.chart("food").locator("img").evaluate_all("all => all[0]?.naturalWidth"))
    shown.view.locator(".body").evaluate("body => { body.scrollTop = 0 }")
    shown.page.screenshot(path=shots / "notebook-other-charts.png")
    log_matrix = run.log_confusion_matrix
    data = {"class_labels": ["cat", "dog"], "matrix": [[7, 3], [1, 9]]}
    log_matrix("pets", {"schema_type": "confusion_matrix", "schema_version": "1.0.0", "data": data})
    shown.until(lambda: shown.chart("pets").get_by_role("row", name="cat 7 3 70 %").count())
