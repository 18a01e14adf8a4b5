"""MLflow's commands work with every kind of workspace URI, or report the problem in one sentence."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import mlflow
import pytest
from command_stories import MODEL, NO_RUN
from commands import COMPARED, CommandLine, Said, every_command
from namespaces import obey_file_modes

from bridge import Workspace
from bridge.store.create import create_store
from bridge.store.open import open_store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

NOTHING = {
    "run": NO_RUN, "deleted": NO_RUN, "trace": "tr-none", "assessment": "a-none", "model": "models:/none/1",
    "place": f"runs:/{NO_RUN}/m", "file": __file__,
}  # fmt: skip
READING = {
    "artifacts download": "-r {run} -d {folder}/got",
    "artifacts list": "-r {run}",
    "datasets list": "-x 1",
    "experiments csv": "-x 1",
    "experiments get": "-x 1",
    "experiments search": "",
    "models generate-dockerfile": "-m {model} -d {folder}/image --env-manager local",
    "models predict": "-m {model} --env-manager local -i {file} -o {folder}/answer.json",
    "models prepare-env": "-m {model} --env-manager local",
    "runs describe": "--run-id {run}",
    "runs list": "--experiment-id 1",
    "scorers list": "-x 1",
    "traces get": "--trace-id {trace}",
    "traces get-assessment": "--trace-id {trace} --assessment-id {assessment}",
    "traces search": "-x 1",
}
WRITING = {
    "artifacts log-artifact": "-r {run} -l {file}",
    "artifacts log-artifacts": "-r {run} -l {folder}",
    "crypto rotate-kek": "--new-passphrase new --yes --backend-store-uri {uri}",
    "experiments create": "-n new",
    "experiments delete": "-x 1",
    "experiments rename": "-x 1 --new-name new",
    "experiments restore": "-x 2",
    "experiments update": "-x 1 --trace-archive-now",
    "gc": "--backend-store-uri {uri} --tracking-uri {uri}",
    "models update-pip-requirements": "-m {place} add numpy",
    "runs create": "--experiment-name new",
    "runs delete": "--run-id {run}",
    "runs link-traces": "--run-id {run} -t {trace}",
    "runs restore": "--run-id {deleted}",
    "scorers register-llm-judge": "-n new -m openai:/a -x 1 -i {{{{inputs}}}}",
    "traces delete": "-x 1 --trace-ids {trace}",
    "traces delete-assessment": "--trace-id {trace} --assessment-id {assessment}",
    "traces delete-tag": "--trace-id {trace} --key kept",
    "traces evaluate": "-x 1 --trace-ids {trace} --scorers judge",
    "traces log-expectation": "--trace-id {trace} --name new --value 1",
    "traces log-feedback": "--trace-id {trace} --name new --value 1",
    "traces set-tag": "--trace-id {trace} --key new --value 1",
    "traces update-assessment": "--trace-id {trace} --assessment-id {assessment} --value 1",
}


def call_all(mlflow_: CommandLine, commands: dict[str, str], ids: dict[str, str]) -> list[Said]:
    """Call each command of the installed MLflow, and return the results."""
    ids = NOTHING | {"uri": mlflow_.uri, "folder": str(mlflow_.folder)} | ids
    there = {" ".join(words) for words in every_command()}
    before = len(mlflow_.seen)
    for name, options in commands.items():
        if name in there:
            mlflow_(*name.split(), *options.format(**ids).split(), MLFLOW_CRYPTO_KEK_PASSPHRASE="old")
    return mlflow_.seen[before:]


def test_every_command_that_uses_a_store_is_tested_with_these_uris() -> None:
    assert COMPARED == READING.keys() | WRITING.keys() | {"doctor"}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders and files that are not workspaces."""
    folder = tmp_path_factory.mktemp("places")
    create_store(folder / "made", "tests")
    shutil.copytree(folder / "made", folder / "newer")
    with sqlite3.connect(folder / "newer" / "workspace.db") as connection:
        connection.execute("PRAGMA user_version=99")
    for name, text in (("empty", ""), ("broken", "no database" * 100)):
        (folder / name).mkdir()
        (folder / name / "workspace.db").write_text(text)
    (folder / "folder").mkdir()
    (folder / "file").write_text("")
    return folder


ABSOLUTE = "must have the form bridge:///abs/path, with three slashes and without a host."
BAD = {
    "bridge://{}/none/deeper": "its parent folder does not exist. Workspace.create('deeper', path='{0}/none/",
    "bridge://{}/file": "There is no workspace '{}/file': there is no such folder.",
    "bridge://{}/folder": "There is no workspace '{}/folder': the folder has no workspace.db; make a workspace there",
    "bridge://{}/newer": "{}/newer/workspace.db uses format 99, but this version reads formats up to",
    "bridge://{}/empty": "{}/empty/workspace.db is not available: it is not the database of a workspace",
    "bridge://{}/broken": "{}/broken/workspace.db is not available: file is not a database.",
    "bridge://{}/" + "a" * 300: " is not available: file name too long.",
    "bridge:made": f"URI 'bridge:made': {ABSOLUTE}",
    "bridge://made": f"URI 'bridge://made': {ABSOLUTE}",
    "bridge:": f"URI 'bridge:': {ABSOLUTE}",
    "bridge://{}/made?a=b": "URI 'bridge://{}/made?a=b': must not contain ? or #: write %3F or %23 instead.",
    "bridge://{}/made%00": "URI 'bridge://{}/made%00': must not contain %00, because a path cannot contain a null",
}


@pytest.mark.parametrize("uri", BAD)
def test_a_uri_that_names_no_workspace_is_refused_by_every_command_in_one_sentence(
    places: Path, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(places)
    mlflow_ = CommandLine(uri.format(places), tmp_path / "person", {})
    for said in call_all(mlflow_, READING | WRITING, {}):
        assert said.exit_code == 1 and "\n" not in said.complaint, said
        assert said.complaint.startswith(("mlflow.exceptions.MlflowException: ", "Error: Failed to link traces: ")), (
            said
        )
        assert mlflow_.plain(BAD[uri].format(places)) in said.complaint, said
    assert {path.name for path in places.iterdir()} == {"made", "newer", "empty", "broken", "folder", "file"}


def test_one_workspace_has_many_uris(tmp_path: Path) -> None:
    folder = tmp_path / "a b" / "ü%41 #?;&='\"+~"
    workspace = Workspace.create("demo", path=folder)
    encoded = quote(str(folder))
    uris = [
        f"bridge://{encoded}", f"bridge://{encoded}/", f"bridge:{encoded}", f"bridge://{encoded}//", f"BRIDGE://{encoded}",
        f"bridge://{quote(str(tmp_path))}/x/..//./a%20b/{quote(folder.name)}",
        f"bridge://{quote(str(tmp_path))}/a b/{quote(folder.name)}", workspace.get_mlflow_tracking_uri(),
    ]  # fmt: skip
    for number, uri in enumerate(uris):
        mlflow_ = CommandLine(uri, tmp_path / f"person {number}", {})
        (mlflow_.folder / "n%6fte é.txt").write_text(uri)
        made = mlflow_("runs", "create", "--experiment-name", f"by {number}")
        assert mlflow_.seen[-1].exit_code == 0, mlflow_.seen
        run_id = json.loads(made)["run_id"]
        mlflow_("artifacts", "log-artifact", "-l", "n%6fte é.txt", "-r", run_id, "-a", "in ü")
        mlflow_("artifacts", "download", "-r", run_id, "-d", "got")
        mlflow_(
            "scorers", "register-llm-judge", "-n", f"judge {number}", "-m", "openai:/a", "-x", "0", "-i", "{{inputs}}"
        )
        assert [said.exit_code for said in mlflow_.seen] == [0] * 4, mlflow_.seen
        assert (mlflow_.folder / "got" / "in ü" / "n%6fte é.txt").read_text() == uri
        assert workspace.get_run(run_id).get_file_names() == ["in ü/n%6fte é.txt"]
    assert mlflow_("scorers", "list", "-x", "0").count("judge") == len(uris)
    assert len(mlflow_("experiments", "search").strip().splitlines()) == len(uris) + 3


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A workspace in a read-only folder, and the ids of its objects."""
    with tempfile.TemporaryDirectory() as outside:
        folder = Path(outside) / "workspace"
        uri = f"bridge://{folder}"
        create_store(folder, "tests")
        mlflow_ = CommandLine(uri, tmp_path / "maker", {})
        ids = make(mlflow_)
        open_store(folder).tracking.close()
        for path in (folder.parent, folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield uri, ids
        for path in (folder.parent, folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


def make(mlflow_: CommandLine) -> dict[str, str]:
    """Create one object of each kind, and return the ids."""
    mlflow_("experiments", "create", "-n", "kept")
    mlflow_("experiments", "create", "-n", "deleted")
    mlflow_("experiments", "delete", "-x", "2")
    run, deleted = (json.loads(mlflow_("runs", "create", "--experiment-id", "1"))["run_id"] for _ in range(2))
    mlflow_("runs", "delete", "--run-id", deleted)
    file = mlflow_.folder / "asked.json"
    file.write_text(json.dumps({"inputs": [{"x": 1}]}))
    mlflow_("artifacts", "log-artifact", "-r", run, "-l", str(file))
    mlflow_("scorers", "register-llm-judge", "-n", "judge", "-m", "openai:/a", "-x", "1", "-i", "{{inputs}}")
    (mlflow_.folder / "model.py").write_text(MODEL)
    with mlflow_.at_work():
        mlflow.set_experiment(experiment_id="1")
        mlflow.trace(lambda q: q)("a")
        mlflow.flush_trace_async_logging()
        trace = str(mlflow.get_last_active_trace_id())
        mlflow.set_trace_tag(trace, "kept", "1")
        assessment = str(mlflow.log_feedback(trace_id=trace, name="kept", value=1).assessment_id)
        with mlflow.start_run(run_id=run):
            model = mlflow.pyfunc.log_model(name="m", python_model="model.py", pip_requirements=["pandas"])
        place = mlflow.get_logged_model(model.model_id).artifact_location
        os.environ["MLFLOW_CRYPTO_KEK_PASSPHRASE"] = "old"
        store = mlflow.tracking._tracking_service.utils._get_store()
        store.create_gateway_secret("key", {"api_key": "sk-1"}, provider="openai")
    return {
        "run": run, "deleted": deleted, "trace": trace, "assessment": assessment, "model": model.model_uri,
        "place": place, "file": str(file),
    }  # fmt: skip


NO_ENVIRONMENT = "Prepare env should not be called with local env manager!"
READER = """
import json, sys
from pathlib import Path
from commands import CommandLine
from test_command_places import READING, WRITING, call_all
person = CommandLine(sys.argv[1], Path(sys.argv[2]), {})
ids = json.loads(sys.argv[3])
print(json.dumps([call_all(person, READING, ids), call_all(person, WRITING, ids)]))
"""


def test_commands_read_a_read_only_workspace_and_report_it_if_they_must_write(
    read_only: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    uri, ids = read_only
    command = [sys.executable, "-c", READER, uri, str(tmp_path / "person"), json.dumps(ids)]
    # If that variable is set, MLflow refuses its own change in `crypto rotate-kek`.
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=200, preexec_fn=obey_file_modes
    )
    assert done.returncode == 0, done.stderr
    read, written = ([Said(*one) for one in said] for said in json.loads(done.stdout.splitlines()[-1]))
    assert [said for said in read if said.exit_code and NO_ENVIRONMENT not in said.complaint] == []
    assert json.loads((tmp_path / "person" / "answer.json").read_text()) == {"predictions": [2]}
    assert os.listdir(tmp_path / "person" / "got") == ["asked.json"]
    for said in written:
        assert said.exit_code in (1, 2) and "\n" not in said.complaint, said
        assert re.search(r"(is read-only|has no write access to it|permission denied)\.$", said.complaint), said
