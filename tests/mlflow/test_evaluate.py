"""Evaluations of models, tables and answers give the same on MLflow's own store and on a workspace."""

from __future__ import annotations

from typing import Any

import mlflow
import numpy
import pandas
import pytest
from model_journeys import Both, ModelJourney

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*")]  # warnings of MLflow and scikit-learn

X = pandas.DataFrame({"a": numpy.arange(12.0), "b": numpy.arange(12.0) % 3})
CLASSES = X.assign(label=[0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1])
VALUES = X.assign(label=2 * X["a"] - X["b"] + 1)


def test_classifiers_and_regressors(both: Both) -> None:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    @both.answer_the_same
    def models_evaluated(on: ModelJourney) -> None:
        classifier = LogisticRegression().fit(X.to_numpy(), CLASSES["label"])
        regressor = LinearRegression().fit(X.to_numpy(), VALUES["label"])
        given = {"evaluators": "default", "evaluator_config": {"log_model_explainability": False}}
        as_table = given | {"targets": "label"}
        with mlflow.start_run(run_name="classifier"):
            info = mlflow.sklearn.log_model(classifier, name="classifier", pip_requirements=[])
            data = mlflow.data.from_pandas(CLASSES, name="classes", targets="label")  # type: ignore[attr-defined]
            seen(on, "classifier", mlflow.models.evaluate(info.model_uri, data, model_type="classifier", **given))
        with mlflow.start_run(run_name="regressor"):
            mlflow.sklearn.log_model(regressor, name="regressor", registered_model_name=on.name, pip_requirements=[])
            extra = mlflow.models.make_metric(eval_fn=largest_error, greater_is_better=False)
            with_more = {"extra_metrics": [extra], "custom_artifacts": [errors]}
            uri = f"models:/{on.name}/1"
            seen(on, "regressor", mlflow.evaluate(uri, VALUES, model_type="regressor", **as_table, **with_more))
        mlflow.models.evaluate(info.model_uri, CLASSES, model_type="classifier", **as_table)
        on.see("the run that it made", mlflow.last_active_run().info.status)
        mlflow.end_run()
        with mlflow.start_run(run_name="limits") as run:
            result = mlflow.models.evaluate(info.model_uri, CLASSES, model_type="classifier", **as_table)
            worse = mlflow.models.evaluate(lambda x: numpy.zeros(len(x)), CLASSES, model_type="classifier", **as_table)
            limit = {"accuracy_score": mlflow.models.MetricThreshold(threshold=0.99, greater_is_better=True)}
            on.refused("too bad", lambda: mlflow.validate_evaluation_results(limit, worse, result))
        model = mlflow.get_logged_model(info.model_id)
        on.see("measured of the model", sorted({(one.key, one.dataset_name) for one in model.metrics}, key=str))
        on.see("data of the run", on.client.get_run(run.info.run_id).inputs)
        on.refused(
            "no such model",
            lambda: mlflow.models.evaluate("models:/none/1", VALUES, model_type="regressor", **as_table),
        )


def largest_error(predictions: pandas.Series, targets: pandas.Series, metrics: dict[str, Any]) -> float:
    """A custom metric."""
    return float(abs(predictions - targets).max())


def errors(eval_df: pandas.DataFrame, builtin_metrics: dict[str, float], artifacts_dir: str) -> dict[str, Any]:
    """Custom artifacts."""
    return {"errors": (eval_df["prediction"] - eval_df["target"]).round(6).to_dict(), "count": [len(eval_df)]}


def seen(on: ModelJourney, name: str, result: mlflow.models.EvaluationResult) -> None:
    on.see(f"{name}: metrics", result.metrics)
    on.see(f"{name}: artifacts", {key: [one.uri, str(type(one.content))] for key, one in result.artifacts.items()})
    on.see(f"{name}: tables", {key: one for key, one in result.tables.items()})


def test_tables_of_predictions(both: Both) -> None:
    @both.answer_the_same
    def tables_evaluated(on: ModelJourney) -> None:
        predicted = VALUES.assign(guess=VALUES["label"] + 0.5)
        from_pandas = mlflow.data.from_pandas  # type: ignore[attr-defined]
        data = from_pandas(predicted, predictions="guess", targets="label", name="guesses")
        with mlflow.start_run(run_name="data set"):
            seen(on, "data set", mlflow.models.evaluate(data=data, model_type="regressor"))
        model = mlflow.create_external_model(name="elsewhere")
        with mlflow.start_run(run_name="external"):
            given = {"targets": "label", "predictions": "guess", "model_type": "regressor", "model_id": model.model_id}
            seen(on, "external", mlflow.models.evaluate(data=predicted, **given))
        on.see("measured", mlflow.get_logged_model(model.model_id).metrics)
        words = pandas.DataFrame({"question": ["1 + 1?", "2 + 2?"], "answer": ["2", "5"], "truth": ["2", "4"]})
        with mlflow.start_run(run_name="words"):
            metrics = [mlflow.metrics.exact_match()]
            result = mlflow.evaluate(data=words, predictions="answer", targets="truth", extra_metrics=metrics)
            seen(on, "words", result)


def test_answers_with_scorers_of_plain_python(both: Both) -> None:
    from mlflow.entities import Feedback
    from mlflow.genai.scorers import scorer

    @scorer
    def same(outputs: str, expectations: dict[str, Any]) -> bool:
        return outputs == expectations["answer"]

    @scorer
    def length(inputs: dict[str, Any], outputs: str) -> Feedback:
        return Feedback(value=len(outputs), rationale=f"{inputs['question']} has {outputs}")

    @scorer
    def broken(outputs: str) -> bool:
        raise ZeroDivisionError("of one's own")

    @both.answer_the_same
    def answers_evaluated(on: ModelJourney) -> None:
        rows = [
            {"inputs": {"question": f"{n} + 1"}, "outputs": str(n + 1), "expectations": {"answer": str(n + n % 2)}}
            for n in range(3)
        ]
        found = mlflow.genai.evaluate(data=rows, scorers=[same, length, broken])
        on.see("metrics", found.metrics)
        on.see("run", on.client.get_run(found.run_id).data.to_dictionary())
        traces = mlflow.search_traces(run_id=found.run_id, return_type="list")
        on.see("assessments", sorted(map(assessed, traces)))
        asked = [{"inputs": one["inputs"], "expectations": one["expectations"]} for one in rows]
        again = mlflow.genai.evaluate(data=asked, scorers=[same], predict_fn=add_one)
        on.see("metrics of a function", again.metrics)
        traces = mlflow.search_traces(run_id=again.run_id, return_type="list")
        on.see("its traces", sorted((trace.data.spans[0].outputs, assessed(trace)) for trace in traces))
        dataset = mlflow.genai.create_dataset(
            f"{on.name} questions", experiment_id=mlflow.get_experiment_by_name(on.name).experiment_id
        )
        dataset.merge_records(asked)
        on.see("metrics of a data set", mlflow.genai.evaluate(data=dataset, scorers=[same], predict_fn=add_one).metrics)


@mlflow.trace
def add_one(question: str) -> str:
    """Return the answer to a question."""
    return str(int(question.split()[0]) + 1)


def assessed(trace: Any) -> list[tuple[str, str]]:
    """Return the names and values of all assessments of a trace."""
    return sorted((one.name, str(one.value), str(one.rationale)) for one in trace.info.assessments)
