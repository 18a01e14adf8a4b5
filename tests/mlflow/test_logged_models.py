"""Logged models, their files and MLflow's messages are the same on MLflow's own store and on a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy
import pandas
import pytest
from mlflow.entities import LoggedModelInput, LoggedModelOutput, Metric
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema
from model_journeys import LOADED, Both, ModelJourney

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*")]  # warnings of MLflow and scikit-learn


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
    """Return all paths below an artifact location."""
    found = []
    repository = mlflow.artifacts.get_artifact_repository(uri)
    folders: list[str | None] = [None]
    while folders:
        for one in repository.list_artifacts(folders.pop()):
            if one.path != LOADED:
                found.append((one.path, one.is_dir))
            if one.is_dir:
                folders.append(one.path)
    return sorted(found)


def test_models_of_plain_python_and_of_code(both: Both) -> None:
    from model_samples import DOUBLE, double_all, log_adder

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


def test_models_are_found_by_their_metrics(both: Both) -> None:
    @both.answer_the_same
    def models_searched(on: ModelJourney) -> None:
        other = mlflow.create_experiment(f"{on.name} other", artifact_location=str(on.folder / "elsewhere"))
        from_pandas = mlflow.data.from_pandas  # type: ignore[attr-defined]
        data = {name: from_pandas(pandas.DataFrame({"x": [n]}), name=name) for n, name in enumerate("ab")}
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
        asked: tuple[list[dict[str, str]], ...] = (
            [{"dataset_name": "a"}], [{"dataset_name": "b", "dataset_digest": "none"}], [{}], [{"x": "y"}],
        )  # fmt: skip
        for given in asked:
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
    """Create a model with files in another location."""
    return mlflow.create_external_model(name=name, params=params, **changes)


def test_models_without_files_and_their_params_and_tags(both: Both) -> None:
    @both.answer_the_same
    def models_without_files(on: ModelJourney) -> None:
        on.see("external", lambda: external("outside", {"a": "1"}, tags={"t": "1"}, model_type="agent"))
        tags: Any = {"k": 1}
        begun = on.see("begun", lambda: mlflow.initialize_logged_model(name="begun", tags=tags, params={"p": "1"}))
        on.see("last", mlflow.last_logged_model)
        mlflow.log_model_params({"q": "2", "long": "x" * 501}, model_id=begun.model_id)
        on.see("ready", lambda: mlflow.finalize_logged_model(begun.model_id, "READY"))
        on.note("ready again", lambda: mlflow.finalize_logged_model(begun.model_id, "FAILED"))
        on.refused("no status", lambda: mlflow.finalize_logged_model(begun.model_id, "DONE"))  # type: ignore[arg-type]
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


def test_runs_list_the_models_that_they_have_created_and_used(both: Both) -> None:
    @both.answer_the_same
    def models_of_runs(on: ModelJourney) -> None:
        points = pandas.DataFrame({"x": [1, 2]})
        data = mlflow.data.from_pandas(points, name="points", targets="x")  # type: ignore[attr-defined]
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
