"""MLflow's UI shows natively logged values."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient
from PIL import Image
from playwright.sync_api import expect
from visiting import Visitors

from bridge import Experiment, Workspace

pytestmark = pytest.mark.browser


def test_natively_logged_rows_images_and_charts_are_shown(visitors: Visitors) -> None:
    visitor = visitors.ours
    workspace = Workspace.open(visitor.site.folder / "demo")
    run = Experiment(workspace, "native").start_logging(snapshot_directory=None, outputs=False)
    for number in range(5):
        run.log_row("cosine", angle=number / 2, cos=1 - number / 4)
    run.log_image("teal", Image.new("RGB", (80, 60), "teal"))
    client = MlflowClient(workspace.get_mlflow_tracking_uri())
    client.log_image(run.id, Image.new("RGB", (80, 60), "navy"), key="navy", step=1)
    data = {"bin_edges": [-1.5, 0, 1.5], "bin_counts": [17, float("nan")]}
    run.log_residuals("residuals", {"schema_type": "residuals", "schema_version": "1.0.0", "data": data})
    run.complete()
    place = f"experiments/{run.experiment.id}/runs/{run.id}"

    visitor.open(f"{place}/model-metrics")
    visitor.sees("cosine.angle", "cosine.cos")
    expect(visitor.page.locator(".js-plotly-plot")).to_have_count(2)
    for name in ("navy", "teal"):  # MLflow's UI shows no image at all if the name of one file has another form
        image = visitor.page.locator(f"img[src*='path=images%2F{name}%2Bstep']")
        expect(image).to_be_visible()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") in (80, 256)
    visitors.settle()
    visitor.page.screenshot(path=visitors.shots / "native_rows.png")

    visitor.open(f"{place}/artifacts")
    for metric, shown in (("teal", "img[src^='blob:']"), ("residuals", "text=bin_edges")):
        folder, name = run.get_metric(metric).files[0].path.split("/")
        visitor.page.get_by_text(folder, exact=True).click()
        visitor.page.get_by_text(name, exact=True).click()
        expect(visitor.page.locator(shown).first).to_be_visible()
        visitor.page.screenshot(path=visitors.shots / f"native_{metric}.png")
    assert [one for one in visitor.asked() if one[2] >= 400] == []
