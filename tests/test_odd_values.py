"""The native API accepts every value or refuses it with an error of ours, and stored values stay readable."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import pytest

from bridge import BridgeError, Experiment, Run, Workspace
from bridge.environments.conda import CondaDependencies
from bridge.environments.environment import Environment
from bridge.handles.run import Run as RunClass
from bridge.launch.definition import script_definition
from bridge.launch.runconfig import RunConfiguration
from bridge.launch.script import ScriptRunConfig

ODD_VALUES: tuple[Any, ...] = (
    "\ud800",
    "x\udcff",
    "a\0b",
    "a\nb",
    "",
    " ",
    ".",
    "..",
    "../../x",
    "/",
    "²",
    "ä" * 300,
    "k" * 5_001,
    "v" * 70_000,
    b"x",
    None,
    True,
    0,
    -1,
    1.5,
    2**63,
    -(2**63) - 1,
    10**5_000,
    math.nan,
    math.inf,
    -math.inf,
    numpy.int64(3),
    numpy.float32(0.5),
    object(),
    [],
    {},
    ["a", "\ud800"],
    {"a": "\ud800"},
    {"\ud800": 1},
    {1: 2},
    "[" * 100_000,
)


class Place(NamedTuple):
    """The objects that the calls use."""

    ws: Workspace
    experiment: Experiment
    run: Run
    folder: Path
    number: itertools.count[int]

    @property
    def file(self) -> Path:
        return self.folder / "in" / "a.txt"


@pytest.fixture
def place(tmp_path: Path, working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a")
    ws = Workspace.create("odd", path=tmp_path / "odd")
    experiment = Experiment(ws, "odd")
    run = experiment.start_logging(outputs=False, snapshot_directory=None)
    run.log("loss", 1.0)
    run.upload_file("a.txt", tmp_path / "in" / "a.txt")
    yield Place(ws, experiment, run, working_folder, itertools.count())
    for left in Experiment.list(ws, view_type="All"):
        for open_run in Run.list(left, status="Running", include_children=True):
            open_run.complete()
    ws.close()


def begun(p: Place, **given: Any) -> None:
    """Start a run and end it."""
    p.experiment.start_logging(**{"outputs": False, "snapshot_directory": None, **given}).complete()


def inside(value: Any) -> Any:
    """Return the value, or "no" for a path that leads out of the folder of the test."""
    return "no" if isinstance(value, str) and value in ("/", "..", "../../x") else value


def log_column(run: Run, column: str) -> None:
    cells: dict[str, Any] = {column: 1}
    run.log_row("row", **cells)


def set_attribute(of: Any, name: str, value: Any) -> None:
    setattr(of, name, value)


CALLS: dict[str, Callable[[Place, Any], Any]] = {
    # Workspaces
    "Workspace.create(name)": lambda p, x: Workspace.create(x, path=p.folder / str(next(p.number))),
    "Workspace.create(name) at home": lambda p, x: Workspace.create(x, exist_ok=True),
    "Workspace.create(path)": lambda p, x: Workspace.create("odd", path=inside(x), exist_ok=True),
    "Workspace.create(durability)": lambda p, x: Workspace.create(
        "odd", path=p.folder / str(next(p.number)), durability=x
    ),
    "Workspace.create(tags)": lambda p, x: Workspace.create(
        "odd", path=p.folder / str(next(p.number)), tags=x
    ).get_details(),
    "Workspace.create({tag: })": lambda p, x: Workspace.create(
        "odd", path=p.folder / str(next(p.number)), tags={"a": x}
    ).get_details(),
    "Workspace.create(description)": lambda p, x: Workspace.create(
        "odd", path=p.folder / str(next(p.number)), description=x
    ).get_details(),
    "Workspace.open": lambda p, x: Workspace.open(x),
    "Workspace.get": lambda p, x: Workspace.get(x),
    "Workspace()": lambda p, x: Workspace(x, x, x),
    "Workspace.from_config": lambda p, x: Workspace.from_config(x),
    "Workspace.from_config(file_name)": lambda p, x: Workspace.from_config(p.folder, _file_name=x),
    "Workspace.datasets": lambda p, x: p.ws.datasets[x if x.__hash__ else "x"],
    "Workspace.write_config(path)": lambda p, x: p.ws.write_config(inside(x)),
    "Workspace.write_config(file_name)": lambda p, x: p.ws.write_config(p.folder, inside(x)),
    "Workspace.get_run": lambda p, x: p.ws.get_run(x),
    "Workspace.deliver(target)": lambda p, x: p.ws.deliver(x),
    "Workspace.deliver(run_ids)": lambda p, x: p.ws.deliver(
        Workspace.create("target", path=p.folder / "target", exist_ok=True), x
    ),
    "Workspace.deliver([run_id])": lambda p, x: p.ws.deliver(
        Workspace.create("target", path=p.folder / "target", exist_ok=True), [x]
    ),
    # Experiments
    "Experiment(workspace)": lambda p, x: Experiment(x, "a"),
    "Experiment(name)": lambda p, x: Experiment(p.ws, x),
    "Experiment.list(name)": lambda p, x: Experiment.list(p.ws, x),
    "Experiment.list(view_type)": lambda p, x: Experiment.list(p.ws, view_type=x),
    "Experiment.list(tags)": lambda p, x: Experiment.list(p.ws, tags=x),
    "Experiment.list({a: })": lambda p, x: Experiment.list(p.ws, tags={"a": x}),
    "Experiment.list(workspace)": lambda p, x: Experiment.list(x),
    "Experiment.delete": lambda p, x: Experiment.delete(p.ws, x),
    "Experiment.delete(workspace)": lambda p, x: Experiment.delete(x, "1"),
    "Experiment.reactivate": lambda p, x: p.experiment.reactivate(x),
    "Experiment.tag(key)": lambda p, x: p.experiment.tag(x),
    "Experiment.tag(value)": lambda p, x: p.experiment.tag("a", x),
    "Experiment.set_tags": lambda p, x: p.experiment.set_tags(x),
    "Experiment.remove_tags": lambda p, x: p.experiment.remove_tags(x),
    "Experiment.remove_tags([key])": lambda p, x: p.experiment.remove_tags([x]),
    "Experiment.get_runs(type)": lambda p, x: list(p.experiment.get_runs(type=x)),
    "Experiment.get_runs(tags)": lambda p, x: list(p.experiment.get_runs(tags=x)),
    "Experiment.get_runs(properties)": lambda p, x: list(p.experiment.get_runs(properties={"a": x})),
    "Experiment.start_logging(name)": lambda p, x: begun(p, name=x),
    "Experiment.start_logging(run_id)": lambda p, x: begun(p, run_id=x),
    "Experiment.start_logging(display_name)": lambda p, x: begun(p, display_name=x),
    "Experiment.start_logging(description)": lambda p, x: begun(p, description=x),
    "Experiment.start_logging(tags)": lambda p, x: begun(p, tags=x),
    "Experiment.start_logging({key: })": lambda p, x: begun(p, tags={"a": x}),
    "Experiment.start_logging(outputs)": lambda p, x: begun(p, outputs=inside(x)),
    "Experiment.start_logging(snapshot_directory)": lambda p, x: begun(p, snapshot_directory=inside(x)),
    "Experiment.submit": lambda p, x: p.experiment.submit(x),
    # Runs
    "Run(experiment)": lambda p, x: Run(x, p.run.id),
    "Run(run_id)": lambda p, x: Run(p.experiment, x),
    "Run.get(workspace)": lambda p, x: Run.get(x, p.run.id),
    "Run.get(run_id)": lambda p, x: Run.get(p.ws, x),
    "Run.list(experiment)": lambda p, x: list(Run.list(x)),
    "Run.list(status)": lambda p, x: list(Run.list(p.experiment, status=x)),
    "Run.display_name": lambda p, x: set_attribute(p.run, "display_name", x),
    "Run.description": lambda p, x: set_attribute(p.run, "description", x),
    "Run.tag(key)": lambda p, x: p.run.tag(x),
    "Run.tag(value)": lambda p, x: p.run.tag("a", x),
    "Run.set_tags": lambda p, x: p.run.set_tags(x),
    "Run.remove_tags": lambda p, x: p.run.remove_tags(x),
    "Run.remove_tags([key])": lambda p, x: p.run.remove_tags([x]),
    "Run.add_properties": lambda p, x: p.run.add_properties(x),
    "Run.add_properties(key)": lambda p, x: p.run.add_properties({x: 1} if x.__hash__ else x),
    "Run.add_properties(value)": lambda p, x: p.run.add_properties({f"a{next(p.number)}": x}),
    "Run.log_param(key)": lambda p, x: p.run.log_param(x, 1),
    "Run.log_param(value)": lambda p, x: p.run.log_param(f"p{next(p.number)}", x),
    "Run.log_params": lambda p, x: p.run.log_params(x),
    "Run.child_run(name)": lambda p, x: p.run.child_run(x).complete(),
    "Run.child_run(run_id)": lambda p, x: p.run.child_run(run_id=x).complete(),
    "Run.child_run(outputs)": lambda p, x: p.run.child_run(outputs=inside(x)).complete(),
    "Run.create_children(count)": lambda p, x: p.run.create_children(x if not isinstance(x, int) or x < 9 else -1),
    "Run.create_children(tag_key)": lambda p, x: p.run.create_children(tag_key=x, tag_values=[1]),
    "Run.create_children(tag_values)": lambda p, x: p.run.create_children(tag_key="a", tag_values=x),
    "Run.create_children([tag_value])": lambda p, x: p.run.create_children(tag_key="a", tag_values=[x]),
    "Run.get_children(tags)": lambda p, x: list(p.run.get_children(tags=x)),
    "Run.get_children(type)": lambda p, x: list(p.run.get_children(type=x, recursive=True)),
    "Run.fail(error_details)": lambda p, x: p.run.child_run().fail(x),
    "Run.fail(exception)": lambda p, x: p.run.child_run().fail(ValueError(x)),
    "Run.fail(error_code)": lambda p, x: p.run.child_run().fail("e", x),
    "Run.get_all_logs": lambda p, x: p.run.get_all_logs(inside(x)),
    # Metrics
    "Run.log(name)": lambda p, x: p.run.log(x, 1),
    "Run.log(value)": lambda p, x: p.run.log("odd", x),
    "Run.log(step)": lambda p, x: p.run.log("odd", 1, step=x),
    "Run.log(description)": lambda p, x: p.run.log("odd", 1, x),
    "Run.log_metrics": lambda p, x: p.run.log_metrics(x),
    "Run.log_metrics(name)": lambda p, x: p.run.log_metrics({x: 1, "odd": 2} if x.__hash__ else x),
    "Run.log_metrics(value)": lambda p, x: p.run.log_metrics({"odd": x, "other": 1}),
    "Run.log_metrics(step)": lambda p, x: p.run.log_metrics({"odd": 1, "other": 2}, step=x),
    "Run.log_list(name)": lambda p, x: p.run.log_list(x, [1]),
    "Run.log_list(value)": lambda p, x: p.run.log_list("odd", x),
    "Run.log_list([value])": lambda p, x: p.run.log_list("odd", [1, x]),
    "Run.log_series(key)": lambda p, x: p.run.log_series(x, [1]),
    "Run.log_series(values)": lambda p, x: p.run.log_series("odd", x),
    "Run.log_series([value])": lambda p, x: p.run.log_series("odd", [1, x], [1, 2]),
    "Run.log_series(steps)": lambda p, x: p.run.log_series("odd", [1], x),
    "Run.log_series([step])": lambda p, x: p.run.log_series("odd", [1], [x]),
    "Run.log_series(timestamps)": lambda p, x: p.run.log_series("odd", [1], timestamps=x),
    "Run.log_series([timestamp])": lambda p, x: p.run.log_series("odd", [1], timestamps=[x]),
    "Run.log_row(name)": lambda p, x: p.run.log_row(x, a=1),
    "Run.log_row(value)": lambda p, x: p.run.log_row("row", a=x, b=1),
    "Run.log_row(column)": lambda p, x: log_column(p.run, str(x)[:400] if isinstance(x, str) else "a"),
    "Run.log_table(name)": lambda p, x: p.run.log_table(x, {"a": [1]}),
    "Run.log_table(value)": lambda p, x: p.run.log_table("table", x),
    "Run.log_table(column)": lambda p, x: p.run.log_table("table", {x: [1]} if x.__hash__ else x),
    "Run.log_table(cell)": lambda p, x: p.run.log_table("table", {"a": [x], "b": [1]}),
    "Run.log_image(name)": lambda p, x: p.run.log_image(x, plot=numpy.zeros((2, 2), numpy.uint8)),
    "Run.log_image(path)": lambda p, x: p.run.log_image("image", x),
    "Run.log_image(plot)": lambda p, x: p.run.log_image("image", plot=x),
    "Run.log_image(step)": lambda p, x: p.run.log_image("image", plot=numpy.zeros((2, 2), numpy.uint8), step=x),
    "Run.log_confusion_matrix": lambda p, x: p.run.log_confusion_matrix("matrix", x),
    "Run.log_confusion_matrix(data)": lambda p, x: p.run.log_confusion_matrix(
        "matrix",
        {"schema_type": "confusion_matrix", "schema_version": x, "data": {"class_labels": [x], "matrix": [[x]]}},
    ),
    "Run.log_residuals": lambda p, x: p.run.log_residuals("residuals", x),
    "Run.get_metrics": lambda p, x: p.run.get_metrics(x),
    "Run.get_metrics(run_type)": lambda p, x: p.run.get_metrics(recursive=True, run_type=x),
    "Run.get_metric": lambda p, x: p.run.get_metric(x),
    "Run.get_series": lambda p, x: p.run.get_series(x),
    # Files
    "Run.get_secret": lambda p, x: p.run.get_secret(x),
    "Run.get_secrets": lambda p, x: p.run.get_secrets(x),
    "Run.get_secrets([name])": lambda p, x: p.run.get_secrets([x]),
    "Run.upload_file(name)": lambda p, x: p.run.upload_file(x, p.ws.path.parent / "in" / "a.txt"),
    "Run.upload_file(path)": lambda p, x: p.run.upload_file("odd.txt", x),
    "Run.upload_files(names)": lambda p, x: p.run.upload_files(x, [p.ws.path.parent / "in" / "a.txt"]),
    "Run.upload_files([name])": lambda p, x: p.run.upload_files([x], [p.ws.path.parent / "in" / "a.txt"]),
    "Run.upload_files([path])": lambda p, x: p.run.upload_files(["odd.txt"], [x]),
    "Run.upload_folder(name)": lambda p, x: p.run.upload_folder(x, p.ws.path.parent / "in"),
    "Run.upload_folder(path)": lambda p, x: p.run.upload_folder("in", inside(x)),
    "Run.download_file(name)": lambda p, x: p.run.download_file(x, p.folder / "out.txt"),
    "Run.download_file(name) to a folder": lambda p, x: p.run.download_file(x, p.folder),
    "Run.download_file(path)": lambda p, x: p.run.download_file("a.txt", inside(x)),
    "Run.download_files(prefix)": lambda p, x: p.run.download_files(x, p.folder / "out"),
    "Run.download_files(directory)": lambda p, x: p.run.download_files(None, inside(x)),
    "Run.download_files(paths)": lambda p, x: p.run.download_files(None, p.folder / "out", [inside(x)]),
    "Run.take_snapshot": lambda p, x: p.run.child_run().take_snapshot(inside(x)),
    "Run.restore_snapshot(id)": lambda p, x: p.run.restore_snapshot(x, p.folder / "out"),
    "Run.restore_snapshot(path)": lambda p, x: p.run.restore_snapshot(
        "00000000-0000-8000-8000-000000000000", inside(x)
    ),
    # Environments and configurations
    "Environment(name)": lambda p, x: Environment(x),
    "Environment.clone": lambda p, x: Environment("a").clone(x),
    "Environment.get(name)": lambda p, x: Environment.get(p.ws, x),
    "Environment.get(version)": lambda p, x: Environment.get(p.ws, Environment("a").register(p.ws).name, x),
    "Environment.get(label)": lambda p, x: Environment.get(p.ws, Environment("a").register(p.ws).name, label=x),
    "Environment.load_from_directory": lambda p, x: Environment.load_from_directory(x),
    "Environment.save_to_directory": lambda p, x: Environment("a").save_to_directory(inside(x), overwrite=True),
    "CondaDependencies": lambda p, x: CondaDependencies(x),
    "CondaDependencies.create": lambda p, x: CondaDependencies.create(pip_packages=[x]),
    "RunConfiguration.load": lambda p, x: RunConfiguration.load(x),
    "RunConfiguration.save(name)": lambda p, x: RunConfiguration().save(p.folder, inside(x)),
    "ScriptRunConfig(folder)": lambda p, x: script_definition(ScriptRunConfig(inside(x), "train.py")),
    "ScriptRunConfig(script)": lambda p, x: script_definition(ScriptRunConfig(p.folder, x)),
    "ScriptRunConfig(arguments)": lambda p, x: script_definition(ScriptRunConfig(p.folder, "train.py", x)),
    "ScriptRunConfig([argument])": lambda p, x: script_definition(ScriptRunConfig(p.folder, "train.py", [x])),
    "ScriptRunConfig(command)": lambda p, x: script_definition(ScriptRunConfig(p.folder, command=x)),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_odd_value_is_accepted_or_refused_by_an_error_of_ours(place: Place, call: str) -> None:
    (place.folder / "train.py").write_text("")
    wrong = []
    for value in ODD_VALUES:
        try:
            CALLS[call](place, value)
        except BridgeError as error:
            str(error).encode()
        except Exception as error:
            wrong.append(f"{str(repr(value) if value.__class__ is not int else hex(value))[:40]}: {error!r:.160}")
    assert not wrong, "\n" + "\n".join(wrong)
    all_is_readable(Workspace.open(place.ws.path))


def all_is_readable(ws: Workspace) -> None:
    for experiment in Experiment.list(ws, view_type="All"):
        repr((experiment.tags, experiment))
        for run in experiment.get_runs(include_children=True):
            repr((run, run.get_details(), run.get_metrics(), run.get_file_names(), run.tags, run.properties))


def test_every_public_method_with_an_argument_is_in_the_table() -> None:
    without_values = {
        "add_type_provider", "archive", "cancel", "complete", "flush", "get_context", "get_details",
        "get_details_with_logs", "get_detailed_status", "get_docs_url", "get_file_names", "get_portal_url",
        "get_properties", "get_snapshot_id", "get_status", "get_submitted_run", "get_tags", "get_default_datastore",
        "get_default_keyvault", "get_mlflow_tracking_uri", "list", "refresh", "start", "wait_for_completion",
        "log_metric", "log_accuracy_table", "log_predictions", "register_model", "submit_child", "close",
        "wrap", "get_environment", "set_default_datastore", "setup", "update", "delete",
    }  # fmt: skip
    named = {call.split(".", 1)[1].split("(")[0] for call in CALLS if "." in call}
    missing = [
        f"{kind.__name__}.{name}"
        for kind in (Workspace, Experiment, RunClass)
        for name in dir(kind)
        if not name.startswith("_") and callable(getattr(kind, name, None)) and name not in named | without_values
    ]
    assert missing == []
