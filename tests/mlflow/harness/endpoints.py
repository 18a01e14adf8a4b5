"""MLflow's server application in this process, on MLflow's own store and on ours, with the same requests."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import uuid
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import urlencode, urlsplit

import mlflow
from good_requests import Request, named, part
from pair import Pair, Side
from starlette.routing import Match
from werkzeug.exceptions import HTTPException

with warnings.catch_warnings():  # from the libraries that MLflow's server uses
    warnings.simplefilter("ignore")
    import mlflow.server
    from mlflow.server import fastapi_app, handlers

FLASK = mlflow.server.app
NATIVE_ROUTES: list[tuple[str, Any]] = [
    (prefix + route.path, route)
    for prefix, router in (
        ("", fastapi_app.otel_router),
        ("", fastapi_app.job_api_router),
        ("", fastapi_app.gateway_router),
        ("", fastapi_app.artifact_router),
        *((prefix, fastapi_app.mcp_server_router) for prefix in fastapi_app.get_mcp_server_api_route_prefixes()),
        ("", fastapi_app.server_info_router),
    )
    for route in vars(router)["routes"]
]
"""MLflow's routers without Flask, in MLflow's order; without its assistant, which uses no store."""
STATE = ("_tracking_store", "_model_registry_store", "_job_store", "_artifact_repo")
ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NOW = re.compile(r"20[2-9]\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*Z?(?!\d)|(?<!\d)1[7-9]\d{8}(\d{3})?(?!\d)")
WITHOUT_ORDER = ("params", "tags", "dataset_inputs", "model_inputs", "model_outputs", "datasetInputs")
"""Lists that MLflow returns in no fixed order."""


class Server(Side):
    """The application on one store."""

    def __init__(self, uri: str, artifacts: str) -> None:
        self.environment = {
            "_MLFLOW_SERVER_FILE_STORE": uri,
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": artifacts,
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        }
        self.uri = uri
        self.state: dict[str, Any] = dict.fromkeys(STATE)
        self.kept: dict[str, str] = {}
        """Values of earlier answers, by name."""
        self.ids: dict[str, str] = {}
        """The placeholder of each id in the answers, in order of appearance."""
        self.status, self.endpoint = 0, ""
        """The status and the endpoint of the last answer."""
        with mock.patch.dict(os.environ, self.environment):
            store = handlers._tracking_store_registry.get_store(uri, "mlflow-artifacts:/")
        self.store = store
        self.state["_tracking_store"] = store
        self.names = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make this the application of this process while the block runs."""
        with ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, self.environment))
            for name, value in self.state.items():
                stack.enter_context(mock.patch.object(handlers, name, value))
            mlflow.set_tracking_uri(self.uri)
            mlflow.set_registry_uri(self.uri)
            try:
                yield
            finally:
                self.state = {name: getattr(handlers, name) for name in STATE}

    def text(self, value: str) -> str:
        value = value.split(" Error: ")[0]  # the message of a database follows
        value = ID.sub(lambda found: self.ids.setdefault(found[0], f"<id {len(self.ids)}>"), super().text(value))
        return NOW.sub("<now>", value)

    def plain(self, value: Any) -> Any:
        if isinstance(value, dict):
            value = {
                key: sorted(item, key=str) if key in WITHOUT_ORDER and isinstance(item, list) else item
                for key, item in value.items()
            }
        return super().plain(value)

    def number(self, value: int) -> Any:
        return NOW.sub("<now>", str(value)) if value > 10**9 else value

    def ask(self, request: Request, number: int) -> Any:
        """Return the answer of the application: status, content type and body."""

        known = self.kept | {"n": str(number)}
        path, body = named(request.path, known), named(request.body, known)
        if request.method == "GET" and isinstance(body, dict):
            given = [
                (key, item if isinstance(item, str) else json.dumps(item))
                for key, value in body.items()
                for item in (value if isinstance(value, list) else [value])
            ]
            path, body = path + ("?" + urlencode(given, errors="surrogatepass") if given else ""), ""
        text = body if isinstance(body, str) else json.dumps(body)
        with self.running():
            status, kind, data = call(request.method, path, request.content_type, text.encode("utf-8", "replace"))
        self.status, self.ids = status, {}
        self.endpoint = endpoint_of(request.method, path)
        answer = json.loads(data) if kind.startswith("application/json") and data else data.decode("utf-8", "replace")
        if status == 200:
            self.kept |= {name: str(found) for name, where in request.keep.items() if (found := part(answer, where))}
        return {"status": status, "type": kind, "body": answer}


class Servers(Pair):
    """The application on both stores; both must answer every request equally."""

    theirs: Server
    ours: Server

    def __init__(self, folder: Path, uri: str) -> None:
        self.steps = self.calls = self.drawn = 0
        self.deviations: set[str] = set()
        self.theirs = Server(f"sqlite:///{folder}/mlflow.db", f"{folder}/artifacts")
        self.ours = Server(uri, uri)

    def same_chance(self) -> ExitStack:
        chance = super().same_chance()
        draws = SimpleNamespace(**vars(uuid) | {"uuid4": self._draw})
        for module in list(sys.modules.values()):
            if module.__name__.startswith("mlflow.") and getattr(module, "uuid", None) is uuid:
                chance.enter_context(mock.patch.object(module, "uuid", draws))
        return chance


def call(method: str, path: str, content_type: str | None, body: bytes) -> tuple[int, str, bytes]:
    """Send a request to the application of `mlflow server`; return the status, the content type and the body."""
    parts = urlsplit(path)
    if native_route(method, parts.path) is None:
        answer = FLASK.test_client().open(
            parts.path, method=method, query_string=parts.query, data=body, content_type=content_type
        )
        data = answer.data
        answer.close()
        return answer.status_code, answer.content_type or "", data
    return asyncio.run(_call(method, parts.path, parts.query, content_type, body))


async def _call(method: str, path: str, query: str, content_type: str | None, body: bytes) -> tuple[int, str, bytes]:
    headers = [(b"host", b"localhost"), (b"x-mlflow-experiment-id", b"0")]
    headers += [(b"content-type", content_type.encode())] if content_type else []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": query.encode(),
        "headers": [*headers, (b"content-length", str(len(body)).encode())],
        "client": ("127.0.0.1", 1), "server": ("localhost", 80), "state": {},
    }  # fmt: skip
    said: list[dict[str, Any]] = []
    given = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not given:
            await asyncio.Event().wait()
        return given.pop()

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    with suppress(Exception):  # the answer is complete by then
        await fastapi_app.app(scope, receive, send)
    kind = dict(said[0]["headers"]).get(b"content-type", b"").decode()
    return said[0]["status"], kind, b"".join(message.get("body", b"") for message in said[1:])


def endpoints() -> set[str]:
    """Return the declared method and path of every endpoint, except those that only list endpoints."""
    flask = {
        f"{method} {rule.rule}"
        for rule in FLASK.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if native_route(method, rule.rule) is None  # the first one that matches
    }
    return flask | {f"{method} {path}" for path, route in NATIVE_ROUTES for method in route.methods}


def endpoint_of(method: str, path: str) -> str:
    """Return the endpoint that answers; None if there is none."""
    path = urlsplit(path).path
    if native := native_route(method, path):
        return f"{method} {native}"
    try:
        rule, _ = FLASK.url_map.bind("localhost").match(path, method, return_rule=True)
    except HTTPException:
        return ""
    return f"{method} {rule.rule}"


def native_route(method: str, path: str) -> str | None:
    """Return the declared path of the route without Flask that answers."""
    for whole, route in NATIVE_ROUTES:
        prefix = whole.removesuffix(route.path)
        scope = {"type": "http", "method": method, "path": path.removeprefix(prefix)}
        if path.startswith(prefix) and route.matches(scope)[0] == Match.FULL:
            return whole
    return None
