"""Runs, experiments and lists of runs are shown at the end of a cell; without the plugin they are tables."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bridge import Run
from bridge.server import vendor

pytestmark = pytest.mark.skipif(not vendor.is_fetched(), reason="the JavaScript packages of the page were not fetched")

WIDGET = "application/vnd.jupyter.widget-view+json"
HINT = "pip install runbridge[jupyter]"

KERNEL = """
import json, logging, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

shell = InteractiveShell.instance()
{before}
from bridge import Workspace
from bridge_azureml.details import RunDetails

run = Workspace.open({path!r}).get_run({run!r})
shell.user_ns.update(run=run, RunDetails=RunDetails)
found = []
for cell in {cells!r}:
    with capture_output() as shown:
        result = shell.run_cell(cell)
    found.append([[one.data for one in shown.outputs], shown.stdout, repr(result.error_in_exec)])
print(json.dumps(found))
"""
IN_A_KERNEL = "shell.kernel = object()"
WITHOUT_ANYWIDGET = "shell.kernel = object(); sys.modules['anywidget'] = None"


def shown(run: Run, folder: Path, before: str, *cells: str) -> list[tuple[list[dict[str, Any]], str, str]]:
    """Return the outputs, the printed text and the error of cells that a new process runs."""
    path = str(run.experiment.workspace.path)
    code = KERNEL.format(before=before, path=path, run=run.id, cells=cells)
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [tuple(one) for one in json.loads(done.stdout.splitlines()[-1])]  # type: ignore[misc]


def test_a_run_an_experiment_and_a_list_are_a_picture_and_a_widget(run: Run, tmp_path: Path) -> None:
    cells = ("run", "run.experiment", "[run, run]", "RunDetails(run).show()")
    for outputs, text, error in shown(run, tmp_path, IN_A_KERNEL, *cells):
        assert error == "None"
        picture, widget = outputs
        assert picture["text/html"].startswith("<style>") and "<img" in picture["text/html"]
        assert len(picture["text/html"]) <= 60_000
        assert picture["text/plain"]
        assert widget[WIDGET]["model_id"]
        assert widget["text/plain"] == re.sub(r"Out\[\d\]:", "", text).strip() == ""


def test_a_view_object_is_one_output_with_all_forms(run: Run, tmp_path: Path) -> None:
    cell = "from bridge_jupyter import RunView; display(RunView(run))"
    ((outputs, text, error),) = shown(run, tmp_path, IN_A_KERNEL, cell)
    (output,) = outputs
    assert set(output) == {WIDGET, "text/html", "text/plain"}
    assert "digits: Running" in output["text/plain"]


@pytest.mark.slow
def test_a_closed_view_is_not_updated(run: Run, tmp_path: Path) -> None:
    cell = """
from bridge_jupyter import RunView
from bridge_jupyter.watcher import WATCHER
view = RunView(run).start()
before = len(WATCHER._views)
view.close()
print(before, len(WATCHER._views))
"""
    ((_, text, error),) = shown(run, tmp_path, IN_A_KERNEL, cell)
    assert (text.strip(), error) == ("1 0", "None")


@pytest.mark.slow
def test_other_lists_are_shown_as_before(run: Run, tmp_path: Path) -> None:
    for cell, expected in (("[1, 2]", "[1, 2]"), ("[]", "[]")):
        ((outputs, text, error),) = shown(run, tmp_path, IN_A_KERNEL, cell)
        assert (error, outputs) == ("None", [])
        assert re.sub(r"Out\[\d\]:", "", text).strip() == expected


def test_without_anywidget_there_is_a_table_and_the_command_that_installs_it(run: Run, tmp_path: Path) -> None:
    cells = ("display(run)", "display(run.experiment)", "RunDetails(run).show()")
    for outputs, _, error in shown(run, tmp_path, WITHOUT_ANYWIDGET, *cells):
        (output,) = outputs
        assert error == "None"
        assert output["text/html"].startswith("<table>")
        assert output["text/html"].count(HINT) == 1


def test_without_a_kernel_there_is_a_table(run: Run, tmp_path: Path) -> None:
    ((outputs, _, error),) = shown(run, tmp_path, "", "display(run)")
    assert error == "None"
    assert outputs[0]["text/html"].startswith("<table>")
    assert HINT not in outputs[0]["text/html"]


@pytest.mark.slow
def test_an_error_of_the_view_never_reaches_the_cell(run: Run, tmp_path: Path) -> None:
    before = f"{IN_A_KERNEL}\nimport bridge_jupyter.picture\nbridge_jupyter.picture.contents_of = None"
    ((outputs, _, error),) = shown(run, tmp_path, before, "display(run)")
    assert error == "None"
    assert outputs[0]["text/html"].startswith("<table>")


MARIMO = """
import sys
{before}
from bridge import Workspace

run = Workspace.open({path!r}).get_run({run!r})
print(type(run._display_()).__name__)
print(hasattr(run._display_(), "_repr_html_"))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("before", "expected"), [("", "RunView"), ("sys.modules['anywidget'] = None", "HtmlText")])
def test_marimo_gets_a_widget_or_a_table(run: Run, tmp_path: Path, before: str, expected: str) -> None:
    code = MARIMO.format(before=before, path=str(run.experiment.workspace.path), run=run.id)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[0] == expected, done.stderr


def test_a_run_loads_neither_ipython_nor_anywidget(run: Run, tmp_path: Path) -> None:
    code = f"""
import sys
from bridge import Workspace
from bridge_azureml.details import RunDetails

run = Workspace.open({str(run.experiment.workspace.path)!r}).get_run({run.id!r})
run.log("loss", 0.1)
print(run, run._repr_html_())
RunDetails(run).show()
print(sorted({{"IPython", "anywidget", "ipywidgets", "traitlets", "bridge_jupyter", "marimo"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
