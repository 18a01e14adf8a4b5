"""The native routes for files, below `/api/bridge/v1/files`.

The parameters `root` and `path` of the query are the artifact root and the artifact path. They are not parts of the
address, because programs between client and server can change an address: they decode escapes and join slashes.
The body of an upload is the file followed by the 32 bytes of its SHA-256. So a body that was cut short is refused, also
if the sender did not know its length at the start.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, BinaryIO, TypeVar

from starlette.responses import Response

from bridge.errors import InvalidValue, NotAllowed, NotFound
from bridge.records.artifact import ArtifactRecord, check_artifact_path
from bridge.records.wire import dump_artifact
from bridge.server.client_versions import of_clients
from bridge.server.dispatch import error_response
from bridge.server.files.body import whole_body
from bridge.server.files.hashed import DIGEST_BYTES, Hashed
from bridge.server.files.roots import check_root
from bridge.server.files.seen import SeenFiles
from bridge.server.files.sent import sent_file
from bridge.server.files.shared import SNAPSHOTS, put_received
from bridge.server.files.uploads import Uploads, answered
from bridge.server.routes import Call, Route

PREFIX = "/api/bridge/v1/files"
APPENDED_BYTES = 64 << 20
"""The greatest number of bytes of one append."""

T = TypeVar("T")


def file_routes() -> list[Route]:
    """Return the native routes for files."""
    routes = (
        Route("GET", PREFIX, of_clients(_list), "reader", "read"),
        Route("DELETE", PREFIX, of_clients(_delete), "writer", "write"),
        Route("GET", f"{PREFIX}/record", of_clients(_stat), "reader", "read"),
        Route("GET", f"{PREFIX}/content", of_clients(_get), "reader", "read"),
        Route("PUT", f"{PREFIX}/content", of_clients(_put), "writer", "write", body_bytes=None),
        Route("POST", f"{PREFIX}/content", of_clients(_append), "writer", "write", body_bytes=APPENDED_BYTES),
    )
    return [replace(route, is_for_experiments=True) for route in routes]  # `check_root` checks the experiment


async def _list(call: Call) -> Response:
    root, folder = _value(call, "root", ""), _value(call, "folder", "")
    recursive = _flag(call, "recursive")

    def work() -> list[ArtifactRecord]:
        if root or recursive:
            return call.workspace.stores.artifacts.list(_checked(call, root, "list"), folder, recursive)
        if call.caller.experiment_id is not None:
            raise NotAllowed("list", "all folders", f"your token is only for experiment {call.caller.experiment_id}")
        return call.workspace.stores.artifacts.list("", folder)

    return _json({"files": [dump_artifact(record) for record in await _in_thread(call, work)]})


async def _stat(call: Call) -> Response:
    root, path = _value(call, "root"), _value(call, "path")

    def work() -> ArtifactRecord | None:
        checked = _checked(call, root, "read")
        return call.workspace.stores.artifacts.stat(checked, path) if _sees(call, checked, path) else None

    record = await _in_thread(call, work)
    return _json({"file": dump_artifact(record) if record else None})


async def _get(call: Call) -> Response:
    root, path = _value(call, "root"), _value(call, "path")

    def work() -> Response:
        name, checked = path.rpartition("/")[2], _checked(call, root, "read")
        if not _sees(call, checked, path):
            raise NotFound("file", path)
        return sent_file(call.workspace.stores.artifacts, checked, path, call.headers, name)

    return await _in_thread(call, work)


async def _delete(call: Call) -> Response:
    root, path = _value(call, "root"), _value(call, "path", "")

    def work() -> None:
        call.workspace.stores.artifacts.delete(_checked(call, root, "delete"), path)
        Uploads.of(call.workspace).usage.forget()

    await _in_thread(call, work)
    return _json({})


async def _put(call: Call) -> Response:
    return await answered(call, _stored(call), error_response)


async def _stored(call: Call) -> Response:
    root, path = _value(call, "root"), check_artifact_path(_value(call, "path"))
    replace = not _flag(call, "keep")
    root = await _in_thread(call, lambda: _checked(call, root, "write"))

    def store(body: BinaryIO) -> ArtifactRecord:
        if root == SNAPSHOTS and call.caller.experiment_id is not None:
            return SeenFiles.of(call.workspace).put(call.caller.experiment_id, path, Hashed(body))
        return put_received(call.workspace.stores.artifacts, root, path, Hashed(body), replace)

    record = await Uploads.of(call.workspace).receive(call, store, DIGEST_BYTES)
    return _json({"file": dump_artifact(record)})


async def _append(call: Call) -> Response:
    root, path = _value(call, "root"), _value(call, "path")
    offset = _number(call, "offset") if "offset" in call.query_params else None

    async def work() -> Response:
        data = await whole_body(call)
        return _json({"file": dump_artifact(await _in_thread(call, lambda: append(data)))})

    def append(data: bytes) -> ArtifactRecord:
        checked = _checked(call, root, "append to")
        uploads = Uploads.of(call.workspace)
        uploads.check_space(len(data))
        record = call.workspace.stores.artifacts.append(checked, path, data, offset)
        uploads.usage.add(len(data))
        return record

    return await answered(call, work(), error_response)


def _checked(call: Call, root: str, action: str) -> str:
    return check_root(call.workspace, call.caller, root, action)


def _sees(call: Call, root: str, path: str) -> bool:
    """Return whether the sender may know that a file below a root exists, if it may read files there."""
    only = call.caller.experiment_id
    return only is None or root != SNAPSHOTS or SeenFiles.of(call.workspace).has(only, path)


async def _in_thread(call: Call, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(call.workspace.served.file_threads, work)


def _json(value: Mapping[str, Any]) -> Response:
    return Response(json.dumps(value, ensure_ascii=False).encode(errors="replace"), media_type="application/json")


def _value(call: Call, name: str, default: str | None = None) -> str:
    """Return a parameter of the query.

    Raises:
        InvalidValue: the parameter is missing, or is given twice.
    """
    values = call.query_params.getlist(name)
    if len(values) > 1 or (not values and default is None):
        raise InvalidValue(name, values, "must be given once as a parameter of the address")
    return values[0] if values else default or ""


def _flag(call: Call, name: str) -> bool:
    value = _value(call, name, "0")
    if value not in ("0", "1"):
        raise InvalidValue(name, value, "must be 0 or 1")
    return value == "1"


def _number(call: Call, name: str) -> int:
    text = _value(call, name)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidValue(name, text, "must be a number of bytes")
    return int(text)
