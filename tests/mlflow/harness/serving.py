"""Real MLflow servers, each on a free port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.servers import free_port


class Server(NamedTuple):
    """A running server in a process group of its own."""

    url: str
    process: subprocess.Popen[bytes]

    def end(self, number: int) -> None:
        """End the server and all its processes by a signal."""
        os.killpg(self.process.pid, number)
        self.process.wait(20)


@contextmanager
def mlflow_server(uri: str, log: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Start an MLflow server, and return its address.

    Args:
        uri: the store it serves.
        log: the file for its output.
        arguments: more arguments of the command.
        environment: variables in addition to those of this process.
    """
    words = ["server", "--backend-store-uri", uri, *arguments]
    with running(words, log, environment=environment) as server:
        yield server.url


@contextmanager
def model_server(uri: str, model: str, log: Path) -> Iterator[str]:
    """Start a server of a model in the store `uri`, and return its address."""
    words = ["models", "serve", "--model-uri", model, "--env-manager", "local"]
    with running(words, log, "/ping", {"MLFLOW_TRACKING_URI": uri}) as server:
        yield server.url


@contextmanager
def running(
    words: list[str], log: Path, health: str = "/health", environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start an MLflow command that serves, and wait until it answers at `health`.

    Its working folder is that of the log, because MLflow creates a database there, which two servers must not share.
    """
    port = free_port()
    line = [sys.executable, "-m", "mlflow", *words, "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            line,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=log.parent,
            env={**os.environ, **(environment or {})},
        )
    server = Server(f"http://127.0.0.1:{port}", process)
    try:
        _wait_for(server.url + health, process, log)
        yield server
    finally:
        if process.poll() is None:
            server.end(signal.SIGTERM)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 240
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert server.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.2)
