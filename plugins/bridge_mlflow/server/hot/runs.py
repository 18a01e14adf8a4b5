"""The calls of MLflow's REST API for runs, params, tags and inputs."""

from __future__ import annotations

from typing import Any

from bridge_mlflow import queries, runs
from bridge_mlflow.server.hot import answers, messages
from bridge_mlflow.server.hot.answers import Json
from bridge_mlflow.server.hot.asking import Asked
from bridge_mlflow.server.hot.checks import array, array_of_texts, at_most, integer, required, text
from bridge_mlflow.server.hot.experiments import NEEDED, labels
from bridge_mlflow.server.hot.limits import PageTokens, check_query, check_search
from bridge_mlflow.server.hot.workspace import HotWorkspace
from bridge_mlflow.translate.given import GivenDataset, GivenInput, GivenModel, Label

MOST_RUNS = 50_000
RUN = {"run_id": NEEDED}
LABEL = {"run_id": NEEDED, "key": NEEDED, "value": (text,)}


def create(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(
        messages.CREATE_RUN, {"experiment_id": (text,), "start_time": (integer,), "run_name": (text,)}
    )
    user = values.get("user_id", "")
    if asked.caller.user is not None and not asked.caller.may("admin"):  # an admin may copy the runs of others
        user = asked.caller.user
    record = runs.create_run(
        workspace,
        values.get("experiment_id", ""),
        user,
        values.get("start_time", 0),
        labels(values.get("tags")),
        values.get("run_name", ""),
    )
    return {"run": answers.new_run(record, workspace.artifact_uri(record))}


def get(asked: Asked, workspace: HotWorkspace) -> Json:
    record = runs.get_run(workspace, run_id_of(asked.values(messages.GET_RUN, RUN)))
    return {"run": answers.run(record, workspace.artifact_uri(record))}


def update(asked: Asked, workspace: HotWorkspace) -> Json:
    schema = {**RUN, "end_time": (integer,), "status": (text,), "run_name": (text,)}
    values = asked.values(messages.UPDATE_RUN, schema)
    record = runs.update_run_info(
        workspace, run_id_of(values), values.get("status"), values.get("end_time"), values.get("run_name")
    )
    return {"run_info": answers.run_info(record, workspace.artifact_uri(record))}


def delete(asked: Asked, workspace: HotWorkspace) -> Json:
    runs.delete_run(workspace, run_id_of(asked.values(messages.RUN_ID, RUN)))
    return {}


def restore(asked: Asked, workspace: HotWorkspace) -> Json:
    runs.restore_run(workspace, run_id_of(asked.values(messages.RUN_ID, RUN)))
    return {}


def search(asked: Asked, workspace: HotWorkspace) -> Json:
    schema = {
        "experiment_ids": (array,),
        "filter": (text,),
        "max_results": (integer, at_most(MOST_RUNS)),
        "order_by": (array, array_of_texts),
    }
    values = asked.values(messages.SEARCH_RUNS, schema)
    experiment_ids, filter_text = values.get("experiment_ids", []), values.get("filter", "")
    view, order = values.get("run_view_type", 1), values.get("order_by", [])
    check_search(filter_text, order)
    tokens = PageTokens(workspace.stores.id, experiment_ids, filter_text, view, order)
    query = queries.run_query(experiment_ids, filter_text, view, values.get("max_results", 1000), order, None)
    check_query(query)
    page = workspace.tracking.search_runs(tokens.page(query, values.get("page_token")))
    uris = workspace.artifact_uris(page.items)
    found = [answers.run(record, uri, False) for record, uri in zip(page.items, uris, strict=True)]
    return answers.with_token(answers.some("runs", found), tokens.marked(page.next_token))


def log_param(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.RUN_LABEL, LABEL)
    runs.log_param(workspace, run_id_of(values), Label(values.get("key", ""), values.get("value", "")))
    return {}


def set_tag(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.RUN_LABEL, LABEL)
    runs.set_tag(workspace, run_id_of(values), Label(values.get("key", ""), values.get("value", "")))
    return {}


def delete_tag(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.RUN_LABEL_KEY, {"run_id": NEEDED, "key": NEEDED})
    runs.delete_tag(workspace, run_id_of(values), values.get("key", ""))
    return {}


def log_inputs(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.LOG_INPUTS, {**RUN, "datasets": (array,), "models": (array,)})
    datasets = [_dataset_input(given) for given in values.get("datasets", ())]
    runs.log_inputs(workspace, run_id_of(values), datasets, _models(values))
    return {}


def log_outputs(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.LOG_OUTPUTS, {**RUN, "models": (required, array)})
    runs.log_outputs(workspace, run_id_of(values), _models(values))
    return {}


def run_id_of(values: Json) -> str:
    """Return the run id of a request, which older clients send as `run_uuid`."""
    found: str = values.get("run_id") or values.get("run_uuid", "")
    return found


def _models(values: Json) -> list[GivenModel]:
    return [GivenModel(one.get("model_id", ""), one.get("step", 0)) for one in values.get("models", ())]


def _dataset_input(given: Json) -> GivenInput:
    data: dict[str, Any] = given.get("dataset", {})
    name, digest, kind, source = (data.get(field, "") for field in ("name", "digest", "source_type", "source"))
    dataset = GivenDataset(name, digest, kind, source, data.get("schema"), data.get("profile"))
    return GivenInput(dataset, labels(given.get("tags")))
