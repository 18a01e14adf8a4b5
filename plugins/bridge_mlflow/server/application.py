"""MLflow's own application, loaded in a thread when the first request needs it."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from importlib.util import find_spec
from typing import NamedTuple
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.errors import StoreUnavailable
from bridge.server.dispatch import not_found
from bridge.server.plugin_routes import MlflowMode
from bridge.server.routes import JSON_BYTES, Call, Endpoint, Route
from bridge_mlflow.server.environment import prepare
from bridge_mlflow.server.hot.failures import NO_ENDPOINT, SWITCHED_OFF, refused
from bridge_mlflow.server.named_workspace import WORKSPACE_HEADER
from bridge_mlflow.server.table import Entry

logger = logging.getLogger("bridge")

DROPPED = frozenset({b"authorization", b"cookie", b"proxy-authorization", WORKSPACE_HEADER})
"""Headers that MLflow's application does not need, or refuses. The first three contain secrets."""


class Loaded(NamedTuple):
    """MLflow's application, and a function that returns the template of the rule by which Flask answers a request."""

    application: ASGIApp
    rule_of: Callable[[str, str], str | None]


class Application:
    """MLflow's own application. It is imported once, in a thread, while other requests are answered.

    Args:
        mode: when it is loaded.
        has_gateway: whether its gateway is enabled.
    """

    def __init__(self, mode: MlflowMode, has_gateway: bool = False) -> None:
        self.is_off = mode == "off"
        self._has_gateway = has_gateway
        self._lock = threading.Lock()
        self._loading: Future[Loaded] | None = None
        if mode == "eager":
            self.start()

    def start(self) -> Future[Loaded]:
        """Start to load the application, unless it is loaded or being loaded. After a failure, try again."""
        with self._lock:
            if self._loading is None or (self._loading.done() and self._loading.exception() is not None):
                self._loading = Future()
                threading.Thread(target=self._load, args=(self._loading,), name="load MLflow", daemon=True).start()
            return self._loading

    def _load(self, done: Future[Loaded]) -> None:
        try:
            done.set_result(_imported(self._has_gateway))
        except BaseException as error:
            logger.exception("MLflow's application cannot be loaded.")
            done.set_exception(StoreUnavailable("MLflow's application", f"it cannot be loaded ({error}); see the log"))

    async def loaded(self) -> Loaded:
        """Wait until the application is loaded, and return it.

        Raises:
            StoreUnavailable: it cannot be loaded.
        """
        return await asyncio.shield(asyncio.wrap_future(self.start()))


def _imported(has_gateway: bool) -> Loaded:
    """Import MLflow's application. This function must not run in a user's process, because it changes MLflow."""
    prepare(has_gateway)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.server import app as flask_app
        from mlflow.server import fastapi_app
        from werkzeug.exceptions import HTTPException

        from bridge_mlflow.server.stores import install
    install()
    rules = flask_app.url_map.bind("localhost")

    def rule_of(method: str, path: str) -> str | None:
        try:
            rule, _ = rules.match(path, method, return_rule=True)
        except HTTPException:
            return None
        return template_of(rule.rule)

    return Loaded(fastapi_app.app, rule_of)


def template_of(rule: str) -> str:
    """Return one of Flask's rules as a template without the names of its parameters."""
    return re.sub(r"<\w+>", "{}", re.sub(r"<path:\w+>", "{:path}", rule))


def form(template: str) -> str:
    """Return a template without the names of its parameters."""
    return re.sub(r"\{\w+", "{", template)


def route(entry: Entry, application: Application, body_bytes: int | None = JSON_BYTES) -> Route:
    """Return a route that MLflow's application answers."""
    return Route(entry.method, entry.path, endpoint(entry.path, application), entry.needs, entry.access, body_bytes)


def endpoint(template: str, application: Application) -> Endpoint:
    """Return the endpoint that passes a request to MLflow's application."""

    async def answer(call: Call) -> ASGIApp:
        path = path_of(template, call.parameters)
        if path is None:
            return not_found()
        if application.is_off:
            return switched_off()
        loaded = await application.loaded()
        if "{" in template and loaded.rule_of(call.method, path) not in (form(template), None):
            return not_found()  # a parameter has a value for which a later MLflow has another, unknown route
        return Forwarded(loaded.application, path)

    return answer


def path_of(template: str, parameters: Mapping[str, str]) -> str | None:
    """Return the path that MLflow's application is asked for, or None if it has an empty part or a dot segment."""
    parts = []
    for part in template.split("/")[1:]:
        parts.append(parameters[part[1:-1].removesuffix(":path")] if part.startswith("{") else part)
    path = "/" + "/".join(parts)
    is_plain = template == path or not {"", ".", ".."} & set(path.split("/")[1:])
    return path if is_plain and "\0" not in path and "\\" not in path else None


def switched_off() -> Response:
    """Return the answer of a server that does not load MLflow's application, in the form of MLflow's errors."""
    status, body = refused(NO_ENDPOINT, SWITCHED_OFF)
    return Response(json.dumps(body), status, media_type="application/json")


class Forwarded:
    """The answer of MLflow's application to a request. Addresses are those below the workspace.

    Args:
        application: MLflow's application.
        path: the address below the workspace.
        body: the body, if it was read already.
    """

    def __init__(self, application: ASGIApp, path: str, body: bytes | None = None) -> None:
        self._application, self._path, self._body = application, path, body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = [] if self._body is None else [self._body]

        async def receive_body() -> Message:
            return {"type": "http.request", "body": parts.pop(), "more_body": False} if parts else await receive()

        await self._application(passed_on(scope, self._path), receive_body, send)


def passed_on(scope: Scope, path: str) -> Scope:
    """Return the scope of a request as MLflow's application gets it."""
    headers = [(name, value) for name, value in scope["headers"] if name not in DROPPED]
    return {**scope, "path": path, "raw_path": quote(path).encode(), "root_path": "", "headers": headers, "state": {}}


def is_installed() -> bool:
    """Return whether MLflow is installed. This does not import it."""
    return find_spec("mlflow") is not None
