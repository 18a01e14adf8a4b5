"""The model registry of a workspace, with its prompts, is MLflow's own and can be read before it exists."""

from __future__ import annotations

import os
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow import model_registry

# A warning of MLflow about its own type hint.
pytestmark = [
    pytest.mark.slow,  # each creates MLflow's own tables
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


def test_a_registry_can_be_read_before_it_exists(opened: WorkspaceStores, fluent: str) -> None:
    client = MlflowClient()
    assert client.search_registered_models() == []
    assert client.search_model_versions("run_id = 'none'") == []
    assert mlflow.genai.search_prompts() == []
    with pytest.raises(MlflowException, match="Registered Model with name=none not found"):
        client.get_registered_model("none")
    assert "mlflow.db" not in os.listdir(opened.address)


def test_a_folder_that_is_not_a_workspace_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing" / "folder"):
        with pytest.raises(MlflowException, match=r"There is no workspace.*Workspace\.create"):
            model_registry.build(f"bridge://{place}")


def test_a_model_is_logged_registered_and_loaded(fluent: str) -> None:
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    with mlflow.start_run() as run:
        logged = mlflow.sklearn.log_model(model, name="line", registered_model_name="line", input_example=[[1.0]])
    loaded = mlflow.sklearn.load_model("models:/line/1")
    assert loaded.predict([[2.0]]).tolist() == pytest.approx([4.0])
    version = MlflowClient().get_model_version("line", "1")
    assert (version.run_id, version.source) == (run.info.run_id, logged.model_uri)
    (found,) = MlflowClient().search_model_versions(f"run_id = '{run.info.run_id}'")
    assert found.version == version.version
    assert MlflowClient().get_model_version_download_uri("line", "1").startswith(f"{fluent}/artifacts/0/models/")


@pytest.mark.filterwarnings("ignore:.*stages:FutureWarning")
def test_versions_accept_aliases_tags_and_stages(fluent: str) -> None:
    client = MlflowClient()
    client.create_registered_model("m", tags={"team": "vision"}, description="d")
    for _ in range(2):
        client.create_model_version("m", source=f"{fluent}/artifacts/0/models/m-1/artifacts")
    client.set_registered_model_alias("m", "champion", "2")
    client.set_model_version_tag("m", "1", "k", "v")
    client.transition_model_version_stage("m", "1", "Production")
    assert client.get_model_version_by_alias("m", "champion").version == 2
    assert client.get_model_version("m", "1").tags == {"k": "v"}
    assert [one.version for one in client.get_latest_versions("m", ["Production"])] == [1]
    client.delete_model_version("m", "1")
    client.rename_registered_model("m", "n")
    assert [one.name for one in client.search_registered_models("name LIKE 'n'")] == ["n"]
    client.delete_registered_model("n")
    assert client.search_registered_models() == []


def test_prompts_are_registered_and_loaded(fluent: str) -> None:
    mlflow.genai.register_prompt("greeting", "hello {{name}}", tags={"lang": "en"})
    mlflow.genai.register_prompt("greeting", "good day {{name}}")
    mlflow.genai.set_prompt_alias("greeting", alias="polite", version=2)
    assert mlflow.genai.load_prompt("prompts:/greeting@polite").format(name="Ada") == "good day Ada"
    assert mlflow.genai.load_prompt("greeting", version=1).format(name="Ada") == "hello Ada"
    assert [prompt.name for prompt in mlflow.genai.search_prompts()] == ["greeting"]
    assert MlflowClient().search_registered_models() == []


def test_a_second_client_sees_what_the_first_registered(fluent: str) -> None:
    MlflowClient(fluent, fluent).create_registered_model("m")
    other = fluent + "/"
    assert [one.name for one in MlflowClient(other, other).search_registered_models()] == ["m"]
