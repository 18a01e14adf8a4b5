"""TensorBoard reads exported event files, and shows the event files that runs write."""

from __future__ import annotations

import io
import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import pytest
import requests
from both_places import PLACES, new_experiment
from capturing import wait_until

from bridge import InvalidState, Run, StoreUnavailable, Workspace
from bridge.store.folder.artifacts import FolderArtifacts
from bridge_azureml import tensorboard
from bridge_azureml.events import EventWriter
from bridge_azureml.tensorboard import Tensorboard, export_to_tensorboard

# Warnings from TensorBoard about its dependencies.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:pkg_resources is deprecated:UserWarning"),
]


@pytest.fixture
def run(ws: Workspace) -> Run:
    return new_experiment(ws).start_logging()


IN_BOTH_PLACES = pytest.mark.parametrize("ws", PLACES, indirect=True)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the (step, value) of every scalar below a folder, as TensorBoard reads it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder)).Reload()
    found: dict[str, list[tuple[int, float]]] = {}
    for tag in reader.Tags()["scalars"]:
        found[tag] = [(event.step, event.value) for event in reader.Scalars(tag)]
    return found


def test_tensorboard_reads_the_events_that_are_written(tmp_path: Path) -> None:
    steps = [0, 1, 127, 128, 300, 2**40]
    values = [0.0, -0.5, 1e30, 1e300, -1e300, math.inf]
    with EventWriter(tmp_path / "run", 1_700_000_000.5) as writer:
        for step, value in zip(steps, values, strict=True):
            writer.add_scalar("größe/α", value, step, 1_700_000_000.5 + step)
        writer.add_scalar("x" * 300, 2.5, 7, 1.0)
    found = scalars(tmp_path / "run")
    assert found["x" * 300] == [(7, 2.5)]
    assert [step for step, _ in found["größe/α"]] == steps
    assert [value for _, value in found["größe/α"]] == pytest.approx([0.0, -0.5, 1e30, math.inf, -math.inf, math.inf])


def test_a_damaged_event_file_is_noticed_by_its_checksums(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    with EventWriter(tmp_path, 1.0) as writer:
        writer.add_scalar("a", 1.0, 1, 1.0)
    (file,) = tmp_path.iterdir()
    assert len(list(EventFileLoader(str(file)).Load())) == 2
    whole = file.read_bytes()
    file.write_bytes(whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:])
    assert len(list(EventFileLoader(str(file)).Load())) == 1


@IN_BOTH_PLACES
def test_a_running_run_is_exported_with_its_children(run: Run, tmp_path: Path) -> None:
    run.log("alpha", 0.1)
    run.log("alpha", 0.2)
    run.log("note", "text")
    run.log("loss", 0.5, step=10)
    run.log_row("wave", angle=0.0, cos=1.0)
    run.log_row("wave", angle=1.0, cos=0.5)
    with run.child_run("alpha0.1") as child:
        child.log("mse", 3)
    export_to_tensorboard(run, tmp_path / "logs")
    assert {folder.name for folder in (tmp_path / "logs").iterdir()} == {run.id, child.id}
    found = scalars(tmp_path / "logs" / run.id)
    assert found.pop("alpha") == [(0, pytest.approx(0.1)), (1, pytest.approx(0.2))]
    assert found == {"loss": [(10, 0.5)], "wave/angle": [(0, 0.0), (1, 1.0)], "wave/cos": [(0, 1.0), (1, 0.5)]}
    assert scalars(tmp_path / "logs" / child.id) == {"mse": [(0, 3.0)]}


@IN_BOTH_PLACES
def test_exporting_again_replaces_the_event_files(run: Run, tmp_path: Path) -> None:
    run.log("a", 1)
    export_to_tensorboard([run], tmp_path, recursive=False)
    run.log("a", 2)
    export_to_tensorboard(run.experiment, tmp_path)
    assert scalars(tmp_path / run.id) == {"a": [(0, 1.0), (1, 2.0)]}


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def board(run: Run, port: int, tmp_path: Path) -> Iterator[Tensorboard]:
    """TensorBoard on a run that has written an event file below ./logs."""
    with EventWriter(tmp_path / "written" / "tb-logs", time.time()) as writer:
        writer.add_scalar("loss", 0.5, 3, time.time())
    run.upload_folder("logs", tmp_path / "written")
    board = Tensorboard([run], port=port)
    yield board
    board.stop()


def asked(url: str, path: str) -> Any:
    answer = requests.get(f"{url}data/{path}", timeout=30)
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.processes
def test_tensorboard_shows_what_a_run_has_written(
    run: Run, board: Tensorboard, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    url = board.start()
    assert url == f"http://localhost:{port}/"
    assert capsys.readouterr().out == url + "\n"
    until = time.monotonic() + 30
    name = f"{run.id}/tb-logs"
    while name not in (shown := asked(url, "plugin/scalars/tags")) and time.monotonic() < until:
        time.sleep(0.2)
    assert list(shown[name]) == ["loss"]
    with pytest.raises(InvalidState):
        board.start()
    board.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


@pytest.mark.processes
def test_the_error_for_a_taken_port_names_it(board: Tensorboard, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("localhost", port))
        with pytest.raises(StoreUnavailable, match=f"localhost:{port}"):
            board.start()


@contextmanager
def page_at(port: int) -> Iterator[None]:
    """Serve a page at a port."""
    with ThreadingHTTPServer(("localhost", port), SimpleHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_the_page_of_another_program_is_not_taken_for_tensorboards(
    board: Tensorboard, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", start_nothing)
    with page_at(port), pytest.raises(StoreUnavailable, match=f"localhost:{port}/ is not .*another program"):
        board.start()


def start_nothing() -> NoReturn:
    raise ZeroDivisionError


@pytest.mark.parametrize("name", ["../../outside", "{tmp_path}/outside", "..", "a/./b/../c"])
def test_a_display_name_does_not_lead_out_of_the_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int, name: str
) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", start_nothing)
    (tmp_path / "event").write_text("e")
    run.upload_file("logs/event", tmp_path / "event")
    run.display_name = name.format(tmp_path=tmp_path)
    with pytest.raises(ZeroDivisionError):
        Tensorboard([run], tmp_path / "below" / "root", port, use_display_name=True).start()
    found = {file.relative_to(tmp_path).parts[:2] for file in tmp_path.rglob("event") if file.parent != tmp_path}
    assert {parts for parts in found if parts[0] != "work"} == {("below", "root")}


def test_files_are_mirrored_again_after_an_error(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    pages = ExitStack()
    popen = subprocess.Popen

    def start(command: object, **_: Any) -> subprocess.Popen[bytes]:
        pages.enter_context(page_at(port))
        return popen([sys.executable, "-c", "import time; time.sleep(60)"])

    def refuse(*_: object, **__: object) -> NoReturn:
        raise StoreUnavailable("the workspace", "it is locked")

    monkeypatch.setattr("subprocess.Popen", start)
    monkeypatch.setattr(tensorboard, "MIRROR_SECONDS", 0.001)
    board = Tensorboard([run], tmp_path / "root", port)
    with pages:
        board.start()
        pages.callback(board.stop)
        with monkeypatch.context() as patch:
            patch.setattr(FolderArtifacts, "list", refuse)
            wait_until(lambda: "TensorBoard does not show new files at the moment: the workspace" in caplog.text)
        run.upload_file("logs/event", io.BytesIO(b"e"))
        wait_until((tmp_path / "root" / run.id / "event").exists)
    assert len(caplog.records) == 1
