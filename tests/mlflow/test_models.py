"""Logged models and the model registry: the same on MLflow's own store and on a workspace, files and messages too."""

from __future__ import annotations

import os
from pathlib import Path

import mlflow
import numpy
import pandas
import pytest
from mlflow.entities import LoggedModelInput, LoggedModelOutput, Metric
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema
from model_journeys import LOADED, Both, ModelJourney, collect

from bridge import Experiment, Workspace
from bridge.store.open import Opened

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*")]  # what MLflow and scikit-learn warn of


def log_adder(summand: float = 1.0, **changes):
    from model_samples import Adder

    return mlflow.pyfunc.log_model(python_model=Adder(summand), pip_requirements=[], **{"name": "adder"} | changes)


def test_models_are_logged_loaded_and_registered(both: Both) -> None:
    from sklearn.linear_model import LinearRegression

    @both.answer_the_same
    def models_loaded(on: ModelJourney) -> None:
        x = pandas.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 1.0, 0.0]})
        fitted = LinearRegression().fit(x, [1.0, 3.0, 4.0])
        given = {"pip_requirements": [], "input_example": x.head(1), "signature": infer_signature(x, fitted.predict(x))}
        with mlflow.start_run() as run:
            info = mlflow.sklearn.log_model(
                fitted, name="line", registered_model_name=f"{on.name} line", params={"depth": 3},
                tags={"team": "vision"}, metadata={"made": "here"}, model_type="regressor", **given,
            )  # fmt: skip
            on.see("info", info)
            on.see("last", mlflow.last_logged_model)
            mlflow.sklearn.log_model(fitted, name="line", step=7, **given)
            mlflow.sklearn.log_model(fitted, artifact_path="in the old way", pip_requirements=[])
        outside = mlflow.sklearn.log_model(fitted, name="outside", pip_requirements=[])
        on.see("active run", mlflow.active_run)
        mlflow.end_run()
        on.see("registered", lambda: mlflow.register_model(info.model_uri, f"{on.name} line", tags={"k": "v"}))
        on.see("by run", lambda: mlflow.register_model(f"runs:/{run.info.run_id}/line", f"{on.name} of run"))
        mlflow.MlflowClient().set_registered_model_alias(f"{on.name} line", "champion", "2")
        for uri in (
            info.model_uri, outside.model_uri, f"runs:/{run.info.run_id}/line", f"models:/{on.name} line/1",
            f"models:/{on.name} line@champion", f"models:/{on.name} line/latest",
        ):  # fmt: skip
            loaded = mlflow.pyfunc.load_model(uri)
            on.see(f"predicted by {on.text(uri)}", loaded.predict(x))
            on.see(f"metadata of {on.text(uri)}", loaded.metadata)
            on.see(f"model id of {on.text(uri)}", loaded.model_id)
            on.see(f"files of {on.text(uri)}", files(uri))
            on.see(f"coefficients of {on.text(uri)}", mlflow.sklearn.load_model(uri).coef_)
            on.see(f"info of {on.text(uri)}", mlflow.models.get_model_info(uri))
        on.see("what loading leaves", sorted(path.name for path in Path(str(outside.artifact_path)).glob(LOADED)))
        on.see("a file", lambda: mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/line/python_env.yaml"))
        on.see("files of the run", lambda: files(f"runs:/{run.info.run_id}"))
        on.see("example", lambda: mlflow.pyfunc.load_model(info.model_uri).input_example)
        on.refused(
            "wrong input", lambda: mlflow.pyfunc.load_model(info.model_uri).predict(pandas.DataFrame({"a": [1]}))
        )
        for uri in (
            "models:/m-00000000000000000000000000000000", "models:/none/1", f"models:/{on.name} line/9",
            f"models:/{on.name} line@none", f"models:/{on.name} line/Production", f"runs:/{run.info.run_id}/none",
            "runs:/00000000000000000000000000000000/line", "models:/",
        ):  # fmt: skip
            on.refused(f"load {on.text(uri)}", lambda u=uri: mlflow.pyfunc.load_model(u))
            on.refused(f"register {on.text(uri)}", lambda u=uri: mlflow.register_model(u, f"{on.name} refused"))


def files(uri: str) -> list[tuple[str, bool]]:
    """All that is listed below a place."""
    found = []
    repository = mlflow.artifacts.get_artifact_repository(uri)
    folders = [None]
    while folders:
        for one in repository.list_artifacts(folders.pop()):
            if one.path != LOADED:
                found.append((one.path, one.is_dir))
            if one.is_dir:
                folders.append(one.path)
    return sorted(found)


def test_models_of_plain_python_and_of_code(both: Both) -> None:
    from model_samples import DOUBLE, double_all

    @both.answer_the_same
    def models_of_python(on: ModelJourney) -> None:
        Path("double.py").write_text(DOUBLE)
        Path("factor.txt").write_text("2.5")
        x = pandas.DataFrame({"a": [1.0, 2.0]})
        numbers = Schema([ColSpec("double", "a")])
        signature = ModelSignature(numbers, numbers, infer_signature(params={"more": 5.0}).params)
        added = log_adder(3.0, signature=signature, registered_model_name=on.name, input_example=x)
        of_code = mlflow.pyfunc.log_model(
            name="double", python_model="double.py", artifacts={"factor": "factor.txt"}, pip_requirements=["numpy"],
            code_paths=["double.py"],
        )  # fmt: skip
        of_function = mlflow.pyfunc.log_model(
            name="function", python_model=double_all, pip_requirements=[], input_example=[1.0]
        )
        for name, info in (("class", added), ("code", of_code)):
            on.see(f"predicted by {name}", mlflow.pyfunc.load_model(info.model_uri).predict(x))
            on.see(f"signature of {name}", info.signature)
        on.see(
            "predicted with a param", lambda: mlflow.pyfunc.load_model(added.model_uri).predict(x, params={"more": 1.0})
        )
        on.see("predicted by function", lambda: mlflow.pyfunc.load_model(of_function.model_uri).predict([2.0]))
        on.see("class", lambda: type(mlflow.pyfunc.load_model(added.model_uri).unwrap_python_model()).__name__)
        mlflow.models.set_signature(of_code.model_uri, infer_signature(x, x))
        on.see("new signature", lambda: mlflow.models.get_model_info(of_code.model_uri).signature)
        mlflow.models.predict(
            added.model_uri, input_data=x, content_type="json", output_path="predicted.json", env_manager="local"
        )
        on.see("predicted by the command", lambda: Path("predicted.json").read_text())
        on.see("requirements", lambda: Path(mlflow.pyfunc.get_model_dependencies(of_code.model_uri)).read_text())


def test_models_are_found_by_what_was_measured_of_them(both: Both) -> None:
    @both.answer_the_same
    def models_searched(on: ModelJourney) -> None:
        other = mlflow.create_experiment(f"{on.name} other", artifact_location=str(on.folder / "elsewhere"))
        data = {name: mlflow.data.from_pandas(pandas.DataFrame({"x": [n]}), name=name) for n, name in enumerate("ab")}
        with mlflow.start_run():
            for data_name in data:
                mlflow.log_input(data[data_name], context="eval")
            for number in range(6):
                model = external(f"m{number}", {"depth": str(number), "kind": "x'y"}, tags={"even": str(number % 2)})
                for name in data:
                    value = float(number if name == "a" else -number)
                    mlflow.log_metric("loss", value, step=number, model_id=model.model_id, dataset=data[name])
                mlflow.log_metrics({"accuracy": number / 2, "loss": 9.0}, step=10, model_id=model.model_id)
                if number == 5:
                    mlflow.log_metric("loss", numpy.nan, step=11, model_id=model.model_id)
                    mlflow.log_metric("rare", numpy.inf, model_id=model.model_id)
        external("elsewhere", experiment_id=other)
        both_experiments = [mlflow.get_experiment_by_name(on.name).experiment_id, other]

        def search(**query):
            return mlflow.search_logged_models(output_format="list", **query)

        on.see("all", lambda: search())
        on.see("as a table", lambda: mlflow.search_logged_models(order_by=[{"field_name": "name"}]))
        on.see("of both experiments", lambda: [one.name for one in search(experiment_ids=both_experiments)])
        for wanted in (
            "name = 'm1'", "name LIKE 'm%' AND params.depth = '2'", "name ILIKE 'M1'", "tags.even = '1'",
            "params.`kind` = 'x''y'", "metrics.loss > 3", "metrics.accuracy >= 1 AND metrics.accuracy < 2",
            "status = 'READY'", "status = 'PENDING'", "source_run_id IS NULL", "model_type = 'external'",
            "creation_timestamp > 0", "name IN ('m1', 'm3')", "name NOT IN ('m1')", "model_id = 'x'",
            "attributes.name != 'm1'", "metrics.rare > 1", "params.depth = '1' OR name = 'm2'",
        ):  # fmt: skip
            on.note(f"where {wanted}", lambda w=wanted: sorted(one.name for one in search(filter_string=w)))
        for wanted in ("name", "name ~ 'x'", "loss > 1", "metrics.loss > 'x'", "params.depth = 1", "unknown = 'x'"):
            on.note(f"where {wanted}", lambda w=wanted: sorted(one.name for one in search(filter_string=w)))
        for order in (
            {"field_name": "metrics.loss"}, {"field_name": "metrics.loss", "ascending": False},
            {"field_name": "metrics.loss", "dataset_name": "a", "ascending": False},
            {"field_name": "metrics.loss", "dataset_name": "b", "dataset_digest": data["b"].digest},
            {"field_name": "metrics.rare"}, {"field_name": "name", "ascending": False},
            {"field_name": "creation_timestamp"}, {"field_name": "last_updated_timestamp", "ascending": False},
            {"field_name": "metrics.loss", "dataset_name": "none"}, {"field_name": "params.depth"}, {"ascending": True},
            {"field_name": "unknown"}, {"field_name": "metrics.loss", "dataset_digest": "d"},
        ):  # fmt: skip
            on.note(f"by {order}", lambda o=order: [one.name for one in search(order_by=[o])])
        for given in ([{"dataset_name": "a"}], [{"dataset_name": "b", "dataset_digest": "none"}], [{}], [{"x": "y"}]):
            on.note(
                f"of {given}",
                lambda g=given: [one.name for one in search(datasets=g, filter_string="metrics.loss > 2")],
            )
        page = on.see("page", lambda: on.client.search_logged_models(both_experiments, max_results=4))
        rest = {"max_results": 4, "page_token": page.token}
        on.see("next page", lambda: on.client.search_logged_models(both_experiments, **rest))
        on.refused("another page", lambda: on.client.search_logged_models(both_experiments[:1], **rest))
        on.note("no page", lambda: on.client.search_logged_models(both_experiments, page_token="x"))
        on.note("too many", lambda: search(max_results=100_000))
        on.note("none", lambda: search(max_results=0))


def external(name: str, params: dict[str, str] | None = None, **changes):
    """A model that lies somewhere else."""
    return mlflow.create_external_model(name=name, params=params, **changes)


def test_models_without_files_and_what_is_set_on_them(both: Both) -> None:
    @both.answer_the_same
    def models_without_files(on: ModelJourney) -> None:
        on.see("external", lambda: external("outside", {"a": "1"}, tags={"t": "1"}, model_type="agent"))
        begun = on.see("begun", lambda: mlflow.initialize_logged_model(name="begun", tags={"k": 1}, params={"p": "1"}))
        on.see("last", mlflow.last_logged_model)
        mlflow.log_model_params({"q": "2", "long": "x" * 501}, model_id=begun.model_id)
        on.see("ready", lambda: mlflow.finalize_logged_model(begun.model_id, "READY"))
        on.note("ready again", lambda: mlflow.finalize_logged_model(begun.model_id, "FAILED"))
        on.refused("no status", lambda: mlflow.finalize_logged_model(begun.model_id, "DONE"))
        mlflow.set_logged_model_tags(begun.model_id, {"a": 1, "k": "new", "long": "y" * 10_000})
        mlflow.delete_logged_model_tag(begun.model_id, "a")
        on.refused("tag that is not there", lambda: mlflow.delete_logged_model_tag(begun.model_id, "a"))
        on.refused("param again", lambda: mlflow.log_model_params({"p": "2"}, model_id=begun.model_id))
        on.refused("param of none", lambda: mlflow.log_model_params({"p": "2"}))
        on.see("got", lambda: mlflow.get_logged_model(begun.model_id))
        for name in ("", "a/b", "a:b", "a.b", "a%b", "a'b", 'a"b', "x" * 501):
            on.note(f"named {name[:5]!r}", lambda n=name: mlflow.initialize_logged_model(name=n).name)
        on.refused("unknown experiment", lambda: mlflow.initialize_logged_model(name="m", experiment_id="99999"))
        unknown = "m-00000000000000000000000000000000"
        for name, call in {
            "get": lambda: mlflow.get_logged_model(unknown),
            "finalize": lambda: mlflow.finalize_logged_model(unknown, "READY"),
            "tag": lambda: mlflow.set_logged_model_tags(unknown, {"a": "1"}),
            "untag": lambda: mlflow.delete_logged_model_tag(unknown, "a"),
            "params": lambda: mlflow.log_model_params({"a": "1"}, model_id=unknown),
            "delete": lambda: on.client.delete_logged_model(unknown),
            "activate": lambda: mlflow.set_active_model(model_id=unknown),
            "log": lambda: mlflow.log_metric("m", 1.0, model_id=unknown),
        }.items():
            on.refused(f"{name} unknown", call)
        mlflow.end_run()
        with mlflow.set_active_model(name="active") as active:
            on.see("active", mlflow.get_logged_model(active.model_id))
            on.see("active id", mlflow.get_active_model_id)
            mlflow.log_model_params({"by": "the active one"})
            mlflow.log_metric("m", 0.5, step=3)
            on.see("traced", lambda: double_traced(2))
            mlflow.flush_trace_async_logging()
            traces = mlflow.search_traces(model_id=active.model_id, return_type="list")
            on.see("traces of it", lambda: [[span.outputs for span in trace.data.spans] for trace in traces])
            on.see("metadata of its trace", lambda: traces[0].info.request_metadata["mlflow.modelId"])
        on.see("none active", mlflow.get_active_model_id)
        mlflow.set_active_model(model_id=begun.model_id)
        on.see("the other active", mlflow.get_active_model_id)
        mlflow.clear_active_model()


@mlflow.trace
def double_traced(x: int) -> int:
    """A function whose calls are traced."""
    return 2 * x


def test_runs_name_the_models_that_they_made_and_used(both: Both) -> None:
    @both.answer_the_same
    def models_of_runs(on: ModelJourney) -> None:
        data = mlflow.data.from_pandas(pandas.DataFrame({"x": [1, 2]}), name="points", targets="x")
        with mlflow.start_run(run_name="training") as run:
            mlflow.log_input(data, context="training")
            made = on.see("made", [mlflow.initialize_logged_model(name=f"step {step}") for step in range(3)])
            mlflow.log_outputs([LoggedModelOutput(one.model_id, step) for step, one in enumerate(made)])
            mlflow.log_metric("loss", 0.5, step=1, model_id=made[0].model_id, dataset=data)
            mlflow.log_metrics({"loss": 0.25, "accuracy": 1.0}, step=2, model_id=made[1].model_id, dataset=data)
            mlflow.log_metric("loss", 0.1, step=3, dataset=data)
            on.see("the run", lambda: on.client.get_run(run.info.run_id))
        with mlflow.start_run(run_name="use"):
            mlflow.log_input(data, context="eval", model=LoggedModelInput(made[1].model_id), tags={"a": "b"})
            mlflow.log_inputs([data], ["again"], [{"c": "d"}])
            mlflow.log_metric("loss", 0.75, model_id=made[1].model_id, timestamp=5)
            mlflow.log_metric("late", 0.75, model_id=made[1].model_id, synchronous=False).wait()
        points = [Metric("m", n / 2, n, n, made[2].model_id, "points", data.digest, run.info.run_id) for n in range(5)]
        on.client.log_batch(run.info.run_id, metrics=points)
        on.client.log_batch(run.info.run_id, metrics=points)
        elsewhere = on.client.create_run("0").info.run_id
        on.refused("of no model", lambda: on.client.log_batch(elsewhere, [Metric("m", 1.0, 1, 1, "m-0")]))
        on.see("kept though it was refused", lambda: on.client.get_run(elsewhere).data.metrics)
        for model in made:
            on.see(f"metrics of {model.name}", lambda m=model: mlflow.get_logged_model(m.model_id).metrics)
        found = mlflow.search_runs(order_by=["start_time"])
        on.see("runs", lambda: found.drop(columns=[name for name in found if "time" in name]))
        on.client.delete_run(run.info.run_id)
        on.see(
            "models of a deleted run", lambda: [one.name for one in mlflow.search_logged_models(output_format="list")]
        )
        on.see("metrics of its model", lambda: mlflow.get_logged_model(made[1].model_id).metrics)


def test_registered_models_versions_aliases_and_stages(both: Both) -> None:
    @both.answer_the_same
    def models_registered(on: ModelJourney) -> None:
        client, name, other = on.client, f"{on.name} a", f"{on.name} b"
        info = log_adder()
        on.see("made", lambda: client.create_registered_model(name, {"team": "vision"}, "a note"))
        on.refused("made again", lambda: client.create_registered_model(name))
        for refused in ("", "a/b", "a:b", None):
            on.refused(f"named {refused!r}", lambda n=refused: client.create_registered_model(n))
        for number in range(4):
            tags = {"number": str(number), "even": str(number % 2)}
            made = {"source": info.model_uri, "run_id": None, "tags": tags, "description": f"number {number}"}
            on.see(f"version {number}", lambda m=made: client.create_model_version(name, **m, model_id=info.model_id))
        on.see("from a place", lambda: client.create_model_version(name, source=info.artifact_path))
        on.refused("of none", lambda: client.create_model_version("none", info.model_uri))
        on.refused("from none", lambda: client.create_model_version(name, "models:/m-00000000000000000000000000000000"))
        for alias, version in (("champion", 1), ("challenger", "2"), ("champion", "3")):
            client.set_registered_model_alias(name, alias, version)
        on.see("by alias", lambda: client.get_model_version_by_alias(name, "champion"))
        on.refused("alias latest", lambda: client.set_registered_model_alias(name, "latest", "1"))
        on.refused("alias v1", lambda: client.set_registered_model_alias(name, "v1", "1"))
        on.refused("alias of no version", lambda: client.set_registered_model_alias(name, "x", "99"))
        client.delete_registered_model_alias(name, "challenger")
        on.refused("by an alias that was deleted", lambda: client.get_model_version_by_alias(name, "challenger"))
        client.set_model_version_tag(name, "1", "k", "v")
        client.delete_model_version_tag(name, "1", "k")
        on.note("tag that is not there", lambda: client.delete_model_version_tag(name, "1", "k"))
        on.refused("tag of no version", lambda: client.set_model_version_tag(name, "99", "k", "v"))
        client.set_registered_model_tag(name, "k", "v")
        client.delete_registered_model_tag(name, "team")
        on.see("note", lambda: client.update_model_version(name, "2", "another note"))
        on.see("note of all", lambda: client.update_registered_model(name, "another note"))
        for version, stage in ((1, "Staging"), (2, "Production"), (3, "production"), (4, "Archived"), (4, "Nowhere")):
            on.note(
                f"{version} to {stage}",
                lambda v=version, s=stage: client.transition_model_version_stage(name, str(v), s, True),
            )
        for stages in (None, ["Production"], ["None", "Archived"], ["Nowhere"]):
            on.note(f"newest of {stages}", lambda s=stages: client.get_latest_versions(name, s))
        on.see("stages", lambda: client.get_model_version_stages(name, "1"))
        on.see("place", lambda: client.get_model_version_download_uri(name, "1"))
        for copied in (f"models:/{name}/2", f"models:/{name}@champion"):
            on.see(f"copy of {copied}", lambda c=copied: client.copy_model_version(c, other))
        on.refused("copy of none", lambda: client.copy_model_version(f"models:/{name}/99", other))
        on.refused("copy of a run", lambda: client.copy_model_version("runs:/x/y", other))
        on.see(
            "predicted by the copy",
            lambda: mlflow.pyfunc.load_model(f"models:/{other}/1").predict(pandas.DataFrame({"a": [1]})),
        )
        for wanted in (
            f"name = '{name}'", f"name LIKE '{on.name}%'", "tags.k = 'v'", "name ILIKE '%A'", "run_id = 'x'", "x",
        ):  # fmt: skip
            on.note(f"models where {wanted}", lambda w=wanted: _named(client.search_registered_models(w), on.name))
        order = ["version_number DESC", "name"]
        for wanted in (
            f"name = '{name}' AND tags.even = '1'", f"name = '{name}' AND version_number > 2",
            f"source_path = '{info.model_uri}'", "run_id IN ('a', 'b')", f"name LIKE '{on.name}%'",
            f"name='{name}' AND current_stage = 'Production'", "tags.k",
        ):  # fmt: skip
            found = on.of(lambda w=wanted: client.search_model_versions(w, order_by=order))
            on.see(f"versions where {on.text(wanted)}", found)
        page = on.see("page", lambda: client.search_model_versions(f"name = '{name}'", 2, ["version_number"]))
        more = {"max_results": 2, "order_by": ["version_number"], "page_token": page.token}
        on.see("next page", lambda: client.search_model_versions(f"name = '{name}'", **more))
        on.note("order", lambda: client.search_registered_models("", order_by=["nothing"]))
        on.note("too many", lambda: client.search_registered_models(max_results=100_000))
        on.see("as one sees them", lambda: mlflow.search_model_versions(filter_string=f"name = '{other}'"))
        on.see("renamed", lambda: client.rename_registered_model(other, f"{on.name} c"))
        on.refused("renamed to a taken name", lambda: client.rename_registered_model(f"{on.name} c", name))
        client.delete_model_version(name, "3")
        on.refused("version that was deleted", lambda: client.get_model_version(name, "3"))
        on.refused("its alias", lambda: client.get_model_version_by_alias(name, "champion"))
        on.see("next version", lambda: client.create_model_version(name, info.model_uri).version)
        client.delete_registered_model(f"{on.name} c")
        on.refused("model that was deleted", lambda: client.get_registered_model(f"{on.name} c"))
        on.see("its versions", lambda: client.search_model_versions(f"name = '{on.name} c'"))


def _named(found, name: str) -> list[str]:
    return [one.name for one in found if one.name.startswith(name)]


def test_models_are_deleted_and_collected(both: Both) -> None:
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


def test_a_run_with_a_longer_id_than_mlflow_gives_has_models_too(opened: Opened, fluent: str) -> None:
    run_id = "a-run-that-was-given-a-name-for-its-id-00"
    run = Experiment(Workspace.open(opened.address), "long").start_logging(
        run_id=run_id, outputs=False, snapshot_directory=None
    )
    experiment_id = mlflow.set_experiment("long").experiment_id
    data = mlflow.data.from_pandas(pandas.DataFrame({"x": [1]}), name="points")
    with mlflow.start_run(run_id=run_id):
        info = log_adder(registered_model_name="long")
        mlflow.log_metric("loss", 0.5, step=3, model_id=info.model_id, dataset=data)
    run.complete()
    (found,) = mlflow.search_logged_models(filter_string=f"source_run_id = '{run_id}'", output_format="list")
    assert [(one.key, one.value, one.run_id) for one in found.metrics] == [("loss", 0.5, run_id)]
    for uri in (f"runs:/{run_id}/adder", "models:/long/1", f"models:/{info.model_id}"):
        assert mlflow.pyfunc.load_model(uri).predict(pandas.DataFrame({"a": [1]}))["a"].tolist() == [2.0]
    client = mlflow.MlflowClient()
    assert [one.run_id for one in client.search_model_versions(f"run_id = '{run_id}'")] == [run_id]
    store = client._tracking_client.store
    issue = store.create_issue(experiment_id=experiment_id, name="n", description="d", source_run_id=run_id)

    client.delete_run(run_id)
    assert collect(fluent) == [f"Run with ID {run_id} has been permanently deleted.", "None"]
    assert mlflow.get_logged_model(info.model_id).metrics in (None, [])
    assert store.get_issue(issue.issue_id).source_run_id is None
    client.delete_logged_model(info.model_id)
    assert collect(fluent) == [f"Logged model with ID {info.model_id} has been permanently deleted.", "None"]
    with pytest.raises(MlflowException, match="not found"):
        mlflow.get_logged_model(info.model_id)
