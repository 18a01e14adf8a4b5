"""An error of a signal handler leaves a call that captures or reads files. It is not taken for a failed system call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from interrupting import each_interrupt
from longer import LONG

from bridge import Experiment, Workspace
from bridge.address import check_local_path
from bridge.capture import spool
from bridge.capture.spool import Spool
from bridge.handles.project_files import find_project_config, read_config

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # for files whose opening was interrupted
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("garbage_collected"),
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("work", path=tmp_path / "work")


def swallowed(
    files: tuple[str, ...], call: Callable[[], object], step: int = 1, kind: type[Exception] = TimeoutError
) -> list[str]:
    """Interrupt a call at each place of some files, and return the places whose error did not leave the call."""
    places = list(each_interrupt(files, call, kind, step))
    assert len(places) > 2
    return [f"{where}: {left!r}" for where, left in places if type(left) is not kind]


@pytest.mark.slow
def test_it_leaves_the_start_of_a_run_that_stores_its_source(experiment: Experiment, working_folder: Path) -> None:
    (working_folder / "train.py").write_text("print('hello')")

    def start() -> None:
        run = experiment.start_logging(outputs=False)
        run.complete()
        assert run.warnings == ()

    assert swallowed(("/source/",), start, 3 if LONG else 20) == []


def test_it_leaves_the_end_of_a_run_that_stores_folders(experiment: Experiment, working_folder: Path) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    (working_folder / "logs").mkdir()

    def capture() -> None:
        (working_folder / "outputs" / "model.pt").write_text("model")
        with (working_folder / "logs" / "log.txt").open("a") as log:
            log.write("line\n")
        assert run.session.finish_capture() == ()

    assert swallowed(("/capture/capture.py", "/capture/folders.py"), capture, 4) == []
    run.complete()
    assert sorted(run.get_file_names()) == ["logs/log.txt", "outputs/model.pt"]


@pytest.mark.parametrize("kind", [TimeoutError, RuntimeError])
def test_it_leaves_the_start_of_a_capture(experiment: Experiment, working_folder: Path, kind: type[Exception]) -> None:
    def start() -> None:
        run = experiment.start_logging(snapshot_directory=None)
        run.complete()
        assert run.warnings == ()

    assert swallowed(("/capture/capture.py",), start, kind=kind) == []


def test_it_leaves_a_call_that_moves_printed_output_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MEMORY_BYTES", 0)
    queue = Spool(tmp_path)

    def add() -> None:
        assert queue.add(b"hello")

    assert swallowed(("/capture/spool.py",), add) == []
    assert queue.take().startswith(b"hello")
    queue.close()


def test_it_leaves_a_call_for_an_image(experiment: Experiment, working_folder: Path) -> None:
    run = experiment.start_logging(outputs=False, snapshot_directory=None)
    (working_folder / "a.gif").write_bytes(b"GIF89a")
    assert swallowed(("/runs/pictures.py",), lambda: run.log_image("a", path="a.gif")) == []
    run.complete()


def test_it_leaves_a_search_for_the_configuration_of_a_project(working_folder: Path) -> None:
    (working_folder / "config.json").write_text(json.dumps({"address": "work"}))
    assert swallowed(("/handles/project_files.py",), find_project_config, 5) == []
    assert swallowed(("/handles/project_files.py",), lambda: read_config(working_folder / "config.json")) == []
    assert swallowed(("/address.py",), lambda: check_local_path("path", "config.json")) == []
