"""A process of the earlier version, which executes requests line by line; `EarlierProcess` runs it as a script."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any


class EarlierProcess:
    """A handle of the process for the test.

    Args:
        unpacked: the folder with the earlier version.
        folder: the workspace that it opens, or creates if it does not exist.
    """

    def __init__(self, unpacked: Path, folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(unpacked), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, __file__, str(folder)]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder.parent
        )
        self.warnings: list[str] = []
        self.loaded_from = Path(self._answer())

    def ask(self, *request: Any) -> Any:
        """Send a request and return the answer; raise `LookupError` with the message if the process raises."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the earlier process has ended"
        answer = json.loads(line)
        self.warnings += answer["warnings"]
        if "error" in answer:
            raise LookupError(answer["error"])
        return answer["value"]

    def end(self) -> int:
        """End the process as a script ends, and return its exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(timeout=60)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        if self._process.poll() is None:
            self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def serve(folder: Path) -> None:
    """Answer requests from the standard input until it ends."""
    import bridge
    from bridge import Experiment, Run, Workspace
    from bridge.store import drain  # type: ignore[attr-defined]  # the earlier version's

    drain.SWEEP_SECONDS = 0.3  # it checks often whether the writer of a journal is dead
    warnings: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warnings.append(record.getMessage())

    logging.getLogger("bridge").addHandler(Keep(logging.WARNING))

    def answer(**said: Any) -> None:
        print(json.dumps({**said, "warnings": warnings[:]}), flush=True)
        warnings.clear()

    runs: dict[str, Run] = {}

    def opened() -> Workspace:
        return Workspace.create("beside", path=folder, exist_ok=True)

    def start(run_id: str) -> None:
        experiment = Experiment(opened(), "beside")
        runs[run_id] = experiment.start_logging(run_id=run_id, outputs=False, snapshot_directory=None)

    def log(run_id: str, first: int, end: int) -> None:
        for number in range(first, end):
            runs[run_id].log("point", number)
            runs[run_id].log("text", f"number {number}")
            runs[run_id].log_row("row", x=number, y=number / 2)

    def log_through_mlflow(run_id: str, first: int, end: int) -> None:
        from mlflow import MlflowClient

        client = MlflowClient(opened().get_mlflow_tracking_uri())
        for number in range(first, end):
            client.log_metric(run_id, "of MLflow", number, timestamp=number, step=number)

    def read(run_id: str) -> Any:
        return Run.get(opened(), run_id).get_metrics()

    def status(run_id: str) -> Any:
        return Run.get(opened(), run_id).status

    def complete(run_id: str) -> None:
        runs[run_id].complete()

    requests = {one.__name__: one for one in (start, log, log_through_mlflow, read, status, complete)}
    answer(value=bridge.__file__)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            value = requests[name](*arguments)
        except Exception as error:  # every error is sent to the test
            answer(error=f"{type(error).__name__}: {error}")
        else:
            answer(value=value)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
