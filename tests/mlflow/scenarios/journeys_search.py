"""Journeys through searches of runs, as tables and lists, with the filters and orders of MLflow's documentation."""

from __future__ import annotations

from typing import Any

import mlflow
import pandas
from journeys import Journey, journey
from mlflow.entities import ViewType

FILTERS = (
    "", "metrics.rmse < 1 and params.model = 'tree'", "metrics.rmse >= 0.5", "metric.`f1 score` > 0.5",
    "metrics.\"f1 score\" > 0.5", "metrics.rmse != 0.5", "metrics.nothing > 0", "metrics.nan > 0", "metrics.nan != 1",
    "metrics.inf > 1e300", "params.model = 'linear'", "params.model != 'linear'", "params.model LIKE '%e%'",
    "params.model ILIKE 'TR%'", "parameter.lr = '0.1'", "params.lr = 0.1", "params.`batch size` = '8'",
    "tags.team = 'vision'", "tag.team != 'vision'", "tags.`mlflow.parentRunId` LIKE '%'",
    "tags.mlflow.runName = 'run 1'", "tags.\"mlflow.source.type\" = 'LOCAL'", "tags.missing IS NULL",
    "tags.mlflow.note.content LIKE '%note%'",
    "tags.team IS NOT NULL AND params.model IS NOT NULL", "attributes.status = 'FINISHED'", "status = 'FAILED'",
    "attribute.run_name LIKE 'run%'", "run_name = 'run 2'", "run_name ILIKE 'RUN %'", "attributes.start_time > 0",
    "end_time > 0", "attributes.user_id = 'nobody'", "dataset.name = 'points'", "datasets.context = 'training'",
    "dataset.name LIKE 'p%' AND metrics.rmse < 10", "datasets.digest IN ('x')", "attributes.run_id IN ('a', 'b')",
    "metrics.rmse > 0 AND metrics.rmse < 1 AND params.lr = '0.1' AND tags.team = 'vision'", "metrics.rmse > 0 OR 1",
    "params.model IN ('a')", "metrics.rmse > 'x'", "nothing.x = '1'", "run_name =", "=", "metrics.rmse", "tags.team",
    "attributes.nothing = 'x'", "params.model = \"tree\"", "start_time > '2024-01-01'", "lifecycle_stage = 'active'",
)  # fmt: skip
ORDERS = (
    ["metrics.rmse"], ["metrics.rmse DESC"], ["metrics.`f1 score` DESC", "params.model"], ["params.lr DESC"],
    ["start_time"], ["attributes.start_time DESC"], ["attributes.end_time ASC"], ["tags.team", "start_time ASC"],
    ["run_name"], ["metrics.nan", "start_time"], ["nothing"], ["metrics.rmse UP"], [""],
    ["user_id", "run_name DESC"],
)  # fmt: skip


@journey
def fluent_search(j: Journey) -> None:
    mlflow.set_experiment("fluent search")
    data = mlflow.data.from_pandas(pandas.DataFrame({"x": [1]}), name="points")
    values: list[tuple[float, str, str]] = [
        (0.5, "tree", "0.1"),
        (0.25, "linear", "0.1"),
        (2, "tree", "0.01"),
        (0.5, "Tree", "1"),
    ]
    runs = []
    for number, (rmse, model, lr) in enumerate(values):
        with mlflow.start_run(run_name=f"run {number}", description="a note" if number else None) as run:
            runs.append(run.info.run_id)
            mlflow.log_metrics({"rmse": rmse + 1}, step=0)
            mlflow.log_metrics({"rmse": rmse, "f1 score": 1 - rmse}, step=1)
            mlflow.log_params({"model": model, "lr": lr, "batch size": 2**number})
            if number % 2:
                mlflow.set_tag("team", "vision")
                mlflow.log_metric("nan", float("nan"))
                with mlflow.start_run(run_name=f"child of {number}", nested=True):
                    mlflow.log_metric("inf", float("inf"))
            else:
                mlflow.log_input(data, context="training")
    mlflow.start_run(run_name="failed")
    mlflow.end_run("FAILED")
    mlflow.start_run(run_name="still running")
    mlflow.set_experiment("fluent search elsewhere")

    def names(**given: Any) -> Any:
        return [run.info.run_name for run in mlflow.search_runs(output_format="list", **given)]

    here = {"experiment_names": ["fluent search"]}
    for filter_string in FILTERS:
        j.see(f"filter {filter_string!r}", lambda f=filter_string: names(filter_string=f, **here))
    for order in ORDERS:
        j.see(f"order {order}", lambda o=order: names(order_by=o, **here))
    for count in (1, 3, 0, -1, 50_001, 200_000):
        j.see(f"at most {count}", lambda n=count: names(max_results=n, **here))
    j.see("of an id", lambda: names(filter_string=f"run_id = '{runs[0]}'", **here))
    j.see("of ids", lambda: names(filter_string=f"attributes.run_id IN ('{runs[0]}', '{runs[2]}')", **here))
    j.see("not of ids", lambda: names(filter_string=f"attributes.run_id NOT IN ('{runs[0]}', '{runs[2]}')", **here))
    j.see("as a table", lambda: mlflow.search_runs(**here))
    j.see("its types", lambda: {key: str(kind) for key, kind in mlflow.search_runs(**here).dtypes.items()})
    j.see("as a list", lambda: mlflow.search_runs(output_format="list", **here))
    j.see("as nonsense", lambda: mlflow.search_runs(output_format="dict", **here))
    j.see("in the active experiment", lambda: mlflow.search_runs())
    j.see("in none", lambda: names(experiment_ids=[]))
    j.see("in all", lambda: names(search_all_experiments=True, filter_string="run_name LIKE 'run _'"))
    j.see("in an id", lambda: names(experiment_ids=[mlflow.get_experiment_by_name("fluent search").experiment_id]))
    j.see("in an unknown id", lambda: names(experiment_ids=["99999"]))
    j.see("in a bad id", lambda: names(experiment_ids=["abc"]))
    j.see("in names", lambda: names(experiment_names=["fluent search", "fluent search elsewhere"]))
    j.see("in an unknown name", lambda: names(experiment_names=["nowhere"]))
    j.see("in names and ids", lambda: names(experiment_names=["fluent search"], experiment_ids=["0"]))
    mlflow.delete_run(runs[1])
    for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        j.see(f"view {view}", lambda view=view: names(run_view_type=view, **here))
    experiment = [mlflow.get_experiment_by_name("fluent search").experiment_id]
    token, pages = None, 0
    while pages == 0 or token:
        page = j.see(
            f"page {pages}",
            lambda token=token: j.client.search_runs(
                experiment, "", max_results=3, order_by=["run_name"], page_token=token
            ),
        )
        token, pages = page.token, pages + 1
    j.see("bad token", lambda: j.client.search_runs(experiment, page_token="nonsense"))
