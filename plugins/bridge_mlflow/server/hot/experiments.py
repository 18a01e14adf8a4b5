"""The calls of MLflow's REST API for experiments."""

from __future__ import annotations

from bridge_mlflow import experiments, queries, runs
from bridge_mlflow.server.hot import answers, messages
from bridge_mlflow.server.hot.answers import Json
from bridge_mlflow.server.hot.asking import Asked
from bridge_mlflow.server.hot.checks import array, integer, required, text
from bridge_mlflow.server.hot.limits import PageTokens, check_query, check_search
from bridge_mlflow.server.hot.workspace import HotWorkspace
from bridge_mlflow.translate.given import Label
from bridge_mlflow.translate.refusals import Refusal
from bridge_mlflow.translate.shown import experiment_location
from bridge_mlflow.translate.statuses import experiment_id_or_default

VIEW_TAG, MOST_VIEWS = "mlflow.customView.view", 50
"""The prefix of the tags in which MLflow's page stores the views of an experiment, and their greatest number.

Source: MLflow 3.17.2, `mlflow.server.handlers._validate_custom_view_tag_write`.
"""
MOST_EXPERIMENTS = 20
NEEDED = (required, text)


def create(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.CREATE_EXPERIMENT, {"name": NEEDED, "artifact_location": (text,), "tags": (array,)})
    tags = labels(values.get("tags"))
    if sum(tag.key.startswith(VIEW_TAG) for tag in tags) > MOST_VIEWS:
        raise _too_many_views("")
    location = values.get("artifact_location", "")
    return {"experiment_id": experiments.create_experiment(workspace, values.get("name", ""), location, tags)}


def get(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.EXPERIMENT_ID, {"experiment_id": NEEDED})
    record = experiments.get_experiment(workspace, values.get("experiment_id", ""))
    return {"experiment": answers.experiment(record, experiment_location(record, workspace.artifact_root_uri))}


def get_by_name(asked: Asked, workspace: HotWorkspace) -> Json:
    name = asked.values(messages.EXPERIMENT_NAME, {"experiment_name": NEEDED}).get("experiment_name", "")
    record = experiments.get_experiment_by_name(workspace, name)
    if record is None:
        raise Refusal(f"Could not find experiment with name '{name}'", "RESOURCE_DOES_NOT_EXIST")
    asked.check({"experiment_id": record.id})
    return {"experiment": answers.experiment(record, experiment_location(record, workspace.artifact_root_uri))}


def search(asked: Asked, workspace: HotWorkspace) -> Json:
    schema = {
        "view_type": (integer,),
        "max_results": (integer,),
        "order_by": (array,),
        "filter": (text,),
        "page_token": (text,),
    }
    values = asked.values(messages.SEARCH_EXPERIMENTS, schema)
    filter_text, order, view = values.get("filter", ""), values.get("order_by", []), values.get("view_type", 1)
    check_search(filter_text, order)
    tokens = PageTokens(workspace.stores.id, filter_text, view, order)
    query = queries.experiment_query(view, values.get("max_results", 0), filter_text, order, None)
    check_query(query)
    page = workspace.tracking.search_experiments(tokens.page(query, values.get("page_token")))
    root = workspace.artifact_root_uri
    found = [answers.experiment(record, experiment_location(record, root)) for record in page.items]
    return answers.with_token(answers.some("experiments", found), tokens.marked(page.next_token))


def delete(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.EXPERIMENT_ID, {"experiment_id": NEEDED})
    experiments.delete_experiment(workspace, values.get("experiment_id", ""))
    return {}


def restore(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.EXPERIMENT_ID, {"experiment_id": NEEDED})
    experiments.restore_experiment(workspace, values.get("experiment_id", ""))
    return {}


def update(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.UPDATE_EXPERIMENT, {"experiment_id": NEEDED, "new_name": (text, required)})
    if name := values.get("new_name"):
        experiments.rename_experiment(workspace, values.get("experiment_id", ""), name)
    return {}


def set_tag(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.EXPERIMENT_TAG, {"experiment_id": NEEDED, "key": NEEDED, "value": (text,)})
    tag, experiment_id = Label(values.get("key", ""), values.get("value", "")), values.get("experiment_id", "")
    if tag.key.startswith(VIEW_TAG):
        there = experiments.get_experiment(workspace, experiment_id).tags
        if tag.key not in there and sum(key.startswith(VIEW_TAG) for key in there) >= MOST_VIEWS:
            raise _too_many_views(f" for experiment {experiment_id_or_default(experiment_id)}")
    experiments.set_experiment_tag(workspace, experiment_id, tag)
    return {}


def delete_tag(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.EXPERIMENT_TAG_KEY, {"experiment_id": NEEDED, "key": NEEDED})
    experiments.delete_experiment_tag(workspace, values.get("experiment_id", ""), values.get("key", ""))
    return {}


def search_datasets(asked: Asked, workspace: HotWorkspace) -> Json:
    experiment_ids = asked.values(messages.EXPERIMENT_IDS, {}).get("experiment_ids", [])
    asked.check_content_type()
    if not experiment_ids:
        raise Refusal("SearchDatasets request must specify at least one experiment_id.")
    if len(experiment_ids) > MOST_EXPERIMENTS:
        raise Refusal(
            f"SearchDatasets request cannot specify more than {MOST_EXPERIMENTS} experiment_ids. "
            f"Received {len(experiment_ids)} experiment_ids."
        )
    found = runs.search_datasets(workspace, experiment_ids)
    return answers.some("dataset_summaries", (answers.dataset_summary(*summary) for summary in found))


def _too_many_views(of: str) -> Refusal:
    return Refusal(
        f"Unable to create another custom view{of}; the maximum number of custom views per experiment is {MOST_VIEWS}. "
        "Delete an existing custom view before creating a new one."
    )


def labels(given: list[Json] | None) -> list[Label]:
    """Return the tags or params of a request."""
    return [Label(one.get("key", ""), one.get("value", "")) for one in given or ()]
