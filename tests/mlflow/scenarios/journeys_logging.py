"""Journeys through params, metrics, tags and inputs: values, limits, batches, asynchronous calls and threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from typing import Any

import mlflow
import numpy
import pandas
from journeys import Journey, journey
from mlflow.entities import Dataset as DatasetEntity
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.utils.async_logging.run_operations import RunOperations

INF = float("inf")
THREADS = 8
"""Fewer than the 15 connections that MLflow's own store has for simultaneous writers."""


class Pending(str):
    """The text for the result of an asynchronous call, whose content cannot be compared before `wait`."""

    of: RunOperations

    def __new__(cls, of: RunOperations) -> Pending:
        made = super().__new__(cls, type(of).__name__)
        made.of = of
        return made


@journey
def fluent_params(j: Journey) -> None:
    mlflow.set_experiment("fluent params")
    with mlflow.start_run() as run:
        for name, value in {
            "text": "x", "int": 3, "float": 0.1, "none": None, "bool": True, "list": [1, "a"], "dict": {"a": 1},
            "empty": "", "blank": "  ", "lines": "a\nb", "numpy": numpy.float32(0.1), "array": numpy.zeros(2),
            "unicode": "漢字 ünï 🚀", "nan": float("nan"), "class": int, "long": "v" * 6000, "longer": "v" * 6001,
        }.items():  # fmt: skip
            j.see(f"log {name}", lambda name=name, value=value: mlflow.log_param(name, value))
        j.see("same again", lambda: mlflow.log_param("int", 3))
        j.see("same as text", lambda: mlflow.log_param("int", "3"))
        j.see("changed", lambda: mlflow.log_param("int", 4))
        j.see("longer again", lambda: mlflow.log_param("longer", "v" * 6002))
        j.see("many", lambda: mlflow.log_params({"a": 1, "b/c": 2, "d e": None, "f.g-h:i": [1]}))
        j.see("many changed", lambda: mlflow.log_params({"new": 1, "a": 2, "int": 5}))
        j.see("new was not kept", lambda: mlflow.get_run(run.info.run_id).data.params.get("new"))
        for key in ("", "a//b", "/a", "../a", "a?", "k" * 250, "k" * 251, None, 5, "🚀"):
            j.see(f"key {str(key)[:5]!r} of {len(str(key))}", lambda key=key: mlflow.log_param(key, 1))
            j.see(f"keys {str(key)[:5]!r} of {len(str(key))}", lambda key=key: mlflow.log_params({key: 1}))
        j.see("none at all", lambda: mlflow.log_params({}))
    j.see("order", lambda: list(mlflow.get_run(run.info.run_id).data.params))
    j.see("after the end", lambda: mlflow.log_params({"late": 1}, run_id=run.info.run_id))
    j.see("changed after the end", lambda: j.client.log_param(run.info.run_id, "int", 9))
    j.see("unknown run", lambda: mlflow.log_params({"a": 1}, run_id="f" * 32))


def log_each(j: Journey, values: dict[str, Any]) -> None:
    """Log values of many types, one by one and in batches."""
    for name, value in values.items():
        j.see(f"log {name}", lambda name=name, value=value: mlflow.log_metric(name, value, step=1, timestamp=1000))
        j.see(f"log {name} with others", lambda n=name, v=value: mlflow.log_metrics({"a": 1, n: v}, step=2))


@journey
def fluent_tensors(j: Journey) -> None:
    import torch

    mlflow.set_experiment("fluent tensors")
    values = {
        "torch": torch.tensor(0.5), "torch of one": torch.tensor([0.5]), "torch of two": torch.tensor([1.0, 2.0]),
        "torch int": torch.tensor(3), "torch bfloat": torch.tensor(0.1, dtype=torch.bfloat16),
        "torch with gradient": torch.tensor(0.5, requires_grad=True),
    }  # fmt: skip
    with mlflow.start_run():
        log_each(j, values)


@journey
def fluent_metrics(j: Journey) -> None:
    mlflow.set_experiment("fluent metrics")
    values: dict[str, Any] = {
        "int": 3, "float": 0.1, "nan": float("nan"), "inf": INF, "minus inf": -INF, "bool": True, "text": "1.5",
        "word": "abc", "none": None, "list": [1.0], "dict": {}, "complex": 1j, "decimal": Decimal("0.1"),
        "fraction": Fraction(1, 3), "big": 10**300, "too big": 10**400, "minus zero": -0.0, "tiny": 5e-324,
        "numpy float32": numpy.float32(0.1), "numpy float64": numpy.float64(0.1), "numpy float16": numpy.float16(0.1),
        "numpy int64": numpy.int64(7), "numpy bool": numpy.bool_(True), "numpy nan": numpy.float32("nan"),
        "array of none": numpy.array(2.0), "array of one": numpy.array([2.0]), "array of two": numpy.array([1.0, 2.0]),
        "empty array": numpy.array([]), "series": pandas.Series([1.0]),
    }  # fmt: skip
    with mlflow.start_run() as run:
        log_each(j, values)
        for step in (0, 5, -3, 2**63 - 1, -(2**63), None, True, "1"):
            j.see(f"step {step!r}", lambda step=step: mlflow.log_metric("steps", 1, step=step, timestamp=1))
        for moment in (1, 0, None, -1, "1", 2**63 - 1):
            j.see(f"timestamp {moment!r}", lambda moment=moment: mlflow.log_metric("times", 1, timestamp=moment))
        j.see("steps and times", lambda: mlflow.log_metrics({"x": 1, "y": 2}, step=3, timestamp=77))
        j.see("none at all", lambda: mlflow.log_metrics({}))
        j.see("model none", lambda: mlflow.log_metric("model", 1, step=1, timestamp=1, model_id=None))
        for value in (1, 1, 2, 0):
            mlflow.log_metric("again", value, step=1, timestamp=5)
        mlflow.log_metric("backwards", 2, step=2, timestamp=9)
        mlflow.log_metric("backwards", 1, step=1, timestamp=10)
        for key in ("", "a//b", "/a", "../a", "a?", "k" * 250, "k" * 251, None, 5, "a b/c.d-e:f", "ünï"):
            j.see(f"key {str(key)[:5]!r} of {len(str(key))}", lambda key=key: mlflow.log_metric(key, 1))
            j.see(f"keys {str(key)[:5]!r} of {len(str(key))}", lambda key=key: mlflow.log_metrics({key: 1}))
    j.see("order", lambda: list(mlflow.get_run(run.info.run_id).data.metrics))
    j.see("after the end", lambda: mlflow.log_metric("late", 1, run_id=run.info.run_id, timestamp=1))
    j.see("unknown run", lambda: mlflow.log_metric("a", 1, run_id="f" * 32))
    j.see("history", lambda: j.client.get_metric_history(run.info.run_id, "backwards"))
    j.see("history of nothing", lambda: j.client.get_metric_history(run.info.run_id, "never"))
    j.see("history of an unknown run", lambda: j.client.get_metric_history("f" * 32, "a"))


@journey
def fluent_odd_steps(j: Journey) -> None:
    mlflow.set_experiment("fluent odd steps")
    for step in (2**64, 1.5, 2.0, numpy.int64(4), numpy.float64(4), numpy.bool_(True)):
        name = f"step {step} ({type(step).__name__})"
        with mlflow.start_run(run_name=name):
            j.see(name, lambda step=step: mlflow.log_metric("m", 1, step=step, timestamp=1))
    for moment in (2**64, 1.5, 2.0, numpy.int64(4)):
        name = f"timestamp {moment} ({type(moment).__name__})"
        with mlflow.start_run(run_name=name):
            j.see(name, lambda moment=moment: mlflow.log_metric("m", 1, timestamp=moment))


@journey
def fluent_tags(j: Journey) -> None:
    mlflow.set_experiment("fluent tags")
    with mlflow.start_run(run_name="tagged") as run:
        for name, value in {
            "text": "x", "none": None, "int": 1, "list": [1], "empty": "", "long": "v" * 8000, "longer": "v" * 8001,
            "mlflow.note.content": "# A note\n*here*", "mlflow.runName": "named by tag", "mlflow.user": "eve",
            "mlflow.source.git.commit": "abc", "mlflow.unknown": "x", "a/b c.d-e:f": "1",
        }.items():  # fmt: skip
            j.see(f"set {name}", lambda name=name, value=value: mlflow.set_tag(name, value))
            j.see(f"run after {name}", lambda: mlflow.get_run(run.info.run_id))
        j.see("overwrite", lambda: mlflow.set_tag("text", "y"))
        j.see("many", lambda: mlflow.set_tags({"a": 1, "b": None, "text": "z", "mlflow.note.content": "another"}))
        j.see("none at all", lambda: mlflow.set_tags({}))
        j.see("one bad", lambda: mlflow.set_tags({"good": 1, "not?good": 1}))
        j.see("delete", lambda: mlflow.delete_tag("a"))
        j.see("delete again", lambda: mlflow.delete_tag("a"))
        j.see("delete the note", lambda: mlflow.delete_tag("mlflow.note.content"))
        j.see("delete the user", lambda: mlflow.delete_tag("mlflow.user"))
        for key in ("", "a//b", "a?", "k" * 250, "k" * 251, None, 5):
            j.see(f"key {str(key)[:5]!r} of {len(str(key))}", lambda key=key: mlflow.set_tag(key, 1))
            j.see(f"delete key {str(key)[:5]!r} of {len(str(key))}", lambda key=key: mlflow.delete_tag(key))
    j.see("order", lambda: list(mlflow.get_run(run.info.run_id).data.tags))
    j.see("after the end", lambda: j.client.set_tag(run.info.run_id, "late", "1"))
    j.see("unknown run", lambda: j.client.set_tag("f" * 32, "late", "1"))


@journey
def client_limits(j: Journey) -> None:
    experiment = mlflow.create_experiment("client limits")
    client = j.client

    def logged(name: str, metrics: int = 0, params: int = 0, tags: int = 0, at: Any = None) -> None:
        run_id = client.create_run(experiment, run_name=name).info.run_id
        given = (
            [Metric(f"m{n % 10}", n, n, n) for n in range(metrics)],
            [Param(f"p{n}", "1") for n in range(params)],
            [RunTag(f"t{n}", "1") for n in range(tags)],
        )
        j.see(name, lambda: (at or client).log_batch(run_id, *given))

    for api, at in {"client": client, "store": j.store}.items():
        for counts in ((1000, 0, 0), (1001, 0, 0), (0, 100, 0), (0, 101, 0), (0, 0, 100), (0, 0, 101), (801, 100, 100)):
            logged(f"{counts} by the {api}", *counts, at=at)
    logged("2500 and all else", 2500, 250, 120)
    logged("nothing")
    for truncate in ("true", "false"):
        os.environ["MLFLOW_TRUNCATE_LONG_VALUES"] = truncate
        run_id = client.create_run(experiment, run_name=f"truncate {truncate}").info.run_id
        for length in (6000, 6001, 20_000):
            name = f"{length} truncate {truncate}"
            value = "v" * length
            j.see(f"param of {name}", lambda i=run_id, v=value: client.log_param(i, f"p{len(v)}", v))
            j.see(f"params of {name}", lambda i=run_id, v=value: client.log_batch(i, params=[Param(f"b{len(v)}", v)]))
        for length in (8000, 8001, 20_000):
            name = f"{length} truncate {truncate}"
            value = "v" * length
            j.see(f"tag of {name}", lambda i=run_id, v=value: client.set_tag(i, f"t{len(v)}", v))
            j.see(f"tags of {name}", lambda i=run_id, v=value: client.log_batch(i, tags=[RunTag(f"b{len(v)}", v)]))
    os.environ.pop("MLFLOW_TRUNCATE_LONG_VALUES")
    run_id = client.create_run(experiment, run_name="keys").info.run_id
    for length in (250, 251):
        j.see(f"metric key of {length}", lambda n=length: client.log_batch(run_id, [Metric("k" * n, 1, 1, 1)]))
        j.see(f"param key of {length}", lambda n=length: client.log_batch(run_id, params=[Param("k" * n, "1")]))
        j.see(f"tag key of {length}", lambda n=length: client.log_batch(run_id, tags=[RunTag("k" * n, "1")]))
    j.see("param twice", lambda: client.log_batch(run_id, params=[Param("twice", "1"), Param("twice", "1")]))
    j.see("tag twice", lambda: client.log_batch(run_id, tags=[RunTag("twice", "1"), RunTag("twice", "2")]))
    j.see("point twice", lambda: client.log_batch(run_id, [Metric("twice", 1, 1, 1)] * 3))
    odd = [Metric("odd", value, 1, step) for step, value in enumerate((numpy.float32(1), INF, -INF, float("nan"), "2"))]
    j.see("odd values", lambda: client.log_batch(run_id, odd))
    j.see("bad value", lambda: client.log_batch(run_id, [Metric("good", 1, 1, 1), Metric("bad", "x", 1, 1)]))
    j.see("tuples", lambda: client.log_batch(run_id, (Metric("tuple", 1, 1, 1),), (Param("tuple", "1"),)))
    j.see("unknown run", lambda: client.log_batch("f" * 32, [Metric("m", 1, 1, 1)]))
    j.see("bad run", lambda: client.log_batch("no/run", [Metric("m", 1, 1, 1)]))


@journey
def fluent_inputs(j: Journey) -> None:
    mlflow.set_experiment("fluent inputs")
    frame = pandas.DataFrame({"x": [1, 2], "y": [0.5, 1.5], "label": ["a", "b"]})
    path = j.file("data.csv", "x,y\n1,2\n")
    data = {
        "pandas": mlflow.data.from_pandas(frame, name="points", targets="label"),
        "from a file": mlflow.data.from_pandas(frame, source=str(path), name="points of a file"),
        "from the web": mlflow.data.from_pandas(frame, source="https://example.com/data.csv", name="points of the web"),
        "numpy": mlflow.data.from_numpy(numpy.arange(6.0).reshape(3, 2), targets=numpy.arange(3), name="numbers"),
        "numpy by name": mlflow.data.from_numpy({"a": numpy.zeros(2), "b": numpy.ones(2)}, name="numbers by name"),
        "with digest": mlflow.data.from_pandas(frame, name="digested", digest="abc123"),
        "nameless": mlflow.data.from_pandas(frame),
        "meta": mlflow.data.meta_dataset.MetaDataset(
            mlflow.data.http_dataset_source.HTTPDatasetSource("https://example.com/x.csv"), name="meta"
        ),
        "long name": mlflow.data.from_pandas(frame, name="n" * 501),
        "long digest": mlflow.data.from_pandas(frame, name="long digest", digest="d" * 37),
    }
    with mlflow.start_run() as run:
        for name, one in data.items():
            j.see(f"log {name}", lambda one=one: mlflow.log_input(one, context="training"))
        j.see("again", lambda: mlflow.log_input(data["pandas"], context="validation", tags={"more": "1"}))
        j.see("by source", lambda: mlflow.data.get_source(mlflow.get_run(run.info.run_id)).to_dict())
    with mlflow.start_run(run_name="tags"):
        j.see("tags", lambda: mlflow.log_input(data["pandas"], context="test", tags={"a": "1", "b": "2"}))
        j.see("without context", lambda: mlflow.log_input(data["numpy"]))
        j.see("number as a tag", lambda: mlflow.log_input(data["with digest"], tags={"n": 1}))
        j.see("long tag", lambda: mlflow.log_input(data["nameless"], tags={"k": "v" * 501}))
    with mlflow.start_run(run_name="many") as many:
        used = [data["pandas"], data["numpy"], None]
        j.see("many", lambda: mlflow.log_inputs(used[:2], ["training", "test"], [{"a": "1"}, None]))
        j.see("uneven", lambda: mlflow.log_inputs(used[:2], ["training"], [None]))
        j.see("none", lambda: mlflow.log_inputs())
    raw = DatasetInput(DatasetEntity("raw", "1", "local", "{}"), [InputTag("mlflow.data.context", "raw")])
    j.see("by the client", lambda: j.client.log_inputs(many.info.run_id, [raw]))
    j.see("unknown run", lambda: j.client.log_inputs("f" * 32, [raw]))
    j.see("nothing to an unknown run", lambda: j.client.log_inputs("f" * 32))
    with mlflow.start_run(run_name="metrics of data"):
        j.see("metrics", lambda: mlflow.log_metrics({"a": 1, "b": 2}, step=1, dataset=data["pandas"], timestamp=5))
        j.see("metric", lambda: mlflow.log_metric("c", 3, dataset=data["numpy"], timestamp=5))
    for filter_string in ("dataset.name = 'points'", "datasets.context = 'test'", "dataset.digest = 'abc123'"):
        j.see(f"found by {filter_string}", lambda f=filter_string: mlflow.search_runs(filter_string=f))


@journey
def fluent_asynchronous(j: Journey) -> None:
    mlflow.set_experiment("fluent asynchronous")
    with mlflow.start_run() as run:
        run_id = run.info.run_id
        j.see("param", lambda: mlflow.log_param("p", 1, synchronous=False).wait())
        j.see("params", lambda: mlflow.log_params({"q": 1, "r": 2}, synchronous=False).wait())
        j.see("tag", lambda: mlflow.set_tag("t", 1, synchronous=False).wait())
        j.see("tags", lambda: mlflow.set_tags({"u": 1, "v": None}, synchronous=False).wait())
        j.see("metric", lambda: mlflow.log_metric("m", 1, step=0, timestamp=1, synchronous=False).wait())
        j.see("metrics", lambda: mlflow.log_metrics({"m": 2, "n": INF}, step=1, timestamp=2, synchronous=False).wait())
        pending = [mlflow.log_metric(f"many {n}", n, timestamp=1, synchronous=False) for n in range(40)]
        for one in pending:
            one.wait()
        big = [Metric("big", n, n, n) for n in range(700)]
        params, tags = [Param(f"p{n}", "1") for n in range(250)], [RunTag(f"t{n}", "1") for n in range(120)]
        j.see("batch", lambda: j.client.log_batch(run_id, big, params, tags, synchronous=False).wait())
        j.see("nothing", lambda: j.client.log_batch(run_id, synchronous=False))
        more = [Param(f"more{n}", "1") for n in range(100)]
        for name, call in {
            "changed param": lambda: mlflow.log_param("p", 2, synchronous=False),
            "bad key": lambda: mlflow.log_metric("not?good", 1, synchronous=False),
            "bad param key": lambda: mlflow.log_param("not?good", 1, synchronous=False),
            "bad tag": lambda: mlflow.set_tag("not?good", 1, synchronous=False),
            "tag without a key": lambda: mlflow.set_tag(None, 1, synchronous=False),
            "key that is no text": lambda: mlflow.log_metric(5, 1, synchronous=False),
            "bad value": lambda: mlflow.log_metric("m", "x", synchronous=False),
            "bad step": lambda: mlflow.log_metric("m", 1, step="x", timestamp=1, synchronous=False),
            "broken step": lambda: mlflow.log_metric("m", 1, step=[1], timestamp=1, synchronous=False),
            "unknown run": lambda: mlflow.log_metric("m", 1, run_id="f" * 32, synchronous=False),
            "batch of an unknown run": lambda: j.client.log_batch("f" * 32, big[:1], synchronous=False),
            "batch of what is none": lambda: j.client.log_batch(run_id, params=["x"], synchronous=False),
            "tag of an unknown run": lambda: j.client.set_tag("f" * 32, "t", 1, synchronous=False),
            "one batch of two": lambda: j.client.log_batch(run_id, [], [Param("p", "3"), *more], synchronous=False),
        }.items():
            operation = j.see(f"call with {name}", lambda call=call: Pending(call()))
            j.see(f"wait for {name}", lambda operation=operation: operation.of.wait())
        mlflow.flush_async_logging()
        j.see("log after a flush", lambda: mlflow.log_metric("after", 1, timestamp=1, synchronous=False).wait())
    j.see("after the end", lambda: mlflow.log_metric("late", 1, 1, run_id=run_id, synchronous=False).wait())
    mlflow.config.enable_async_logging()
    with mlflow.start_run(run_name="all asynchronous") as run:
        given = [
            mlflow.log_param("p", 1),
            mlflow.log_params({"q": 1}),
            mlflow.log_metric("m", 1, timestamp=1),
            mlflow.log_metrics({"n": 1}, timestamp=1),
            mlflow.set_tag("t", 1),
            mlflow.set_tags({"u": 1}),
        ]
        j.see("what is given", lambda: [type(one).__name__ for one in given])
        j.see("and waited for", lambda: [one.wait() for one in given])
        j.see("an error without a wait for it", lambda: mlflow.log_param("p", 2) and None)
        j.see("synchronous all the same", lambda: mlflow.log_metric("s", 1, timestamp=1, synchronous=True))
    j.see("all is there at the end", lambda: mlflow.get_run(run.info.run_id))
    mlflow.config.enable_async_logging(False)
    mlflow.delete_run(run.info.run_id)
    j.see("deleted run", lambda: j.client.log_metric(run.info.run_id, "m", 1, synchronous=False).wait())


@journey
def fluent_threads(j: Journey) -> None:
    experiment = mlflow.set_experiment("fluent threads")

    def together(work: Callable[[int], Any]) -> list[Any]:
        with ThreadPoolExecutor(THREADS) as threads:
            return list(threads.map(work, range(THREADS)))

    with mlflow.start_run(run_name="shared") as shared:
        run_id = shared.info.run_id

        def into_one(thread: int) -> Any:
            for step in range(8):
                mlflow.log_metric(f"m{thread:02}", thread, step=step, timestamp=1, run_id=run_id)
            mlflow.log_metrics({f"n{thread:02}": thread}, timestamp=1, run_id=run_id)
            mlflow.log_params({f"p{thread:02}": thread}, run_id=run_id)
            j.client.set_tag(run_id, f"t{thread:02}", thread)
            mlflow.log_text(str(thread), f"texts/{thread:02}.txt", run_id=run_id)
            return mlflow.active_run()

        j.see("many into one run", lambda: together(into_one))
        barrier = threading.Barrier(THREADS)

        def into_own(thread: int) -> Any:
            barrier.wait(60)
            with mlflow.start_run(run_name=f"run {thread:02}", experiment_id=experiment.experiment_id):
                for step in range(4):
                    mlflow.log_metric("m", thread, step=step, timestamp=1)
                with mlflow.start_run(run_name=f"child {thread:02}", nested=True) as child:
                    mlflow.log_param("thread", thread)
                mlflow.set_tag("child", child.info.run_name)
                name = mlflow.active_run().info.run_name
            return name, mlflow.active_run(), mlflow.last_active_run().info.run_name

        j.see("many into runs of their own", lambda: together(into_own))
        j.see("active here", lambda: mlflow.active_run().info.run_name)
