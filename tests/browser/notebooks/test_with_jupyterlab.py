"""In JupyterLab, a run is live while the same kernel or another process trains, and stays as a picture."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from notebook_servers import PATIENCE_SECONDS, ROOT, TOKEN, jupyterlab, notebook
from playwright.sync_api import Browser, Locator, Page, expect

from bridge import Experiment, Run, Workspace

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

EXAMPLE = ROOT / "examples" / "notebooks" / "live_view.ipynb"
OPEN = """
from pathlib import Path
import math, time
from bridge import Experiment, Workspace
from bridge_azureml.details import RunDetails
ws = Workspace.open({path!r})
run = Experiment(ws, "digits").start_logging(snapshot_directory=None, display_name="calm-arch")
run
"""
TRAIN = """
step = 0
while not Path("stop").exists():
    run.log("train/loss", 1 / (1 + step / 20) + 0.02 * math.sin(step), step=step)
    run.log("val/accuracy", 1 - 1 / (2 + step / 20), step=step)
    step += 1
    time.sleep(0.05)
run.log("final", 0.93)
run.complete()
"""
OTHER = "RunDetails(ws.get_run({run!r})).show()"
LIST = "[run, ws.get_run({run!r})]"
READY = """
async () => {
  const session = jupyterapp.shell.currentWidget.sessionContext;
  await session.ready;
  await session.session.kernel.info;
}
"""
RUN_CELL = """
(at) => {
  jupyterapp.shell.currentWidget.content.activeCellIndex = at;
  jupyterapp.commands.execute("notebook:run-cell");
}
"""


class Lab:
    """An open notebook in JupyterLab."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address

    def open(self, name: str) -> None:
        """Open a notebook, and wait until its kernel is ready."""
        self.page.goto(f"{self.address}lab/tree/{name}?token={TOKEN}&reset")
        expect(self.page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible()
        self.page.evaluate(READY)

    def cell(self, at: int) -> Locator:
        """A cell of the notebook."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(at)

    def run_cell(self, at: int) -> None:
        """Start to run a cell."""
        self.page.evaluate(RUN_CELL, at)
        expect(self.cell(at).locator(".jp-InputPrompt")).not_to_have_text("[ ]:")

    def view(self, at: int) -> Locator:
        """The live view below a cell."""
        return self.cell(at).locator(".runbridge-view .view")

    def points(self, at: int, key: str) -> int:
        """Return the number of points that the first line of a chart has drawn."""
        plot = self.view(at).locator(f'.card[data-key="{key}"] .lines-plot:has(canvas)')
        return int(plot.evaluate("({ plot }) => plot.lines[0]?.n ?? 0")) if plot.count() else 0

    def wait_for_points(self, at: int, key: str, count: int) -> None:
        """Wait until a line has drawn at least `count` points."""
        for _ in range(int(PATIENCE_SECONDS * 10)):
            if self.points(at, key) >= count:
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{key} has {self.points(at, key)} points, not {count}")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = Workspace.create("work", path=tmp_path_factory.mktemp("jupyter") / "work")
    yield workspace
    workspace.close()


@pytest.fixture(scope="module")
def other(workspace: Workspace) -> Run:
    """A run of this process, which is not the kernel."""
    run = Experiment(workspace, "digits").start_logging(snapshot_directory=None, display_name="glad-bow")
    run.log_list("loss", [3.0, 2.0])
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, workspace: Workspace, other: Run) -> Path:
    """The root of JupyterLab, with a notebook."""
    folder = tmp_path_factory.mktemp("lab") / "root"
    folder.mkdir()
    opened = OPEN.format(path=str(workspace.path)).strip()
    cells = (opened, TRAIN.strip(), OTHER.format(run=other.id), LIST.format(run=other.id), "[1, 2]")
    (folder / "train.ipynb").write_text(notebook(cells), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def requests() -> list[str]:
    """The addresses of all requests of the page."""
    return []


@pytest.fixture(scope="module")
def lab(notebooks: Path, browser: Browser, folder: Path, requests: list[str]) -> Iterator[Lab]:
    with jupyterlab(folder) as address:
        context = browser.new_context(viewport={"width": 1200, "height": 1300})
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        page = context.new_page()
        page.on("request", lambda one: requests.append(one.url))
        lab = Lab(page, address)
        lab.open("train.ipynb")
        yield lab
        context.close()


def test_a_run_is_live_while_its_kernel_trains(lab: Lab, folder: Path, shots: Path) -> None:
    lab.run_cell(0)
    expect(lab.view(0)).to_contain_text("calm-arch")
    lab.run_cell(1)
    lab.wait_for_points(0, "train/loss", 5)
    seen = lab.points(0, "train/loss")
    lab.wait_for_points(0, "train/loss", seen + 20)
    assert lab.cell(1).locator(".jp-InputPrompt").inner_text() == "[*]:"  # the kernel is still busy
    lab.page.screenshot(path=shots / "notebook_jupyterlab_light.png")
    (folder / "stop").touch()
    expect(lab.view(0)).to_contain_text("Completed")
    expect(lab.view(0)).to_contain_text("0.93")


def test_a_run_is_live_while_another_process_trains(lab: Lab, other: Run) -> None:
    lab.run_cell(2)
    expect(lab.view(2)).to_contain_text("glad-bow")
    lab.wait_for_points(2, "loss", 2)
    other.log("loss", 1.0)
    lab.wait_for_points(2, "loss", 3)
    other.complete()
    expect(lab.view(2)).to_contain_text("Completed")


def test_lists_of_runs_are_views_and_other_lists_are_not(lab: Lab) -> None:
    lab.run_cell(3)
    expect(lab.view(3)).to_contain_text("2 runs")
    lab.run_cell(4)
    expect(lab.cell(4).locator(".jp-OutputArea-output")).to_have_text("[1, 2]")


def test_the_view_follows_the_theme_of_jupyterlab(lab: Lab, shots: Path) -> None:
    element = lab.cell(0).locator(".runbridge-view")
    expect(element).to_have_attribute("data-theme", "light")
    lab.page.evaluate("jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    expect(element).to_have_attribute("data-theme", "dark")
    expect(lab.page.locator("#jupyterlab-splash")).to_have_count(0)
    lab.page.screenshot(path=shots / "notebook_jupyterlab_dark.png")
    lab.page.evaluate("jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Light' })")
    expect(element).to_have_attribute("data-theme", "light")


def test_the_saved_notebook_shows_the_last_state_without_a_kernel(
    lab: Lab, folder: Path, notebooks: Path, page: Page, shots: Path
) -> None:
    lab.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    file = folder / "train.ipynb"
    for _ in range(200):
        outputs: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["cells"][0]["outputs"]
        if outputs and "Completed" in "".join(outputs[0]["data"]["text/html"]):
            break
        lab.page.wait_for_timeout(100)
    assert len("".join(outputs[0]["data"]["text/html"])) <= 60_000

    convert = [notebooks / "jupyter-nbconvert", "--to", "html", file, "--output", folder / "train.html"]
    subprocess.run(list(map(str, convert)), check=True, capture_output=True)
    text = (folder / "train.html").read_text(encoding="utf-8")
    page.set_content(re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))  # the page's scripts are from a network
    picture = page.locator(".runbridge-picture").first
    expect(picture).to_contain_text("calm-arch")
    expect(picture.locator("img")).to_be_visible()
    expect(picture.get_by_role("row", name="final 0.93")).to_be_visible()
    page.screenshot(path=shots / "notebook_saved.png")


def test_the_saved_notebook_shows_the_last_state_in_jupyterlab(lab: Lab) -> None:
    """A new kernel does not know the widgets of the old one. JupyterLab's error about that is hidden."""
    lab.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    lab.open("train.ipynb")
    picture = lab.cell(0).locator(".runbridge-picture")
    expect(picture).to_contain_text("Completed")
    expect(picture.locator("img")).to_be_visible()
    error = lab.cell(0).get_by_text("Error displaying widget")
    expect(error).to_have_count(1)
    expect(error).to_be_hidden()


def test_a_notebook_that_runs_without_a_browser_has_the_picture_too(notebooks: Path, tmp_path: Path) -> None:
    """The example, as a scheduler of notebooks runs it."""
    file = shutil.copy(EXAMPLE, tmp_path)  # its cells run in the folder of the file
    done = subprocess.run(
        [str(notebooks / "jupyter-nbconvert"), "--execute", "--to", "notebook", "--inplace", file],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}", "IPYTHONDIR": str(tmp_path / "ipython")},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    cells = json.loads(Path(file).read_text(encoding="utf-8"))["cells"]
    first, *_, last = ["".join(cell["outputs"][0]["data"]["text/html"]) for cell in cells if cell.get("outputs")]
    assert "cosine" in first and "<img" in first and ">val/accuracy</td>" in first
    assert "Completed" in last and "1 run" in last


def test_no_request_leaves_the_server(lab: Lab, requests: list[str]) -> None:
    assert len(requests) > 10
    assert not [one for one in requests if not one.startswith((lab.address, "blob:", "data:"))]
