"""Scripts about tracing: functions, spans, searches, links, deletion."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import mlflow
from forwarding import Forwarded, script
from mlflow.entities import SpanEvent, Trace, TraceInfo, TraceLocation, TraceState
from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType

LONG = "x" * 9000
EARLY = 1_600_000_000_000


def traced(t: Forwarded, **more: Any) -> list[Trace]:
    """Return the traces of the script's experiment, in the order of their start."""
    mlflow.flush_trace_async_logging()
    return list(mlflow.search_traces(locations=[t.experiment], return_type="list", order_by=["timestamp ASC"], **more))


def last(t: Forwarded) -> Trace:
    mlflow.flush_trace_async_logging()
    found = mlflow.get_trace(mlflow.get_last_active_trace_id())
    assert found is not None
    return found


def info(t: Forwarded, number: int, **changes: Any) -> TraceInfo:
    """Write a trace as a client in another language would, with its own time."""
    given: dict[str, Any] = {
        "trace_id": f"tr-{t.experiment}-{number}",
        "trace_location": TraceLocation.from_experiment_id(t.experiment),
        "request_time": EARLY + number * 1000,
        "execution_duration": number * 10,
        "state": TraceState.OK if number % 2 else TraceState.ERROR,
        "request_preview": f"question {number}",
        "response_preview": f"answer {number}",
        "client_request_id": f"client {t.experiment} {number}",
        "trace_metadata": {"mlflow.trace.session": f"session {number // 3}", "even": str(number % 2 == 0)},
        "tags": {"number": str(number), "mlflow.traceName": f"name {number % 2}"},
    }
    return TraceInfo(**given | changes)


@script
def decorated(t: Forwarded) -> None:
    @mlflow.trace(name="double", span_type="TOOL", attributes={"unit": "m"})
    def double(x: int) -> int:
        return 2 * x

    @mlflow.trace
    def outer(x: int, *rest: int, **named: Any) -> dict[str, Any]:
        mlflow.update_current_trace(tags={"team": "vision"}, metadata={"mlflow.trace.session": "s1", "k": "v"})
        return {"doubled": double(x), "rest": rest, **named}

    @mlflow.trace
    def count(n: int) -> Iterator[int]:
        yield from range(n)

    @mlflow.trace(output_reducer=sum)
    def summed(n: int) -> Iterator[int]:
        yield from range(n)

    @mlflow.trace
    def broken(x: int) -> int:
        with mlflow.start_span("inner") as span:
            span.set_inputs({"x": x})
            span.add_event(SpanEvent("looked", attributes={"a": 1}))
        raise ValueError(f"cannot take {x}")

    @mlflow.trace
    async def waited(x: int) -> int:
        await asyncio.sleep(0)
        return double(x)

    @mlflow.trace
    async def streamed(n: int) -> AsyncIterator[int]:
        for index in range(n):
            yield index

    async def read() -> list[int]:
        return [one async for one in streamed(2)]

    for name, call in {
        "nested": lambda: outer(2, 3, 4, unit="m"),
        "generator": lambda: list(count(3)),
        "reduced generator": lambda: list(summed(3)),
        "generator that is left": lambda: next(iter(count(3))),
        "exception": lambda: broken(1),
        "async": lambda: asyncio.run(waited(3)),
        "async generator": lambda: asyncio.run(read()),
        "input that is no JSON": lambda: outer(object()),
        "long input": lambda: double(LONG),
    }.items():
        t.see(name, call)
        t.see(f"{name} trace", lambda: last(t))
    t.see("all", lambda: [one.info for one in traced(t)])
    t.see("frame", lambda: list(mlflow.search_traces(locations=[t.experiment]).columns))
    t.see("root outputs", lambda: [span.outputs for one in traced(t) for span in one.search_spans(name="double")])


@script
def spans(t: Forwarded) -> None:
    with mlflow.start_span("with inputs", span_type="CHAIN", attributes={"a": [1, 2.5, None]}) as span:
        span.set_inputs({"q": "1 + 1", "n": float("nan"), "nested": {"ü": [True]}})
        span.set_outputs("2")
        span.set_attribute("late", {"x": 1})
        with mlflow.start_span("child") as child:
            child.set_status("ERROR")
    t.see("with inputs", lambda: last(t))
    with mlflow.start_span("no inputs"):
        mlflow.update_current_trace(client_request_id=f"request {t.experiment}", request_preview="p", state="ERROR")
    t.see("no inputs", lambda: last(t))

    client = t.client
    root = client.start_trace(
        "by hand", inputs={"x": 1}, tags={"k": "v"}, experiment_id=t.experiment, start_time_ns=EARLY * 10**6
    )
    child = client.start_span("step", root.trace_id, root.span_id, inputs=[1], start_time_ns=EARLY * 10**6 + 5)
    client.end_span(root.trace_id, child.span_id, outputs={"y": 2}, end_time_ns=EARLY * 10**6 + 2_000_000)
    client.end_trace(root.trace_id, outputs={"z": 3}, status="OK", end_time_ns=EARLY * 10**6 + 7_000_000)
    mlflow.flush_trace_async_logging()
    t.see("by hand", lambda: client.get_trace(root.trace_id))
    t.see("end again", lambda: client.end_trace(root.trace_id))
    t.see("end unknown", lambda: client.end_trace("tr-unknown"))
    t.see("span of unknown", lambda: client.start_span("s", "tr-unknown", "parent"))
    t.see("in an unknown experiment", lambda: client.start_trace("x", experiment_id="99999").trace_id)
    mlflow.flush_trace_async_logging()
    with mlflow.start_run() as run:
        t.note(run.info.run_id)
        with mlflow.start_span("in a run"):
            pass
    t.see("in a run", lambda: last(t))
    t.see(
        "of the run",
        lambda: [one.info.trace_id for one in mlflow.search_traces(run_id=run.info.run_id, return_type="list")],
    )
    t.see(
        "copied",
        lambda: mlflow.log_trace(
            "logged", request={"a": 1}, response={"b": 2}, start_time_ms=EARLY, execution_time_ms=7
        ),
    )
    mlflow.flush_trace_async_logging()
    t.see("copy", lambda: last(t))
    t.see("get unknown", lambda: mlflow.get_trace("tr-unknown"))
    t.see("get unknown by the client", lambda: client.get_trace("tr-unknown"))


@script
def trace_search(t: Forwarded) -> None:
    store, client = t.store, t.client
    for number in range(7):
        t.see(f"start {number}", lambda number=number: store.start_trace(info(t, number)))
    t.see("start again", lambda: store.start_trace(info(t, 0, request_preview="again")))
    t.see(
        "start in an unknown experiment",
        lambda: store.start_trace(info(t, 8, trace_location=TraceLocation.from_experiment_id("99999"))),
    )
    t.see("start with a long tag", lambda: store.start_trace(info(t, 9, tags={"k": LONG})))
    t.see("start with a long key", lambda: store.start_trace(info(t, 10, tags={"k" * 300: "v"})))
    t.see(
        "delete what is too long",
        lambda: client.delete_traces(t.experiment, trace_ids=[f"tr-{t.experiment}-{n}" for n in (9, 10)]),
    )

    def ids(**given: Any) -> Any:
        return [one.trace_id for one in store.search_traces(locations=[t.experiment], **given)[0]]

    for text in (
        "status = 'OK'",
        "trace.status != 'OK'",
        "attributes.status IN ('OK', 'ERROR')",
        f"timestamp > {EARLY + 3000}",
        f"attributes.timestamp_ms <= {EARLY + 3000} AND status = 'OK'",
        "execution_time_ms >= 30",
        "trace.execution_time > 30",
        "tags.number = '3'",
        "tag.number != '3'",
        "tags.number LIKE '%'",
        "tags.none IS NULL",
        "name = 'name 1'",
        "name ILIKE 'NAME%'",
        "metadata.even = 'True'",
        "request_metadata.`mlflow.trace.session` = 'session 1'",
        f"request_id = 'tr-{t.experiment}-3'",
        f"client_request_id = 'client {t.experiment} 3'",
        f"run_id = '{'0' * 32}'",
        "trace.text LIKE '%question 3%'",
        "text LIKE '%none%'",
        "span.name = 'none'",
        "feedback.correctness = 'yes'",
        "expectation.answer = '42'",
        "prompt = 'greeting/1'",
        "issue.id = 'iss-1'",
        "session = 'session 1'",
        "nonsense = '1'",
        "timestamp = 'soon'",
        "status =",
        "status = 'OK' OR status = 'ERROR'",
        "tags.number = 3",
    ):
        t.see(f"find {text}", lambda text=text: ids(filter_string=text))
    for order in (
        ["timestamp ASC"],
        ["execution_time DESC"],
        ["status", "timestamp_ms DESC"],
        ["tags.number DESC"],
        ["nothing"],
        ["name", "timestamp"],
    ):
        t.see(f"order {order}", lambda order=order: ids(order_by=order))
    t.see("pages", lambda: _pages(t))
    for size in (0, -1, 501, 5.5):
        t.see(f"page of {size}", lambda size=size: ids(max_results=size))
    t.see("bad token", lambda: ids(page_token="nothing"))
    t.see("no place", lambda: store.search_traces(locations=[]))
    t.see("no experiment", lambda: len(store.search_traces(experiment_ids=[])[0]))
    t.see("unknown experiment", lambda: store.search_traces(locations=["99999"]))
    t.see("bad experiment", lambda: store.search_traces(locations=["abc"]))
    t.see("by a model", lambda: store.search_traces(locations=[t.experiment], model_id="m-1"))
    t.see("by the client", lambda: client.search_traces(locations=[t.experiment], max_results=2, include_spans=False))
    t.see("without a place", lambda: client.search_traces())
    t.see("as list", lambda: mlflow.search_traces(return_type="list", max_results=3, include_spans=False))
    t.see("as frame", lambda: mlflow.search_traces(max_results=3, include_spans=False))
    t.see("as something", lambda: mlflow.search_traces(return_type="tuple"))
    t.see(
        "sessions",
        lambda: [
            [one.info.trace_id for one in s]
            for s in mlflow.search_sessions(locations=[t.experiment], include_spans=False)
        ],
    )
    t.see("info", lambda: store.get_trace_info(f"tr-{t.experiment}-1"))
    t.see("unknown info", lambda: store.get_trace_info("tr-unknown"))
    t.see("trace without spans", lambda: store.get_trace(f"tr-{t.experiment}-1", allow_partial=True))
    t.see("whole trace without spans", lambda: store.get_trace(f"tr-{t.experiment}-1"))
    t.see("several", lambda: store.batch_get_trace_infos([f"tr-{t.experiment}-1", "tr-unknown"]))
    t.see("several with spans", lambda: store.batch_get_traces([f"tr-{t.experiment}-1"]))
    given = {"min_last_trace_timestamp_ms": EARLY, "max_last_trace_timestamp_ms": EARLY + 10**6}
    t.see("completed sessions", lambda: store.find_completed_sessions(t.experiment, **given))
    two = ("status = 'OK'", "metadata.even = 'False'")
    t.see("correlation", lambda: store.calculate_trace_filter_correlation([t.experiment], *two))
    for name, kinds, dimensions in (
        ("trace_count", [AggregationType.COUNT], ["trace_status"]),
        ("latency", [AggregationType.AVG, AggregationType.MAX], ["trace_name"]),
        ("latency", [AggregationType.AVG], ["nothing"]),
        ("nothing", [AggregationType.SUM], []),
    ):
        asked = ([t.experiment], MetricViewType.TRACES, name, [MetricAggregation(kind) for kind in kinds], dimensions)
        t.see(f"{name} by {dimensions}", lambda asked=asked: store.query_trace_metrics(*asked))


def _pages(t: Forwarded) -> list[list[str]]:
    pages, token = [], None
    while True:
        found, token = t.store.search_traces(locations=[t.experiment], max_results=3, page_token=token)
        pages.append([one.trace_id for one in found])
        if not token:
            return pages


@script
def trace_tags_and_deletion(t: Forwarded) -> None:
    store, client = t.store, t.client
    for number in range(6):
        store.start_trace(info(t, number))
    first = f"tr-{t.experiment}-0"
    for key, value in (
        ("k", "v"),
        ("k", "w"),
        ("n", 5),
        ("", "v"),
        ("a" * 251, "v"),
        ("long", LONG),
        ("none", None),
        ("a\nb", "v"),
    ):
        t.see(f"tag {str(key)[:9]!r} {str(value)[:9]!r}", lambda k=key, v=value: client.set_trace_tag(first, k, v))
    t.see("tag of unknown", lambda: client.set_trace_tag("tr-unknown", "k", "v"))
    t.see("tags", lambda: store.get_trace_info(first).tags)
    t.see("delete tag", lambda: client.delete_trace_tag(first, "k"))
    t.see("delete tag again", lambda: client.delete_trace_tag(first, "k"))
    t.see("delete tag of unknown", lambda: client.delete_trace_tag("tr-unknown", "k"))
    t.see("tags left", lambda: store.get_trace_info(first).tags)
    t.see("delete by id", lambda: client.delete_traces(t.experiment, trace_ids=[first, "tr-unknown"]))
    t.see("delete by id again", lambda: client.delete_traces(t.experiment, trace_ids=[first]))
    t.see("delete by time", lambda: client.delete_traces(t.experiment, max_timestamp_millis=EARLY + 3000, max_traces=2))
    t.see("delete by both", lambda: client.delete_traces(t.experiment, max_timestamp_millis=EARLY, trace_ids=[first]))
    t.see("delete by neither", lambda: client.delete_traces(t.experiment))
    t.see("delete none", lambda: client.delete_traces(t.experiment, max_timestamp_millis=EARLY, max_traces=0))
    t.see("delete in unknown", lambda: client.delete_traces("99999", trace_ids=[first]))
    t.see("delete in bad", lambda: client.delete_traces("abc", trace_ids=[first]))
    t.see("left", lambda: [one.trace_id for one in store.search_traces(locations=[t.experiment])[0]])
    t.see("delete the rest", lambda: client.delete_traces(t.experiment, max_timestamp_millis=2 * EARLY))
    t.see("nothing left", lambda: store.search_traces(locations=[t.experiment]))
    t.see("by hidden name", lambda: store._delete_traces(t.experiment, trace_ids=["x"]))


@script
def traces_and_runs(t: Forwarded) -> None:
    store, client = t.store, t.client
    ids = [store.start_trace(info(t, number)).trace_id for number in range(3)]
    run, other = t.run(), t.run()
    t.see("link", lambda: client.link_traces_to_run(ids[:2], run))
    t.see("link again", lambda: client.link_traces_to_run(ids, run))
    t.see("link to another", lambda: client.link_traces_to_run(ids[:1], other))
    t.see("link to unknown", lambda: client.link_traces_to_run(ids[:1], "f" * 32))
    t.see("link to no run", lambda: client.link_traces_to_run(ids[:1], ""))
    t.see("link none", lambda: client.link_traces_to_run([], run))
    t.see("link unknown", lambda: client.link_traces_to_run(["tr-unknown"], run))
    t.see("link too many", lambda: client.link_traces_to_run([f"tr-{n}" for n in range(101)], run))

    def of(run_id: str) -> Any:
        return sorted(
            one.trace_id
            for one in store.search_traces(locations=[t.experiment], filter_string=f"attributes.run_id = '{run_id}'")[0]
        )

    t.see("linked", lambda: (of(run), of(other)))
    t.see("unlink", lambda: client.unlink_traces_from_run(ids[:1], run))
    t.see("unlink again", lambda: client.unlink_traces_from_run(ids[:1], run))
    t.see("unlinked", lambda: (of(run), of(other)))
    store.delete_run(run)
    t.see("of a deleted run", lambda: of(run))
    t.see("link to a deleted run", lambda: client.link_traces_to_run(ids[:1], run))
    store.restore_run(run)
    t.see("of a restored run", lambda: of(run))
    store.delete_run(run)
    t.see("purge", lambda: store._hard_delete_run(run))
    t.see("of a purged run", lambda: of(run))
    with mlflow.start_run(run_id=other):
        with mlflow.start_span("inside"):
            pass
    t.see("its run", lambda: last(t).info.trace_metadata["mlflow.sourceRun"] == other)
    t.see("found by its run", lambda: len(mlflow.search_traces(run_id=other, return_type="list")))


@script
def traces_and_experiments(t: Forwarded) -> None:
    store, client = t.store, t.client
    here = store.create_experiment(f"traces {t.experiment}")
    place = TraceLocation.from_experiment_id(here)

    def there(**given: Any) -> Any:
        return [one.trace_id for one in store.search_traces(locations=[here], **given)[0]]

    t.see("write", lambda: store.start_trace(info(t, 0, trace_location=place)))
    store.rename_experiment(here, f"renamed {t.experiment}")
    t.see("after renaming", lambda: (there(), store.get_trace_info(f"tr-{t.experiment}-0").experiment_id == here))
    store.delete_experiment(here)
    t.see("of a deleted one", lambda: (there(), store.get_trace_info(f"tr-{t.experiment}-0").tags))
    t.see("write to a deleted one", lambda: store.start_trace(info(t, 1, trace_location=place)))
    t.see("trace in a deleted one", lambda: client.start_trace("x", experiment_id=here).trace_id)
    t.see("tag in a deleted one", lambda: client.set_trace_tag(f"tr-{t.experiment}-0", "k", "v"))
    t.see("model in a deleted one", lambda: client.create_logged_model(here, "m"))
    t.see("scorer in a deleted one", lambda: store.register_scorer(here, "s", json.dumps({})))
    t.see("dataset in a deleted one", lambda: client.create_dataset("d", [here]).experiment_ids)
    t.see("schemas of a deleted one", lambda: len(store.list_label_schemas(here)))
    t.see("queues of a deleted one", lambda: list(store.list_review_queues(here)))
    t.see("issue in a deleted one", lambda: store.create_issue(here, "i", "d"))
    t.see("delete traces of a deleted one", lambda: client.delete_traces(here, trace_ids=["tr-unknown"]))
    store.restore_experiment(here)
    t.see("of a restored one", there)
    t.see("write to a restored one", lambda: store.start_trace(info(t, 2, trace_location=place)).trace_id)
    store.delete_experiment(here)
    t.see("purge", lambda: store._hard_delete_experiment(here))
    t.see("of a purged one", there)
    t.see("trace of a purged one", lambda: store.get_trace_info(f"tr-{t.experiment}-0"))
    t.see("write to a purged one", lambda: store.start_trace(info(t, 3, trace_location=place)))
