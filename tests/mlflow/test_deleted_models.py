"""Deleted and purged models, and models of deleted runs and experiments, are the same on both stores."""

from __future__ import annotations

import os
from pathlib import Path

import mlflow
import pandas
import pytest
from mlflow.exceptions import MlflowException
from model_journeys import Both, ModelJourney, collect

from bridge import Experiment, Run, Workspace
from bridge.store.workspace_stores import WorkspaceStores

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*")]  # warnings of MLflow


def test_models_are_deleted_and_collected(both: Both) -> None:
    from model_samples import log_adder

    @both.answer_the_same
    def models_deleted(on: ModelJourney) -> None:
        with mlflow.start_run():
            kept, gone = log_adder(1.0), log_adder(2.0)
        version = mlflow.register_model(gone.model_uri, on.name)
        on.client.delete_logged_model(gone.model_id)
        on.refused("get", lambda: mlflow.get_logged_model(gone.model_id))
        on.note("delete again", lambda: on.client.delete_logged_model(gone.model_id))
        on.refused("tag", lambda: mlflow.set_logged_model_tags(gone.model_id, {"a": "b"}))
        on.refused("load", lambda: mlflow.pyfunc.load_model(gone.model_uri))
        on.see("found", lambda: [one.model_id for one in mlflow.search_logged_models(output_format="list")])
        on.note("load the version", lambda: mlflow.pyfunc.load_model(f"models:/{on.name}/{version.version}").model_id)
        place = Path(mlflow.artifacts.download_artifacts(kept.model_uri, dst_path="kept"))
        on.see("files of the one that stays", lambda: sorted(os.listdir(place)))
        on.see("collected", lambda: collect(on.uri, "--logged-model-ids", gone.model_id))
        on.see("collected again", lambda: collect(on.uri, "--logged-model-ids", gone.model_id))
        on.refused("get afterwards", lambda: mlflow.get_logged_model(gone.model_id))
        on.note("load the version afterwards", lambda: mlflow.pyfunc.load_model(f"models:/{on.name}/{version.version}"))
        on.see(
            "the one that stays", lambda: mlflow.pyfunc.load_model(kept.model_uri).predict(pandas.DataFrame({"a": [1]}))
        )


def test_models_are_deleted_with_their_experiment(both: Both) -> None:
    @both.answer_the_same
    def models_of_deleted_experiments(on: ModelJourney) -> None:
        experiment_id = on.client.create_experiment(f"{on.name} gone")
        other = on.client.create_experiment(f"{on.name} deleted")

        def names() -> list[str]:
            given = [experiment_id, other]
            return [one.name for one in mlflow.search_logged_models(given, output_format="list")]

        for place in (experiment_id, other):
            with mlflow.start_run(experiment_id=place) as run:
                on.see(f"run in {place}", run.info.run_id)
                model = mlflow.create_external_model(name=f"of {place}", experiment_id=place)
                mlflow.log_metric("loss", 0.5, model_id=model.model_id)
        for name, change in {
            "deleted": lambda: mlflow.delete_experiment(experiment_id),
            "restored": lambda: on.client.restore_experiment(experiment_id),
            "renamed": lambda: on.client.rename_experiment(experiment_id, f"{on.name} renamed"),
            "both deleted": lambda: [mlflow.delete_experiment(one) for one in (experiment_id, other)],
            "collected": lambda: on.see(
                "said by gc", sorted(map(on.text, collect(on.uri, "--experiment-ids", experiment_id)))
            ),
        }.items():
            change()
            on.note(f"found when {name}", names)
            on.note(f"made when {name}", lambda: mlflow.initialize_logged_model(experiment_id=experiment_id).name)
            on.note(f"got when {name}", lambda m=model: mlflow.get_logged_model(m.model_id))


@pytest.fixture
def long_run(opened: WorkspaceStores) -> Run:
    return Experiment(Workspace.open(opened.address), "long").start_logging(
        run_id="a-run-that-was-given-a-name-for-its-id-00", outputs=False, snapshot_directory=None
    )


def test_a_run_with_a_longer_id_than_mlflows_can_have_models(long_run: Run, fluent: str) -> None:
    from model_samples import log_adder

    run_id = long_run.id
    mlflow.set_experiment("long")
    data = mlflow.data.from_pandas(pandas.DataFrame({"x": [1]}), name="points")  # type: ignore[attr-defined]
    with mlflow.start_run(run_id=run_id):
        info = log_adder(registered_model_name="long")
        mlflow.log_metric("loss", 0.5, step=3, model_id=info.model_id, dataset=data)
    long_run.complete()
    (found,) = mlflow.search_logged_models(filter_string=f"source_run_id = '{run_id}'", output_format="list")
    assert [(one.key, one.value, one.run_id) for one in found.metrics] == [("loss", 0.5, run_id)]
    for uri in (f"runs:/{run_id}/adder", "models:/long/1", f"models:/{info.model_id}"):
        assert mlflow.pyfunc.load_model(uri).predict(pandas.DataFrame({"a": [1]}))["a"].tolist() == [2.0]
    client = mlflow.MlflowClient()
    assert [one.run_id for one in client.search_model_versions(f"run_id = '{run_id}'")] == [run_id]

    client.delete_run(run_id)
    assert collect(fluent) == [f"Run with ID {run_id} has been permanently deleted.", "None"]
    assert mlflow.get_logged_model(info.model_id).metrics in (None, [])
    client.delete_logged_model(info.model_id)
    assert collect(fluent) == [f"Logged model with ID {info.model_id} has been permanently deleted.", "None"]
    with pytest.raises(MlflowException, match="not found"):
        mlflow.get_logged_model(info.model_id)


@pytest.mark.rules
def test_an_issue_outlives_its_run_with_a_longer_id_than_mlflows(long_run: Run, fluent: str) -> None:
    client = mlflow.MlflowClient()
    store = client._tracking_client.store
    issue = store.create_issue(long_run.experiment.id, "n", "d", source_run_id=long_run.id)
    assert issue.source_run_id == long_run.id
    long_run.complete()
    client.delete_run(long_run.id)
    assert collect(fluent) == [f"Run with ID {long_run.id} has been permanently deleted.", "None"]
    assert store.get_issue(issue.issue_id).source_run_id is None
