"""A real `mlflow server`, on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mlflow_server(uri: str, log: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a server of MLflow's, which is up.

    Args:
        uri: the store it serves.
        log: the file for what it says.
        arguments: more arguments of the command.
        environment: variables beside those of this process.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    line += ["--host", "127.0.0.1", "--port", str(port), *arguments]
    with log.open("wb") as output:
        server = subprocess.Popen(
            line, stdout=output, stderr=output, start_new_session=True, env={**os.environ, **(environment or {})}
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/health", server, log)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert server.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.2)
