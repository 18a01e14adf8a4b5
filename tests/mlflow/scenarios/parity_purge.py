"""Scripts about permanent deletion, which run on MLflow's own store and on ours."""

from __future__ import annotations

from typing import Any

from mlflow.entities import Dataset, DatasetInput, ExperimentTag, InputTag, Metric, Param, RunTag, ViewType
from parity import START, Trial, metric, scenario


def used(context: str) -> DatasetInput:
    return DatasetInput(Dataset("data", "d", "local", "here"), [InputTag("mlflow.data.context", context)])


@scenario
def purged_runs(t: Trial) -> None:
    store = t.store
    gone, active, kept = t.run(), t.run(), t.run()
    for run, context in ((gone, "train"), (active, "test"), (kept, "train")):
        store.log_batch(run, [metric("m", 1.0)], [Param("p", "1")], [RunTag("t", "1")])
        store.log_inputs(run, [used(context)])
    t.see("no deleted runs", lambda: mine(t, store._get_deleted_runs()))
    store.delete_run(gone)
    t.see("deleted runs", lambda: mine(t, store._get_deleted_runs()))
    t.see("deleted before now", lambda: mine(t, store._get_deleted_runs(older_than=0)))
    t.see("deleted long ago", lambda: mine(t, store._get_deleted_runs(older_than=3_600_000)))
    t.see("purge", lambda: store._hard_delete_run(gone))
    t.see("purge again", lambda: store._hard_delete_run(gone))
    t.see("purge an active one", lambda: store._hard_delete_run(active))
    t.see("purge unknown", lambda: store._hard_delete_run("nothing"))
    t.see("purge a bad id", lambda: store._hard_delete_run("a b"))
    for name, call in {
        "get": lambda: store.get_run(gone),
        "history": lambda: store.get_metric_history(gone, "m"),
        "log": lambda: store.log_metric(gone, metric("m", 2.0)),
        "log a batch": lambda: store.log_batch(gone, [metric("m", 2.0)], [], []),
        "log a param": lambda: store.log_param(gone, Param("p", "1")),
        "delete": lambda: store.delete_run(gone),
        "restore": lambda: store.restore_run(gone),
        "update": lambda: store.update_run_info(gone, 3, START, None),
    }.items():
        t.see(name, call)
    t.see("no deleted runs again", lambda: mine(t, store._get_deleted_runs()))
    t.see("what is left", lambda: [run.info.run_id for run in store.search_runs([t.experiment], "", ViewType.ALL)])
    t.see("the kept one", lambda: store.get_run(kept))
    t.see("data sets stay", lambda: sorted(map(vars, store._search_datasets([t.experiment])), key=str))


@scenario
def purged_experiments(t: Trial) -> None:
    store = t.store
    first = store.create_experiment("purged first", "", [ExperimentTag("k", "1")])
    last = store.create_experiment("purged last")
    run, restored = t.run(experiment_id=last), t.run(experiment_id=last)
    store.log_batch(run, [metric("m", 1.0)], [Param("p", "1")], [])
    store.log_inputs(run, [used("train")])
    for bad in (last, "99999", "abc", "1.0", None, ""):
        t.see(f"purge {bad and bad.replace(last, 'active')!r}", lambda bad=bad: store._hard_delete_experiment(bad))
    store.delete_experiment(last)
    store.restore_run(restored)
    t.see("runs deleted with it", lambda: mine(t, store._get_deleted_runs()))
    t.see("purge", lambda: store._hard_delete_experiment(f" {last} "))
    t.see("purge again", lambda: store._hard_delete_experiment(last))
    t.see("get", lambda: store.get_experiment(last))
    t.see("by name", lambda: store.get_experiment_by_name("purged last"))
    t.see("restore", lambda: store.restore_experiment(last))
    t.see("its run", lambda: store.get_run(run))
    t.see("its restored run", lambda: store.get_run(restored))
    t.see("search its runs", lambda: store.search_runs([last], "", ViewType.ALL))
    t.see("new run in it", lambda: t.run(experiment_id=last))
    t.see("its id again", lambda: store.create_experiment("purged last") == last)
    t.see("new one", lambda: store.get_experiment(last))
    t.see("its data sets", lambda: store._search_datasets([last]))
    t.see("its runs", lambda: store.search_runs([last], "", ViewType.ALL))
    store.delete_experiment(first)
    t.see("purge the first", lambda: store._hard_delete_experiment(int(first)))
    t.see("its id is not taken", lambda: store.create_experiment("purged first") == str(int(last) + 1))
    t.see("its tags", lambda: store.get_experiment_by_name("purged first").tags)
    given = {"filter_string": "name LIKE 'purged%'", "order_by": ["name"]}
    t.see("what is left", lambda: [one.name for one in store.search_experiments(ViewType.ALL, **given)])


@scenario
def purged_models(t: Trial) -> None:
    store = t.store
    t.see("no deleted models", lambda: mine(t, store._get_deleted_logged_models()))
    other = store.create_experiment("purged models")
    run, elsewhere = t.run(), t.run(experiment_id=other)
    model, lost = (store.create_logged_model(e, "m", r).model_id for e, r in ((t.experiment, run), (other, elsewhere)))
    t.names |= {model: "<model>", lost: "<lost model>"}
    for run_id in (run, elsewhere):
        store.log_metric(run_id, Metric("acc", 0.5, START, 1, model_id=model, run_id=run_id))
    t.see("metrics", lambda: plain_metrics(t, store.get_logged_model(model)))
    t.see("purge a run", lambda: store._hard_delete_run(run))
    t.see("its metrics", lambda: plain_metrics(t, store.get_logged_model(model)))
    store.delete_experiment(other)
    t.see("purge an experiment", lambda: store._hard_delete_experiment(other))
    t.see("its model", lambda: store.get_logged_model(lost))
    t.see("metrics of its run", lambda: plain_metrics(t, store.get_logged_model(model)))
    again = store.create_experiment("purged models")
    t.see("its id again", lambda: again == other)
    t.see("no models there", lambda: store.search_logged_models([again]))
    store.delete_logged_model(model)
    t.see("deleted models", lambda: mine(t, store._get_deleted_logged_models()))
    t.see("deleted long ago", lambda: mine(t, store._get_deleted_logged_models(older_than=3_600_000)))
    t.see("purge a model", lambda: store._hard_delete_logged_model(model))
    t.see("purge it again", lambda: store._hard_delete_logged_model(model))
    t.see("no deleted models again", lambda: mine(t, store._get_deleted_logged_models()))


def mine(t: Trial, ids: list[str]) -> list[str]:
    """Return only the objects of this script, without those of other scripts."""
    return [one for one in ids if one in t.names]


def plain_metrics(t: Trial, model: Any) -> list[tuple[Any, ...]]:
    """Return the metrics of a model, in the order in which the script created their runs."""
    return sorted((t.names[one.run_id], one.key, one.value, one.timestamp, one.step) for one in model.metrics or ())
