"""A process that logs to a run on a server, one point for each line that it gets."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from bridge import Workspace
from bridge.errors import BridgeError

WRITER = """
    import sys
    from bridge import Experiment, Workspace
    from bridge.store.http import patience
    patience.EXIT_SECONDS = 1.0
    ws = Workspace.open(sys.argv[1])
    run = Experiment(ws, "clients").start_logging(outputs=False, snapshot_directory=None)
    print(run.id, flush=True)
    for number, line in enumerate(sys.stdin):
        if line == "complete\\n":
            print("completing", flush=True)
            run.complete()
        else:
            run.log("point", number)
        print(number, flush=True)
"""


class Writer:
    """The process.

    Args:
        address: the address of the workspace.
        folder: a folder for the script of the process.
        first: the first lines of the script.
        within: the words of a command that runs the process.
    """

    def __init__(self, address: str, folder: Path, first: str = "", within: Sequence[str] = ()) -> None:
        script = folder / "writer.py"
        script.write_text(first + textwrap.dedent(WRITER), encoding="utf-8")
        self.process = subprocess.Popen(
            [*within, sys.executable, str(script), address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.run_id = self._line()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self.process.stderr and self.process.stderr.read()
        return line

    def log(self, count: int) -> None:
        """Log further points, whose values are the numbers of their lines."""
        for _ in range(count):
            self.say("")
            self._line()

    def say(self, line: str) -> None:
        """Send a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def start_to_complete(self) -> None:
        """Let the process call `run.complete()`, and do not wait until it returns."""
        self.say("complete")
        assert self._line() == "completing"

    def signal(self, number: signal.Signals) -> str:
        """Send a signal, and return what the process printed to its standard error until its end.

        If another thread of the process gets the signal, Python notices it only after the request, so after a minute.
        """
        self.process.send_signal(number)
        return self.process.communicate(timeout=180)[1]

    def end(self) -> str:
        """Let the process end, and return what it printed to its standard error."""
        return self.process.communicate(timeout=60)[1]

    def kill(self) -> None:
        """Kill the process as `kill -9` does."""
        self.process.kill()
        self.process.communicate()


def points_of(workspace: Workspace, run_id: str) -> list[float]:
    """Return the points that a writer has logged, as far as a workspace has them."""
    try:
        found: list[float] = workspace.get_run(run_id).get_series("point").values.tolist()
    except BridgeError:
        return []
    return found
