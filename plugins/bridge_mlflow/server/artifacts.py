"""MLflow's routes for artifacts. Files are streamed in both directions, and no file is copied in between.

MLflow's clients upload and download through the server, because the artifact URI of each run is `mlflow-artifacts:/…`.
Each path must be below the artifacts of a run, a logged model or a trace that exists in the workspace of the request.

Source: MLflow 3.17.2, `mlflow.server.handlers`, `mlflow.server.artifact_router` and
`mlflow.store.artifact.mlflow_artifacts_repo`.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import BinaryIO, TypeVar

from starlette.responses import Response

from bridge.errors import InvalidState, InvalidValue, NotFound
from bridge.records.artifact import ArtifactRecord, check_artifact_path
from bridge.server.files.sent import sent_file
from bridge.server.files.uploads import Uploads, answered
from bridge.server.routes import Call, Endpoint, Route
from bridge_mlflow.addresses import PROXY_ROOT
from bridge_mlflow.images import FOLDER, image_of_copy, logged_image, with_copies
from bridge_mlflow.server import artifact_answers as answers
from bridge_mlflow.server.artifact_owners import (
    Located,
    checked_folder,
    owned_folder,
    run_folder,
    version_folder,
)
from bridge_mlflow.server.trace_data import DATA_FILE, stored_trace

UPLOADED_BYTES = 10 << 20
"""The greatest size of a file that MLflow's page uploads."""

ATTACHMENTS = "attachments"

T = TypeVar("T")


def artifact_routes() -> list[Route]:
    """Return the routes."""
    proxy = "2.0/mlflow-artifacts"
    page = "/ajax-api/2.0/mlflow"
    return [
        *_both(f"{proxy}/artifacts", _list_proxied),
        *_both(f"{proxy}/artifacts/{{path:path}}", _download),
        *_both(f"{proxy}/artifacts/{{path:path}}", _upload, "PUT", None),
        *_both(f"{proxy}/artifacts/{{path:path}}", _delete, "DELETE"),
        *_both(f"{proxy}/mpu/create/{{path:path}}", _unsupported(answers.UNSUPPORTED), "POST"),
        *_both(f"{proxy}/mpu/complete/{{path:path}}", _unsupported(answers.UNSUPPORTED), "POST"),
        *_both(f"{proxy}/mpu/abort/{{path:path}}", _unsupported(answers.UNSUPPORTED), "POST"),
        *_both(f"{proxy}/presigned/{{path:path}}", _unsupported(answers.UNSUPPORTED_DOWNLOAD)),
        *_both("2.0/mlflow/artifacts/presigned-download-url", _unsupported(answers.UNSUPPORTED_DOWNLOAD), "POST"),
        *_both("2.0/mlflow/artifacts/presigned-upload-url", _unsupported(answers.UNSUPPORTED_UPLOAD), "POST"),
        *_both("2.0/mlflow/artifacts/list", _list_of_run),
        _route("POST", f"{page}/upload-artifact", _upload_of_page, UPLOADED_BYTES),
        _route("GET", f"{page}/get-trace-artifact", _get_of_trace),
        _route("GET", "/ajax-api/3.0/mlflow/get-trace-artifact", _get_of_trace),
        _route("GET", f"{page}/logged-models/{{model_id}}/artifacts/files", _get_of_model),
        _route("GET", "/get-artifact", _get_of_run),
        _route("GET", "/model-versions/get-artifact", _get_of_version),
    ]


def _both(path: str, endpoint: Endpoint, method: str = "GET", body_bytes: int | None = 1 << 20) -> list[Route]:
    return [_route(method, f"/{prefix}/{path}", endpoint, body_bytes) for prefix in ("api", "ajax-api")]


def _route(method: str, path: str, endpoint: Endpoint, body_bytes: int | None = 1 << 20) -> Route:
    if method == "GET":
        return Route(method, path, _reporting(endpoint), "reader", "read", is_for_experiments=True)
    return Route(method, path, _reporting(endpoint), "writer", "write", body_bytes, is_for_experiments=True)


def _reporting(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint that reports errors as MLflow's server does."""

    async def answer(call: Call) -> Response:
        return await answered(call, endpoint(call), answers.error_answer)  # type: ignore[arg-type]

    return answer


def _unsupported(sentence: str) -> Endpoint:
    async def answer(call: Call) -> Response:
        return answers.refused("NOT_IMPLEMENTED", 501, sentence)

    return answer


# The protocol of `mlflow-artifacts:`


async def _list_proxied(call: Call) -> Response:
    path = _value(call, "path", "")

    def work() -> Response:
        folder = checked_folder(call.workspace, call.caller, path, "list")
        return answers.json_answer({"files": answers.listed(_files(call, folder))})

    return await _in_thread(call, work)


async def _download(call: Call) -> Response:
    if not call.parameters["path"]:
        return await _list_proxied(call)
    return await _sent(call, partial(checked_folder, path=call.parameters["path"], action="read"), "")


async def _upload(call: Call) -> Response:
    await _stored(call, partial(checked_folder, path=call.parameters["path"], action="write"), "")
    return answers.json_answer({})


async def _delete(call: Call) -> Response:
    def work() -> None:
        folder = checked_folder(call.workspace, call.caller, call.parameters["path"], "delete")
        call.workspace.stores.artifacts.delete(folder.root, folder.path)
        Uploads.of(call.workspace).usage.forget()

    await _in_thread(call, work)
    return answers.json_answer({})


# The routes that name a run, a model or a trace


async def _list_of_run(call: Call) -> Response:
    run_id, path = _value(call, "run_id", "") or _value(call, "run_uuid"), _value(call, "path", "")

    def work() -> Response:
        folder = run_folder(call.workspace, call.caller, run_id, "list")
        folder = folder.below(check_artifact_path(path.rstrip("/")) if path else "")
        files = answers.listed(_files(call, folder), folder.path)
        return answers.json_answer({"root_uri": f"{PROXY_ROOT}{folder.root}", **({"files": files} if files else {})})

    return await _in_thread(call, work)


async def _get_of_run(call: Call) -> Response:
    run_id = _value(call, "run_id", "") or _value(call, "run_uuid")
    return await _sent(call, partial(run_folder, run_id=run_id, action="read"), _value(call, "path"))


async def _get_of_model(call: Call) -> Response:
    find = partial(owned_folder, kind="models", id=call.parameters["model_id"], action="read")
    return await _sent(call, find, _value(call, "artifact_file_path"))


async def _get_of_version(call: Call) -> Response:
    find = partial(version_folder, name=_value(call, "name"), version=_value(call, "version"), action="read")
    return await _sent(call, find, _value(call, "path"))


async def _get_of_trace(call: Call) -> Response:
    trace_id, path = _value(call, "request_id"), _value(call, "path", "")
    find = partial(owned_folder, kind="traces", id=trace_id, action="read")
    if path:
        return await _sent(call, find, posixpath.join(ATTACHMENTS, check_artifact_path(path)))
    try:
        return await _sent(call, find, DATA_FILE)
    except NotFound as error:
        if error.kind == "trace":
            raise
        return await stored_trace(call, trace_id)


async def _upload_of_page(call: Call) -> Response:
    find = partial(run_folder, run_id=_value(call, "run_uuid"), action="write")
    await _stored(call, find, check_artifact_path(_value(call, "path")))
    return answers.json_answer({})


# Functions of all routes

Find = Callable[..., Located]


async def _sent(call: Call, find: Find, path: str) -> Response:
    """Send a file."""

    def work() -> Response:
        folder = find(call.workspace, call.caller).below(check_artifact_path(path) if path else "")
        artifacts = call.workspace.stores.artifacts
        image, below = image_of_copy(folder.path), folder.path
        if image and artifacts.stat(folder.root, folder.path) is None:
            below = image
        found = artifacts.stat(folder.root, below) if below else None
        if not below or (found is not None and found.is_folder):
            raise InvalidValue("artifact path", below, "must be the path of a file, but is a folder")
        return sent_file(artifacts, folder.root, below, call.headers, posixpath.basename(folder.path))

    return await _in_thread(call, work)


async def _stored(call: Call, find: Find, path: str) -> None:
    """Store the body of a request as a file. An image of MLflow's client is also logged as a point."""

    def located() -> tuple[Located, bool]:
        folder = find(call.workspace, call.caller).below(path)
        if not folder.path:
            raise InvalidValue("artifact path", folder.root, "must have the name of a file")
        is_new = call.workspace.stores.artifacts.stat(folder.root, folder.path) is None
        return folder, is_new

    folder, is_new = await _in_thread(call, located)

    def store(body: BinaryIO) -> ArtifactRecord:
        return call.workspace.stores.artifacts.put(folder.root, folder.path, body)

    await Uploads.of(call.workspace).receive(call, store)
    image = logged_image(folder.path)
    if image is not None and is_new:
        run_id = folder.root.split("/")[-2]
        with suppress(NotFound, InvalidState):  # files can be stored for models too, and for deleted runs
            await _in_thread(call, lambda: call.workspace.stores.tracking.log_points(run_id, [image]))


def _files(call: Call, folder: Located) -> list[ArtifactRecord]:
    files = call.workspace.stores.artifacts.list(folder.root, folder.path)
    return with_copies(files) if folder.path == FOLDER else files


async def _in_thread(call: Call, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(call.workspace.served.file_threads, work)


def _value(call: Call, name: str, default: str | None = None) -> str:
    """Return a parameter of the query.

    Raises:
        InvalidValue: the parameter is missing.
    """
    values = call.query_params.getlist(name)
    if not values and default is None:
        raise InvalidValue(name, None, "must be given as a parameter of the address")
    return values[0] if values else default or ""
