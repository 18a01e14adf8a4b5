"""Journeys through experiments and runs: creating, ending, reopening, deleting and restoring them."""

from __future__ import annotations

import os
import sys
from typing import Any

import mlflow
from journeys import Journey, journey
from mlflow.entities import ViewType


@journey
def fluent_experiments(j: Journey) -> None:
    made = j.see("set", lambda: mlflow.set_experiment("fluent experiments"))
    j.see("set again", lambda: mlflow.set_experiment("fluent experiments"))
    j.see("set by id", lambda: mlflow.set_experiment(experiment_id=made.experiment_id))
    j.see("set by name and id", lambda: mlflow.set_experiment("a", experiment_id="1"))
    j.see("set by unknown id", lambda: mlflow.set_experiment(experiment_id="99999"))
    j.see("set by bad id", lambda: mlflow.set_experiment(experiment_id="abc"))
    j.see("set without a name", lambda: mlflow.set_experiment(""))
    j.see("set a long name", lambda: mlflow.set_experiment("x" * 501))
    j.see("get", lambda: mlflow.get_experiment(made.experiment_id))
    j.see("get unknown", lambda: mlflow.get_experiment("99999"))
    j.see("by name", lambda: mlflow.get_experiment_by_name("fluent experiments"))
    j.see("by unknown name", lambda: mlflow.get_experiment_by_name("nowhere"))
    j.see("set tag", lambda: mlflow.set_experiment_tag("owner", "eve"))
    j.see("set tags", lambda: mlflow.set_experiment_tags({"a": 1, "b": None, "mlflow.note.content": "a **note**"}))
    j.see("set bad tags", lambda: mlflow.set_experiment_tags({"good": 1, "not?good": 2}))
    j.see("set long tag", lambda: mlflow.set_experiment_tag("k", "v" * 20_001))
    j.see("delete tag", lambda: mlflow.delete_experiment_tag("owner"))
    j.see("delete tag again", lambda: mlflow.delete_experiment_tag("owner"))
    j.see("create", lambda: mlflow.create_experiment("fluent created", tags={"team": "vision", "n": 1}))
    j.see("create again", lambda: mlflow.create_experiment("fluent created"))
    j.see("create elsewhere", lambda: mlflow.create_experiment("fluent elsewhere", artifact_location=j.elsewhere))
    with mlflow.start_run(experiment_id=mlflow.get_experiment_by_name("fluent elsewhere").experiment_id):
        j.see("place of its run", lambda: mlflow.get_artifact_uri("some/file"))
        j.see("log there", lambda: mlflow.log_text("text", "file.txt"))
    j.see("rename", lambda: j.client.rename_experiment(made.experiment_id, "fluent renamed"))
    j.see("rename to an old name", lambda: j.client.rename_experiment(made.experiment_id, ""))
    j.see("delete", lambda: mlflow.delete_experiment(made.experiment_id))
    j.see("delete again", lambda: mlflow.delete_experiment(made.experiment_id))
    j.see("set deleted", lambda: mlflow.set_experiment("fluent renamed"))
    j.see("set deleted by id", lambda: mlflow.set_experiment(experiment_id=made.experiment_id))
    j.see("run in deleted", lambda: mlflow.start_run())
    j.see("tag deleted", lambda: mlflow.set_experiment_tag("owner", "eve"))
    j.see("restore", lambda: mlflow.restore_experiment(made.experiment_id))
    j.see("restore again", lambda: mlflow.restore_experiment(made.experiment_id))
    j.see("restore unknown", lambda: mlflow.restore_experiment("99999"))


@journey
def fluent_search_experiments(j: Journey) -> None:
    for name in ("one", "two", "Three", "four"):
        mlflow.create_experiment(f"find {name}", tags={"size": str(len(name)), "mlflow.note.content": name})
    mlflow.delete_experiment(mlflow.get_experiment_by_name("find four").experiment_id)
    for filter_string in (
        "name LIKE 'find%'",
        "name ILIKE 'find t%'",
        "name = 'find one'",
        "name != 'find one' AND name LIKE 'find%'",
        "tags.size = '3'",
        "tags.size LIKE '%' AND attribute.name LIKE 'find%'",
        "tags.`mlflow.note.content` = 'two'",
        "name ~ 'x'",
        "size = '3'",
        "name = find",
    ):
        j.see(f"filter {filter_string}", lambda f=filter_string: mlflow.search_experiments(filter_string=f))
    for order in (
        ["name"],
        ["name DESC"],
        ["creation_time DESC", "name"],
        ["last_update_time"],
        ["experiment_id DESC"],
    ):
        j.see(
            f"order {order}",
            lambda o=order: [e.name for e in mlflow.search_experiments(order_by=o, filter_string="name LIKE 'find%'")],
        )
    for count in (1, 2, 3, 0, -1, 100_000):
        j.see(
            f"at most {count}",
            lambda n=count: mlflow.search_experiments(max_results=n, filter_string="name LIKE 'find%'"),
        )
    j.see("deleted", lambda: mlflow.search_experiments(ViewType.DELETED_ONLY, filter_string="name LIKE 'find%'"))
    j.see("all", lambda: mlflow.search_experiments(ViewType.ALL, filter_string="name LIKE 'find%'"))


@journey
def fluent_starts(j: Journey) -> None:
    mlflow.set_experiment("fluent starts")
    for name, given in {
        "plain": {},
        "named": {"run_name": "a name"},
        "described": {"run_name": "b", "description": "what *it* is"},
        "tagged by a number": {"tags": {"a": 1}},
        "tagged": {"tags": {"a": "1", "mlflow.user": "eve", "mlflow.source.name": "me.py", "none": None}},
        "named by tag": {"tags": {"mlflow.runName": "by tag"}},
        "named twice": {"run_name": "x", "tags": {"mlflow.runName": "y"}},
        "described twice": {"description": "x", "tags": {"mlflow.note.content": "y"}},
        "empty description": {"description": ""},
        "empty name": {"run_name": ""},
        "blank name": {"run_name": "  "},
        "long name": {"run_name": "n" * 300},
        "experiment by number": {"experiment_id": 0},
        "unknown experiment": {"experiment_id": "99999"},
        "bad experiment": {"experiment_id": "abc"},
        "unknown run": {"run_id": "f" * 32},
        "bad run": {"run_id": "no/run"},
        "unknown parent": {"parent_run_id": "f" * 32},
        "bad parent": {"parent_run_id": "no/run"},
        "tag of a bad key": {"tags": {"not?good": "1"}},
        "long tag": {"tags": {"long": "v" * 8001}},
    }.items():
        j.see(f"start {name}", lambda given=given: mlflow.start_run(**given))
        j.see(f"active {name}", lambda: mlflow.active_run())
        j.see(f"end {name}", lambda: mlflow.end_run())
        j.see(f"last {name}", lambda: mlflow.last_active_run())
    first = mlflow.start_run(run_name="first")
    j.see("start a second", lambda: mlflow.start_run())
    mlflow.end_run()
    other = mlflow.set_experiment("fluent starts elsewhere")
    j.see("resume from another experiment", lambda: mlflow.start_run(run_id=first.info.run_id))
    mlflow.set_experiment("fluent starts")
    j.see("resume", lambda: mlflow.start_run(run_id=first.info.run_id, tags={"again": "1"}, description="resumed"))
    j.see("resumed", lambda: mlflow.get_run(first.info.run_id))
    mlflow.end_run("KILLED")
    j.see("resume under a new name", lambda: mlflow.start_run(run_id=first.info.run_id, run_name="second"))
    mlflow.end_run("FAILED")
    j.see("end as nothing", lambda: mlflow.end_run("NOTHING"))
    mlflow.start_run(experiment_id=other.experiment_id, run_name="odd end")
    j.see("end as nonsense", lambda: mlflow.end_run("NONSENSE"))
    mlflow.start_run(run_name="scheduled")
    j.see("end as scheduled", lambda: mlflow.end_run("SCHEDULED"))
    j.see("implicit", lambda: mlflow.log_param("starts", "a run"))
    j.see("implicit run", lambda: mlflow.active_run())


@journey
def fluent_nested(j: Journey) -> None:
    mlflow.set_experiment("fluent nested")
    with mlflow.start_run(run_name="level 0") as top:
        with mlflow.start_run(run_name="level 1", nested=True) as middle:
            with mlflow.start_run(run_name="level 2", nested=True) as bottom:
                j.see("parent of level 2", lambda: mlflow.get_parent_run(bottom.info.run_id))
                mlflow.log_metric("depth", 2)
            j.see("active is level 1", lambda: mlflow.active_run().info.run_name)
            mlflow.log_metric("depth", 1)
            j.see("other parent", lambda: mlflow.start_run(nested=True, parent_run_id=top.info.run_id))
            j.see("own parent", lambda: mlflow.start_run(nested=True, parent_run_id=middle.info.run_id))
            mlflow.end_run()
        mlflow.log_metric("depth", 0)
    j.see("parent of level 0", lambda: mlflow.get_parent_run(top.info.run_id))
    j.see("parent of unknown", lambda: mlflow.get_parent_run("f" * 32))
    j.see("child from outside", lambda: mlflow.start_run(run_name="outside", parent_run_id=middle.info.run_id))
    mlflow.end_run()
    for parent, name in ((top, "level 0"), (middle, "level 1"), (bottom, "level 2")):
        children = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
        j.see(f"children of {name}", lambda f=children: mlflow.search_runs(filter_string=f, output_format="list"))
    mlflow.delete_run(top.info.run_id)
    j.see("children of a deleted run", lambda: mlflow.get_run(middle.info.run_id))
    j.see("parent is deleted", lambda: mlflow.get_parent_run(middle.info.run_id))
    j.see("child of a deleted run", lambda: mlflow.start_run(parent_run_id=top.info.run_id))


@journey
def fluent_ends(j: Journey) -> None:
    mlflow.set_experiment("fluent ends")

    def within(raised: BaseException | None, inner: BaseException | None = None) -> Any:
        try:
            with mlflow.start_run(run_name=f"outer {raised!r}"):
                mlflow.log_param("outer", repr(raised))
                try:
                    with mlflow.start_run(run_name=f"inner {inner!r}", nested=True):
                        mlflow.log_param("inner", repr(inner))
                        if inner is not None:
                            raise inner
                except BaseException as error:
                    if error is not inner:
                        raise
                if raised is not None:
                    raise raised
        except BaseException as error:
            return repr(error), mlflow.active_run()
        return mlflow.active_run()

    for raised in (None, ValueError("bad"), KeyboardInterrupt(), SystemExit(0), SystemExit(3), GeneratorExit()):
        j.see(f"{raised!r}", lambda raised=raised: within(raised))
        j.see(f"{raised!r} inside", lambda raised=raised: within(None, raised))

    def exits() -> Any:
        try:
            with mlflow.start_run(run_name="exit"):
                sys.exit("sorry")
        except SystemExit as error:
            return error.code

    j.see("sys.exit", exits)
    with mlflow.start_run(run_name="ended within") as ended:
        mlflow.end_run("KILLED")
        j.see("ended within", lambda: mlflow.get_run(ended.info.run_id).info)
    j.see("ended within and after", lambda: mlflow.get_run(ended.info.run_id).info)
    client, run_id = j.client, ended.info.run_id
    j.see("terminated twice", lambda: (client.set_terminated(run_id), client.set_terminated(run_id, "FAILED")))
    j.see("as it is then", lambda: client.get_run(run_id))
    j.see("terminated at a time", lambda: client.set_terminated(run_id, "FINISHED", 12345))
    j.see("at that time", lambda: client.get_run(run_id))
    j.see("terminated at 0", lambda: client.set_terminated(run_id, end_time=0))
    j.see("terminated as running", lambda: client.set_terminated(run_id, "RUNNING", 99))
    j.see("running again", lambda: client.get_run(run_id))
    j.see("terminated as nonsense", lambda: client.set_terminated(run_id, "nonsense"))
    j.see("terminated unknown", lambda: client.set_terminated("f" * 32))
    for change in ({}, {"status": "FAILED"}, {"name": "renamed"}, {"status": "FINISHED", "name": "both"}, {"name": ""}):
        j.see(f"update {change}", lambda change=change: client.update_run(run_id, **change))
        j.see(f"updated {change}", lambda: client.get_run(run_id))
    j.see("update as nonsense", lambda: client.update_run(run_id, status="nonsense"))
    j.see("update unknown", lambda: client.update_run("f" * 32, name="x"))


@journey
def fluent_deletions(j: Journey) -> None:
    experiment = mlflow.set_experiment("fluent deletions")
    with mlflow.start_run(run_name="kept"), mlflow.start_run(run_name="child", nested=True) as child:
        mlflow.log_metric("m", 1)
    run_id = child.info.run_id
    j.see("delete", lambda: mlflow.delete_run(run_id))
    j.see("delete again", lambda: mlflow.delete_run(run_id))
    j.see("get deleted", lambda: mlflow.get_run(run_id))
    j.see("history of deleted", lambda: j.client.get_metric_history(run_id, "m"))
    j.see("resume deleted", lambda: mlflow.start_run(run_id=run_id))
    for name, call in {
        "param": lambda: mlflow.log_params({"p": 1}, run_id=run_id),
        "metric": lambda: mlflow.log_metric("m", 2, run_id=run_id),
        "metrics": lambda: mlflow.log_metrics({"m": 2}, run_id=run_id),
        "tag": lambda: j.client.set_tag(run_id, "t", "1"),
        "no tag": lambda: j.client.delete_tag(run_id, "t"),
        "text": lambda: mlflow.log_text("text", "text.txt", run_id=run_id),
        "end": lambda: j.client.set_terminated(run_id),
    }.items():
        j.see(f"{name} of a deleted run", call)
    for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        j.see(f"view {view}", lambda view=view: mlflow.search_runs(run_view_type=view, output_format="list"))
    j.see("restore", lambda: mlflow.restore_run(run_id))
    j.see("restore again", lambda: mlflow.restore_run(run_id))
    j.see("delete unknown", lambda: mlflow.delete_run("f" * 32))
    j.see("restore unknown", lambda: mlflow.restore_run("f" * 32))
    mlflow.start_run(run_name="deleted while active")
    mlflow.delete_run(mlflow.active_run().info.run_id)
    j.see("log into it", lambda: mlflow.log_metric("m", 1))
    j.see("end it", lambda: mlflow.end_run())
    j.see("active then", lambda: mlflow.active_run())
    mlflow.delete_experiment(experiment.experiment_id)
    j.see("runs of a deleted experiment", lambda: mlflow.search_runs(output_format="list"))
    j.see("restore one of them", lambda: mlflow.restore_run(run_id))
    j.see("it can be written", lambda: mlflow.log_metric("m", 3, run_id=run_id))


@journey
def fluent_environment(j: Journey) -> None:
    first = mlflow.create_experiment("from the environment")

    def started(**environment: str) -> Any:
        os.environ.update(environment)
        try:
            with mlflow.start_run() as run:
                mlflow.log_param("given", sorted(environment))
            return run
        finally:
            for name in environment:
                os.environ.pop(name, None)

    j.see("by name", lambda: started(MLFLOW_EXPERIMENT_NAME="from the environment"))
    j.see("by new name", lambda: started(MLFLOW_EXPERIMENT_NAME="new in the environment"))
    j.see("by id", lambda: started(MLFLOW_EXPERIMENT_ID=first))
    j.see("by unknown id", lambda: started(MLFLOW_EXPERIMENT_ID="99999"))
    j.see("by name and id", lambda: started(MLFLOW_EXPERIMENT_NAME="from the environment", MLFLOW_EXPERIMENT_ID=first))
    j.see("by other name and id", lambda: started(MLFLOW_EXPERIMENT_NAME="Default", MLFLOW_EXPERIMENT_ID=first))
    run = j.client.create_run(first, run_name="made before")
    j.see("run", lambda: started(MLFLOW_RUN_ID=run.info.run_id))
    j.see("only once", lambda: os.environ.get("MLFLOW_RUN_ID"))
    j.see("unknown run", lambda: started(MLFLOW_RUN_ID="f" * 32))
    j.see("context", lambda: started(MLFLOW_RUN_CONTEXT='{"mlflow.source.name": "told", "team": "vision"}'))
    j.see("without", lambda: started())
    j.see("tracking URI", lambda: started(MLFLOW_TRACKING_URI=j.uri))
    j.see("found by name", lambda: mlflow.search_runs(experiment_names=["from the environment"]))
