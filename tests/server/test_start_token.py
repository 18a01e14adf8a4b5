"""A server without tokens makes one for its start. Only programs and browsers of its user find it."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests
from server_site import new_token

from bridge import Workspace

pytestmark = pytest.mark.slow

NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@contextmanager
def running(workspace: Path, home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command, and yield its process with what it printed at its start."""
    command = [sys.executable, "-m", "bridge", "server", str(workspace), "--port", "0", "--mlflow", "off"]
    variables = {**os.environ, "BRIDGE_HOME": str(home)}
    with subprocess.Popen(command, text=True, env=variables, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "Page:" in line and "code=" not in line or "MLFLOW_TRACKING_TOKEN" in line:
                    break
            yield process, "".join(lines)
        finally:
            process.kill()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    Workspace.create("demo", path=tmp_path / "demo").close()
    return tmp_path / "demo"


def test_the_token_of_the_start_is_found_by_its_user_and_ends_with_the_server(workspace: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(workspace, home) as (process, printed):
        address = re.search(r"MLFLOW_TRACKING_URI=(http://127\.0\.0\.1:(\d+))", printed)
        token = re.search(r"export MLFLOW_TRACKING_TOKEN=(rb_\w+)", printed)
        page = re.search(r"Page: (http\S+\?code=\S+) \(once, within five minutes\)", printed)
        assert address and token and page
        record = home / "servers" / f"{address[2]}.json"
        assert stat.S_IMODE(record.stat().st_mode) == 0o600 and stat.S_IMODE(record.parent.stat().st_mode) == 0o700
        found = json.loads(record.read_text())
        assert (found["token"], found["address"]) == (token[1], address[1])
        assert found["pages"] == {str(workspace): f"{address[1]}/portal/"}
        known = psutil.Process(process.pid)
        assert token[1] not in " ".join(known.cmdline()) + str(known.environ())
        asked = f"{address[1]}/portal/api/home"
        assert requests.get(asked, headers={"Authorization": f"Bearer {token[1]}"}, timeout=20).status_code == 200
        assert requests.get(asked, timeout=20).status_code == 401
        first = requests.get(page[1], headers=NAVIGATION, allow_redirects=False, timeout=20)
        assert first.status_code == 303 and "code" not in first.headers["location"]
        assert "Max-Age" not in first.headers["set-cookie"], "it ends with the browser"
        assert requests.get(page[1], headers=NAVIGATION, allow_redirects=False, timeout=20).status_code == 401
        secret = token[1].split("_")[2]
        for file in (home / "server").iterdir():
            assert secret.encode() not in file.read_bytes()
        for file in workspace.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert not record.exists()


def test_a_server_with_tokens_makes_none(workspace: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    token = new_token(home / "server", "reader")
    with running(workspace, home) as (_, printed):
        assert "export MLFLOW_TRACKING_TOKEN" not in printed and "code=" not in printed
        address = re.search(r"MLFLOW_TRACKING_URI=(http\S+)", printed)
        assert address
        (record,) = (home / "servers").glob("*.json")
        assert json.loads(record.read_text())["token"] == ""
        asked = f"{address[1]}/portal/api/home"
        assert requests.get(asked, headers={"Authorization": f"Bearer {token}"}, timeout=20).status_code == 200
