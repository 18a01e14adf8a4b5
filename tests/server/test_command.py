"""The command `runbridge ui` finds the workspace, prints one address, and ends at Ctrl-C."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from bridge import Experiment, Run, Workspace
from bridge.cli import browser
from bridge.cli.command import main
from bridge.cli.find_workspace import find_workspace
from bridge.errors import StoreUnavailable
from bridge.server import start
from bridge.store import open_server
from bridge.store.server_records import records_folder

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)(/portal/\S*)")


class Command(NamedTuple):
    """A running command, and what it printed."""

    process: subprocess.Popen[str]
    line: str
    port: int
    path: str

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def header(self, name: str, path: str, **headers: str) -> tuple[int, str]:
        """Return the status and one header of an answer."""
        with closing(self.connect()) as connection:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader(name) or ""


@contextmanager
def running(*arguments: str | Path, **environment: str) -> Iterator[Command]:
    """Run the command until the end of the block."""
    command = [sys.executable, "-m", "bridge", "ui", *map(str, arguments)]
    variables, pipe = {**os.environ, **environment}, subprocess.PIPE
    with subprocess.Popen(command, text=True, env=variables, stdout=pipe, stderr=pipe) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            line = process.stdout.readline()
            found = ADDRESS.search(line)
            assert found, line + process.stderr.read()
            yield Command(process, line, int(found[1]), found[2])
        finally:
            process.kill()


def called(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[object, str, str]:
    """Call the command in this process to its end, and return its exit code and what it printed."""
    sys.argv[1:] = ["ui", "--no-browser", *map(str, arguments)]
    with pytest.raises(SystemExit) as exit:
        main()
    printed = capsys.readouterr()
    return exit.value.code, printed.out, printed.err


@pytest.fixture(autouse=True)
def own_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["runbridge"])
    monkeypatch.delenv("BRIDGE_WORKSPACE", raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("command")


@pytest.fixture(scope="module")
def workspace(folder: Path) -> Workspace:
    return Workspace.create("demo", path=folder / "demo")


@pytest.fixture(scope="module")
def run(workspace: Workspace) -> Run:
    run = Experiment(workspace, "digits").start_logging(outputs=False, snapshot_directory=None)
    run.log("loss", 0.5)
    run.complete()
    return run


@pytest.fixture(scope="module")
def shown(folder: Path, workspace: Workspace) -> Iterator[Command]:
    """The command, which runs during all tests of this file. Its `$BRIDGE_HOME` is `folder / "home"`."""
    with running(workspace.path, "--port", "0", "--no-browser", BRIDGE_HOME=str(folder / "home")) as command:
        yield command


@pytest.fixture
def same_home(folder: Path, shown: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of the running command."""
    monkeypatch.setenv("BRIDGE_HOME", str(folder / "home"))
    return folder / "home"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own."""
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_links_lead_to_the_page_while_it_is_shown(run: Run, shown: Command, same_home: Path) -> None:
    assert shown.line.startswith("Runbridge shows the workspace demo until Ctrl-C: http://127.0.0.1:")
    experiment = run.experiment
    assert run.get_portal_url() == f"http://127.0.0.1:{shown.port}/portal/runs/{run.id}"
    assert experiment.get_portal_url() == f"http://127.0.0.1:{shown.port}/portal/experiments/{experiment.id}"


def test_links_name_the_command_when_nothing_is_shown(run: Run, workspace: Workspace, home: Path) -> None:
    assert run.get_portal_url() == f"runbridge ui {workspace.path} --page runs/{run.id}"


def test_secrets_are_for_their_user_only(shown: Command, same_home: Path) -> None:
    folder = records_folder()
    (record,) = folder.iterdir()
    assert folder.parent == same_home
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 and stat.S_IMODE(record.stat().st_mode) == 0o600
    token = json.loads(record.read_text())["token"]
    process = psutil.Process(shown.process.pid)
    assert token not in " ".join(process.cmdline()) and token not in str(process.environ())
    assert shown.header("x", "/portal/api/home", Authorization=f"Bearer {token}")[0] == 200
    listening = [found.laddr.ip for found in process.net_connections() if found.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]


def test_a_second_call_prints_a_new_address_of_the_first(
    shown: Command, workspace: Workspace, same_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed, _ = called(capsys, workspace.path, "--page", "runs/x")
    assert code == 0
    assert printed.startswith(f"Runbridge shows the workspace demo in process {shown.process.pid}: ")
    again = ADDRESS.search(printed)
    assert again and int(again[1]) == shown.port and again[2] != shown.path
    assert shown.header("Location", again[2]) == (303, "/portal/runs/x")


def test_the_links_of_another_home_or_workspace_are_others(
    folder: Path, run: Run, shown: Command, same_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(folder / "demo", folder / "copy")  # it has the same id
    assert Workspace.open(copy).get_run(run.id).get_portal_url().startswith(f"runbridge ui {copy} ")
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "another computer", "", "", "")))
    assert run.get_portal_url().startswith("runbridge ui ")


def test_ctrl_c_ends_the_command_at_once_with_open_streams(workspace: Workspace, run: Run, home: Path) -> None:
    with running(workspace.path, "--port", "0", "--no-browser") as shown:
        assert run.get_portal_url().startswith("http://")
        cookie = shown.header("Set-Cookie", shown.path)[1].partition(";")[0]
        connections = [shown.connect() for _ in range(3)]
        for connection in connections:
            headers = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
            connection.request("GET", "/portal/api/changes", headers=headers)
            stream = connection.getresponse()
            assert stream.status == 200 and stream.readline()
        started = time.monotonic()
        shown.process.send_signal(signal.SIGINT)
        out, errors = shown.process.communicate(timeout=20)
        assert time.monotonic() - started < 5, "a stream would be open until a limit of uvicorn"
        assert (shown.process.returncode, out, errors) == (0, "", "")
        for connection in connections:
            connection.close()
        assert list(records_folder().iterdir()) == []
        assert run.get_portal_url().startswith("runbridge ui ")


def test_a_killed_command_is_not_taken_for_a_running_one(workspace: Workspace, run: Run, home: Path) -> None:
    with running(workspace.path, "--port", "0", "--no-browser", "--read-only") as shown:
        cookie = shown.header("Set-Cookie", shown.path)[1].partition(";")[0]
        navigation = {"Cookie": cookie, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        assert shown.header("x", "/portal/", **navigation)[0] == 200
        shown.process.kill()
        shown.process.wait(20)
        assert len(list(records_folder().iterdir())) == 1
        assert run.get_portal_url().startswith("runbridge ui ")
        assert list(records_folder().iterdir()) == []


def test_a_taken_port_is_reported(workspace: Workspace, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, error = called(capsys, workspace.path, "--port", str(port))
    assert (code, error) == (1, f"runbridge: port {port}: is in use by another program: choose another one.\n")


def test_without_a_port_the_first_free_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    first = start.listen(None)
    second = start.listen(None)
    assert start.FIRST_PORT == 5000 <= first.getsockname()[1] < second.getsockname()[1]
    monkeypatch.setattr(start, "PORTS", 0)
    with pytest.raises(StoreUnavailable, match="--port"):
        start.listen(None)
    first.close()
    second.close()


def test_the_workspace_is_found(
    tmp_path: Path, home: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    Workspace.create("named")
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    Workspace.create("other", path=tmp_path / "other").write_config(project)
    monkeypatch.chdir(workspace.path.parent)
    assert find_workspace("demo").name == find_workspace(str(workspace.path)).name == "demo"
    assert find_workspace(workspace.get_mlflow_tracking_uri()).name == "demo"
    assert find_workspace("named").address == str(home / "named")
    monkeypatch.chdir(workspace.path)
    assert find_workspace(None).name == "demo"
    monkeypatch.chdir(project / "src")
    assert find_workspace(None).name == "other"
    monkeypatch.setenv("BRIDGE_WORKSPACE", str(workspace.path))
    assert find_workspace(None).name == "demo"
    assert find_workspace("named").name == "named"


def test_errors_are_one_sentence(
    tmp_path: Path,
    home: Path,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    hint = "name its folder with --workspace, or create a workspace with `runbridge init`"
    assert called(capsys) == (1, "", f"runbridge: There is no workspace '{empty}': {hint}.\n")
    for wrong in (empty, tmp_path / "none"):
        hint = "name an existing one, or create one with `runbridge init`"
        assert called(capsys, wrong) == (1, "", f"runbridge: There is no workspace '{wrong}': {hint}.\n")
    code, _, error = called(capsys, workspace.path, "--page", "//evil.example")
    assert code == 1 and error.startswith("runbridge: page '//evil.example': must be a part of a page's address")
    monkeypatch.setattr(open_server, "OPEN_SECONDS", 0.5)
    code, _, error = called(capsys, "https://127.0.0.1:9")
    assert code == 1 and error.count("\n") == 1
    (tmp_path / "file").touch()
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "file" / "home"))
    code, _, error = called(capsys, workspace.path)
    assert code == 1 and "set BRIDGE_HOME to a folder that you may write" in error and error.count("\n") == 1
    assert list(empty.iterdir()) == [], "no workspace is created"


def test_the_browser_gets_the_code_from_a_file(workspace: Workspace, home: Path, tmp_path: Path) -> None:
    seen, program = tmp_path / "seen", tmp_path / "browser"
    program.write_text(f'#!/bin/sh\nprintf "%s" "$*" > {seen}.new\nmv {seen}.new {seen}\n')
    program.chmod(0o755)
    with running(workspace.path, "--port", "0", "--page", "runs/x", BROWSER=f"{program} %s") as shown:
        end = time.monotonic() + 30
        while not seen.exists() and time.monotonic() < end:
            time.sleep(0.02)
        opener = records_folder() / f"open-{shown.port}.html"
        assert seen.read_text() == opener.as_uri(), "the code is in no argument of a process"
        assert stat.S_IMODE(opener.stat().st_mode) == 0o600
        (code,) = re.findall(r'name="code" value="([^"]+)"', opener.read_text())
        with closing(shown.connect()) as connection:
            connection.request("POST", "/login", f"code={code}&place=/portal/runs/x", {"Origin": "null"})
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("Location")) == (303, "/portal/runs/x")
        assert not opener.exists(), "its code is used"


def test_a_browser_that_cannot_read_hidden_folders_gets_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / ".bridge"))
    monkeypatch.setattr(browser, "SNAPS", tmp_path / "snaps")
    address = "http://127.0.0.1:5000/portal/"
    assert browser.opener(address) == records_folder() / "open-5000.html"
    (tmp_path / "snaps").mkdir()
    (tmp_path / "snaps" / "firefox").touch()
    assert browser.opener(address) == tmp_path / "runbridge-open-5000.html"
    written = browser.write_opener(address, "code", "")
    assert written == browser.opener(address) and stat.S_IMODE(written.stat().st_mode) == 0o600
    monkeypatch.setenv("BRIDGE_HOME", "/elsewhere")
    assert browser.opener(address) == records_folder() / "open-5000.html"


def test_without_a_screen_no_browser_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would start a browser in the terminal."""
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not browser.has_screen()
    monkeypatch.setenv("DISPLAY", ":0")
    assert browser.has_screen()
