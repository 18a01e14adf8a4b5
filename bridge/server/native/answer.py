"""Answers a call of a store's method, in a thread."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from starlette.responses import Response

from bridge.errors import BridgeError, InvalidValue, NotFound
from bridge.records.point_columns import PointColumns
from bridge.records.series import NATIVE
from bridge.server.dispatch import error_response
from bridge.server.held import HELD
from bridge.server.native.prepare import prepared
from bridge.server.one_experiment import named_in, narrowed, scoped
from bridge.server.roles import Caller
from bridge.server.workspaces import ServedWorkspace
from bridge.store.backend import Backend
from bridge.store.http.codec import JSON_TYPE, Body, dump_result, load_call
from bridge.store.http.methods import RemoteMethod
from bridge.store.points import has_valid_times
from bridge.store.sql.answers import Request, in_steps, once
from bridge.store.sql.time_limit import ANSWER_BYTES, limited_to

logger = logging.getLogger("bridge")

SECONDS, CACHE_KIB = 10.0, 16_384
"""The time that a call may spend in searches, and the greatest page cache of a thread that searches."""

KEY_BYTES = 16

EMPTY = b'{"result":null}'
"""The answer of a method without a result."""


class Sent(NamedTuple):
    """The parts of a request: the media type and the content of its body, and its key, or an empty text."""

    media_type: str
    key: str
    content: bytes


@dataclass(frozen=True)
class Invocation:
    """A call of a method: the workspace, the caller, the parts of the request, and the arguments."""

    method: RemoteMethod
    workspace: ServedWorkspace
    caller: Caller
    sent: Sent
    arguments: Mapping[str, Any]

    def result_of(self, store: object) -> Any:
        """Call the method of a store, and return what the caller may see of the result."""
        result = getattr(store, self.method.name)(**self.arguments)
        if self.caller.experiment_id is None:
            return result
        return narrowed(self.method, result, self.caller.experiment_id, self.workspace.stores.tracking.inner)

    def body_of(self, store: object) -> Body:
        """Call the method of a store, and return the body of the answer."""
        return dump_result(self.method.function, self.result_of(store))


def answer_to(method: RemoteMethod, workspace: ServedWorkspace, caller: Caller, sent: Sent) -> Response:
    """Return the answer to a call. Every failure becomes an answer with one sentence."""
    try:
        if method.access == "read":
            HELD.check(caller)
        with limited_to(SECONDS, CACHE_KIB, ANSWER_BYTES if method.access == "read" else None):
            body = _body(method, workspace, caller, sent)
            return Response(body.content, media_type=body.media_type)
    except BridgeError as error:
        return error_response(error)
    except OverflowError:
        return error_response(InvalidValue("body", "an integer", "must fit into 64 bits"))
    except Exception:
        logger.exception("The call of %s failed", method.name)
        sentence = "The server could not answer this request because of a mistake in it. Its log has the details."
        return error_response(BridgeError(sentence))


def log_quickly(workspace: ServedWorkspace, sent: Sent) -> Response | None:
    """Answer a call of `log_points` for columns whose keys were logged together before; None if it needs `answer_to`.

    It waits only for the lock of the journal and one write, so the event loop may call it.
    """
    try:
        arguments = load_call(Backend.log_points, sent.media_type, sent.content)
    except (BridgeError, OverflowError):  # answered by `answer_to`
        return None
    points = arguments["points"]
    if type(points) is not PointColumns or not has_valid_times(points):
        return None
    log = workspace.stores.tracking.quick_log_columns
    if not log(arguments["run_id"], points, arguments.get("api", NATIVE)):
        return None
    return Response(EMPTY, media_type=JSON_TYPE)


def _body(method: RemoteMethod, workspace: ServedWorkspace, caller: Caller, sent: Sent) -> Body:
    arguments = load_call(method.function, sent.media_type, sent.content)
    tracking = workspace.stores.tracking
    if caller.experiment_id is not None:
        arguments = scoped(method, arguments, caller.experiment_id, tracking.inner)
    arguments = prepared(method, workspace, caller, arguments)
    if method.has_points and (sent.key or not method.is_keyed):
        # These points go into the database. Acknowledged ones that are in the server's journal come before them.
        tracking.store_logged(named_in(arguments).runs)
    invocation = Invocation(method, workspace, caller, sent, arguments)
    if method.is_keyed and sent.key:
        return _changed(invocation)
    if method.store == "views":
        return invocation.body_of(tracking.views)
    return invocation.body_of(tracking.inner if method.store == "inner" else tracking)


def _changed(invocation: Invocation) -> Body:
    """Return the answer to a change whose request has a key. A repeated request changes nothing."""
    method, stores = invocation.method, invocation.workspace.stores
    database = stores.open_store.sql_database
    request = _request(invocation)
    if method.in_steps:
        content = in_steps(
            database,
            request,
            lambda: bytes(invocation.body_of(stores.tracking).content),
            lambda: not _exists(stores.tracking.inner, invocation.arguments),
        )
    else:
        content = once(database, request, lambda backend: bytes(invocation.body_of(backend).content))
        _notice(invocation)
    return Body(content or EMPTY, JSON_TYPE)


def _request(invocation: Invocation) -> Request:
    sent = invocation.sent
    try:
        key = bytes.fromhex(sent.key)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidValue("key of the request", sent.key[:100], f"must be {2 * KEY_BYTES} hexadecimal digits")
    checksum = hashlib.blake2b(invocation.method.name.encode() + b"\0" + sent.content, digest_size=16).digest()
    return Request(key, checksum, time.time_ns() // 1_000_000)


def _exists(store: Backend, arguments: Mapping[str, Any]) -> bool:
    """Return whether the experiment in the arguments of a purge exists."""
    if "experiment_id" not in arguments:
        return False
    try:
        store.get_experiment(arguments["experiment_id"])
    except NotFound:
        return False
    return True


def _notice(invocation: Invocation) -> None:
    """Let the journaled store ask again which runs are active. The change has not passed it."""
    name, tracking = invocation.method.name, invocation.workspace.stores.tracking
    if name == "delete_runs":
        tracking.deactivate(invocation.arguments["run_ids"])
    elif name == "delete_experiment":
        tracking.deactivate()
