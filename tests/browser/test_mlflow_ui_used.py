"""Actions in MLflow's UI have the same effect on a workspace as on MLflow's own store, and are stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy
import pytest
from boxes import box_of
from mlflow import MlflowClient
from playwright.sync_api import Page, expect
from visiting import PATIENCE, Visitor, Visitors

pytestmark = pytest.mark.browser

RUNS = "experiments/{experiment}/runs?compareRunsMode=TABLE"
CURVES = """Array.from(document.querySelectorAll('.js-plotly-plot'), chart =>
    chart.data.map(({x, y}) => [Array.from(x), Array.from(y)]))"""
"""JavaScript that returns the points of all charts on a page."""
SAMPLE = 320
"""The number of points that MLflow's UI requests of a curve."""
Charts: TypeAlias = "list[list[list[list[float]]]]"
"""The steps and the values of each curve of each chart."""
ORDER = """Array.from(document.querySelectorAll('.ag-row:has(a)'))
    .sort((one, other) => one.getAttribute('row-index') - other.getAttribute('row-index'))
    .map(row => row.querySelector('a').innerText)"""
"""Return the names in the table of runs, from the top."""


def choose(page: Page, *names: str) -> None:
    """Tick the rows of runs in the table of runs."""
    for name in names:
        row = page.locator(".ag-pinned-left-cols-container .ag-row, .ag-center-cols-container .ag-row")
        row.filter(has=page.get_by_role("link", name=name, exact=True)).get_by_role("checkbox").first.click()


def list_runs(page: Page, state: str) -> None:
    """Show the active or the deleted runs."""
    page.get_by_text("State:").click()
    page.get_by_test_id(f"{state}-runs-menu-item").click()


def save(page: Page, name: str = "Save") -> None:
    """Press a button of the open dialog, and wait until it closes."""
    dialog = page.get_by_role("dialog").last
    dialog.get_by_role("button", name=name, exact=True).click()
    expect(dialog).to_be_hidden()


def test_runs_are_filtered_and_sorted(visitors: Visitors) -> None:
    visitors.open("experiments/{sweep}/runs?compareRunsMode=TABLE", "try_0", "try_3")
    for visitor in visitors:
        search = visitor.page.get_by_test_id("runs-search-autocomplete").locator("input")
        search.fill("metrics.score > 1 and params.width != '4'")
        search.press("Enter")
    visitors.see("2 matching runs", "try_1", "try_3")
    visitors.show_the_same("filtered")

    for visitor in visitors:
        page = visitor.page
        search = page.get_by_test_id("runs-search-autocomplete").locator("input")
        search.fill("")
        search.press("Enter")
        page.get_by_test_id("sort-select-dropdown").click()
        page.get_by_text("score", exact=True).last.click()
        page.get_by_test_id("sort-select-dropdown").click()
        page.get_by_test_id("sort-select-asc").click()
    visitors.see("4 matching runs", "Sort: score")
    visitors.show_the_same("sorted")
    for visitor in visitors:
        assert visitor.page.evaluate(ORDER) == ["try_0", "try_1", "try_2", "try_3"]


def test_selected_runs_are_compared(visitors: Visitors) -> None:
    visitors.open(RUNS, "cnn", "svm")
    for visitor in visitors:
        choose(visitor.page, "cnn", "svm")
        visitor.page.get_by_test_id("runs-compare-button").click()
    visitors.see("Comparing 2 Runs from 1 Experiment", "Parallel Coordinates Plot", "convolutional", "linear")
    visitors.show_the_same("chosen_and_compared")
    for kind in ("Scatter Plot", "Box Plot", "Contour Plot"):
        visitors.do(lambda page, kind=kind: page.get_by_role("tab", name=kind).click())
        visitors.show_the_same(f"compared_by_{kind.split()[0].lower()}")


def test_a_run_is_renamed_described_and_tagged(visitors: Visitors) -> None:
    visitors.open("experiments/{experiment}/runs/{child}", "cnn_child")
    for visitor in visitors:
        page = visitor.page
        page.get_by_test_id("overflow-menu-trigger").last.click()
        page.get_by_role("menuitem", name="Rename").click()
        page.get_by_test_id("rename-modal-input").fill("renamed child")
        save(page)
        page.get_by_role("button", name="Edit description").click()
        page.get_by_test_id("text-area").fill("Described **here**.")
        page.get_by_test_id("editable-note-save-button").click()
        page.get_by_role("button", name="Add tags").click()
        page.get_by_role("dialog").get_by_role("combobox").fill("reviewer")
        page.keyboard.press("Enter")
        page.get_by_label("Value").fill("ada")
        page.get_by_role("button", name="Add tag", exact=True).click()
        save(page, "Save tags")
    visitors.see("renamed child", "Described here.", "reviewer", "ada")
    visitors.show_the_same("run_changed")
    for visitor in visitors:
        run = MlflowClient(visitor.site.uri).get_run(visitor.site.ids["child"])
        assert run.info.run_name == run.data.tags["mlflow.runName"] == "renamed child"
        assert run.data.tags["mlflow.note.content"] == "Described **here**."
        assert run.data.tags["reviewer"] == "ada"


def test_runs_are_deleted_and_restored(visitors: Visitors) -> None:
    visitors.open("experiments/{sweep}/runs?compareRunsMode=TABLE&searchFilter=", "try_3")
    for visitor in visitors:
        choose(visitor.page, "try_3", "try_1")
        visitor.page.get_by_test_id("runs-delete-button").click()
        save(visitor.page, "Delete selected")
    visitors.see("2 matching runs")
    visitors.show_the_same("runs_deleted")
    visitors.do(lambda page: list_runs(page, "deleted"))
    visitors.see("try_3", "2 matching runs")
    visitors.show_the_same("deleted_runs")
    for visitor in visitors:
        choose(visitor.page, "try_3", "try_1")
        visitor.page.get_by_test_id("runs-restore-button").click()
        visitor.page.get_by_role("dialog").last.locator(".du-bois-light-btn-primary").click()
    visitors.see("0 matching runs")
    visitors.do(lambda page: list_runs(page, "active"))
    visitors.see("4 matching runs", "try_3")
    visitors.show_the_same("runs_restored")


def test_an_experiment_is_created_and_deleted(visitors: Visitors) -> None:
    visitors.open("experiments", "digits")
    for visitor in visitors:
        page = visitor.page
        page.get_by_test_id("create-experiment-button").click()
        page.get_by_placeholder("Input an experiment name").fill("made here")
        save(page, "Create")
    visitors.see("made here")
    visitors.show_the_same("experiment_made")
    visitors.open("experiments", "made here")
    for visitor in visitors:
        page = visitor.page
        page.get_by_role("row").filter(has_text="made here").get_by_role("checkbox").click()
        page.get_by_test_id("delete-experiments-button").click()
        save(page, "Delete")
        expect(page.get_by_role("row").filter(has_text="made here")).to_have_count(0)
    visitors.show_the_same("experiment_deleted")
    for visitor in visitors:
        found = MlflowClient(visitor.site.uri).get_experiment_by_name("made here")
        assert found is not None and found.lifecycle_stage == "deleted"


def test_artifacts_are_shown_and_downloaded(visitors: Visitors, tmp_path: Path) -> None:
    visitors.open("experiments", "digits")
    visitors.open("experiments/{experiment}/runs/{run}/artifacts/notes/report.html", "report.html")
    for visitor in visitors:
        expect(visitor.page.frame_locator("iframe").get_by_text("A report in HTML")).to_be_visible()
    visitors.show_the_same("artifact_html")
    for name, text in (("rows.csv", "two"), ("net.json", "layers"), ("readme.txt", "written by a test")):
        visitors.do(lambda page, name=name: page.get_by_text(name, exact=True).first.click())
        visitors.see(text)
        visitors.show_the_same(f"artifact_{name.replace('.', '_')}")
    for folder, name in (("tables", "answers.json"), ("pictures", "teal.png")):
        for visitor in visitors:
            visitor.page.get_by_text(folder, exact=True).click()
            visitor.page.get_by_text(name, exact=True).click()
        visitors.see(f"{folder}/{name}")
        visitors.show_the_same(f"artifact_{folder}")
    for visitor in visitors:
        picture = visitor.page.locator("img[src^='blob:'], img[src*='teal.png']").first
        expect(picture).to_be_visible()
        assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [80, 60]
        with visitor.page.expect_download() as started:
            visitor.page.locator("[data-component-id$='artifactview.tsx_337']").click()
        started.value.save_as(tmp_path / "teal.png")
        assert (tmp_path / "teal.png").read_bytes().startswith(b"\x89PNG")


def test_a_zoomed_curve_is_drawn_from_newly_fetched_points(visitors: Visitors) -> None:
    visitors.open("experiments/{experiment}/runs/{run}/model-metrics", "loss")
    visitors.settle()
    whole = draw_the_same(
        visitors, lambda charts: {len(steps) for chart in charts for steps, _ in chart} >= {30, SAMPLE}
    )
    for visitor in visitors:
        card = visitor.page.get_by_test_id("experiment-view-compare-runs-card").filter(has_text="loss").first
        card.locator(".nsewdrag").first.scroll_into_view_if_needed()
        box = box_of(card.locator(".nsewdrag").first)
        middle = box["y"] + box["height"] / 2
        visitor.answers.clear()
        visitor.page.mouse.move(box["x"] + box["width"] * 0.25, middle)
        visitor.page.mouse.down()
        visitor.page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=5)
        visitor.page.mouse.up()
    visitors.settle()
    visitors.show_the_same("zoomed")
    draw_the_same(visitors, lambda charts: charts != whole)
    for visitor in visitors:
        assert any("get-history-bulk-interval" in one.url and "start_step" in one.url for one in visitor.answers)


def test_a_curve_is_smoothed(visitors: Visitors) -> None:
    shown: list[Charts] = []
    for smoothness in (1, 60):
        visitors.open(
            'metric/loss?runs=["{run}"]&metric="loss"&experiments=["{experiment}"]&plot_metric_keys=["loss"]'
            f"&plot_layout={{{{}}}}&x_axis=step&y_axis_scale=linear&line_smoothness={smoothness}&show_point=false"
            "&deselected_curves=[]&last_linear_y_axis_range=[]",
            "loss",
        )
        visitors.settle()
        shown.append(draw_the_same(visitors, lambda charts: bool(charts) and charts not in shown))


def draw_the_same(visitors: Visitors, expected: Callable[[Charts], bool]) -> Charts:
    """Wait until both show the expected charts with the same curves."""
    end = time.monotonic() + PATIENCE
    while True:
        theirs, ours = map(charts_of, visitors)
        same = are_alike(theirs, ours)
        if same and expected(ours):
            return list(ours)
        assert time.monotonic() < end, f"{ours} instead of {theirs}" if not same else f"not as expected: {ours}"
        visitors.ours.page.wait_for_timeout(300)


def charts_of(visitor: Visitor) -> Charts:
    """Return the charts of a page. The bars of a chart are labelled with run ids, which are replaced."""

    def plain(axis: list[Any]) -> list[Any]:
        return [visitor.plain(value) if isinstance(value, str) else value for value in axis]

    return [[[plain(axis) for axis in curve] for curve in chart] for chart in visitor.page.evaluate(CURVES)]


def are_alike(theirs: Charts, ours: Charts) -> bool:
    """Return whether charts have the same curves.

    A curve with fewer points than a sample has the same points. The points of samples differ, so their curves are
    compared at the steps of ours. They differ by less than 0.05, because the UI smoothes over a number of points.
    """
    if [len(chart) for chart in theirs] != [len(chart) for chart in ours]:
        return False
    curves = [pair for charts in zip(theirs, ours, strict=True) for pair in zip(*charts, strict=True)]
    return all(
        one == other
        if max(len(one[0]), len(other[0])) < SAMPLE
        else (one[0][0], one[0][-1]) == (other[0][0], other[0][-1])
        and bool(numpy.allclose(numpy.interp(other[0], one[0], one[1]), other[1], atol=0.05))
        for one, other in curves
    )


def test_a_prompt_is_created_and_its_versions_are_compared(visitors_of_all: Visitors) -> None:
    visitors = visitors_of_all
    visitors.open("prompts", "greeting")
    for visitor in visitors:
        page = visitor.page
        page.get_by_test_id("create-prompt-button").click()
        page.get_by_role("textbox", name="Name:").fill("farewell")
        page.get_by_role("textbox", name="Prompt:").fill("goodbye {{name}}")
        save(page, "Create")
    visitors.see("farewell", "goodbye")
    visitors.show_the_same("prompt_made")
    visitors.open("prompts/greeting", "good morning")
    visitors.do(lambda page: page.get_by_text("Compare", exact=True).click())
    visitors.see("Comparing version 2 with version 1")
    visitors.show_the_same("prompt_versions_compared")


def test_a_model_is_registered(visitors_of_all: Visitors) -> None:
    visitors = visitors_of_all
    visitors.open("experiments/{experiment}/models/{model}", "classifier")
    for visitor in visitors:
        page = visitor.page
        page.get_by_role("button", name="Register model").click()
        page.get_by_role("dialog").get_by_role("combobox").click()
        page.get_by_text("Create New Model", exact=True).click()
        page.get_by_placeholder("Input a model name").fill("registered_here")
        page.get_by_test_id("confirm-register-model").click()
    visitors.see("registered_here")
    visitors.show_the_same("model_registered")
    for visitor in visitors:
        version = MlflowClient(visitor.site.uri, visitor.site.uri).get_model_version("registered_here", "1")
        assert version.source == f"models:/{visitor.site.ids['model']}"
        visitor.page.mouse.move(0, 0)  # a notice stays while the mouse is over it
        visitor.page.get_by_text("Model registered successfully").first.wait_for(state="hidden", timeout=60_000)


def test_a_trace_is_opened(visitors_of_all: Visitors) -> None:
    visitors = visitors_of_all
    visitors.open("experiments/{experiment}/traces", "what is two")
    visitors.do(lambda page: page.get_by_text("what is two").first.click())
    visitors.see("lookup", "it is 1")
    visitors.show_the_same("trace_looked_into")
