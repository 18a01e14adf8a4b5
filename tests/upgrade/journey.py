"""The calls of a client of a server, executed by an installed version of Runbridge; the results are printed as JSON.

`journey.py all ADDRESS` uses a workspace as a whole, and prints what it reads.
`journey.py train ADDRESS` executes the lines of its standard input, one call each, and prints each result.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bridge import Experiment, Run, Workspace
from bridge.errors import BridgeError
from bridge.records.run import RunChanges
from bridge.store.http.codec import dump_call
from bridge.store.http.methods import METHODS


def use(address: str) -> dict[str, Any]:
    """Create a run, log to it, end it, and return what can be read of it."""
    changes = dump_call(METHODS["update_runs"].function, {"changes": RunChanges()})
    workspace = Workspace.open(address)
    experiment = Experiment(workspace, "versions")
    run = experiment.start_logging(outputs=False, snapshot_directory=None)
    for number in range(100):
        run.log("loss", 1 / (number + 1))
    run.log_row("point", x=1, y=0.5)
    run.log("note", "a text")
    run.log_param("rate", 0.1)
    run.tag("team", "vision")
    Path("notes.txt").write_text("some notes")
    run.upload_file("notes.txt", "notes.txt")
    child = run.child_run("child")
    child.log("loss", 2)
    child.complete()
    run.complete()
    found = Run.get(workspace, run.id)
    found.download_file("notes.txt", "read.txt")
    read = {
        "status": found.get_status(),
        "metrics": found.get_metrics(),
        "params": found.params,
        "team": found.get_tags()["team"],
        "files": found.get_file_names(),
        "content": Path("read.txt").read_text(),
        "children": [one.get_metrics() for one in found.get_children()],
        "runs": [one.id == run.id for one in experiment.get_runs(tags={"team": "vision"})],
        "error": wrong_call(found),
        "shades": shades(workspace, run.id),
        "sent": b"shade" in bytes(changes.content),
        "id": run.id,
    }
    workspace.close()
    return read


def wrong_call(run: Run) -> str:
    """Return the name of the error of a call that the server refuses."""
    try:
        run.log_param("rate", 0.2)
    except BridgeError as error:
        return type(error).__name__
    return ""


def shades(workspace: Workspace, run_id: str) -> Any:
    """Return the result of the method that only a later version has."""
    server: Any = workspace.stores.tracking.server  # type: ignore[attr-defined]
    if not hasattr(server, "get_shades"):
        return None
    try:
        return server.get_shades([run_id])[run_id]
    except BridgeError as error:
        return error.sentence


class Training:
    """A process that logs to a run, one call after another."""

    def __init__(self, address: str) -> None:
        self.workspace = Workspace.open(address)
        self.run = Experiment(self.workspace, "versions").start_logging(outputs=False, snapshot_directory=None)
        self.logged = 0

    def log(self, count: str) -> str:
        """Log further numbers, and return the id of the run."""
        for number in range(self.logged, self.logged + int(count)):
            self.run.log("number", number)
        self.logged += int(count)
        return self.run.id

    def flush(self) -> None:
        """Wait until the server has everything."""
        self.run.flush()

    def complete(self) -> None:
        """End the run."""
        self.run.complete()

    def upload(self) -> None:
        """Upload a file."""
        Path("more.txt").write_text("more")
        self.run.upload_file("more.txt", "more.txt")

    def status(self) -> str:
        """Return the status of the run, which this process may only remember."""
        return self.run.get_status()


def train(address: str) -> None:
    """Execute the lines of the standard input."""
    training = Training(address)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        name, *arguments = line.split()
        try:
            answer = getattr(training, name)(*arguments)
        except BridgeError as error:
            answer = {"error": type(error).__name__, "sentence": error.sentence}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "all":
        print(json.dumps(use(sys.argv[2])))
    else:
        train(sys.argv[2])
