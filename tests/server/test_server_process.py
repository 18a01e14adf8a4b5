"""`runbridge server` as a process: its start, its memory, its journal, and its end at a signal."""

from __future__ import annotations

import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from loaded_server import Client, Stream, until
from served_workspaces import ServedBySubprocess, served

from bridge.server.folding import TICK_SECONDS
from bridge.store.create import create_store
from bridge.store.open import open_store
from bridge.store.sql.backend import SqlBackend

pytestmark = pytest.mark.slow

IDLE_BYTES = 64_000_000
BARE = "import click, httptools, numpy, requests, sqlite3, starlette.routing, uvicorn, uvloop"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("process") / "demo"
    create_store(folder, "demo").close()
    return folder


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[ServedBySubprocess]:
    with served({"demo": folder}, tmp_path / "log") as running:
        yield running


@pytest.fixture
def ended() -> Iterator[ExitStack]:
    """Closes what a test has opened."""
    with ExitStack() as stack:
        yield stack


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def test_the_start_takes_little_more_than_its_packages_and_memory_is_small(
    server: ServedBySubprocess, tmp_path: Path
) -> None:
    client = Client(server.at("demo"))
    assert client.ask("GET", "/portal/api/home")[0] == 200
    process = psutil.Process(server.process.pid)
    used = cpu_seconds(process)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", BARE], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    bare = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 2.5 * bare, f"the start took {used:.2f} s of a processor, the packages alone {bare:.2f} s"
    memory = process.memory_info().rss
    assert memory < IDLE_BYTES, f"an idle server has {memory / 1e6:.1f} MB"


def test_points_are_folded_without_a_read(server: ServedBySubprocess, folder: Path) -> None:
    client = Client(server.at("demo"))
    run = client.new_run()
    with open_inner(folder) as inner:
        for number in range(3):
            client.log(run, "loss", [number])
            until(lambda number=number: stored(inner, run) == number + 1, "the server folds what it has logged")
    assert TICK_SECONDS < 0.05


@contextmanager
def open_inner(folder: Path) -> Iterator[SqlBackend]:
    """Open the database of a workspace, which does not fold."""
    stores = open_store(folder)
    try:
        yield stores.open_store.backend
    finally:
        stores.close()


def stored(inner: SqlBackend, run: str) -> int:
    return sum(len(series.steps) for series in inner.get_series_of([run])[run])


def test_a_read_after_a_write_sees_it(server: ServedBySubprocess) -> None:
    client = Client(server.at("demo"))
    run = client.new_run()
    for step in range(30):
        client.log(run, "loss", [step])
        latest = client.call("get_runs", run_ids=[run])[run]["latest"]["loss"]
        assert latest[2] == step


def test_points_of_other_processes_arrive(server: ServedBySubprocess, folder: Path) -> None:
    client = Client(server.at("demo"))
    run = client.new_run()
    code = f"from bridge import Run, Workspace; Run.get(Workspace.open({str(folder)!r}), {run!r}).log('other', 1.0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    until(lambda: "other" in client.call("get_runs", run_ids=[run])[run].get("latest", {}), "other journals are folded")


def test_sigterm_ends_streams_with_an_event_completes_uploads_and_folds(
    server: ServedBySubprocess, folder: Path, ended: ExitStack
) -> None:
    client = Client(server.at("demo"))
    run = client.new_run()
    streams = [Stream(server.at("demo")) for _ in range(3)]
    content = b'{"runs": ["%s"], "changes": {"tags": {"a": "b"}}}' % run.encode()
    upload = ended.enter_context(socket.create_connection((client.host, client.port), 30))
    head = f"PATCH /w/demo/portal/api/runs HTTP/1.1\r\nHost: {client.host}:{client.port}\r\n"
    upload.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[:10])
    until(lambda: Client(server.address).ask("GET", "/healthz")[0] == 200, "the server answers")
    client.log(run, "loss", list(range(100)))
    server.process.send_signal(signal.SIGTERM)
    for stream in streams:
        assert stream.read_to_the_end().endswith(b"event: end\ndata: {}\n\n\r\n0\r\n\r\n")
    with pytest.raises(ConnectionError):
        socket.create_connection((client.host, client.port), 30)
    upload.sendall(content[10:])
    assert upload.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert server.process.wait(20) == 0
    with open_inner(folder) as inner:
        assert stored(inner, run) == 100
        assert inner.get_runs([run])[run].tags["a"] == "b"


def test_a_second_signal_ends_it_immediately(server: ServedBySubprocess, folder: Path, ended: ExitStack) -> None:
    client = Client(server.at("demo"))
    run = client.new_run()
    client.log(run, "loss", list(range(10)))
    upload = ended.enter_context(socket.create_connection((client.host, client.port), 30))
    head = f"PATCH /w/demo/portal/api/runs HTTP/1.1\r\nHost: {client.host}:{client.port}\r\nContent-Length: 99\r\n\r\n"
    upload.sendall(head.encode() + b"{")
    until(lambda: Client(server.address).ask("GET", "/healthz")[0] == 200, "the server answers")
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert server.process.poll() is None, "the upload may take ten seconds"
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(5) == 128 + signal.SIGTERM
    stores = open_store(folder)
    assert len(stores.tracking.get_series_of([run])[run][0].steps) == 10
    stores.close()


def test_a_killed_server_has_stored_what_it_acknowledged(folder: Path, tmp_path: Path) -> None:
    with served({"demo": folder}, tmp_path / "log") as server:
        client = Client(server.at("demo"))
        run = client.new_run()
        for step in range(200):
            client.log(run, "loss", [step])
        server.process.kill()
        server.process.wait(10)
    with served({"demo": folder}, tmp_path / "log") as server:
        assert Client(server.at("demo")).call("get_runs", run_ids=[run])[run]["latest"]["loss"][2] == 199
    stores = open_store(folder)
    assert stores.tracking.get_series_of([run])[run][0].steps.tolist() == list(range(200))
    stores.close()


def test_the_banner_says_what_to_copy(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bridge", "server", f"first={folder}", "--no-token", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    text = "".join(lines)
    assert "until Ctrl-C" in lines[0]
    assert re.search(r'Workspace\.open\("http://127\.0\.0\.1:\d+"\)', text)
    assert re.search(r"export MLFLOW_TRACKING_URI=http://127\.0\.0\.1:\d+", text)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--host", "0.0.0.0"], "other computers could reach it"),
        (["--host", "192.0.2.1"], "other computers could reach it"),
        (["--base-path", "runs"], "must begin with /"),
        (["--access-log", "/nowhere/log"], "No such file"),
        (["--host", "127.0.0.1", "/nowhere"], "There is no workspace"),
    ],
)
def test_wrong_arguments_end_with_one_sentence(folder: Path, arguments: list[str], sentence: str) -> None:
    given = arguments if "/nowhere" in arguments else [str(folder), *arguments]
    command = [sys.executable, "-m", "bridge", "server", *given, "--no-token", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and sentence in done.stderr and done.stderr.count("\n") == 1
