"""The answers to requests for artifacts, as MLflow's server gives them.

Source: MLflow 3.17.2, `mlflow.exceptions` and `mlflow.server.handlers`.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from bridge import errors
from bridge.records.artifact import ArtifactRecord
from bridge.server.request_id import RETRY_SECONDS

CODES: Mapping[type[errors.BridgeError], tuple[str, int]] = {
    errors.InvalidValue: ("INVALID_PARAMETER_VALUE", 400),
    errors.NotAllowed: ("PERMISSION_DENIED", 403),
    errors.NotFound: ("RESOURCE_DOES_NOT_EXIST", 404),
    errors.InvalidState: ("INVALID_STATE", 500),
    errors.QuotaExceeded: ("RESOURCE_EXHAUSTED", 507),
    errors.StoreUnavailable: ("TEMPORARILY_UNAVAILABLE", 503),
}
UNSUPPORTED = "Multipart upload is not supported for the current artifact repository"
UNSUPPORTED_DOWNLOAD = "Presigned download is not supported for the current artifact repository"
UNSUPPORTED_UPLOAD = "Presigned upload is not supported for the current artifact repository"
"""The sentences by which MLflow's clients learn that they must send and receive a file through the server."""


def error_answer(error: errors.BridgeError) -> Response:
    """Return the answer that reports an error."""
    code, status = CODES.get(type(error), ("INTERNAL_ERROR", 500))
    sentence = error.sentence
    if isinstance(error, errors.NotFound):
        if error.kind == "run":
            sentence = f"Run with id={error.name} not found"
        elif error.kind in ("artifact", "file"):
            sentence = f"No such artifact: '{error.name}'"
    return refused(code, status, sentence)


def refused(code: str, status: int, sentence: str) -> Response:
    """Return the answer to a request that is refused."""
    headers = {"Retry-After": RETRY_SECONDS} if status == 503 else {}
    return json_answer({"error_code": code, "message": sentence}, status, headers)


def json_answer(value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer with JSON."""
    content = json.dumps(value, ensure_ascii=False).encode(errors="replace")
    return Response(content, status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


def listed(files: Iterable[ArtifactRecord], folder: str | None = None) -> list[dict[str, Any]]:
    """Return the files of a folder as MLflow lists them.

    Args:
        files: the files, sorted by path.
        folder: the folder that each name follows; None for names without a folder.
    """
    return [_listed(file, posixpath.join(folder or "", posixpath.basename(file.path))) for file in files]


def _listed(file: ArtifactRecord, path: str) -> dict[str, Any]:
    size = {"file_size": file.size_bytes} if file.size_bytes else {}
    return {"path": path, "is_dir": file.is_folder, **size}
