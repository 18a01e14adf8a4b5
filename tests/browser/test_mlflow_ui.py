"""Every page of MLflow's UI shows a workspace without an error, and looking at it changes nothing."""

from __future__ import annotations

import os

import mlflow
import pytest
from mlflow import MlflowClient
from PIL import Image
from playwright.sync_api import expect
from visiting import Site, Visitor

from bridge import Experiment, Workspace

pytestmark = [
    pytest.mark.browser,
    # Said while MLflow starts its tracing, about a type hint of its own.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

PAGES = {
    "home": ("", ["Welcome to MLflow", "digits"]),
    "experiments": ("experiments", ["Experiments", "digits", "Default"]),
    "runs": ("experiments/{experiment}/runs", ["Runs", "cnn", "svm", "matching runs"]),
    "runs_as_charts": ("experiments/{experiment}/runs?compareRunsMode=CHART", ["Model metrics", "accuracy", "loss"]),
    "compared": (
        'compare-runs?runs=["{run}","{other}"]&experiments=["{experiment}"]',
        ["Comparing 2 Runs from 1 Experiment", "cnn", "svm"],
    ),
    "run": (
        "experiments/{experiment}/runs/{run}",
        ["cnn", "Finished", "learning_rate", "0.015625", "accuracy", "loss"],
    ),
    "run_traces": ("experiments/{experiment}/runs/{run}/traces", ["Traces"]),
    "run_system_metrics": ("experiments/{experiment}/runs/{run}/system-metrics", ["No charts in this section"]),
    "experiment_traces": ("experiments/{experiment}/traces", ["Traces"]),
    "experiment_models": ("experiments/{experiment}/models", ["Models"]),
    "overview_usage": ("experiments/{experiment}/overview/usage", ["Overview", "Latency"]),
    "overview_quality": ("experiments/{experiment}/overview/quality", ["Overview", "Quality"]),
    "experiment_datasets": ("experiments/{experiment}/datasets", ["Datasets"]),
    "experiment_judges": ("experiments/{experiment}/judges", ["Judges"]),
    "experiment_review": ("experiments/{experiment}/review-queue", ["Review", "Default"]),
    "experiment_prompts": ("experiments/{experiment}/prompts", ["Prompts"]),
    "evaluation_runs": ("experiments/{experiment}/evaluation-runs", ["Evaluation runs"]),
    "prompts": ("prompts", ["Prompts"]),
    "models": ("models", ["Registered Models"]),
    "gateway": ("gateway", ["Endpoints"]),
    "mcp_registry": ("mcp-registry", ["MCP Registry"]),
}
ERROR_WORDS = ("Page Not Found", "Something went wrong", "Can't load", "Internal Server Error", "Unable to", "An error")


def visit(visitor: Visitor, site: Site, name: str, route: str, *texts: str) -> None:
    names = {"experiment": site.experiment_id, "run": site.run_id, "other": site.other_run_id}
    visitor.open(route.format(**names))
    try:
        visitor.sees(*texts)
    finally:
        visitor.keep(name)
    expect_no_error(visitor, name)


def expect_no_error(visitor: Visitor, name: str) -> None:
    visitor.settle()
    visitor.keep(name)
    assert visitor.refusals() == []
    shown = visitor.page.locator("body").inner_text()
    assert [words for words in ERROR_WORDS if words in shown] == []
    expect(visitor.page.locator("[class*='notification-notice']")).to_have_count(0)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_what_is_there(visitor: Visitor, site: Site, name: str) -> None:
    route, texts = PAGES[name]
    visit(visitor, site, name, route, *texts)
    assert "mlflow.db" not in os.listdir(site.folder)


def test_the_curves_of_a_run_are_drawn(visitor: Visitor, site: Site) -> None:
    visit(visitor, site, "run_metrics", "experiments/{experiment}/runs/{run}/model-metrics", "accuracy", "loss")
    expect(visitor.page.locator(".js-plotly-plot")).to_have_count(2)
    asked = [answer.url for answer in visitor.answers if "get-history-bulk-interval" in answer.url]
    assert len(asked) >= 2


def test_artifacts_are_listed_and_shown(visitor: Visitor, site: Site) -> None:
    visit(visitor, site, "artifacts", "experiments/{experiment}/runs/{run}/artifacts", "images", "notes")
    visitor.page.get_by_text("notes", exact=True).click()
    visitor.page.get_by_text("readme.txt", exact=True).click()
    visitor.sees("written by a test")
    expect_no_error(visitor, "artifact_text")
    visitor.page.get_by_text("images", exact=True).click()
    visitor.page.get_by_text("teal.png", exact=True).click()
    expect(visitor.page.locator("img[src^='blob:'], img[src*='teal.png']").first).to_be_visible()
    expect_no_error(visitor, "artifact_image")


def test_the_server_had_no_trouble_and_looking_made_no_file(visitor: Visitor, site: Site) -> None:
    said = site.log.read_text()
    assert "Traceback" not in said
    assert " 500 " not in said and " 501 " not in said
    assert "mlflow.db" not in os.listdir(site.folder)


def test_traces_models_and_prompts_are_shown_when_there_are_some(visitor: Visitor, site: Site) -> None:
    write_what_is_not_a_run(site)
    visit(visitor, site, "filled_traces", "experiments/{experiment}/traces?startTime=ALL", "42")
    visit(visitor, site, "filled_models", "experiments/{experiment}/models", "classifier", "accuracy")
    visit(visitor, site, "filled_registry", "models", "registered_classifier")
    visit(
        visitor, site, "filled_version", "models/registered_classifier/versions/1", "registered_classifier", "Version 1"
    )
    visit(visitor, site, "filled_prompts", "prompts", "greeting")
    visit(visitor, site, "filled_prompt", "prompts/greeting", "hello {{name}}")
    assert "Traceback" not in site.log.read_text()


def test_rows_images_and_charts_that_were_logged_natively_are_shown(visitor: Visitor, site: Site) -> None:
    run = Experiment(Workspace.open(site.folder), "native").start_logging(snapshot_directory=None, outputs=False)
    for number in range(5):
        run.log_row("cosine", angle=number / 2, cos=1 - number / 4)
    run.log_image("teal", Image.new("RGB", (80, 60), "teal"))
    data = {"bin_edges": [-1.5, 0, 1.5], "bin_counts": [17, float("nan")]}
    run.log_residuals("residuals", {"schema_type": "residuals", "schema_version": "1.0.0", "data": data})
    run.complete()
    names = {"experiment": run.experiment.id, "run": run.id}

    visitor.open("experiments/{experiment}/runs/{run}/model-metrics".format(**names))
    visitor.sees("cosine.angle", "cosine.cos")
    expect(visitor.page.locator(".js-plotly-plot")).to_have_count(2)
    expect_no_error(visitor, "native_rows")

    visitor.open("experiments/{experiment}/runs/{run}/artifacts".format(**names))
    for metric, shown in (("teal", "img[src^='blob:']"), ("residuals", "text=bin_edges")):
        folder, name = run.get_metric(metric).files[0].path.split("/")
        visitor.page.get_by_text(folder, exact=True).click()
        visitor.page.get_by_text(name, exact=True).click()
        expect(visitor.page.locator(shown).first).to_be_visible()
        expect_no_error(visitor, f"native_{metric}")


def write_what_is_not_a_run(site: Site) -> None:
    """Write a trace, a logged model, a registered one and a prompt, as another process than the server."""
    client = MlflowClient(site.uri, site.uri)
    model = client.create_logged_model(site.experiment_id, name="classifier", source_run_id=site.run_id)
    client.log_metric(site.run_id, "accuracy", 0.96875, step=29, model_id=model.model_id)
    described = site.folder.parent / "MLmodel"
    described.write_text(f"model_id: {model.model_id}\nflavors: {{}}\n")
    client.log_model_artifact(model.model_id, str(described))
    description = site.log.with_name("MLmodel")
    description.write_text("artifact_path: model\nflavors: {}\n")
    client.log_model_artifact(model.model_id, str(description))
    client.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model("registered_classifier")
    client.create_model_version("registered_classifier", model.artifact_location, run_id=site.run_id)
    client.register_prompt("greeting", "hello {{name}}")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(site.uri)
    try:
        destination = mlflow.entities.trace_location.MlflowExperimentLocation(site.experiment_id)
        mlflow.tracing.set_destination(destination)
        mlflow.trace(lambda number: 2 * number, name="double")(21)
        mlflow.flush_trace_async_logging()
    finally:
        mlflow.tracing.reset()
        mlflow.set_tracking_uri(before)
