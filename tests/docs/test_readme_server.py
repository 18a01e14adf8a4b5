"""The README's first example works with a server too, and prints the same; the server prints what the README shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_server_and_the_first_example(tmp_path: Path) -> None:
    blocks = FENCE.findall(README)
    example = next(code for language, code in blocks if language == "python")
    shown = next(text for language, text in blocks if language == "text" and "Runbridge serves" in text)
    create = 'Workspace.create("demo", path="./demo", exist_ok=True)'
    assert create in example
    made = [sys.executable, "-m", "bridge", "init", "demo"]
    subprocess.run(made, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    (given,) = re.findall(r"`runbridge (server ./demo --no-token)`", README)
    command = [sys.executable, "-m", "bridge", *given.split(), "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        printed = "".join(server.stdout.readline() for _ in shown.splitlines())
        (address,) = set(re.findall(r"http://127\.0\.0\.1:\d+", printed))
        general = printed.replace(address, "http://127.0.0.1:5000").replace(str(tmp_path), "/absolute/path/of")
        assert general == shown
        remote = f'Workspace.open("{address}")'
        code = example.replace(create, remote)
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        server.terminate()
        assert server.wait(30) == 0
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == re.findall(r"^print\(.*\)  # (.+)$", example, re.MULTILINE)
