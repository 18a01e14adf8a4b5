"""Write content for every page of MLflow's UI into any store, with MLflow's own calls."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import (
    AssessmentSource,
    DatasetInput,
    GatewayEndpointModelConfig,
    GatewayModelLinkageType,
    InputTag,
    LoggedModelOutput,
    Metric,
    RunTag,
)
from mlflow.genai.datasets import create_dataset
from mlflow.genai.judges import make_judge
from mlflow.genai.label_schemas import InputCategorical
from mlflow.genai.scorers import scorer
from PIL import Image

STARTED = int(time.time()) * 1000 - 3_600_000
"""The start of the first run: an hour ago, so that pages of the last days show it."""
POINTS = 3_000
MODEL = "artifact_path: model\nflavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"
HUMAN = AssessmentSource("HUMAN", "ada")


def track(uri: str) -> MlflowClient:
    """Make MLflow's fluent calls use a store, and return a client of it."""
    mlflow.set_tracking_uri(uri)
    return MlflowClient(uri)


def fill(uri: str) -> dict[str, str]:
    """Fill an empty store with runs only, and return their ids by the names that routes use."""
    client = track(uri)
    experiment = client.create_experiment("digits", tags={"team": "vision"})
    client.set_experiment_tag(experiment, "mlflow.note.content", "Digits, **read** by machines.")
    return {"experiment": experiment, **runs(client, experiment), **sweep(client)}


def fill_the_rest(uri: str, ids: dict[str, str], folder: Path) -> dict[str, str]:
    """Add everything that is not a run to a store with runs, and return the ids.

    Args:
        uri: the store.
        ids: the ids of its runs.
        folder: a folder for temporary files.
    """
    client, experiment = track(uri), ids["experiment"]
    mlflow.set_experiment(experiment_id=experiment)
    issue = client._tracking_client.store.create_issue(experiment, "says too little", "Answers are short.")
    made = models(client, ids, folder)
    made |= traces(experiment, issue.issue_id)
    made |= reviewed(client, experiment, made["trace"])
    made |= evaluated(client)
    made |= served(client)
    mlflow.flush_trace_async_logging()
    return made


def runs(client: MlflowClient, experiment: str) -> dict[str, str]:
    """Create runs with everything a run can have: curves, pictures, tables, files, a dataset, a child."""
    run = client.create_run(experiment, STARTED, {"mlflow.user": "ada"}, "cnn").info.run_id
    points = [Metric("loss", 1 / (1 + step / 100), STARTED + step, step) for step in range(POINTS)]
    points += [Metric("accuracy", 1 - 1 / (step + 2), STARTED + step, step) for step in range(30)]
    points += [Metric("system/cpu_utilization_percentage", 50 + step % 7, STARTED + step, step) for step in range(30)]
    for start in range(0, len(points), 1000):
        client.log_batch(run, metrics=points[start : start + 1000])
    client.log_batch(run, tags=[RunTag("team", "vision"), RunTag("mlflow.note.content", "The **first** one.")])
    client.log_text(run, "written by a test\n", "notes/readme.txt")
    client.log_text(run, "<h1>A report in HTML</h1>", "notes/report.html")
    client.log_text(run, "name,count\none,1\ntwo,2\n", "notes/rows.csv")
    client.log_dict(run, {"layers": [1, 2, 3]}, "notes/net.json")
    client.log_image(run, Image.new("RGB", (80, 60), "teal"), "pictures/teal.png")
    for step in range(2):
        client.log_image(run, np.full((30, 40, 3), 90 * step, np.uint8), key="grey", step=step, timestamp=STARTED)
    data = mlflow.data.from_numpy(np.arange(6.0), name="six_numbers")._to_mlflow_entity()  # type: ignore[attr-defined]
    client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    child = client.create_run(experiment, STARTED + 1000, {"mlflow.parentRunId": run}, "cnn_child").info.run_id
    client.set_terminated(child, "FAILED", STARTED + 2000)
    other = client.create_run(experiment, STARTED + 2000, None, "svm").info.run_id
    client.log_metric(other, "accuracy", 0.75, STARTED + 2000, 0)
    for one, kind, rate, answer in ((run, "convolutional", 0.015625, "two"), (other, "linear", 0.5, "three")):
        client.log_param(one, "kind", kind)
        client.log_param(one, "learning_rate", rate)
        client.log_table(one, {"question": ["one and one"], "answer": [answer]}, "tables/answers.json")
        client.set_terminated(one, end_time=STARTED + 60_000)
    return {"run": run, "child": child, "other": other}


def sweep(client: MlflowClient) -> dict[str, str]:
    """Create four runs that differ in two params, in an experiment of their own."""
    experiment = client.create_experiment("sweep")
    for number in range(4):
        began = STARTED + 5000 + number * 1000
        run = client.create_run(experiment, began, {"half": "ab"[number % 2]}, f"try_{number}").info.run_id
        client.log_param(run, "width", 2**number)
        client.log_param(run, "depth", number % 2)
        client.log_batch(run, [Metric("score", number + step / 20, began + step, step) for step in range(20)])
        client.set_terminated(run, end_time=began + 5000)
    return {"sweep": experiment, "empty": client.create_experiment("empty")}


def models(client: MlflowClient, ids: dict[str, str], folder: Path) -> dict[str, str]:
    """Create a logged model, a registered model with two versions, and a prompt with two versions."""
    model = client.create_logged_model(ids["experiment"], "classifier", ids["run"], {"team": "vision"}, {"layers": "3"})
    described = folder / "MLmodel"
    described.write_text(f"{MODEL}model_id: {model.model_id}\n")
    client.log_model_artifact(model.model_id, str(described))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(ids["run"], [LoggedModelOutput(model.model_id, 0)])
    data = mlflow.data.from_numpy(np.arange(4.0), name="four_numbers")  # type: ignore[attr-defined]
    linked = {"model_id": model.model_id, "dataset_name": data.name, "dataset_digest": data.digest}
    client.log_metric(ids["run"], "test_accuracy", 0.96875, timestamp=STARTED + 50, step=0, **linked)
    client.create_registered_model("digit_reader", {"team": "vision"}, "Reads **digits**.")
    for run in (ids["run"], ids["other"]):
        made = client.create_model_version("digit_reader", model.artifact_location, run, model_id=model.model_id)
        client.set_model_version_tag("digit_reader", made.version, "checked", "yes")
    client.set_registered_model_alias("digit_reader", "champion", "2")
    client.register_prompt("greeting", "hello {{name}}", "first words", tags={"team": "vision"})
    client.register_prompt("greeting", "good morning {{name}}", "politer words")
    client.set_prompt_alias("greeting", "polite", 2)
    return {"model": model.model_id}


def traces(experiment: str, issue: str) -> dict[str, str]:
    """Create two traces of one session with assessments, and a failed trace."""
    made = []
    session = {"mlflow.trace.session": "chat", "mlflow.trace.user": "ada"}
    for number, question in enumerate(("what is one", "what is two", "what is broken")):
        start = (STARTED + number * 1000) * 1_000_000
        place: dict[str, Any] = {"metadata": session, "experiment_id": experiment, "start_time_ns": start}
        root = mlflow.start_span_no_context("answer", "CHAIN", None, {"question": question}, **place)
        found = [{"page_content": f"{number} is found", "id": "1"}]
        inner = mlflow.start_span_no_context("lookup", "RETRIEVER", root, question, start_time_ns=start + 1_000_000)
        inner.end(found, end_time_ns=start + 20_000_000)
        root.end({"answer": f"it is {number}"}, status="ERROR" if number == 2 else "OK", end_time_ns=start + 70_000_000)
        made.append(root.trace_id)
    mlflow.flush_trace_async_logging()
    mlflow.log_feedback(trace_id=made[0], name="helpful", value=True, source=HUMAN, rationale="it answers the question")
    mlflow.log_expectation(trace_id=made[0], name="expected_answer", value="one", source=HUMAN)
    mlflow.log_issue(trace_id=made[1], issue_id=issue, issue_name="says too little", source=HUMAN)
    return {"trace": made[0], "second_trace": made[1], "failed_trace": made[2]}


def reviewed(client: MlflowClient, experiment: str, trace: str) -> dict[str, str]:
    """Create the objects for reviews of traces: a judge, a label schema, a queue with a trace."""
    store = client._tracking_client.store
    judge = make_judge("brief", "Is {{ outputs }} brief?", "openai:/gpt-4", feedback_value_type=bool)
    judge.register(experiment_id=experiment)
    tones = InputCategorical(["kind", "rude"])
    schema = store.create_label_schema(experiment, name="tone", type="feedback", input=tones)
    queue = store.create_review_queue(
        experiment, name="to_read", queue_type="custom", created_by="ada", users=["ada"], schema_ids=[schema.schema_id]
    )
    store.get_or_create_user_queue(experiment, user="default")  # the UI creates it when it lists all queues
    store.add_items_to_review_queue(queue.queue_id, item_ids=[trace])
    return {"queue": queue.queue_id}


def evaluated(client: MlflowClient) -> dict[str, str]:
    """Create a dataset for evaluations, and a run that used it, in an experiment of their own."""
    experiment = client.create_experiment("sums")
    mlflow.set_experiment(experiment_id=experiment)
    data = create_dataset("sums_of_two", experiment, {"team": "vision"})
    data.merge_records([{"inputs": {"question": "one and one"}, "expectations": {"expected_response": "two"}}])

    @scorer
    def is_right(outputs: str, expectations: dict[str, str]) -> bool:
        return outputs == expectations["expected_response"]

    run = client.create_run(experiment, STARTED, run_name="evaluation").info.run_id
    with mlflow.start_run(run_id=run):
        mlflow.genai.evaluate(data=data, predict_fn=lambda question: "two", scorers=[is_right])
    client.set_terminated(run, end_time=STARTED + 60_000)
    return {"sums": experiment, "dataset": data.dataset_id, "evaluation": run}


def served(client: MlflowClient) -> dict[str, str]:
    """Create a webhook, an MCP server and an endpoint of the gateway, which are never called."""
    store = client._tracking_client.store
    client.create_webhook("told", "https://1.1.1.1/told", ["prompt.created"], "tells somebody", status="DISABLED")
    server = {"name": "io.example/tools", "version": "1.0.0", "description": "Tools for digits"}
    store.create_mcp_server_version(server)
    secret = store.create_gateway_secret("key_of_ada", {"api_key": "none"}, "openai")
    definition = store.create_gateway_model_definition("four", secret.secret_id, "openai", "gpt-4")
    use = GatewayEndpointModelConfig(definition.model_definition_id, GatewayModelLinkageType.PRIMARY)
    endpoint = store.create_gateway_endpoint("chat_endpoint", [use], usage_tracking=False)
    return {"endpoint": endpoint.endpoint_id}
