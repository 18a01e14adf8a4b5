"""The files of a run: lists, single files with ranges, and folders as a zip file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from bridge.errors import InvalidValue, NotAllowed, NotFound
from bridge.records.artifact import ArtifactRecord
from bridge.records.run import RunRecord
from bridge.server.files.contents import HEADERS, PiecesResponse, check_use
from bridge.server.files.sent import sent_file
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask
from bridge.store.artifacts import ArtifactStore

MOST_ZIPPED = 10_000
"""The greatest number of files in a zip file."""


def root_of(ask: Ask, record: RunRecord) -> str:
    """Return the artifact root of a run.

    Raises:
        NotAllowed: its files are outside the workspace.
    """
    location = ask.tracking.get_experiment(record.experiment_id).artifact_location
    if location is not None:
        reason = f"its experiment stores files at {location}, which only MLflow's clients can read"
        raise NotAllowed("read files of run", record.id, reason)
    return record.artifact_root


def get_files(ask: Ask) -> Response:
    """Answer with the files and folders in a folder; with `recursive`, with all files below it."""
    record = ask.run()
    found = ask.artifacts.list(
        root_of(ask, record), ask.query.get("folder", ""), recursive=bool(ask.query.get("recursive"))
    )
    return json_answer(ask, {"files": [file_json(one) for one in found]})


def file_json(record: ArtifactRecord) -> dict[str, Any]:
    """Return the record of a file or folder as JSON."""
    return {
        "path": record.path,
        "name": record.path.rpartition("/")[2],
        "folder": record.is_folder,
        "size": record.size_bytes,
        "time": record.time,
        "sha256": record.sha256,
    }


def get_file(ask: Ask) -> Response:
    """Answer with a file, or with the part of it that the header `Range` asks for."""
    root, path = root_of(ask, ask.run()), ask.path["path"]
    name = path.rpartition("/")[2] if ask.query.get("download") else ""
    return sent_file(ask.artifacts, root, path, ask.headers, name)


def get_zip(ask: Ask) -> Response:
    """Answer with a folder as a zip file, which is made while it is sent. Nothing is compressed."""
    check_use(ask.headers)
    record, folder = ask.run(), ask.query.get("folder", "").strip("/")
    root = root_of(ask, record)
    files = ask.artifacts.list(root, folder, recursive=True)
    if len(files) > MOST_ZIPPED:
        raise InvalidValue("folder", folder, f"must have at most {MOST_ZIPPED} files, but it has {len(files)}")
    name = folder.rpartition("/")[2] or record.display_name or record.id
    headers = {**HEADERS, "Content-Disposition": disposition(f"{name}.zip")}
    return PiecesResponse(_zipped(ask.artifacts, root, folder, files), 200, headers, "application/zip")


def disposition(name: str) -> str:
    """Return a header that makes a browser save an answer as a file."""
    return f"attachment; filename*=UTF-8''{quote(name.replace('/', '_'), safe='')}"


class _Sink(io.RawIOBase):
    """A file that cannot be read or searched, and whose content is taken from it piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self.pieces.append(bytes(piece))
        return len(piece)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        pieces, self.pieces = self.pieces, []
        return b"".join(pieces)


def _zipped(artifacts: ArtifactStore, root: str, folder: str, files: Sequence[ArtifactRecord]) -> Iterator[bytes]:
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for record in files:
            try:
                pieces = artifacts.get(root, record.path)
            except NotFound:  # the file was removed after the list was made
                continue
            info = zipfile.ZipInfo(record.path[len(folder) + 1 :] if folder else record.path)
            with archive.open(info, "w", force_zip64=True) as entry:
                for piece in pieces:
                    entry.write(piece)
                    yield sink.take()
            yield sink.take()
    yield sink.take()
