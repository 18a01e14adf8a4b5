"""The table of the hot routes: the calls of MLflow's REST API for runs, metrics and experiments."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext
from contextvars import copy_context
from typing import NamedTuple

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp

from bridge.server.held import HELD
from bridge.server.plugin_routes import PluginOptions
from bridge.server.request_id import retry_after
from bridge.server.roles import Role
from bridge.server.routes import Access, Call, Endpoint, Route
from bridge.store.sql.time_limit import ANSWER_BYTES, limited_to
from bridge_mlflow.server.hot import batch, experiments, metrics, runs
from bridge_mlflow.server.hot.answers import Json
from bridge_mlflow.server.hot.asking import JSON_TYPE, Asked
from bridge_mlflow.server.hot.failures import failure
from bridge_mlflow.server.hot.importing import preparation, preparing
from bridge_mlflow.server.hot.scope import Scope
from bridge_mlflow.server.hot.workspace import HotWorkspace

PREFIXES = ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow")
SECONDS, CACHE_KIB = 10.0, 16_384
"""The time that a request may spend in searches of the database, and the page cache of each thread that reads it."""

NO_CONTENT = b"{}"

OF_ALL_EXPERIMENTS = frozenset({"/experiments/create", "/experiments/search"})
"""Calls for which a token of one experiment is not enough."""

Handler = Callable[[Asked, HotWorkspace], Json]


class Hot(NamedTuple):
    """A call of the API.

    Attributes:
        method: the HTTP method.
        path: the path below each of the prefixes.
        handler: answers the request, in a thread.
        access: whether the request only reads.
    """

    method: str
    path: str
    handler: Handler
    access: Access


TABLE = (
    Hot("POST", "/experiments/create", experiments.create, "write"),
    Hot("GET", "/experiments/get", experiments.get, "read"),
    Hot("GET", "/experiments/get-by-name", experiments.get_by_name, "read"),
    Hot("GET", "/experiments/search", experiments.search, "read"),
    Hot("POST", "/experiments/search", experiments.search, "read"),
    Hot("POST", "/experiments/delete", experiments.delete, "write"),
    Hot("POST", "/experiments/restore", experiments.restore, "write"),
    Hot("POST", "/experiments/update", experiments.update, "write"),
    Hot("POST", "/experiments/set-experiment-tag", experiments.set_tag, "write"),
    Hot("POST", "/experiments/delete-experiment-tag", experiments.delete_tag, "write"),
    Hot("POST", "/experiments/search-datasets", experiments.search_datasets, "read"),
    Hot("POST", "/runs/create", runs.create, "write"),
    Hot("GET", "/runs/get", runs.get, "read"),
    Hot("POST", "/runs/update", runs.update, "write"),
    Hot("POST", "/runs/delete", runs.delete, "write"),
    Hot("POST", "/runs/restore", runs.restore, "write"),
    Hot("POST", "/runs/search", runs.search, "read"),
    Hot("POST", "/runs/log-parameter", runs.log_param, "write"),
    Hot("POST", "/runs/set-tag", runs.set_tag, "write"),
    Hot("POST", "/runs/delete-tag", runs.delete_tag, "write"),
    Hot("POST", "/runs/log-inputs", runs.log_inputs, "write"),
    Hot("POST", "/runs/outputs", runs.log_outputs, "write"),
    Hot("GET", "/metrics/get-history", metrics.history, "read"),
    Hot("GET", "/metrics/get-history-bulk-interval", metrics.history_interval, "read"),
)


def hot_routes(options: PluginOptions | None = None) -> list[Route]:
    """Return the routes. The options tell whether the calls may import MLflow."""
    found = []
    prepared = preparation(options or PluginOptions())
    calls = [_with_import(hot, prepared) for hot in TABLE]
    for prefix in PREFIXES:
        found += [_route(prefix, hot, _endpoint(hot)) for hot in calls]
        found.append(_route(prefix, LOG_METRIC, _log_metric(_with_import(LOG_METRIC, prepared))))
        found.append(_route(prefix, LOG_BATCH, _log_batch(_with_import(LOG_BATCH, prepared))))
    # MLflow's server has this route only for its page.
    found.append(_route(PREFIXES[1], HISTORY_BULK, _endpoint(HISTORY_BULK)))
    return found


LOG_METRIC = Hot("POST", "/runs/log-metric", metrics.log_metric, "write")
LOG_BATCH = Hot("POST", "/runs/log-batch", metrics.log_batch, "write")
HISTORY_BULK = Hot("GET", "/metrics/get-history-bulk", metrics.history_bulk, "read")


def _log_metric(slow: Hot) -> Endpoint:
    """Return the endpoint that logs a point. `slow` is the call for what the quick path does not accept."""

    async def log_metric(call: Call) -> ASGIApp:
        asked, workspace = await _asked(call)
        if _may_be_quick(asked, call) and batch.log_metric(asked.body, workspace):
            return _json(200, NO_CONTENT)
        return await _in_thread(slow, asked, workspace, call)

    return log_metric


def _log_batch(slow: Hot) -> Endpoint:
    """Return the endpoint that logs points, params and tags. `slow` is the call for what has no quick path."""

    async def log_batch(call: Call) -> ASGIApp:
        asked, workspace = await _asked(call)
        if not _may_be_quick(asked, call) or (found := batch.points_of_batch(asked.body)) is None:
            return await _in_thread(slow, asked, workspace, call)
        if batch.log_quickly(*found, workspace):
            return _json(200, NO_CONTENT)
        # The first points of a run, or of new keys. Asking whether the run exists can take a moment.
        known = LOG_BATCH._replace(handler=lambda _, there: batch.log_points(*found, there))
        return await _in_thread(known, asked, workspace, call)

    return log_batch


def _with_import(hot: Hot, prepared: Callable[[], None]) -> Hot:
    """Return a call that calls a function before it imports MLflow."""

    def handler(asked: Asked, workspace: HotWorkspace) -> Json:
        with preparing(prepared):
            return hot.handler(asked, workspace)

    return hot._replace(handler=handler)


def _route(prefix: str, hot: Hot, endpoint: Endpoint) -> Route:
    needs: Role = "reader" if hot.access == "read" else "writer"
    is_for_experiments = hot.path not in OF_ALL_EXPERIMENTS
    return Route(hot.method, prefix + hot.path, endpoint, needs, hot.access, is_for_experiments=is_for_experiments)


def _endpoint(hot: Hot) -> Endpoint:
    async def answer(call: Call) -> ASGIApp:
        return await _in_thread(hot, *await _asked(call), call)

    return answer


async def _asked(call: Call) -> tuple[Asked, HotWorkspace]:
    workspace, body = HotWorkspace.of(call.workspace), await call.body()
    if not workspace.is_ready:
        await asyncio.get_running_loop().run_in_executor(workspace.write_threads, workspace.make_ready)
    query, content_type = call.scope["query_string"], call.headers.get("content-type")
    check = Scope(call.caller, workspace).check
    return Asked(call.method, query, content_type, body, call.caller, check), workspace


def _may_be_quick(asked: Asked, call: Call) -> bool:
    """Return whether a request can be answered in this thread, because it is short and nothing of it is checked."""
    return batch.is_json(asked.content_type) and call.workspace.may_log_quickly(asked.caller, len(asked.body))


async def _in_thread(hot: Hot, asked: Asked, workspace: HotWorkspace, call: Call) -> Response:
    threads: Executor = call.workspace.served.read_threads if hot.access == "read" else workspace.write_threads
    return await asyncio.get_running_loop().run_in_executor(
        threads,
        copy_context().run,  # MLflow's own tables are opened for the workspace of the request
        _answer,
        hot,
        asked,
        workspace,
    )


def _answer(hot: Hot, asked: Asked, workspace: HotWorkspace) -> Response:
    """Answer a request. Every failure becomes an answer with MLflow's fields."""
    try:
        if hot.access == "read":
            HELD.check(asked.caller)
        with limited_to(SECONDS, CACHE_KIB, ANSWER_BYTES) if hot.access == "read" else nullcontext():
            content = hot.handler(asked, workspace)
    except Exception as error:
        status, body = failure(error)
        return _json(status, json.dumps(body).encode())  # the message may have characters that UTF-8 cannot encode
    if hot is HISTORY_BULK:
        return _json(200, json.dumps(metrics.with_bare_nan(content)).encode())
    return _json(200, orjson.dumps(content))


def _json(status: int, content: bytes) -> Response:
    return Response(content, status, {"Cache-Control": "no-store", **retry_after(status)}, JSON_TYPE)
