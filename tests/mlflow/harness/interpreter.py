"""Scripts in processes of their own that need not import MLflow: they are forks of one that has imported it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SERVER = """
import json, os, sys
import mlflow, mlflow.tracking._tracking_service.client
for line in sys.stdin:
    asked = json.loads(line)
    if pid := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        continue
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    for number, name in enumerate((os.devnull, asked["output"], asked["errors"])):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
    exec(compile(asked["code"], "<script>", "exec"), {"__name__": "__main__"})
    break  # the process ends like that of any script
"""


class Interpreter:
    """A process that has imported MLflow, and forks for each script."""

    def __init__(self, folder: Path) -> None:
        command, pipe = [sys.executable, "-c", SERVER], subprocess.PIPE
        self._server = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self._output, self._errors = folder / "output", folder / "errors"

    def run(self, code: str, variables: Mapping[str, str]) -> str:
        """Run a script with environment variables besides those of this process; return its output."""
        asked = {"code": code, "environment": {**os.environ, **variables}, "folder": os.getcwd()}
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps({**asked, "output": str(self._output), "errors": str(self._errors)}) + "\n")
        self._server.stdin.flush()
        assert self._server.stdout.readline() == "0\n", self._errors.read_text()
        return self._output.read_text()

    def close(self) -> None:
        self._server.communicate()
        assert self._server.returncode == 0
