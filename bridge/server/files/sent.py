"""Sends a stored file, or a range of it. The page, the native API and MLflow's API send files by this function."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from starlette.responses import Response

from bridge.errors import NotFound
from bridge.records.artifact import ArtifactRecord
from bridge.server.files.contents import HEADERS, OutOfRange, Span, check_use, file_answer, span_of, type_of
from bridge.store.artifacts import ArtifactStore


def sent_file(
    artifacts: ArtifactStore,
    root: str,
    path: str,
    headers: Mapping[str, str],
    name: str = "",
    more: Mapping[str, str] | None = None,
) -> Response:
    """Return an answer with a file, or with the part of it that the header `Range` asks for.

    Args:
        artifacts: the store of the file.
        root: the artifact root.
        path: the artifact path.
        headers: the headers of the request. Names are in lower case, or case does not matter.
        name: the name under which a browser saves the file; empty if it shows the file.
        more: further headers of the answer.

    Raises:
        NotFound: the file does not exist.
        NotAllowed: a browser wants to run the file, for example as a script.
    """
    check_use(headers)
    record = _file(artifacts, root, path)
    size, etag = record.size_bytes or 0, _etag(root, record)
    if etag in headers.get("if-none-match", ""):
        return Response(status_code=304, headers={**HEADERS, "ETag": etag})
    is_same = headers.get("if-range", etag) == etag
    try:
        span = span_of(headers.get("range", ""), size) if is_same else None
    except OutOfRange:
        return Response(status_code=416, headers={**HEADERS, "Content-Range": f"bytes */{size}"})
    whole = span or Span(0, size)
    known = {"X-SHA256": record.sha256} if record.sha256 else {}
    return file_answer(
        artifacts.get(root, path, whole.start),
        whole,
        type_of(headers, path),
        size=size if span else None,
        name=name,
        etag=etag,
        more={"Accept-Ranges": "bytes", "X-Size": str(size), **known, **(more or {})},
    )


def _file(artifacts: ArtifactStore, root: str, path: str) -> ArtifactRecord:
    record = artifacts.stat(root, path)
    if record is None or record.is_folder:
        raise NotFound("file", path, "it is a folder" if record else "")
    return record


def _etag(root: str, record: ArtifactRecord) -> str:
    known = record.sha256 or (root, record.path, record.size_bytes, record.time)
    return f'"{hashlib.blake2b(repr(known).encode(), digest_size=12).hexdigest()}"'
