"""Servers of MLflow's REST API in processes of their own, and a server on the same stack that only reads requests."""

from __future__ import annotations

import http.client
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness.command import Options

API = "/api/2.0/mlflow"

IDLE_SHARE = 0.05
"""The processors count as idle below this share of their time."""

ECHO = """
import sys
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from bridge.server.protocol import Protocol

async def app(scope, receive, send):
    if scope["type"] == "http":
        request = Request(scope, receive, send)
        await request.body()
        await Response(b"{}", media_type="application/json")(scope, receive, send)

uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", ws="none", lifespan="off",
            access_log=False, log_level="error")
"""
"""A server that reads the body of each request and answers it, and does nothing else."""


def free_port() -> int:
    """Return a port that no process uses at the moment, and that the system gives to no connection of its own."""
    while True:
        port = random.randrange(10_000, 32_000)  # Linux gives 32,768 and higher ones to connections
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@contextmanager
def running(command: list[str], port: int, log: Path, path: str = "/health") -> Iterator[int]:
    """Run a server, wait until it answers, and return its port. Its processes end with the block."""
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with log.open("wb") as output:
        started = subprocess.Popen(command, stdout=output, stderr=output, cwd=log.parent, env=environment)
    try:
        _wait(f"http://127.0.0.1:{port}{path}", started, log)
        yield port
    finally:
        started.terminate()
        started.wait(60)


def _wait(address: str, started: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 240
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except urllib.error.HTTPError:  # it answers, although it does not know the address
            return
        except (OSError, http.client.HTTPException):
            if started.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{address} does not answer: {log.read_text()}") from None
            time.sleep(0.2)


def until_idle(seconds: float = 120) -> None:
    """Wait until the processors do little. Some servers go on to start processes after their first answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = _busy_and_all()
        time.sleep(1)
        busy, total = (now - then for now, then in zip(_busy_and_all(), before, strict=True))
        if busy < IDLE_SHARE * total:
            return


def _busy_and_all() -> tuple[int, int]:
    """Return the time that the processors have worked, and their time at all, since the computer was started."""
    times = [int(part) for part in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(times) - times[3] - times[4], sum(times)


@contextmanager
def ours(options: Options, workspace: Path) -> Iterator[int]:
    """Run `runbridge server` on a workspace."""
    port = free_port()
    command = [sys.executable, "-m", "bridge", "server", str(workspace), "--port", str(port), "--no-token"]
    with running(command, port, options.new_folder("ours") / "log") as found:
        yield found


@contextmanager
def mlflow_server(options: Options) -> Iterator[int]:
    """Run MLflow's server with one worker on a new SQLite database."""
    port, folder = free_port(), options.new_folder("mlflow")
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), *store]
    with running(command, port, folder / "log") as found:
        yield found


@contextmanager
def fasttrackml(options: Options) -> Iterator[int | None]:
    """Run FastTrackML on a new SQLite database, if its command `fml` is installed; else yield None."""
    command = shutil.which("fml")
    if command is None:
        yield None
        return
    port, folder = free_port(), options.new_folder("fasttrackml")
    arguments = ["server", "--listen-address", f"127.0.0.1:{port}", "--database-uri", f"sqlite://{folder}/fml.db"]
    with running([command, *arguments], port, folder / "log") as found:
        yield found


@contextmanager
def echo(options: Options) -> Iterator[int]:
    """Run a server that only reads requests."""
    port, folder = free_port(), options.new_folder("echo")
    with running([sys.executable, "-c", ECHO, str(port)], port, folder / "log") as found:
        yield found
