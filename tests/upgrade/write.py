"""Write a workspace with the earlier version, with one of everything, and with every possible state of a journal.

`make.py` runs this script with a folder, so that it imports the earlier version.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

OFFSET_NS = 1_740_787_200_000_000_000 - time.time_ns()
"""The fixed wall clock, 1 March 2025, so that the leases are old whenever they are read."""

_real_time_ns = time.time_ns
time.time_ns = lambda: _real_time_ns() + OFFSET_NS  # type: ignore[assignment]
time.time = lambda: time.time_ns() / 1e9  # type: ignore[assignment]

from forked import Child  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric  # noqa: E402

from bridge import Environment, Experiment, Run, Workspace  # noqa: E402
from bridge.journal.format import HEADER_SIZE  # noqa: E402
from bridge.store import journaled  # noqa: E402
from bridge.testing.strategies import FLOATS, INTS, TEXTS, float_of  # noqa: E402

# Nothing else is folded. Version 0.1.0 has this setting in `journaled`, and later versions have it in `background`.
try:
    from bridge.store import background
except ImportError:
    journaled.FOLD_SECONDS = 3600.0  # type: ignore[attr-defined]
else:
    background.FOLD_SECONDS = 3600.0


def make(folder: Path) -> None:
    workspace = Workspace.create("old", path=folder)
    experiment = Experiment(workspace, "old")
    with_everything(workspace, experiment)
    names = ("half", "unfolded", "turns", "torn", "damaged", "header", "defined")
    for name in names:
        begin(experiment, run_id=name).complete()
    half_folded(workspace)  # the last read; later points stay in journals
    unfolded(workspace)
    turns(workspace)
    damaged(workspace)
    (folder / "journal" / f"{os.urandom(16).hex()}.log").touch()
    (folder / "journal" / f".{os.urandom(16).hex()}.part").write_bytes(b"left by a process that was killed")
    killed(workspace)
    workspace._opened.tracking.close()


def begin(experiment: Experiment, **settings: object) -> Run:
    return experiment.start_logging(outputs=False, snapshot_directory=None, **settings)  # type: ignore[arg-type]


def with_everything(workspace: Workspace, experiment: Experiment) -> None:
    """Write the folded values, and the values that are never in a journal."""
    client = MlflowClient(workspace.get_mlflow_tracking_uri())
    run = begin(experiment, run_id="everything", display_name="Everything", description="about it", tags={"a": "b"})
    log_everything(run, client)
    run.add_properties({"set": "once"})
    run.tag("Größe 🎈", None)
    client.log_param(run.id, "rate", "0.1")
    client.log_inputs(run.id, [DatasetInput(Dataset("points", "abc", "local", "{}"), [InputTag("k", "v")])])
    run.upload_file("folder/a.txt", io.BytesIO(b"kept"))
    data = {"class_labels": ["0", "1"], "matrix": [[3, 1], [0, 4]]}
    run.log_confusion_matrix("matrix", {"schema_type": "confusion_matrix", "schema_version": "1.0.0", "data": data})
    child = run.child_run("child")
    child.log("loss", 0.25, step=-(2**63))
    child.fail(ValueError("as it was meant to"))
    run.complete()
    deleted = begin(experiment, run_id="deleted")
    deleted.log("loss", 1.0)
    deleted.complete()
    client.delete_run("deleted")
    begin(Experiment(workspace, "archived"), run_id="archived").cancel()
    Experiment(workspace, "archived").archive()
    client.create_experiment("of MLflow", tags={"team": "vision"})
    for name in ("first", "second"):
        environment = Environment("training")
        environment.environment_variables = {"NAME": name}
        environment.register(workspace)
    run.get_metrics()


def log_everything(run: Run, client: MlflowClient) -> None:
    """Log through every call: numbers with all their bits, ints, texts, lists, rows, tables, batches."""
    for number, value in enumerate((*FLOATS, *map(float_of, (1, 0x7FF0 << 48 | 0xBEEF)))):
        run.log("float", value)
        run.log("stepped", value, step=(number % 3) - 1, description="with steps")
        if value == value:
            client.log_metric(run.id, "of MLflow", value, timestamp=1_000 + number % 2, step=number % 3)
    for value in INTS:
        run.log("int", value)
    for text in TEXTS:
        run.log("Größe 🎈", text)
    run.log("mixed", 1)
    run.log("mixed", "Red")
    run.log_list("list", [1, 0.5, "Red", None, True])
    for number in range(5):
        run.log_row("row", x=number, y=f"text {number}", **({"z": 0.5} if number == 3 else {}))  # type: ignore[arg-type]
    run.log_table("table", {"x": [0.1, 0.2, float("nan")], "y": [True, None, "Red"]})
    run.log("row", 7)  # a scalar with the name of a table
    metrics = [Metric("batch", number / 3, 1_000 + number, number % 4) for number in range(20)]
    client.log_batch(run.id, metrics=[*metrics, metrics[0]])
    client.log_metric(run.id, "batch", 0.5, timestamp=5, step=9)


def in_child(workspace: Workspace, run_id: str, log: Callable[[Run], None], kill: bool = False) -> Path:
    """Log to a run in a process that closes its journal or is killed, and return the journal."""
    before = set((workspace.path / "journal").glob("*.log"))

    def write(say: Callable[[str], None]) -> None:
        own = Workspace.open(workspace.path)
        log(Run.get(own, run_id))
        if kill:
            os.kill(os.getpid(), signal.SIGKILL)
        own._opened.tracking._writer.close()

    assert Child(write).wait() == (-signal.SIGKILL if kill else 0)
    (journal,) = set((workspace.path / "journal").glob("*.log")) - before
    return journal


def numbers(first: int, end: int) -> Callable[[Run], None]:
    def log(run: Run) -> None:
        for number in range(first, end):
            run.log("point", number)
            run.log("text", f"number {number}")

    return log


def half_folded(workspace: Workspace) -> None:
    """Write a journal of which a reader has stored a part."""

    def write(say: Callable[[str], None]) -> None:
        run = Run.get(Workspace.open(workspace.path), "half")
        numbers(0, 100)(run)
        say("logged")
        sys.stdin.readline()
        numbers(100, 150)(run)
        os.kill(os.getpid(), signal.SIGKILL)

    reading, writing = os.pipe()
    os.dup2(reading, 0)
    child = Child(write)
    child.line()
    Run.get(workspace, "half").get_metrics()
    os.write(writing, b"\n")
    assert child.wait() == -signal.SIGKILL


def unfolded(workspace: Workspace) -> None:
    """Write closed journals of which nothing is stored."""

    def log(run: Run) -> None:
        log_everything(run, MlflowClient(workspace.get_mlflow_tracking_uri()))

    in_child(workspace, "unfolded", log)
    in_child(workspace, "everything", lambda run: run.log_list("float", [0.125, 3]))


def turns(workspace: Workspace) -> None:
    """Write journals of two processes that logged to one key simultaneously."""

    def write(say: Callable[[str], None]) -> None:
        own = Workspace.open(workspace.path)
        run = Run.get(own, "turns")
        for number in range(20):
            run.log("turn", f"{os.getpid() % 2} {number}")
            time.sleep(0.001)
        own._opened.tracking._writer.close()

    children = [Child(write) for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]


def damaged(workspace: Workspace) -> None:
    """Write a torn tail, a changed byte in points and in a definition, and an invalid header."""
    torn = in_child(workspace, "torn", numbers(0, 50), kill=True)
    os.truncate(torn, torn.stat().st_size - 20)
    for name, at in (("damaged", 0.5), ("header", 0.0), ("defined", 0.0)):
        journal = in_child(workspace, name, numbers(0, 50), kill=name != "damaged")
        data = bytearray(journal.read_bytes())
        data[{"damaged": int(at * len(data)), "header": 20, "defined": HEADER_SIZE + 18}[name]] ^= 0x10
        journal.write_bytes(data)


def killed(workspace: Workspace) -> None:
    """Run a process that is killed while its run and the children of the run are active."""
    before = set((workspace.path / "journal").glob("*.log"))

    def write(say: Callable[[str], None]) -> None:
        run = begin(Experiment(Workspace.open(workspace.path), "old"), run_id="killed")
        numbers(0, 50)(run)
        for child in run.create_children(2):
            child.start()
            child.log("point", 1)
        run.child_run(run_id="killed-child").log("point", 2)
        os.kill(os.getpid(), signal.SIGKILL)

    assert Child(write).wait() == -signal.SIGKILL
    assert set((workspace.path / "journal").glob("*.log")) - before


if __name__ == "__main__":
    make(Path(sys.argv[1]))
    os._exit(0)  # a process that ends normally folds
