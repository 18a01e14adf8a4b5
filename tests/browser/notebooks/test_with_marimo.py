"""In marimo, a run is live while another process trains."""

from __future__ import annotations

from pathlib import Path

import pytest
from notebook_servers import PATIENCE_SECONDS, marimo
from playwright.sync_api import Browser, expect

from bridge import Experiment

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

APP = """
import marimo

app = marimo.App()


@app.cell
def _():
    from bridge import Workspace
    from bridge_azureml.details import RunDetails

    run = Workspace.open({path!r}).get_run({run!r})
    run
    return (run, RunDetails)


@app.cell
def _(run):
    run.experiment
    return


@app.cell
def _(RunDetails, run):
    RunDetails(run).show()
    return


if __name__ == "__main__":
    app.run()
"""


def test_a_run_and_an_experiment_are_live(
    notebooks: Path, browser: Browser, experiment: Experiment, tmp_path: Path, shots: Path
) -> None:
    run = experiment.start_logging(snapshot_directory=None, display_name="calm-arch")
    run.log_list("loss", [3.0, 2.0])
    app = tmp_path / "root" / "app.py"
    app.parent.mkdir()
    app.write_text(APP.format(path=str(experiment.workspace.path), run=run.id).lstrip(), encoding="utf-8")
    requests: list[str] = []
    with marimo(app) as address:
        context = browser.new_context(viewport={"width": 1100, "height": 1100})
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        context.route(lambda url: not url.startswith(address), lambda route: route.abort())
        page = context.new_page()
        page.on("request", lambda one: requests.append(one.url))
        page.goto(address)
        first, second = page.locator(".runbridge-view .view").first, page.locator(".runbridge-view .view").nth(1)
        expect(first).to_contain_text("calm-arch", timeout=PATIENCE_SECONDS * 1000)
        expect(second).to_contain_text("1 run")
        expect(page.locator(".runbridge-view .view").nth(2)).to_contain_text("calm-arch")
        plot = first.locator('.card[data-key="loss"] .lines-plot:has(canvas)')
        expect(plot).to_be_visible()
        run.log("loss", 1.0)
        for _ in range(300):
            if plot.evaluate("({ plot }) => plot.lines[0].n") == 3:
                break
            page.wait_for_timeout(100)
        assert plot.evaluate("({ plot }) => [...plot.lines[0].y.slice(0, plot.lines[0].n)]") == [3.0, 2.0, 1.0]
        run.complete()
        expect(first).to_contain_text("Completed")
        expect(page.locator(".runbridge-view").first).to_have_attribute("data-theme", "light")
        page.screenshot(path=shots / "notebook_marimo.png")
        context.close()
    ours = ("runbridge", "bridge", "unpkg", "jsdelivr", "esm.sh")
    assert not [one for one in requests if not one.startswith(address) and any(name in one for name in ours)]
