"""Scripts about metrics, batches and inputs, for `parity.py`."""

from __future__ import annotations

import math
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput, Param, RunTag
from parity import START, Trial, metric, scenario

NAN, INF = math.nan, math.inf


@scenario
def metrics(t: Trial) -> None:
    store = t.store
    run = t.run()
    for value in (1, 1.5, NAN, INF, -INF, -0.0, 5e-324, 1.7976931348623157e308, 2**53 + 1):
        t.see(f"log {value}", lambda v=value: store.log_metric(run, metric(f"v{str(v)[:5]}", v)))
    for value in (True, "1", None, [1.0], 10**400):
        t.see(f"bad {str(value)[:9]}", lambda v=value: store.log_metric(run, metric("bad", v)))
        t.see(f"bad {str(value)[:9]} in a batch", lambda v=value: store.log_batch(run, [metric("bad", v)], [], []))
    for timestamp in (-1, "1", None, 0):
        t.see(f"time {timestamp}", lambda at=timestamp: store.log_metric(run, metric("time", 1.0, at)))
    for step in ("1", None, 2**63, -(2**63), 2**63 - 1):
        t.see(f"step {step}", lambda at=step: store.log_metric(run, metric("step", 1.0, START, at)))
    t.see("all", lambda: store.get_run(run).data.metrics)
    several = t.run()
    good = [metric("a", 1.0, START, 5), metric("b", -0.0, START + 1, -5)]
    t.see("good batches", lambda: [store.log_batch(several, good, [], []) for _ in range(2)])
    t.see("a batch with NaN", lambda: store.log_batch(several, [metric("d", 1.0), metric("d", NAN)], [], []))
    bad = {
        **{f"value {value!r:.9}": metric("c", value) for value in (1, True, "1", None, [1.0])},
        **{f"time {time}": metric("c", 1.0, time) for time in (-1, "1", None, True)},
        **{f"step {step}": metric("c", 1.0, START, step) for step in ("1", None, 1.0, True, 2**63 - 1)},
        **{f"key {key!r:.9}": metric(key, 1.0) for key in ("", "a@", None, "../c", "k" * 251, "k" * 250)},
    }  # fmt: skip
    for what, one in bad.items():
        t.see(f"{what} after good metrics", lambda last=one: store.log_batch(several, [*good, last], [], []))
    t.see("several", lambda: store.get_run(several).data.metrics)
    for key in ("a", "b", "c", "d"):
        t.see(f"history of {key}", lambda k=key: store.get_metric_history(several, k))
    known = t.run()
    for what, one in {"a good metric": metric("c", 1.0), **bad}.items():
        t.see(f"{what} for a key that was logged before", lambda each=one: store.log_metric(known, each))
    t.see("history of a key with odd metrics", lambda: store.get_metric_history(known, "c"))
    broken = t.run()
    large = [metric("large", 2**53 + 1)]
    t.see("int beyond 2**53 twice", lambda: [store.log_batch(broken, large, [], []) for _ in range(2)])
    t.see("broken time", lambda: store.log_metric(broken, metric("m", 1.0, 1.5)))
    t.see("time that is kept", lambda: store.get_metric_history(broken, "m")[0].timestamp)


@scenario
def latest(t: Trial) -> None:
    store = t.store
    run = t.run()
    points = {
        "greatest step": [(1.0, 1, 2), (2.0, 2, 1), (3.0, 3, -5)],
        "greatest time": [(1.0, 5, 0), (2.0, 4, 0)],
        "greatest value": [(1.0, 1, 0), (3.0, 1, 0), (2.0, 1, 0)],
        "nan beats below 0": [(-1.0, 1, 0), (NAN, 1, 0)],
        "nan loses above 0": [(NAN, 1, 0), (1.0, 1, 0)],
        "nan first stays": [(NAN, 1, 0), (0.0, 1, 0)],
        "0 first stays": [(0.0, 1, 0), (NAN, 1, 0)],
        "inf": [(1e308, 1, 0), (INF, 1, 0)],
        "minus inf": [(-INF, 1, 0), (-1e308, 1, 0)],
    }
    for key, given in points.items():
        for value, timestamp, step in given:
            store.log_metric(run, metric(key, value, timestamp, step))
    t.see("metrics", lambda: store.get_run(run).data)


@scenario
def history(t: Trial) -> None:
    store = t.store
    run, other, third = t.run(), t.run(), t.run()
    values = (1.0, 0.0, NAN, -1.0, INF, -0.0, 5e-324)
    points = [metric("m", v, START + (i * 7) % 3, (i * 5) % 4 - 1) for i, v in enumerate(values * 6)]
    store.log_batch(run, points, [], [])
    t.see("some again", lambda: store.log_batch(run, points[:5], [], []))
    store.log_batch(other, points[10:20], [], [])
    twice = [metric("m", value) for value in (INF, 1.7976931348623157e308)]
    t.see("infinity as kept", lambda: store.log_batch(third, twice, [], []))
    t.see("one point", lambda: len(store.get_metric_history(third, "m")))
    t.see("all", lambda: store.get_metric_history(run, "m"))
    t.see("page", lambda: store.get_metric_history(run, "m", max_results=5))
    token = store.get_metric_history(run, "m", max_results=5).token
    t.see("second page", lambda: store.get_metric_history(run, "m", max_results=5, page_token=token))
    t.see("token alone", lambda: store.get_metric_history(run, "m", page_token=token))
    t.see("bad token", lambda: store.get_metric_history(run, "m", page_token="abc"))
    t.see("unknown key", lambda: store.get_metric_history(run, "never"))
    t.see("no key", lambda: store.get_metric_history(run, None))
    t.see("no key of many", lambda: store.get_metric_history_bulk([run], None, 5))
    t.see("unknown run", lambda: store.get_metric_history("never", "m"))
    for most in (1, 3, 1000):
        t.see(f"bulk {most}", lambda n=most: len(store.get_metric_history_bulk([run, other, run], "m", n)))
        for bounds in ((None, None), (0, 1), (1, 0), (0, None), (-1, -1)):
            t.see(
                f"interval {most} {bounds}",
                lambda n=most, b=bounds: [
                    one.to_dict() for one in store.get_metric_history_bulk_interval([run, other, run], "m", n, *b)
                ],
            )
    t.see(
        "from steps",
        lambda: [one.to_dict() for one in store.get_metric_history_bulk_interval_from_steps(run, "m", [0, 2], 8)],
    )


@scenario
def sampling(t: Trial) -> None:
    store = t.store
    run = t.run()
    store.log_batch(run, [metric("m", float(i), START, i) for i in range(100)], [], [])
    store.log_batch(run, [metric("ten", float(i), START, i) for i in range(10)], [], [])
    for key, most in (("ten", 9), ("ten", 5), ("ten", 3), ("ten", 1), ("ten", 10), ("m", 7), ("m", 33), ("m", 0)):
        t.see(
            f"{key} {most}",
            lambda k=key, n=most: [one.step for one in store.get_metric_history_bulk_interval([run], k, n, None, None)],
        )


@scenario
def batches(t: Trial) -> None:
    store = t.store
    run = t.run()
    for count, what in ((1001, "metrics"), (101, "params"), (101, "tags")):
        given: dict[str, list[Any]] = {"metrics": [], "params": [], "tags": []}
        make = {"metrics": lambda i: metric(f"k{i}", 1.0), "params": lambda i: Param(f"k{i}", "1")}
        given[what] = [make.get(what, lambda i: RunTag(f"k{i}", "1"))(i) for i in range(count)]
        t.see(f"{count} {what}", lambda g=given: store.log_batch(run, **g))
    many = [metric(f"k{i}", 1.0) for i in range(1000)]
    t.see("1001 together", lambda: store.log_batch(run, many, [Param("p", "1")], []))
    t.see("first error wins", lambda: store.log_batch(run, [metric("a@", 1.0)], [Param("b@", "1")], [RunTag("c@", "")]))
    t.see("nothing is written", lambda: store.get_run(run).data)
    t.see("all kinds", lambda: store.log_batch(run, [metric("m", 1.0)], [Param("p", "1")], [RunTag("t", "1")]))
    t.see("data", lambda: store.get_run(run).data)


@scenario
def inputs(t: Trial) -> None:
    store = t.store
    run, other = t.run(), t.run()

    def data(name: str, digest: str = "d", context: str | None = "train", **changes: Any) -> DatasetInput:
        given = {"source_type": "local", "source": "here", "schema": "s", "profile": None} | changes
        found = [InputTag("mlflow.data.context", context)] if context else []
        return DatasetInput(Dataset(name, digest, **given), found)

    t.see("nothing", lambda: store.log_inputs(run))
    t.see("not a list", lambda: store.log_inputs(run, (data("a"),)))
    t.see("log", lambda: store.log_inputs(run, [data("a"), data("b", context=None)], [LoggedModelInput("m-1")]))
    t.see("again", lambda: store.log_inputs(run, [data("a", context="test")], [LoggedModelInput("m-1")]))
    t.see("in another run", lambda: store.log_inputs(other, [data("a", source="elsewhere", context="test")]))
    t.see("first of equal ones", lambda: store.log_inputs(other, [data("c"), data("c", source="there")]))
    for field, length in (("name", 501), ("digest", 37), ("source", 65_536), ("schema", 1_048_576)):
        given = {"name": "x", "digest": "d"} | {field: "x" * length}
        t.see(f"long {field}", lambda g=given: store.log_inputs(run, [data(**g)]))
    for field in ("name", "digest", "source", "source_type"):
        given = {"name": "x", "digest": "d"} | {field: None}
        t.see(f"no {field}", lambda g=given: store.log_inputs(run, [data(**g)]))
    t.see("run", lambda: store.get_run(run).inputs)
    t.see("other run", lambda: store.get_run(other).inputs)
    t.see("outputs", lambda: store.log_outputs(run, [LoggedModelOutput("m-1", 3)]))
    t.see("outputs of the run", lambda: store.get_run(run).outputs)
    t.see("outputs again", lambda: store.log_outputs(run, [LoggedModelOutput("m-1", 3)]))
    t.see("outputs are still the same", lambda: store.get_run(run).outputs)
    t.see("search leaves models out", lambda: [run.inputs for run in store.search_runs([t.experiment], "", 3)])
    t.see("summaries", lambda: sorted(map(vars, store._search_datasets([t.experiment])), key=str))
