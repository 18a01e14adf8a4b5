"""Two workspaces of one server never see each other's runs, models, traces and datasets."""

from __future__ import annotations

import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import Metric
from otlp_spans import log_span
from served_workspaces import ServedBySubprocess, served

from bridge.server.serve import serve_background
from bridge.server.settings import Settings
from bridge.store.create import create_store

NAMES = ("anna", "boris")
REQUESTS = 1_000


class Side:
    """MLflow's client of one workspace, and the names of what was written to it."""

    def __init__(self, server: ServedBySubprocess, name: str, folder: Path) -> None:
        self.name, uri = name, server.at(name)
        self.client = MlflowClient(uri, uri)
        self.experiment = self.client.create_experiment(f"of {name}")
        self.runs = [self.client.create_run(self.experiment, run_name=f"of {name}").info.run_id for _ in range(3)]
        self.client.create_registered_model(f"of {name}")
        self.model = self.client.create_logged_model(self.experiment, f"of-{name}").model_id
        self.client.create_model_version(f"of {name}", f"models:/{self.model}", model_id=self.model)
        self.client.log_text(self.runs[2], f"text of {name}", f"of {name}")
        folder.joinpath(f"of {name}").write_text(f"text of {name}")
        self.client.log_model_artifact(self.model, str(folder / f"of {name}"))
        log_span(uri, self.experiment, f"of {name}")
        (trace,) = self.client.search_traces([self.experiment], include_spans=False)
        self.trace = trace.info.trace_id
        self.client.set_trace_tag(self.trace, "of", f"of {name}")

    def search_runs(self) -> set[str]:
        return {run.info.run_name for run in self.client.search_runs([self.experiment])}

    def search_experiments(self) -> set[str]:
        return {one.name for one in self.client.search_experiments(filter_string="name LIKE 'of %'")}

    def search_models(self) -> set[str]:
        return {one.name for one in self.client.search_registered_models()}

    def search_logged_models(self) -> set[str]:
        return {one.name.replace("-", " ") for one in self.client.search_logged_models([self.experiment])}

    def search_traces(self) -> set[str]:
        return {one.info.tags["of"] for one in self.client.search_traces([self.experiment], include_spans=False)}

    def get_trace(self) -> set[str]:
        return {span.name for span in self.client.get_trace(self.trace, display=False).data.spans}

    def get_run(self) -> set[str]:
        return {self.client.get_run(self.runs[0]).info.run_name}

    def get_model(self) -> set[str]:
        return {str(self.client.get_registered_model(f"of {self.name}").name)}

    def list_files(self) -> set[str]:
        return {file.path for file in self.client.list_artifacts(self.runs[2])}

    def list_files_of_model(self) -> set[str]:
        return {file.path for file in self.client.list_logged_model_artifacts(self.model)}

    def read_file(self) -> set[str]:
        run = self.client.get_run(self.runs[2])
        return {text_of_run(self.client, run.info.run_id, f"of {self.name}").removeprefix("text ")}

    def get_version(self) -> set[str]:
        place = self.client.get_model_version_download_uri(f"of {self.name}", "1")
        return {f"of {self.name}" if self.model in place else place}

    def log(self) -> set[str]:
        self.client.log_batch(self.runs[1], metrics=[Metric(f"of {self.name}", 1.0, 0, 0)])
        return {key for key in self.client.get_run(self.runs[1]).data.metrics}

    def tag_model(self) -> set[str]:
        self.client.set_registered_model_tag(f"of {self.name}", "of", f"of {self.name}")
        return {self.client.get_registered_model(f"of {self.name}").tags["of"]}


def text_of_run(client: MlflowClient, run_id: str, path: str) -> str:
    """Return a text file of a run."""
    with tempfile.TemporaryDirectory() as folder:
        return Path(client.download_artifacts(run_id, path, folder)).read_text()


READS = (
    "list_files",
    "list_files_of_model",
    "read_file",
    "search_runs",
    "search_experiments",
    "search_models",
    "search_logged_models",
    "search_traces",
    "get_trace",
    "get_run",
    "get_model",
    "get_version",
)
WRITES = ("log", "tag_model")


@pytest.fixture(scope="module")
def sides(server: ServedBySubprocess, tmp_path_factory: pytest.TempPathFactory) -> tuple[Side, Side]:
    folder = tmp_path_factory.mktemp("files")
    return Side(server, "anna", folder), Side(server, "boris", folder)


@pytest.mark.slow
def test_a_thousand_requests_at_once_each_see_their_own_workspace(sides: tuple[Side, Side]) -> None:
    random = Random(7)
    calls = [(random.choice(sides), random.choice(READS if random.random() < 0.9 else WRITES)) for _ in range(REQUESTS)]
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda call: getattr(*call)(), calls))
    wrong = [
        (side.name, call, answer)
        for (side, call), answer in zip(calls, answers, strict=True)
        if answer != {f"of {side.name}"}
    ]
    assert wrong == []
    assert {(side.name, call) for side, call in calls} == {(name, call) for name in NAMES for call in READS + WRITES}


@pytest.mark.slow
def test_an_id_of_one_workspace_is_unknown_in_the_other(server: ServedBySubprocess, sides: tuple[Side, Side]) -> None:
    anna, boris = sides
    for call in (
        lambda: boris.client.get_run(anna.runs[0]),
        lambda: boris.client.get_logged_model(anna.model),
        lambda: boris.client.get_trace(anna.trace, display=False),
        lambda: boris.client.get_registered_model("of anna"),
        lambda: boris.client.delete_registered_model("of anna"),
    ):
        with pytest.raises(mlflow.MlflowException) as failed:
            call()
        assert failed.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert anna.search_models() == {"of anna"}
    body = {"name": "of boris", "source": f"models:/{anna.model}", "model_id": anna.model}
    refused = requests.post(f"{server.at('boris')}/api/2.0/mlflow/model-versions/create", json=body, timeout=60)
    assert refused.status_code >= 400 and "not found" in refused.text
    # MLflow's client remembers where the files of a run are, so these requests are sent without it.
    at = f"{server.at('boris')}/api/2.0"
    place = f"{at}/mlflow-artifacts/artifacts/{anna.experiment}/{anna.runs[2]}/artifacts/of%20anna"
    for method, address in (
        ("GET", f"{at}/mlflow/artifacts/list?run_id={anna.runs[2]}"),
        ("GET", f"{at}/mlflow/logged-models/{anna.model}/artifacts/directories"),
        ("GET", place),
        ("PUT", place),
    ):
        answer = requests.request(method, address, data=b"", timeout=60)
        assert answer.status_code == 404, address
        assert "of anna" not in answer.text


@pytest.mark.slow
def test_the_header_of_mlflow_must_name_the_workspace_of_the_address(server: ServedBySubprocess) -> None:
    for path in ("registered-models/search", "experiments/get?experiment_id=0"):
        for value, status in ((None, 200), ("anna", 200), ("boris", 400), ("", 400)):
            headers = {} if value is None else {"X-MLFLOW-WORKSPACE": value}
            answer = requests.get(f"{server.at('anna')}/api/2.0/mlflow/{path}", headers=headers, timeout=60)
            assert answer.status_code == status, value
            assert status == 200 or "X-MLFLOW-WORKSPACE" in answer.text


@pytest.mark.slow
def test_other_requests_are_answered_while_mlflow_is_loaded(tmp_path: Path) -> None:
    create_store(tmp_path / "new", "new")
    with served({"new": tmp_path / "new"}, tmp_path / "server.log") as server:
        answers: list[int] = []
        first = f"{server.address}/api/2.0/mlflow/registered-models/search"
        waiting = [
            threading.Thread(target=lambda: answers.append(requests.get(first, timeout=120).status_code))
            for _ in range(50)
        ]
        for one in waiting:
            one.start()
        meanwhile = 0
        with requests.Session() as session:
            while not answers:
                assert session.get(f"{server.address}/health", timeout=60).status_code == 200
                meanwhile += 1
        for one in waiting:
            one.join()
    assert answers == [200] * 50
    assert meanwhile > 20


@pytest.mark.slow
def test_a_server_without_mlflows_application_answers_in_one_sentence(tmp_path: Path) -> None:
    create_store(tmp_path / "new", "new")
    with served({"new": tmp_path / "new"}, tmp_path / "server.log", "--mlflow", "off") as server:
        assert requests.get(f"{server.address}/version", timeout=60).text == mlflow.__version__
        with pytest.raises(mlflow.MlflowException, match="runbridge server --mlflow lazy"):
            MlflowClient(server.address, server.address).search_registered_models()
        assert requests.post(f"{server.address}/graphql", json={}, timeout=60).status_code == 404


def test_a_server_in_a_users_process_never_loads_mlflows_application(tmp_path: Path) -> None:
    before = dict(os.environ)
    with serve_background([create_store(tmp_path / "new", "new")], settings=Settings(mlflow="eager")) as server:
        answer = requests.get(f"{server.address}/api/2.0/mlflow/registered-models/search", timeout=60)
    assert answer.status_code == 404 and "runbridge server --mlflow lazy" in answer.json()["message"]
    assert dict(os.environ) == before
