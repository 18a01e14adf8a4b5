"""Scripts about experiments, runs, params and tags, for `parity.py`."""

from __future__ import annotations

import base64
import math
from typing import Any

from mlflow.entities import ExperimentTag, Param, RunTag, ViewType
from parity import START, Trial, metric, scenario


@scenario
def experiments(t: Trial) -> None:
    store, mine = t.store, t.experiment
    t.see("get", lambda: store.get_experiment(mine))
    t.see("get default by nothing", lambda: store.get_experiment("").experiment_id)
    t.see("get by int", lambda: store.get_experiment(int(mine)).name)
    t.see("get with blanks", lambda: store.get_experiment(f" {mine} ").name)
    for bad in ("abc", "1.0", "99999"):
        t.see(f"get {bad}", lambda bad=bad: store.get_experiment(bad))
    t.see("by unknown name", lambda: store.get_experiment_by_name("never"))
    for bad in ("", None, 5, "x" * 501):
        t.see(f"create {str(bad)[:9]!r}", lambda bad=bad: store.create_experiment(bad))
    t.see("create again", lambda: store.create_experiment("parity experiments"))
    other = store.create_experiment("other", "s3://bucket/place", [ExperimentTag("a", "1")])
    t.see("own place", lambda: store.get_experiment(other))
    t.see("long place", lambda: store.create_experiment("long", "s3://" + "x" * 2050))
    t.see("set tag", lambda: store.set_experiment_tag(other, ExperimentTag("k", "v")))
    t.see("set bad tag", lambda: store.set_experiment_tag(other, ExperimentTag("a@b", "v")))
    t.see("set long tag", lambda: store.set_experiment_tag(other, ExperimentTag("k", "v" * 20_001)))
    t.see("delete tag", lambda: store.delete_experiment_tag(other, "k"))
    t.see("delete tag again", lambda: store.delete_experiment_tag(other, "k"))
    t.see("tags", lambda: store.get_experiment(other).tags)
    t.see("rename", lambda: store.rename_experiment(other, "another"))
    t.see("rename to itself", lambda: store.rename_experiment(other, "another"))
    t.see("rename to taken", lambda: store.rename_experiment(other, "parity experiments"))
    t.see("rename unknown", lambda: store.rename_experiment("99999", "free"))
    run = t.run(experiment_id=other)
    t.see("delete", lambda: store.delete_experiment(other))
    t.see("delete again", lambda: store.delete_experiment(other))
    t.see("deleted", lambda: store.get_experiment(other).lifecycle_stage)
    t.see("its run", lambda: store.get_run(run).info.lifecycle_stage)
    t.see("rename deleted", lambda: store.rename_experiment(other, "free"))
    t.see("tag deleted", lambda: store.set_experiment_tag(other, ExperimentTag("k", "v")))
    t.see("run in deleted", lambda: t.run(experiment_id=other))
    names = {"run_name": "a", "tags": [RunTag("mlflow.runName", "b")]}
    t.see("run with two names in deleted", lambda: t.run(experiment_id=other, **names))
    t.see("name of deleted", lambda: store.create_experiment("another"))
    t.see("by name deleted", lambda: store.get_experiment_by_name("another").lifecycle_stage)
    t.see("restore", lambda: store.restore_experiment(other))
    t.see("restore again", lambda: store.restore_experiment(other))
    t.see("its run again", lambda: store.get_run(run).info.lifecycle_stage)
    t.see("two equal tags", lambda: store.create_experiment("twice", "", [ExperimentTag("a", "1")] * 2))


@scenario
def search_experiments(t: Trial) -> None:
    store = t.store
    made = [store.create_experiment(f"find {name}", "", [ExperimentTag("team", name)]) for name in ("abc", "aBD", "b")]
    store.delete_experiment(made[2])

    def names(**given: Any) -> Any:
        return [one.name for one in store.search_experiments(**given)]

    for filter_string in (
        "name LIKE 'find a%'",
        "name ILIKE 'FIND AB%'",
        "attribute.name = 'find abc'",
        "name != 'find abc' AND name LIKE 'find %'",
        "tags.team = 'abc'",
        "tag.team LIKE 'a%'",
        "tags.team IS NOT NULL",
        "tags.team IS NULL AND name LIKE 'find%'",
        "experiment_id IN ('{0}', '{1}')",
        "experiment_id = '{0}'",
        "creation_time > 0 AND name LIKE 'find a%'",
        "attributes.name = 'x'",
        "name IN ('x')",
        "name > 'x'",
        "experiment_id = {0}",
        "lifecycle_stage = 'active'",
        "name like 'find%'",
        "params.x = '1'",
        " ",
    ):
        given = filter_string.format(*made)  # the ids depend on the scenarios that ran before
        t.see(f"filter {filter_string!r}", lambda f=given: names(filter_string=f, order_by=["name ASC"]))
    for order_by in (
        ["name DESC"],
        ["experiment_id ASC"],
        ["tags.team"],
        ["nothing"],
        ["name", "name"],
        ["tags.team", "a, b"],
    ):
        t.see(f"order {order_by}", lambda o=order_by: names(filter_string="name LIKE 'find%'", order_by=o))
    t.see("deleted", lambda: names(view_type=ViewType.DELETED_ONLY, filter_string="name LIKE 'find%'"))
    t.see("all", lambda: names(view_type=ViewType.ALL, filter_string="name LIKE 'find%'", order_by=["name"]))
    for count in (0, 50_001, None, 1):
        t.see(f"at most {count}", lambda n=count: store.search_experiments(1, n, "name LIKE 'find a%'").token)


@scenario
def runs(t: Trial) -> None:
    store = t.store
    run = t.run(user_id="ada", tags=[RunTag("mlflow.user", "eve")])
    odd = t.see("run with an odd tag", lambda: t.run(tags=[RunTag("odd", None)]))
    t.see("get it", lambda: store.get_run(odd))
    alone = t.run(user_id="ada")
    t.see("outputs of a new run", lambda: store.create_run(t.experiment, "ada", 1, [], "made").outputs)
    t.see("user without a tag", lambda: store.get_run(alone).data.tags)
    t.see("get", lambda: store.get_run(run))
    t.see("get unknown", lambda: store.get_run("nothing"))
    t.see("names differ", lambda: t.run(run_name="a", tags=[RunTag("mlflow.runName", "b")]))
    numbers = [RunTag(f"{at}", value) for at, value in enumerate((1, 1.5, 1e20, True, 2**40))]  # type: ignore[arg-type]
    tagged = t.see("run with tags of numbers", lambda: t.run(tags=numbers))
    t.see("tags of numbers", lambda: store.get_run(tagged).data.tags)
    t.see("set tags of numbers", lambda: store.log_batch(tagged, [], [], [*numbers[1:], RunTag("0", 7)]))  # type: ignore[arg-type]
    t.see("tags of numbers set", lambda: store.get_run(tagged).data.tags)
    t.see("find tags of numbers", lambda: len(store.search_runs([t.experiment], "tags.`0` = '7'", 1)))
    named = t.run(run_name=None, tags=[RunTag("mlflow.runName", "tagged")])
    t.see("name from tag", lambda: store.get_run(named).info.run_name)
    t.see("no start time", lambda: t.run(start_time=None))
    t.see("no user", lambda: t.run(user_id=None))
    t.see("unknown experiment", lambda: t.run(experiment_id="99999"))
    t.see("experiment abc", lambda: t.run(experiment_id="abc"))
    t.see("negative start", lambda: store.get_run(t.run(start_time=-5)).info.start_time)
    for status in (1, 2, 3, 4, 5, 7):
        t.see(f"status {status}", lambda s=status: store.update_run_info(run, s, START + 5, None))
    t.see("running keeps its end", lambda: store.update_run_info(run, 1, None, None))
    t.see("end 0", lambda: store.update_run_info(run, None, 0, None))
    t.see("rename", lambda: store.update_run_info(run, None, None, "renamed"))
    t.see("rename to nothing", lambda: store.update_run_info(run, None, None, ""))
    t.see("rename to blanks", lambda: store.update_run_info(run, None, None, "  "))
    t.see("name tag follows", lambda: store.get_run(run).data.tags)
    t.see("set name tag", lambda: store.set_tag(run, RunTag("mlflow.runName", "by tag")))
    t.see("name follows", lambda: store.get_run(run).info.run_name)
    t.see("set empty name tag", lambda: store.set_tag(run, RunTag("mlflow.runName", "")))
    t.see("name stays", lambda: (store.get_run(run).info.run_name, store.get_run(run).data.tags))
    t.see("two names", lambda: store.log_batch(run, [], [], [RunTag("mlflow.runName", n) for n in ("one", "two")]))
    t.see("last name", lambda: store.get_run(run).info.run_name)
    t.see("delete name tag", lambda: store.delete_tag(run, "mlflow.runName"))
    t.see("set note", lambda: store.set_tag(run, RunTag("mlflow.note.content", "a note")))
    t.see("note", lambda: store.get_run(run).data.tags.get("mlflow.note.content"))
    t.see("delete note", lambda: store.delete_tag(run, "mlflow.note.content"))
    t.see("note is gone", lambda: store.get_run(run).data.tags.get("mlflow.note.content"))
    t.see("delete note again", lambda: store.delete_tag(run, "mlflow.note.content"))
    child = t.run(tags=[RunTag("mlflow.parentRunId", run)])
    t.see("parent", lambda: store.get_run(child).data.tags)
    store.delete_tag(child, "mlflow.parentRunId")
    found = "tags.mlflow.parentRunId IS NOT NULL"
    t.see("no parent", lambda: [one.info.run_id for one in store.search_runs([t.experiment], found, 1)])
    store.set_tag(run, RunTag("mlflow.note.content", ""))
    store.set_tag(run, RunTag("mlflow.parentRunId", ""))
    t.see("empty note", lambda: store.get_run(run).data.tags.get("mlflow.note.content"))
    t.see("empty parent", lambda: store.get_run(run).data.tags.get("mlflow.parentRunId"))
    t.see("two equal tags", lambda: t.run(tags=[RunTag("a", "1"), RunTag("a", "2")]))
    t.see("tag without a key", lambda: t.run(tags=[RunTag(None, "1")]))
    t.see("empty name tag", lambda: t.run(tags=[RunTag("mlflow.runName", "")]).startswith("<"))


@scenario
def odd_values(t: Trial) -> None:
    store, run_id = t.store, t.run()
    for time in (7, "7", -5, 2**63 - 1, True, 1.5, math.nan, math.inf, 2**63, "abc"):
        t.see(f"start {time!r}", lambda time=time: store.get_run(t.run(start_time=time)).info.start_time)
        t.see(f"end {time!r}", lambda time=time: store.update_run_info(run_id, 3, time, None).end_time)
    unspelled = "a\ud800b"
    t.see("tag", lambda: store.set_tag(run_id, RunTag("k", unspelled)))
    t.see("param", lambda: store.log_param(run_id, Param("k", unspelled)))
    t.see("name", lambda: t.run(run_name=unspelled))
    t.see("user", lambda: store.get_run(t.run(user_id=unspelled)).info.user_id)
    t.see("id", lambda: store.get_run(unspelled))
    t.see("experiment", lambda: store.create_experiment(unspelled))
    t.see("filter", lambda: store.search_runs([t.experiment], f"tags.a = '{unspelled}'", ViewType.ALL))
    t.see("deleted tag", lambda: store.delete_tag(run_id, unspelled))
    for offset in ('"1"', "1.5", "true", "-1"):
        token = base64.b64encode(f'{{"offset": {offset}}}'.encode()).decode()
        t.see(f"offset {offset}", lambda token=token: store.get_metric_history(run_id, "m", 5, token))
        t.see(f"searched from {offset}", lambda token=token: store.search_runs(["999"], "", 1, page_token=token))
    for token in ("MQ==", "W10=", "é", "x"):
        t.see(f"token {token!r}", lambda token=token: store.search_experiments(page_token=token))
    t.see("delete nothing", lambda: store.delete_experiment(""))
    t.see("still there", lambda: store.get_experiment("").lifecycle_stage)


@scenario
def deleted_runs(t: Trial) -> None:
    store = t.store
    run = t.run()
    store.log_metric(run, metric("m", 1.0))
    store.log_param(run, Param("p", "1"))
    store.set_tag(run, RunTag("t", "1"))
    t.see("delete", lambda: store.delete_run(run))
    t.see("delete again", lambda: store.delete_run(run))
    t.see("get", lambda: store.get_run(run))
    t.see("history", lambda: store.get_metric_history(run, "m"))
    t.see("log_metric", lambda: store.log_metric(run, metric("m", 1.0)))
    t.see("log_metric of another key", lambda: store.log_metric(run, metric("m2", 1.0)))
    t.see("log_param", lambda: store.log_param(run, Param("p", "1")))
    t.see("set_tag", lambda: store.set_tag(run, RunTag("t", "1")))
    t.see("delete_tag", lambda: store.delete_tag(run, "t"))
    t.see("delete_tag that is not there", lambda: store.delete_tag(run, "never"))
    t.see("update to no status", lambda: store.update_run_info(run, 0, None, None))
    t.see("update", lambda: store.update_run_info(run, None, None, None))
    t.see("empty batch", lambda: store.log_batch(run, [], [], []))
    t.see("batch", lambda: store.log_batch(run, [metric("m", 2.0)], [], []))
    t.see("inputs", lambda: store.log_inputs(run))
    t.see("outputs", lambda: store.log_outputs(run, []))
    t.see("restore", lambda: store.restore_run(run))
    t.see("restore again", lambda: store.restore_run(run))
    t.see("log again", lambda: store.log_metric(run, metric("m", 3.0)))
    for name, call in {
        "log_metric": lambda: store.log_metric("no", metric("m", 1.0)),
        "log_param": lambda: store.log_param("no", Param("p", "1")),
        "set_tag": lambda: store.set_tag("no", RunTag("t", "1")),
        "delete_tag": lambda: store.delete_tag("no", "t"),
        "update": lambda: store.update_run_info("no", 3, 1, None),
        "batch": lambda: store.log_batch("no", [], [], []),
        "bad id in batch": lambda: store.log_batch("a b", [], [], []),
        "bad id in log_metric": lambda: store.log_metric("a b", metric("m", 1.0)),
        "delete": lambda: store.delete_run("no"),
        "restore": lambda: store.restore_run("no"),
        "inputs": lambda: store.log_inputs("no"),
    }.items():
        t.see(f"unknown {name}", call)


@scenario
def params(t: Trial) -> None:
    store = t.store
    run = t.run()
    t.see("log", lambda: store.log_param(run, Param("p", "1")))
    t.see("same again", lambda: store.log_param(run, Param("p", "1")))
    t.see("changed", lambda: store.log_param(run, Param("p", "2")))
    batch = [Param("p", "3"), Param("new", "1"), Param("q", "x'\"")]
    t.see("changed in a batch", lambda: store.log_batch(run, [metric("m", 1.0)], batch, [RunTag("t", "1")]))
    t.see("nothing is written", lambda: store.get_run(run).data)
    t.see("twice in a batch", lambda: store.log_batch(run, [], [Param("a", "1"), Param("a", "1")], []))
    t.see("long", lambda: store.log_param(run, Param("long", "x" * 6_001)))
    t.see("cut", lambda: len(store.get_run(run).data.params["long"]))
    for value in ("", " ", "a\nb", "ü"):
        t.see(f"value {value!r}", lambda v=value: store.log_param(run, Param(f"v{ord((v or '0')[0])}", v)))
    t.see("not a text", lambda: store.log_param(run, Param("n", 5)))
    t.see("no value", lambda: store.log_param(run, Param("none", None)))
    t.see("no value in a batch", lambda: store.log_batch(run, [metric("m", 1.0)], [Param("none", None)], []))
    t.see("all", lambda: {k: v[:9] for k, v in store.get_run(run).data.params.items()})


GOOD_KEYS = ("a b", " a", "a ", "a:b", "a..b", "-", "ünï", "漢字", "a" * 250, "x\n")
BAD_KEYS = (
    "", ".", "...", "..", "/a", "a/", "a//b", "./a", "a/../b", "\t", "'", "😀",
    "?", "*", "=", ",", "@", "|", "\\", "%", "#", "$", "(", "[", "a" * 251, None,
)  # fmt: skip


@scenario
def keys(t: Trial) -> None:
    store = t.store
    run = t.run()
    for key in GOOD_KEYS + BAD_KEYS:
        shown = f"{key!r}"[:20] + f" {len(key or '')}"
        t.see(f"metric {shown}", lambda k=key: store.log_metric(run, metric(k, 1.0)))
        t.see(f"param {shown}", lambda k=key: store.log_param(run, Param(k, "1")))
        t.see(f"tag {shown}", lambda k=key: store.set_tag(run, RunTag(k, "1")))
        t.see(f"batch metric {shown}", lambda k=key: store.log_batch(run, [metric("a", 1.0), metric(k, 1.0)], [], []))
        t.see(f"batch param {shown}", lambda k=key: store.log_batch(run, [], [Param(k, "1")], []))
        t.see(f"batch tag {shown}", lambda k=key: store.log_batch(run, [], [], [RunTag("a", "1"), RunTag(k, "1")]))
    t.see("all", lambda: store.get_run(run).data)


@scenario
def tags(t: Trial) -> None:
    store = t.store
    run = t.run()
    for value in ("1", "2", "", None, "x" * 8_001):
        t.see(f"set {str(value)[:5]!r}", lambda v=value: store.set_tag(run, RunTag("t", v)))
        t.see(f"get {str(value)[:5]!r}", lambda: (store.get_run(run).data.tags["t"] or "nothing")[:9])
    t.see("length", lambda: len(store.get_run(run).data.tags["t"]))
    t.see("last of a batch", lambda: store.log_batch(run, [], [], [RunTag("u", "1"), RunTag("u", "2")]))
    t.see("delete", lambda: store.delete_tag(run, "t"))
    t.see("delete again", lambda: store.delete_tag(run, "t"))
    t.see("value that is no text", lambda: store.set_tag(run, RunTag("t", 5)))
    t.see("delete impossible", lambda: store.delete_tag(run, "a@b"))
    t.see("all", lambda: store.get_run(run).data.tags)
