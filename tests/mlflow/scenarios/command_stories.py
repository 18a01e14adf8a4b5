"""Stories of MLflow commands; each runs on both stores."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import mlflow
from commands import CommandLine, in_order_of_columns
from mlflow.genai.datasets import create_dataset

NO_RUN = "0" * 32
MODEL = """
import mlflow

class Twice(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[dict[str, int]]) -> list[int]:
        return [row["x"] * 2 for row in model_input]

mlflow.models.set_model(Twice())
"""


def experiments(mlflow_: CommandLine) -> None:
    """Create, rename, tag, delete and restore experiments; each also with an error."""
    number = _made(mlflow_("experiments", "create", "-n", "digits"))
    mlflow_("experiments", "create", "-n", "digits")
    mlflow_("experiments", "create", "-n", "elsewhere", "-l", "elsewhere", "--trace-archival-retention", "30d")
    for options in (
        "--trace-archival-retention 7d", "--trace-archive-now-older-than 3d", "--clear-trace-archive-now",
        "--clear-trace-archival-retention", "--clear-trace-archival-retention", "--trace-archive-now", "",
    ):  # fmt: skip
        mlflow_("experiments", "update", "-x", number, *options.split())
    mlflow_("experiments", "update", "-x", "77", "--trace-archive-now")
    mlflow_("experiments", "get", "-x", number)
    mlflow_("experiments", "get", "-n", "digits", "--output", "json")
    for words in ("-n nothing", "-x nothing", "-x 77", ""):
        mlflow_("experiments", "get", *words.split())
    for words in ("", "--max-results 1", "-v all", "-v nonsense"):
        mlflow_("experiments", "search", *words.split())
    mlflow_("experiments", "rename", "-x", number, "--new-name", "numbers")
    for _ in range(2):
        mlflow_("experiments", "delete", "-x", number)
    mlflow_("experiments", "rename", "-x", number, "--new-name", "again")
    mlflow_("experiments", "search", "-v", "deleted_only")
    mlflow_("experiments", "get", "-x", number)
    mlflow_("runs", "create", "--experiment-id", number)
    for _ in range(2):
        mlflow_("experiments", "restore", "-x", number)
    for words in ("delete", "restore", "rename --new-name a"):
        mlflow_("experiments", *words.split(), "-x", "77")


def runs(mlflow_: CommandLine) -> None:
    """Create runs with parents and tags, list, delete, restore and export them; each also with an error."""
    number = _made(mlflow_("experiments", "create", "-n", "runs"))
    first = _run(mlflow_, "runs", "--run-name", "first", "--tags", "a=b", "-t", "c=d", "--description", "x y")
    mlflow_(
        "runs", "create", "--experiment-id", number, "--run-name", "child", "--parent-run-id", first,
        "--status", "FAILED",
    )  # fmt: skip
    _run(mlflow_, "made on the way", "--run-name", "n")
    for words in ("--experiment-id 77 --run-name n", "--experiment-id 0 --tags a", "", "--experiment-id 0 --status X"):
        mlflow_("runs", "create", *words.split())
    for view in ("active_only", "deleted_only", "all"):
        mlflow_("runs", "list", "--experiment-id", number, "-v", view)
    mlflow_("runs", "list", "--experiment-id", "77")
    mlflow_("runs", "describe", "--run-id", first)
    for words in (("delete", first), ("delete", first), ("describe", first), ("restore", first), ("restore", first)):
        mlflow_("runs", words[0], "--run-id", words[1])
        mlflow_("runs", "list", "--experiment-id", number, "-v", "deleted_only")
    for word in ("describe", "delete", "restore"):
        mlflow_("runs", word, "--run-id", NO_RUN)
    mlflow_("experiments", "csv", "-x", number)
    mlflow_("experiments", "csv", "-x", number, "-o", "runs.csv")
    mlflow_.note("runs.csv", in_order_of_columns((mlflow_.folder / "runs.csv").read_text()))
    mlflow_("experiments", "csv", "-x", "77")
    gone = _run(mlflow_, "runs", "--run-name", "gone")
    gc = ("gc", "--backend-store-uri", mlflow_.uri, "--tracking-uri", mlflow_.uri)
    mlflow_("runs", "delete", "--run-id", gone)
    for words in (
        ("--jobs", "--older-than", "1d"), ("--job-ids", "a"), ("--artifacts-destination", "elsewhere"),
        ("--all-workspaces",), ("--workspace", "team"), ("--run-ids", NO_RUN), ("--run-ids", first),
        ("--experiment-ids", "77"), ("--logged-model-ids", "m-1"),
    ):  # fmt: skip
        mlflow_(*gc, *words)
    mlflow_("doctor", "--mask-envs")


def artifacts(mlflow_: CommandLine) -> None:
    """Log, list and download files and folders, and some that do not exist."""
    run_id = _run(mlflow_, "files", "--run-name", "first")
    (mlflow_.folder / "more" / "below").mkdir(parents=True)
    for name in ("one.txt", "more/two.txt", "more/below/three.txt"):
        (mlflow_.folder / name).write_text(f"this is {name}")
    for words in (
        "log-artifact -l one.txt -a sub", "log-artifacts -l more", "log-artifacts -l more -a a/b", "list",
        "list -a sub", "list -a nothing", "list -a two.txt", "list -a ../..", "log-artifact -l nothing.txt",
        "log-artifact -l more", "log-artifacts -l nothing", "log-artifacts -l one.txt",
        "log-artifact -l one.txt -a ../x", "log-artifact -l one.txt -a /abs", "download -d all",
        "download -a sub/one.txt -d one", "download -a a -d a",
        "download -a nothing -d none", "download -a ../.. -d none",
    ):  # fmt: skip
        mlflow_("artifacts", *words.split(), "-r", run_id)
    mlflow_("artifacts", "download", "-u", f"runs:/{run_id}/below", "-d", "below")
    for words in ("-u runs:/none/a", "-u nonsense:/a", "", f"-r {run_id} -u runs:/{run_id}/below"):
        mlflow_("artifacts", "download", *words.split())
    for words in ("list", "log-artifact -l one.txt", "log-artifacts -l more", "download"):
        mlflow_("artifacts", *words.split(), "-r", NO_RUN)
    for got in ("all", "one", "a", "below"):
        mlflow_.note(got, _files(mlflow_.folder / got))


def traces(mlflow_: CommandLine) -> None:
    """Read, assess, judge, link and delete traces; list datasets and scorers."""
    number = _made(mlflow_("experiments", "create", "-n", "traces"))
    for group in ("traces search", "scorers list", "datasets list"):
        mlflow_(*group.split(), "-x", number)
    one, two = _traces(mlflow_, number)
    for words in (
        "", "--output json", "--filter-string|name='answer'|--max-results|1", "--filter-string|nonsense",
        "--extract-fields|info.trace_id,info.state,data.spans.*.name|--output|json",
        "--include-spans|--order-by|timestamp_ms ASC",
    ):  # fmt: skip
        mlflow_("traces", "search", "-x", number, *filter(None, words.split("|")))
    for trace in (one, "tr-nothing"):
        for words in (
            "get", "get --extract-fields info.state", "set-tag --key k --value v", "delete-tag --key k",
            "delete-tag --key k", "log-feedback --name good --value yes",
            'log-expectation --name want --value {"x":1} --source-type HUMAN --source-id ann',
        ):  # fmt: skip
            name, *options = words.split()
            mlflow_("traces", name, "--trace-id", trace, *options)
    given = ("--value", "0.5", "--rationale", "so", "--source-type", "HUMAN", "--source-id", "ann")
    said = mlflow_("traces", "log-feedback", "--trace-id", one, "--name", "sure", *given, "--metadata", '{"a": "b"}')
    assessment = re.findall(r"a-\w{32}", said)[0]
    for words in (
        "get",
        "update --value 0.75 --rationale better",
        "get",
        "delete",
        "get",
        "update --value 1",
        "delete",
    ):
        name, *options = words.split()
        mlflow_("traces", f"{name}-assessment", "--trace-id", one, "--assessment-id", assessment, *options)

    judge = ("scorers", "register-llm-judge", "-n", "judge", "-m", "openai:/gpt-4o", "-d", "a judge", "-i")
    mlflow_(*judge, "is {{ outputs }} good?", "-x", number)
    mlflow_(*judge, "without variables", "-x", number)
    mlflow_(*judge, "is {{ outputs }} good?", "-x", "77")
    for words in ("--builtin", f"-x {number}", f"-x {number} --output json", "-x 77", ""):
        mlflow_("scorers", "list", *words.split())
    with mlflow_.at_work():
        questions = create_dataset(name="questions", experiment_id=[number], tags={"a": "b"})
        questions.merge_records([{"inputs": {"q": "a"}, "expectations": {"x": 1}}])
    for words in ("", "--output json", "--filter-string name='questions' --max-results 1", "--filter-string a"):
        mlflow_("datasets", "list", "-x", number, *words.split())
    mlflow_("datasets", "list", "-x", "77")

    run_id = _run(mlflow_, "traces", "--run-name", "first")
    for run, linked in ((run_id, (one, two)), (run_id, ("tr-nothing",)), (NO_RUN, (one,))):
        mlflow_("runs", "link-traces", "--run-id", run, *(word for trace in linked for word in ("-t", trace)))
    mlflow_("traces", "search", "-x", number, "--run-id", run_id)
    for trace, scorer in ((one, "judge"), (one, "nonsense"), ("tr-nothing", "judge")):
        mlflow_(
            "traces", "evaluate", "-x", number, "--trace-ids", trace, "--scorers", scorer, OPENAI_API_KEY=None
        )  # this call fails
    mlflow_("traces", "delete", "-x", number)
    for words in (
        f"--trace-ids {two}", "--max-timestamp-millis 1 --max-traces 1",
        "--max-timestamp-millis 9999999999999 --max-traces 1",
    ):  # fmt: skip
        mlflow_("traces", "delete", "-x", number, *words.split())
    mlflow_("traces", "search", "-x", number)


def secrets(mlflow_: CommandLine) -> None:
    """Change the passphrase of the gateway's secrets, so that only the new one can read them."""
    rotate = ("crypto", "rotate-kek", "--new-passphrase", "the-new-one", "--yes", "--backend-store-uri", mlflow_.uri)
    old, new = {"MLFLOW_CRYPTO_KEK_PASSPHRASE": "the-old-one"}, {"MLFLOW_CRYPTO_KEK_PASSPHRASE": "the-new-one"}
    here = {"PYTEST_CURRENT_TEST": None}  # if it is set, MLflow refuses this command
    mlflow_(*rotate, MLFLOW_CRYPTO_KEK_PASSPHRASE=None, **here)
    mlflow_(*rotate, **old, **here)
    with mlflow_.at_work():
        os.environ.update(old)
        store = mlflow.tracking._tracking_service.utils._get_store()
        secret = store.create_gateway_secret("key", {"api_key": "sk-1"}, provider="openai").secret_id
    for _ in range(2):
        mlflow_(*rotate, **old, **here)
    with mlflow_.at_work():
        os.environ.update(new | {"MLFLOW_CRYPTO_KEK_VERSION": "2"})
        mlflow_.note("secret", store._get_decrypted_secret(secret))


def models(mlflow_: CommandLine) -> None:
    """Use a model by the URI of its run, its own URI and its registered version, and models that do not exist."""
    number = _made(mlflow_("experiments", "create", "-n", "models"))
    (mlflow_.folder / "model.py").write_text(MODEL)
    (mlflow_.folder / "asked.json").write_text(json.dumps({"inputs": [{"x": 1}, {"x": 21}]}))
    with mlflow_.at_work():
        with mlflow.start_run(experiment_id=number) as run:
            made = mlflow.pyfunc.log_model(
                name="twice", python_model="model.py", pip_requirements=["numpy"], registered_model_name="double"
            )
        place = mlflow.get_logged_model(made.model_id).artifact_location
    of_run = f"runs:/{run.info.run_id}/twice"
    for uri in (of_run, made.model_uri, "models:/double/1", "models:/double/7", f"runs:/{NO_RUN}/m", of_run + "s"):
        answer = mlflow_.folder / "answer.json"
        answer.write_text("")
        mlflow_("models", "predict", "-m", uri, "--env-manager", "local", "-i", "asked.json", "-o", "answer.json")
        mlflow_.note("answer", answer.read_text())
    for uri in (of_run, "models:/double/1", "models:/none/1"):
        image = mlflow_.folder / uri.replace("/", "-")
        mlflow_("models", "generate-dockerfile", "-m", uri, "-d", str(image), "--env-manager", "local")
        mlflow_.note("image", sorted(_files(image)))
        mlflow_("models", "prepare-env", "-m", uri, "--env-manager", "local")
        mlflow_("models", "update-pip-requirements", "-m", uri, "add", "pandas>=1")
    for words in ("add pandas>=1 scipy", "remove scipy", "add numpy>=1"):
        mlflow_("models", "update-pip-requirements", "-m", place, *words.split())
    mlflow_("artifacts", "download", "-u", "models:/double/1", "-d", "double")
    mlflow_.note("requirements", (mlflow_.folder / "double" / "requirements.txt").read_text())
    mlflow_.note("double", sorted(_files(mlflow_.folder / "double")))
    mlflow_("artifacts", "list", "-r", run.info.run_id, "-a", "twice")


STORIES = (experiments, runs, artifacts, traces, secrets, models)


def _made(said: str) -> str:
    """Return the id of the created experiment."""
    return said.split()[-1]


def _run(mlflow_: CommandLine, experiment: str, *words: str) -> str:
    run_id: str = json.loads(mlflow_("runs", "create", "--experiment-name", experiment, *words))["run_id"]
    return run_id


def _traces(mlflow_: CommandLine, experiment_id: str) -> list[str]:
    """Create two traces, and return their ids in order."""
    made = []
    with mlflow_.at_work():
        mlflow.set_experiment(experiment_id=experiment_id)
        for question in "ab":
            mlflow.trace(lambda q: q * 2, name="answer", span_type="LLM")(question)
            mlflow.flush_trace_async_logging()
            made.append(str(mlflow.get_last_active_trace_id()))
    return made


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()
    }
