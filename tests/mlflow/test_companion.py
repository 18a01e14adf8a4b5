"""MLflow's own stores, beside the workspace, serve everything that is not a run; they are created by a first write."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import mlflow
import pytest
from forked import Fork, Say
from mlflow import MlflowClient
from mlflow.entities import LoggedModel
from mlflow.exceptions import MlflowException
from mlflow.store import db
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from namespaces import obey_file_modes
from sqlalchemy import text

from bridge.store.create import create_store
from bridge.store.open import open_store
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow.companion import Companion
from bridge_mlflow.database import copy_database

# A warning of MLflow's tracing about its own type hint.
pytestmark = [
    pytest.mark.slow,  # each creates MLflow's own tables
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

LATER = 4_000_000_000_000
"""Milliseconds later than the creation of every workspace here, so that each change is noticed immediately."""


@pytest.fixture
def opened(tmp_path: Path) -> WorkspaceStores:
    return create_store(tmp_path / "a workspace", "demo")


@pytest.fixture
def companion(opened: WorkspaceStores) -> Companion:
    return Companion.of(opened)


@pytest.fixture
def client(opened: WorkspaceStores) -> MlflowClient:
    return MlflowClient(uri_of(opened))


def uri_of(opened: WorkspaceStores) -> str:
    return "bridge://" + opened.address.replace(" ", "%20")


@pytest.fixture
def uri(opened: WorkspaceStores) -> str:
    return uri_of(opened)


def files(opened: WorkspaceStores) -> set[str]:
    return {name for name in os.listdir(opened.address) if "mlflow" in name}


def create_model(companion: Companion, experiment_id: str = "0", **more: str) -> LoggedModel:
    model = companion.call("create_logged_model", experiment_id=experiment_id, **more)
    assert isinstance(model, LoggedModel)
    return model


def models(companion: Companion, experiment_id: str = "0") -> list[str]:
    return sorted(model.name for model in companion.call("search_logged_models", experiment_ids=[experiment_id]))


# The creation of the file


def test_reading_creates_no_file(opened: WorkspaceStores, companion: Companion) -> None:
    assert models(companion) == []
    assert companion.call("search_traces", ["0"]) == ([], None)
    assert companion.call("list_scorers", "0") == []
    companion.experiment_changed("0")
    assert files(opened) == set()


@pytest.mark.rules
def test_a_default_object_that_a_read_creates_is_stored_for_every_process(
    opened: WorkspaceStores, companion: Companion
) -> None:
    queue = companion.call("get_or_create_user_queue", "0", user="ann")
    (schema,) = companion.call("list_label_schemas", "0")
    other = Companion(opened)  # like that of another process
    assert other.call("get_review_queue", queue.queue_id).name == "ann"
    assert [one.schema_id for one in other.call("list_label_schemas", "0")] == [schema.schema_id]


def test_the_first_write_creates_only_the_file(opened: WorkspaceStores, companion: Companion) -> None:
    create_model(companion, name="m")
    assert files(opened) == {"mlflow.db"}
    assert models(companion) == ["m"]
    mode = (Path(opened.address) / "workspace.db").stat().st_mode
    assert (Path(opened.address) / "mlflow.db").stat().st_mode == mode


def test_workspaces_with_uri_characters_in_their_names_have_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for model, name in enumerate(("a?b", "a#b", "a%20b")):
        opened = create_store(tmp_path / "places" / name, "demo")
        companion = Companion.of(opened)
        create_model(companion, name=f"m{model}")
        assert models(companion) == [f"m{model}"]
        assert files(opened) == {"mlflow.db"}
    assert sorted(os.listdir(tmp_path / "places")) == ["a#b", "a%20b", "a?b"]
    assert os.listdir() == [], "nothing is made in the working folder"


def write(opened: WorkspaceStores, name: str, say: Say, go: Connection) -> None:
    """Create a model in a forked process, as soon as this process sends something."""
    companion = Companion.of(open_store(opened.address))
    companion.call("search_traces", ["0"])
    say("ready")
    go.recv_bytes()
    companion.call("create_logged_model", experiment_id="0", name=name)


def test_processes_that_create_the_file_at_once_lose_nothing(
    opened: WorkspaceStores, companion: Companion, fork: Fork
) -> None:
    waiting, go = zip(*[Pipe(duplex=False) for _ in range(3)], strict=True)
    writers = [fork(lambda say, index=index: write(opened, f"m{index}", say, waiting[index])) for index in range(3)]
    assert [writer.line() for writer in writers] == ["ready"] * 3
    for one in go:
        one.send_bytes(b"go")
    assert [writer.wait() for writer in writers] == [0] * 3
    assert models(companion) == ["m0", "m1", "m2"]
    assert files(opened) == {"mlflow.db"}


def test_a_killed_creation_leaves_no_file_and_is_repeated(
    opened: WorkspaceStores, companion: Companion, fork: Fork
) -> None:
    folder = Path(opened.address)
    waiting, _ = Pipe(duplex=False)
    writer = fork(lambda say: write(opened, "killed", say, waiting))
    assert writer.line() == "ready"
    writer.kill()
    assert writer.wait() == -signal.SIGKILL
    # The file of a process that died in the middle of the copy.
    (folder / ".mlflow.db.part").write_bytes(b"SQLite format 3\x00")
    (folder / ".mlflow.db.lock").touch()
    assert not companion.exists
    create_model(companion, name="m")
    assert files(opened) == {"mlflow.db"}
    assert models(companion) == ["m"]


# MLflow's empty tables, which are created once per user


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def makings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The databases in which MLflow has created its tables."""
    made: list[object] = []
    make = db.utils._initialize_tables
    monkeypatch.setattr(db.utils, "_initialize_tables", lambda engine: (made.append(engine.url), make(engine)))
    return made


def first_models(folder: Path) -> list[str]:
    opened = create_store(folder, "demo")
    companion = Companion.of(opened)
    create_model(companion, name="m")
    (default,) = companion.call("search_experiments")
    assert default.creation_time == opened.tracking.get_experiment("0").creation_time
    return models(companion)


def test_a_users_next_workspace_copies_mlflows_empty_tables(home: Path, makings: list[object], tmp_path: Path) -> None:
    assert first_models(tmp_path / "one") == first_models(tmp_path / "two") == ["m"]
    assert len(makings) == 1
    assert os.listdir(home / "tables") == [f"mlflow-{mlflow.__version__}.db"]


@pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\x00"])
def test_damaged_stored_tables_are_created_again(
    home: Path, makings: list[object], tmp_path: Path, damage: bytes
) -> None:
    kept = home / "tables" / f"mlflow-{mlflow.__version__}.db"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(damage)
    assert first_models(tmp_path / "one") == first_models(tmp_path / "two") == ["m"]
    assert len(makings) == 1


def test_a_read_only_home_stores_no_tables(home: Path, makings: list[object], tmp_path: Path) -> None:
    home.write_text("a file")
    assert first_models(tmp_path / "one") == first_models(tmp_path / "two") == ["m"]
    assert len(makings) == 2


@pytest.mark.parametrize("stored", [True, False])
def test_an_error_of_a_signal_handler_is_not_taken_for_a_failure_to_copy_tables(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    first_models(tmp_path / "one")
    if not stored:
        (home / "tables" / f"mlflow-{mlflow.__version__}.db").unlink()

    def interrupted(source: Path, target: Path) -> None:
        raise TimeoutError("raised by a handler")

    monkeypatch.setattr("bridge_mlflow.database.copy_database", interrupted)
    with pytest.raises(TimeoutError, match="raised by a handler"):
        first_models(tmp_path / "two")


# The mirrored experiments and runs


def rows(companion: Companion, statement: str) -> list[tuple[object, ...]]:
    with companion._database(writes=False).session() as session:
        return [tuple(row) for row in session.execute(text(statement))]


def test_experiments_are_mirrored_with_their_ids(opened: WorkspaceStores, companion: Companion) -> None:
    tracking = opened.tracking
    first = tracking.create_experiment("first", LATER)
    own = tracking.create_experiment("own place", LATER + 1, artifact_location="s3://bucket/x")
    create_model(companion)
    tracking.delete_experiment(first.id, LATER + 2)
    models(companion)
    place = f"{uri_of(opened)}/artifacts"
    names = "experiment_id, name, artifact_location, lifecycle_stage, workspace"
    assert rows(companion, f"SELECT {names} FROM experiments ORDER BY 1") == [
        (0, "Default", f"{place}/0", "active", "default"),
        (int(first.id), "first", f"{place}/{first.id}", "deleted", "default"),
        (int(own.id), "own place", "s3://bucket/x", "active", "default"),
    ]


def test_experiments_that_swap_names_are_mirrored(opened: WorkspaceStores, companion: Companion) -> None:
    one, two = (opened.tracking.create_experiment(name, LATER).id for name in ("one", "two"))
    create_model(companion)
    for time, (experiment_id, name) in enumerate([(one, "three"), (two, "one"), (one, "two")], LATER + 1):
        opened.tracking.rename_experiment(experiment_id, name, time)
    models(companion)
    found: dict[str, str] = dict(rows(companion, "SELECT CAST(experiment_id AS TEXT), name FROM experiments"))  # type: ignore[arg-type]
    assert (found[one], found[two]) == ("two", "one")


def test_nothing_is_written_if_nothing_has_changed(opened: WorkspaceStores, companion: Companion) -> None:
    create_model(companion)
    models(companion)
    before = (Path(opened.address) / "mlflow.db").read_bytes()
    models(companion)
    companion.experiment_changed("0")
    assert (Path(opened.address) / "mlflow.db").read_bytes() == before


def test_a_deleted_experiment_refuses_models_until_it_is_restored(client: MlflowClient, companion: Companion) -> None:
    experiment_id = client.create_experiment("e")
    create_model(companion, experiment_id)
    client.delete_experiment(experiment_id)
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        create_model(companion, experiment_id)
    client.restore_experiment(experiment_id)
    assert create_model(companion, experiment_id).experiment_id == experiment_id


def test_a_metric_of_a_model_is_stored_with_the_model_and_the_run(client: MlflowClient, companion: Companion) -> None:
    run_id = client.create_run("0").info.run_id
    model = create_model(companion, source_run_id=run_id)
    for _ in range(2):
        client.log_metric(run_id, "accuracy", 0.5, timestamp=7, step=3, model_id=model.model_id)
    (metric,) = client.get_logged_model(model.model_id).metrics
    assert (metric.key, metric.value, metric.timestamp, metric.step, metric.run_id) == ("accuracy", 0.5, 7, 3, run_id)
    assert client.get_run(run_id).data.metrics == {"accuracy": 0.5}


def test_a_metric_of_a_missing_model_is_not_stored(client: MlflowClient) -> None:
    run_id = client.create_run("0").info.run_id
    with pytest.raises(MlflowException):
        client.log_metric(run_id, "accuracy", 0.5, model_id="m-none")
    assert client.get_run(run_id).data.metrics == {}


def test_a_linked_run_is_mirrored_and_updated_afterwards(client: MlflowClient, companion: Companion) -> None:
    run_id = client.create_run("0", run_name="a").info.run_id
    other = client.create_run("0").info.run_id
    model = create_model(companion)
    client.log_metric(run_id, "accuracy", 0.5, model_id=model.model_id)
    client.delete_run(run_id)
    client.delete_run(other)
    assert rows(companion, "SELECT run_uuid, name, lifecycle_stage FROM runs") == [(run_id, "a", "deleted")]
    client.restore_run(run_id)
    assert rows(companion, "SELECT lifecycle_stage FROM runs") == [("active",)]


@pytest.mark.rules
def test_an_issue_names_the_run_that_found_it(client: MlflowClient, companion: Companion) -> None:
    run_id = client.create_run("0").info.run_id
    issue = companion.call("create_issue", experiment_id="0", name="n", description="d", source_run_id=run_id)
    assert companion.call("get_issue", issue.issue_id).source_run_id == run_id


# Artifact locations


def test_models_are_found_after_their_workspace_was_moved(
    opened: WorkspaceStores, companion: Companion, tmp_path: Path
) -> None:
    model = create_model(companion)
    assert model.artifact_location == f"{uri_of(opened)}/artifacts/0/models/{model.model_id}/artifacts"
    opened.tracking.close()
    shutil.move(opened.address, tmp_path / "moved")
    found = MlflowClient(f"bridge://{tmp_path}/moved").get_logged_model(model.model_id)
    assert found.artifact_location == f"bridge://{tmp_path}/moved/artifacts/0/models/{model.model_id}/artifacts"


def test_a_server_that_proxies_artifacts_returns_its_own_uri(
    opened: WorkspaceStores, companion: Companion, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = create_model(companion)
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", uri_of(opened))
    found = companion.call("get_logged_model", model.model_id)
    assert found.artifact_location == f"mlflow-artifacts:/0/models/{model.model_id}/artifacts"


# Other processes and other users


def test_a_forked_child_reads_and_writes(companion: Companion) -> None:
    create_model(companion, name="parent")
    child = os.fork()
    if child == 0:
        try:
            create_model(companion, name="child")
            os._exit(0 if models(companion) == ["child", "parent"] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert models(companion) == ["child", "parent"]


@pytest.fixture
def read_only(client: MlflowClient, companion: Companion, opened: WorkspaceStores) -> Iterator[Path]:
    """A workspace with a model, in a folder that other users can read but not write."""
    client.create_experiment("e")
    create_model(companion, name="m")
    opened.tracking.flush()
    with tempfile.TemporaryDirectory() as outside:
        folder = Path(outside) / "workspace"
        shutil.copytree(opened.address, folder)
        for path in (folder.parent, folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield folder
        for path in (folder.parent, folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


READER = """
import sys
from sqlalchemy import text
from bridge.errors import NotAllowed
from bridge.store.open import open_store
from bridge_mlflow.companion import Companion
companion = Companion.of(open_store(sys.argv[1]))
print([model.name for model in companion.call("search_logged_models", experiment_ids=["0"])])
print(companion.call("search_traces", ["1"]))
print(len(companion.call("list_label_schemas", "0")))
with companion.session(read_only=True) as session:
    print(session.execute(text("SELECT name FROM logged_models")).scalars().all())
try:
    companion.call("create_logged_model", experiment_id="0")
except NotAllowed as error:
    print(error)
"""


@pytest.mark.rules
def test_a_read_only_folder_is_read(read_only: Path) -> None:
    command = [sys.executable, "-c", READER, str(read_only)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, preexec_fn=obey_file_modes)
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert lines[:4] == ["['m']", "([], None)", "1", "['m']"]
    assert lines[4] == f"Cannot write to {read_only}: the folder, or the file mlflow.db in it, is read-only."


WRITER = """
import sys
from bridge.store.open import open_store
from bridge_mlflow.companion import Companion
companion = Companion.of(open_store(sys.argv[1]))
companion.call("search_traces", ["0"])
print("ready", flush=True)
sys.stdin.readline()
companion.call("create_logged_model", experiment_id="0", name="m")
"""


def test_temporary_files_are_removed_with_their_process_or_after_a_kill_by_the_next(
    opened: WorkspaceStores, tmp_path: Path, fork: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def start(workspace: WorkspaceStores) -> subprocess.Popen[str]:
        command, pipe = [sys.executable, "-c", WRITER, workspace.address], subprocess.PIPE
        variables = {**os.environ, "TMPDIR": str(temporary)}
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=variables)

    waiting, _ = Pipe(duplex=False)
    killed = fork(lambda say: write(opened, "killed", say, waiting))
    assert killed.line() == "ready"
    (left,) = temporary.iterdir()
    with start(opened) as following:
        assert following.stdout and following.stdout.readline() == "ready\n"
        assert left in temporary.iterdir()
        killed.kill()
        killed.wait()
        following.communicate("go\n", timeout=60)
    assert list(temporary.iterdir()) == [left]
    with start(create_store(tmp_path / "another", "demo")) as last:
        last.communicate("go\n", timeout=60)
    assert list(temporary.iterdir()) == []


def test_a_copy_has_the_state_after_the_last_transaction(companion: Companion, tmp_path: Path) -> None:
    create_model(companion, name="m")
    for _ in range(2):
        copy_database(companion._file, tmp_path / "copy.db")
    assert SqlAlchemyStore(f"sqlite:///{tmp_path}/copy.db", "x").search_logged_models(["0"])[0].name == "m"


# Permanent deletion


def test_a_purged_experiment_that_mlflow_does_not_know_of_is_removed_when_its_id_is_reused(
    opened: WorkspaceStores, companion: Companion
) -> None:
    """A process that is killed after the first half leaves this state."""
    tracking = opened.tracking
    kept, gone = (tracking.create_experiment(name, time).id for name, time in (("kept", 1), ("gone", 2)))
    for experiment_id in (kept, gone):
        create_model(companion, experiment_id, name=f"of {experiment_id}")
    tracking.delete_experiment(gone, 3)
    tracking.purge_experiment(gone)
    assert tracking.create_experiment("again", LATER).id == gone
    assert models(companion, gone) == []
    create_model(companion, gone, name="new")
    assert (models(companion, gone), models(companion, kept)) == (["new"], [f"of {kept}"])


def test_a_purged_experiment_is_removed_from_mlflows_tables(opened: WorkspaceStores, companion: Companion) -> None:
    gone = opened.tracking.create_experiment("gone", 1).id
    create_model(companion, gone, name="m")
    opened.tracking.delete_experiment(gone, 2)
    opened.tracking.purge_experiment(gone)
    companion.experiment_changed(gone)
    with companion._database(writes=False).session() as session:
        assert session.execute(text("SELECT count(*) FROM logged_models")).scalar() == 0
        assert session.execute(text("SELECT experiment_id FROM experiments")).scalars().all() == [0]


def test_an_experiment_created_after_the_read_of_experiments_stays(
    opened: WorkspaceStores, companion: Companion
) -> None:
    experiment = opened.tracking.create_experiment("made since", 5)
    create_model(companion, experiment.id, name="m")
    database = companion._database(writes=True)
    companion._purge_experiment(database, int(experiment.id), 5)
    assert models(companion, experiment.id) == ["m"]


# Use of the companion


def test_traces_are_stored_and_found(fluent: str) -> None:
    @mlflow.trace
    def double(x: int) -> int:
        return 2 * x

    assert double(21) == 42
    mlflow.flush_trace_async_logging()
    (trace,) = mlflow.search_traces(return_type="list")
    assert trace.data.spans[0].outputs == 42
    assert trace.info.tags["mlflow.artifactLocation"].startswith(f"{fluent}/artifacts/0/traces/")
    (found,) = MlflowClient(fluent).search_traces(locations=["0"])
    assert found.info.trace_id == trace.info.trace_id


def test_evaluation_datasets_are_stored_and_read(fluent: str) -> None:
    dataset = mlflow.genai.create_dataset("questions", experiment_id="0")
    dataset.merge_records([{"inputs": {"q": "1 + 1"}, "expectations": {"a": "2"}}])
    found = mlflow.genai.get_dataset(dataset_id=dataset.dataset_id).to_df()
    assert found["inputs"].tolist() == [{"q": "1 + 1"}]
