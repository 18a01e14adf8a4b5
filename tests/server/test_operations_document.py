"""`docs/operations.md` is correct: its commands run beside a server, and its configurations fit the server."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from loaded_server import Client, until
from served_workspaces import served
from server_site import bearer, new_token, server_site

from bridge.store.create import create_store
from bridge.store.open import open_store

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
LINES = [line for language, block in BLOCKS if language == "bash" for line in block.splitlines() if line]


def run(line: str, folder: Path) -> str:
    """Run a line of the document in a folder."""
    program, *arguments = shlex.split(line)
    assert program == "runbridge"
    environment = {**os.environ, "BRIDGE_HOME": str(folder.parent / "home")}
    words = [sys.executable, "-m", "bridge", *arguments]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), (line, done)
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    create_store(tmp_path / "demo", "demo").close()
    yield tmp_path / "demo"


def test_every_command_runs_while_the_server_writes(folder: Path, tmp_path: Path) -> None:
    assert len(LINES) == 7
    with served({"demo": folder}, tmp_path / "log") as server:
        client = Client(server.at("demo"))
        run_id = client.new_run()
        client.log(run_id, "loss", list(range(100)))
        for line in LINES:
            if line.startswith("runbridge restore"):
                client.log(run_id, "later", [1])
            run(line, tmp_path / "restored" if line.endswith("doctor") else folder)
    stores = open_store(tmp_path / "restored")
    (series,) = stores.tracking.get_series_of([run_id])[run_id]
    assert (series.key, len(series.steps)) == ("loss", 100), "the backup is older than the last point"
    stores.close()
    with served({"demo": tmp_path / "restored"}, tmp_path / "log") as server:
        assert "loss" in Client(server.at("demo")).call("get_runs", run_ids=[run_id])[run_id]["latest"]


def words_of(start: str) -> list[str]:
    """Return the words of the command that starts the server in a configuration."""
    (block,) = [block for language, block in BLOCKS if language == "text" and start in block]
    line = next(line for line in block.splitlines() if line.startswith(start))[len(start) :]
    words = json.loads(line) if line.lstrip().startswith("[") else shlex.split(line)
    return [str(word) for word in words[1:]]


@pytest.mark.parametrize("start", ["ExecStart=", "CMD "])
def test_the_unit_and_the_container_start_the_server(start: str, folder: Path, tmp_path: Path) -> None:
    subcommand, workspace, *options = words_of(start)
    assert subcommand == "server" and workspace.partition("=")[0] == "team"
    options[options.index("--port") + 1] = "0"
    options = [word for word in options if word not in ("--access-log", "-")]
    environment = {**os.environ, "BRIDGE_HOME": str(tmp_path / "home")}
    words = [sys.executable, "-m", "bridge", "server", f"team={folder}", *options]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "until Ctrl-C" in process.stdout.readline()
        process.terminate()
        assert process.wait(30) == 0


def test_the_proxy_sends_what_the_server_needs(folder: Path, tmp_path: Path) -> None:
    """The headers are those of the configuration of nginx."""
    sent = {name: value for name, value in re.findall(r"proxy_set_header (\S+) (\S+);", DOCUMENT)}
    assert set(sent) == {"Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For"}
    headers = [(name, value.replace("$remote_addr", "192.0.2.7")) for name, value in sent.items() if name != "Host"]
    named = {"team": open_store(folder)}
    text = new_token(tmp_path / "home", "reader")
    settings = {
        "trust_proxy": ("127.0.0.1",),
        "public_url": "https://runs.example.com",
        "access_log": str(tmp_path / "a"),
    }
    with server_site(named, tmp_path / "home", **settings) as site:
        ask = site.ask("GET", "/portal/api/home", *headers, bearer(text), host=[sent["Host"]])
        assert ask.status == 200
        assert site.ask("GET", "/metrics", *headers, host=[sent["Host"]]).status == 401
        assert site.ask("GET", "/healthz", *headers, host=["other.example"]).status in (200, 400)
        until(lambda: (tmp_path / "a").read_text().count("\n") >= 2, "lines of the access log")
    assert json.loads((tmp_path / "a").read_text().splitlines()[0])["client"] == "192.0.2.7"
    named["team"].close()


def test_the_server_upgrades_a_workspace_of_the_earlier_version(tmp_path: Path) -> None:
    with tarfile.open(ROOT / "tests" / "upgrade" / "workspace.tar.gz") as archive:
        archive.extractall(tmp_path / "old", filter="data")
    with served({"old": tmp_path / "old"}, tmp_path / "log") as server:
        client = Client(server.at("old"))
        assert Client(server.address).ask("GET", "/readyz")[0] == 200
        found = client.call("search_experiments", query={"limit": 10})
        assert found["items"]
        run_id = client.new_run()
        client.log(run_id, "loss", [1, 2, 3])
        assert client.call("get_runs", run_ids=[run_id])[run_id]["latest"]["loss"][2] == 3
    shutil.rmtree(tmp_path / "old")
