"""Values that two processes log are read back equal, with equal types and in log order, by both APIs."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from both_places import PLACES, address_of, new_experiment, opened_at
from hypothesis import given, settings
from hypothesis import strategies as st
from longer import SCALE
from mlflow import MlflowClient
from spelling import spelled

from bridge import LoggedMetric, MetricFile, Run, Workspace
from bridge.records.series import NATIVE
from bridge.testing.naive import LoggedPoint, history_of, is_number
from bridge.testing.strategies import FLOATS, INTS, STEPS, TEXTS

EXAMPLES = 20 * SCALE

NAMES = ("loss", "loss.x", "Größe 🎈")
# A column may have the name of a metric ("loss"), and a metric the name that MLflow gives to a column ("loss.x").
COLUMNS = ("x", "y", "loss")
POOL = (*FLOATS, *INTS, *TEXTS)
IMAGES = (b"GIF89a 1", b"GIF89a 2", b"BM 3")

values = st.one_of(st.sampled_from(POOL), st.sampled_from((0, 1, 0.5, "Red")))


class Call(NamedTuple):
    """Draw a call of a run's method in one of the two processes."""

    process: int
    method: str
    name: str
    value: Any
    step: int | None


def tables() -> st.SearchStrategy[dict[str, Any]]:
    """Draw tables of up to three rows, as lists or as single values."""
    columns = st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3, unique=True)
    several = st.tuples(columns, st.integers(1, 3)).flatmap(
        lambda shape: st.fixed_dictionaries(
            {column: st.lists(values, min_size=shape[1], max_size=shape[1]) for column in shape[0]}
        )
    )
    return st.one_of(several, rows)


rows = st.dictionaries(st.sampled_from(COLUMNS), values, min_size=1, max_size=3)
processes, names, steps = st.sampled_from((0, 1)), st.sampled_from(NAMES), st.sampled_from(STEPS)
calls = st.one_of(
    st.builds(Call, processes, st.just("log"), names, values, steps),
    st.builds(Call, processes, st.just("log_list"), names, st.lists(values, min_size=1, max_size=4), st.none()),
    st.builds(Call, processes, st.just("log_row"), names, rows, st.none()),
    st.builds(Call, processes, st.just("log_table"), names, tables(), st.none()),
    st.builds(Call, processes, st.just("log_image"), names, st.sampled_from(IMAGES), steps),
)

LOG = """
import pickle, sys
from bridge import Run, Workspace

workspace, runs = Workspace.open(sys.argv[1]), {}
while True:
    try:
        run_id, method, arguments = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    run = runs[run_id] = runs.get(run_id) or Run.get(workspace, run_id)
    getattr(run, method)(**arguments)
    sys.stdout.buffer.write(b".")
    sys.stdout.buffer.flush()
"""


class Place:
    """A workspace, and two processes that execute log calls on it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.experiment = workspace, new_experiment(workspace)
        command = [sys.executable, "-c", LOG, address_of(workspace)]
        self.processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) for _ in range(2)
        ]

    def log(self, run: Run, call: Call) -> None:
        process, method, name, value, step = call
        arguments: dict[str, Any] = {"name": name}
        if method == "log_row":
            arguments |= value
        else:
            arguments["path" if method == "log_image" else "value"] = value
        if method in ("log", "log_image"):
            arguments["step"] = step
        stdin, stdout = self.processes[process].stdin, self.processes[process].stdout
        assert stdin is not None and stdout is not None
        stdin.write(pickle.dumps((run.id, method, arguments)))
        assert stdout.read(1) == b"."

    def close(self) -> None:
        for process in self.processes:
            process.communicate()
            assert process.returncode == 0


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRIDGE_HOME", str(tmp_path_factory.getbasetemp() / "home"))
        with opened_at(request, tmp_path_factory.mktemp("round trip")) as workspace:
            place = Place(workspace)
            yield place
            place.close()


class Entry(NamedTuple):
    """One logged value, row or image of a name; `step` is the logged or the default step."""

    kind: str
    value: Any
    step: int


def logged_under(name: str, done: list[Call]) -> list[Entry]:
    """The entries of a name, in order: the model that readers are compared with."""
    entries: list[Entry] = []
    stepless = 0
    for call in done:
        if call.name != name:
            continue
        for kind, value in _single(call):
            entries.append(Entry(kind, value, stepless if call.step is None else call.step))
            stepless += call.step is None
    return entries


def _single(call: Call) -> list[tuple[str, Any]]:
    if call.method == "log":
        return [("scalar", call.value)]
    if call.method == "log_list":
        return [("scalar", value) for value in call.value]
    if call.method == "log_image":
        return [("image", call.value)]
    columns = call.value
    if not all(isinstance(value, list) for value in columns.values()):
        return [("table", columns)]
    return [("table", dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]


def as_read(cells: list[Any]) -> list[Any]:
    """Return the values of one column, or the scalars: as ints rounded to float64, or as floats if one is a float."""
    floats = any(type(cell) is float for cell in cells)
    return [(float(cell) if floats else int(float(cell))) if is_number(cell) else cell for cell in cells]


def columns_of(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the columns in the order of their first values, with None where a row has no value."""
    found: dict[str, list[Any]] = {}
    for column in {column: None for row in rows for column in row}:
        there = [number for number, row in enumerate(rows) if column in row]
        cells = dict(zip(there, as_read([rows[number][column] for number in there]), strict=True))
        found[column] = [cells.get(number) for number in range(len(rows))]
    return found


def expected_metric(name: str, entries: list[Entry]) -> Any:
    """Return the expected result of `get_metrics(populate=True)`; for an image, its content."""
    values = [entry for entry in entries if entry.kind != "image"]
    if any(entry.kind == "table" for entry in values):
        columns = columns_of([entry.value if entry.kind == "table" else {name: entry.value} for entry in values])
        return {column: cells[0] if len(cells) == 1 else cells for column, cells in columns.items()}
    if values:
        scalars = as_read([entry.value for entry in values])
        return scalars[0] if len(scalars) == 1 else scalars
    return entries[0].value


def content(value: Any) -> Any:
    return value.data if isinstance(value, MetricFile) else value


def check_native(run: Run, model: dict[str, list[Entry]]) -> None:
    metrics = run.get_metrics(populate=True)
    assert set(metrics) == {name for name, entries in model.items() if entries}
    for name, value in metrics.items():
        assert spelled(content(value)) == spelled(expected_metric(name, model[name]))
        check_metric(run, run.get_metric(name), model[name])


def check_metric(run: Run, metric: LoggedMetric, entries: list[Entry]) -> None:
    """Check the result of `get_metric`, which returns every entry."""
    assert metric.kinds == tuple(dict.fromkeys(entry.kind for entry in entries))
    scalars, rows, images = ([e for e in entries if e.kind == kind] for kind in ("scalar", "table", "image"))
    assert spelled(metric.points.values.tolist()) == spelled(as_read([entry.value for entry in scalars]))
    assert metric.points.steps.tolist() == [entry.step for entry in scalars]
    if rows:
        assert metric.table is not None
        assert spelled(metric.table.columns) == spelled(columns_of([entry.value for entry in rows]))
        assert metric.table.steps == [entry.step for entry in rows]
    else:
        assert metric.table is None
    assert [file.step for file in metric.files] == [entry.step for entry in images]
    contents = [b"".join(run.place.stores.artifacts.get(run.place.root(), file.path)) for file in metric.files]
    assert contents == [entry.value for entry in images]


def logged_points(run: Run, model: dict[str, list[Entry]]) -> dict[str, list[LoggedPoint]]:
    """Return every number under its MLflow name, with the timestamp from the native reader."""
    found: dict[str, list[LoggedPoint]] = {}
    for name, entries in model.items():
        if not entries:
            continue
        metric = run.get_metric(name)
        times = {"scalar": iter(metric.points.timestamps.tolist())}
        if metric.table is not None:
            times["table"] = iter(metric.table.timestamps)
        for kind, value, step in entries:
            if kind == "image":
                continue
            time = next(times[kind])
            for column, cell in value.items() if kind == "table" else [("", value)]:
                point = LoggedPoint(cell, time, step, False, NATIVE)
                if is_number(cell):
                    found.setdefault(f"{name}.{column}" if column else name, []).append(point)
    return found


def check_mlflow(client: MlflowClient, run: Run, model: dict[str, list[Entry]]) -> None:
    points = logged_points(run, model)
    assert set(client.get_run(run.id).data.metrics) == set(points)
    for name, logged in points.items():
        history = [(m.timestamp, m.step, m.value) for m in client.get_metric_history(run.id, name)]
        assert spelled(history) == spelled(history_of(logged))


def test_values_of_two_processes_are_read_equal_with_equal_types_and_in_log_order(place: Place) -> None:
    client = MlflowClient(place.workspace.get_mlflow_tracking_uri())

    @settings(max_examples=EXAMPLES)
    @given(done=st.lists(calls, max_size=8), read_between=st.integers(0, 8))
    def check(done: list[Call], read_between: int) -> None:
        run = place.experiment.start_logging(snapshot_directory=None, outputs=False)
        for number, call in enumerate(done):
            if number == read_between:
                run.get_metrics()  # the rest is stored by another fold
            place.log(run, call)
        model = {name: logged_under(name, done) for name in NAMES}
        check_native(run, model)
        check_mlflow(client, run, model)
        run.complete()

    check()


RACE = """
import sys
from bridge import Run, Workspace

run, process = Run.get(Workspace.open(sys.argv[1]), sys.argv[2]), int(sys.argv[3])
sys.stdin.read()  # its end is the start for both
for number in range(0, 300, 3):
    run.log_row("m", process=process, number=number, text=f"{process} {number}")
    rows = [number + 1, number + 2]
    run.log_table("m", {"process": 2 * [process], "number": rows, "text": [f"{process} {row}" for row in rows]})
    run.log_row("m", **{f"only {process}": number})
"""


@pytest.mark.slow
def test_rows_that_two_processes_log_at_once_stay_complete_and_in_order(place: Place) -> None:
    run = place.experiment.start_logging(snapshot_directory=None, outputs=False)
    commands = [[sys.executable, "-c", RACE, address_of(place.workspace), run.id, f"{process}"] for process in (0, 1)]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE) for command in commands]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.close()
    while any(racer.poll() is None for racer in racers):
        run.get_metrics()  # a reader folds concurrently
    assert [racer.returncode for racer in racers] == [0, 0]

    columns = run.get_metrics()["m"]
    whole = [
        row for row in zip(columns["process"], columns["number"], columns["text"], strict=True) if row[1] is not None
    ]
    for process in (0, 1):
        own = [number for of, number, _ in whole if of == process]
        assert own == list(range(300))
        assert [number for number in columns[f"only {process}"] if number is not None] == list(range(0, 300, 3))
    assert [text for _, _, text in whole] == [f"{process} {number}" for process, number, _ in whole]
    assert len(whole) == 600 and len(columns["text"]) == 800
    assert run.get_metric("m").table.steps == list(range(800))
    run.complete()
