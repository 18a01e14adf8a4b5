"""Measure how fast `runbridge server` stores and sends a large file, and its memory while it does.

The native client and MLflow's protocol send the same file, and the server sends it back. The yardstick is a copy of the
file in a folder workspace, by one process without a server. The memory is the peak of the server's process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from benchmarks.harness.command import Options, main
from benchmarks.harness.rows import Row, value_at_most
from bridge.records.run import RunRecord
from bridge.store.create import create_store
from bridge.store.http.artifacts import HttpArtifacts
from bridge.store.http.requests_sent import Requests

ROOT = "0/r/artifacts"
PROXY = f"/api/2.0/mlflow-artifacts/artifacts/{ROOT}"
LIMIT_MB = 100
PIECE = os.urandom(1 << 20)


def seconds_of(work: Callable[[], object]) -> float:
    """Return the time of a call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def peak_mb(pid: int) -> float:
    """Return the greatest resident memory that a process has had, in MB."""
    (line,) = [one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) / 1_000


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drain(pieces: Iterator[bytes]) -> None:
    """Read pieces to their end."""
    for _ in pieces:
        pass


def send(address: str, source: Path) -> None:
    """Send a file as MLflow's client does."""
    with source.open("rb") as file:
        requests.put(f"{address}{PROXY}/mlflow", data=file, timeout=3_600).raise_for_status()


def receive(address: str) -> None:
    """Receive the file as MLflow's client does."""
    with requests.get(f"{address}{PROXY}/mlflow", stream=True, timeout=3_600) as answer:
        drain(answer.iter_content(1 << 20))


def rows(options: Options) -> Iterator[Row]:
    megabytes = options.pick(20, 1_000, 10_000)
    folder = options.folder / "files"
    stores = create_store(folder / "demo", "demo")
    stores.tracking.create_runs([RunRecord("r", "0")])
    source = folder / "source"
    with source.open("wb") as file:
        file.writelines(PIECE for _ in range(megabytes))
    plain = seconds_of(lambda: stores.artifacts.put(ROOT, "plain", source))
    plain_read = seconds_of(lambda: drain(stores.artifacts.get(ROOT, "plain")))
    stores.artifacts.delete(ROOT)
    stores.close()
    command = [sys.executable, "-m", "bridge", "server", str(folder / "demo"), "--no-token", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield from served(server, source, megabytes, (plain, plain_read))
        finally:
            server.terminate()


def served(server: subprocess.Popen[str], source: Path, megabytes: int, plain: tuple[float, float]) -> Iterator[Row]:
    """Measure with a running server."""
    assert server.stdout is not None
    address = next(line.split('"')[1] for line in server.stdout if "Workspace.open(" in line)
    artifacts = HttpArtifacts(Requests(address))
    works: dict[str, tuple[Callable[[], object], float]] = {
        "up, native": (lambda: artifacts.put(ROOT, "native", source), plain[0]),
        "down, native": (lambda: drain(artifacts.get(ROOT, "native")), plain[1]),
        "up, MLflow's protocol": (lambda: send(address, source), plain[0]),
        "down, MLflow's protocol": (lambda: receive(address), plain[1]),
    }
    for name, (work, reference) in works.items():
        before = cpu_seconds(server.pid)
        seconds = seconds_of(work)
        cpu = cpu_seconds(server.pid) - before
        note = f"{1_000 * cpu / megabytes:.2f} ms of the server's CPU for each MB"
        yield Row("5", f"{megabytes:,} MB {name}", megabytes / seconds, "MB/s", "a folder, without a server",
                  megabytes / reference, durability="", note=note)  # fmt: skip
    yield Row("5", f"memory of the server, {megabytes:,} MB up and down", peak_mb(server.pid), "MB",
              bar=value_at_most(LIMIT_MB), durability="")  # fmt: skip


if __name__ == "__main__":
    main(__doc__, rows)
