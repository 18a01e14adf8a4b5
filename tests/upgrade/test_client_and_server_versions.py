"""Clients and servers of different versions work together, or one sentence says which side must be upgraded."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import pytest
import requests
from faulty_proxy import FaultyProxy
from served_workspaces import served
from wheel_versions import Installed, build, environment, install

from bridge import Run, Workspace
from bridge.store.http.methods import PREFIX

pytestmark = [pytest.mark.slow, pytest.mark.processes]

JOURNEY = Path(__file__).parent / "journey.py"
WAIT_SECONDS = 60.0

Name = Literal["now", "after", "beyond"]
"""`now` is this version. `after` has a new protocol and knows the former one; `beyond` does not know it any more."""

VERSIONS: dict[str, tuple[str, tuple[int, int]]] = {
    "now": ("", (1, 1)),
    "after": ("0.2.0", (2, 1)),
    "beyond": ("0.3.0", (2, 2)),
}

READ = {
    "status": "Completed",
    "params": {"rate": "0.1"},
    "team": "vision",
    "files": ["notes.txt"],
    "content": "some notes",
    "children": [{"loss": 2}],
    "runs": [True],
    "error": "ParamChanged",
}


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Installed]:
    """The installed wheel of each version."""
    found = {}
    for name in get_args(Name):
        folder = tmp_path_factory.mktemp(name)
        found[name] = install(build(folder, *VERSIONS[name]), folder / "environment")
    return found


class Site:
    """A workspace that servers of several versions serve one after another, at one address.

    Attributes:
        folder: the folder of the workspace.
        address: its address on the server.
    """

    def __init__(self, versions: dict[str, Installed], folder: Path) -> None:
        self._versions, self._running = versions, ExitStack()
        self.home = folder / "home"
        self.folder = folder / "work"
        Workspace.create("work", path=self.folder).close()
        self.proxy = FaultyProxy(0)
        self.address = f"{self.proxy.address}/w/work"

    def serve(self, name: Name) -> None:
        """End the server, and start one of another version."""
        self._running.close()
        version = self._versions[name]
        server = self._running.enter_context(
            served(
                {"work": self.folder},
                self.folder.with_name(f"{name}.log"),
                "--mlflow",
                "off",
                environment={"PYTHONPATH": "", "BRIDGE_HOME": str(self.home)},
                python=version.python,
                program=(str(version.command),),
            )
        )
        self.proxy.server_port = urlsplit(server.address).port or 0

    def run(self, name: Name, what: str = "all") -> subprocess.CompletedProcess[str]:
        """Run the journey with a version."""
        return self._versions[name].run(
            JOURNEY, what, self.address, folder=self.home.parent, BRIDGE_HOME=str(self.home)
        )

    def command(self, name: Name, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `runbridge` of a version."""
        return self._versions[name].run_command(*words, folder=self.home.parent, BRIDGE_HOME=str(self.home))

    @contextmanager
    def train(self, name: Name) -> Iterator[Training]:
        """Start a process of a version that logs to a run."""
        with Training(self._versions[name].python, self.address, self.home) as training:
            yield training

    def close(self) -> None:
        """End the server."""
        self._running.close()


class Training:
    """A process that logs to a run, as a context manager.

    Attributes:
        errors: what it has printed to its standard error, after it has ended.
    """

    def __init__(self, python: Path, address: str, home: Path) -> None:
        self._process = subprocess.Popen(
            [str(python), str(JOURNEY), "train", address],
            cwd=home.parent,
            env=environment(BRIDGE_HOME=str(home)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors = ""
        assert self._answer() == "ready"

    def __enter__(self) -> Training:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def ask(self, *words: object) -> Any:
        """Make the process call a method, and return the result."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process has ended"
        return json.loads(line)

    def end(self) -> int:
        """Let the process end as a script ends, and return its exit code."""
        _, self.errors = self._process.communicate(timeout=120)
        return self._process.returncode


@pytest.fixture
def site(versions: dict[str, Installed], tmp_path: Path) -> Iterator[Site]:
    site = Site(versions, tmp_path)
    with site.proxy:
        yield site
        site.close()


def read_by(site: Site, client: Name) -> dict[str, Any]:
    done = site.run(client)
    assert done.returncode == 0 and not done.stderr, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    metrics = found["metrics"]
    assert metrics["loss"] == [1 / (number + 1) for number in range(100)]
    assert (metrics["point"], metrics["note"]) == ({"x": 1, "y": 0.5}, "a text")
    assert {name: found[name] for name in READ} == READ
    return found


@pytest.mark.parametrize("client, server", [("now", "after"), ("after", "now")])
def test_versions_that_know_a_common_protocol_work_together(site: Site, client: Name, server: Name) -> None:
    site.serve(server)
    found = read_by(site, client)
    assert found["sent"] == (client == "after"), "the later client sends a field that the other version does not know"
    body = {"run_ids": [found["id"]]}
    answer = requests.post(f"{site.address}{PREFIX}/get_runs", json=body, timeout=30)
    assert ("shade" in answer.text) == (server == "after"), "so does the later server"
    if client == "after":
        path = urlsplit(site.address).path + PREFIX + "/get_shades"
        assert found["shades"] == f"{site.address} is not available: it does not know the address {path}, {OLDER}."
    listed = site.command(client, "--workspace", site.address, "list")
    assert (listed.returncode, listed.stderr) == (0, "") and "versions\t2" in listed.stdout


OLDER = "because its version is older or it does not serve the workspace any more"

INCOMPATIBLE: list[tuple[Name, Name, str]] = [
    ("now", "beyond", "it no longer knows protocol 1 of the client: upgrade runbridge on this computer."),
    (
        "beyond",
        "now",
        "its protocol 1 is older than 2, the oldest that this client knows: upgrade runbridge on the server.",
    ),
]


@pytest.mark.parametrize("client, server, advice", INCOMPATIBLE)
def test_incompatible_versions_say_one_sentence(site: Site, client: Name, server: Name, advice: str) -> None:
    site.serve(server)
    listed = site.command(client, "--workspace", site.address, "list")
    assert (listed.returncode, listed.stdout) == (1, "")
    assert listed.stderr.startswith("runbridge: http://127.0.0.1:")
    assert listed.stderr.endswith(f" is not available: {advice}\n") and listed.stderr.count("\n") == 1
    done = site.run(client)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("bridge.errors.StoreUnavailable: http://127.0.0.1:")
    assert done.stderr.endswith(f" is not available: {advice}\n")


def test_the_client_of_mlflow_says_the_same_sentence(site: Site, versions: dict[str, Installed]) -> None:
    site.serve("beyond")
    code = f"""
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
try:
    MlflowClient("bridge+{site.address}").search_experiments()
except MlflowException as error:
    print(error.error_code, error.message)
"""
    done = versions["now"].run("-c", code, folder=site.home.parent, BRIDGE_HOME=str(site.home))
    assert done.stdout.startswith("TEMPORARILY_UNAVAILABLE http://127.0.0.1:"), done.stderr
    assert done.stdout.endswith(f"{INCOMPATIBLE[0][2]}\n") and done.stdout.count("\n") == 1


def test_points_and_the_end_of_a_run_wait_for_the_upgrade_of_the_client(site: Site) -> None:
    site.serve("now")
    with site.train("now") as training:
        run_id = training.ask("log", 100)
        assert training.ask("flush") is None
        site.serve("beyond")
        assert training.ask("log", 100) == run_id
        for call in ("flush", "upload", "complete"):
            refused = training.ask(call)
            assert refused["error"] == "StoreUnavailable", call
            assert "upgrade runbridge on this computer" in refused["sentence"], call
        assert training.end() == 0
    assert "100 points yet" in training.errors and "Traceback" not in training.errors
    with Workspace.open(site.folder) as local:
        assert Run.get(local, run_id).get_metrics("number") == {"number": list(range(100))}
        done = site.command("beyond", "--workspace", site.address, "list")
        assert done.returncode == 0, done.stderr
        wait_for(lambda: Run.get(local, run_id).get_status() == "Completed")
        assert Run.get(local, run_id).get_metrics("number") == {"number": list(range(200))}


def test_points_wait_for_the_upgrade_of_the_server(site: Site) -> None:
    """The client goes on without a restart."""
    site.serve("beyond")
    with site.train("beyond") as training:
        run_id = training.ask("log", 100)
        assert training.ask("flush") is None
        site.serve("now")
        assert training.ask("log", 100) == run_id
        assert training.ask("status") == "Running"
        refused = training.ask("flush")
        assert refused["error"] == "StoreUnavailable" and "upgrade runbridge on the server" in refused["sentence"]
        site.serve("beyond")
        assert training.ask("complete") is None
        assert training.end() == 0
    with Workspace.open(site.folder) as local:
        assert Run.get(local, run_id).get_status() == "Completed"
        assert Run.get(local, run_id).get_metrics("number") == {"number": list(range(200))}


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)
