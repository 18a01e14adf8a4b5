"""The source of a run: its snapshot, and how it differs from that of another run."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from bridge.errors import InvalidState, InvalidValue, NotFound, SchemaMismatch
from bridge.records.run import RunRecord
from bridge.server.files.contents import TEXT, Span, check_use, file_answer
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask
from bridge.source.empty import SNAPSHOT_PROPERTY
from bridge.source.manifest import Kept, content_of, read_manifest

MOST_TEXT_BYTES = 2 << 20
"""The greatest size of a file whose difference is shown."""


def get_source(ask: Ask) -> Response:
    """Answer with the files of a run's snapshot; with `path`, with the content of one of them as text."""
    record = ask.run()
    id = snapshot_of(record)
    path = ask.query.get("path", "")
    if not path:
        return json_answer(ask, {"snapshot": id, "files": [_file(kept) for kept in read_manifest(ask.artifacts, id)]})
    check_use(ask.headers)
    kept = next((one for one in read_manifest(ask.artifacts, id) if one.path == path), None)
    if kept is None:
        raise NotFound("file", path, "the snapshot of the run does not contain it")
    size = len(kept.content.encode()) if kept.kind == "link" else kept.size_bytes
    content = content_of(ask.artifacts, id, kept)
    more = {"Content-Disposition": "attachment"} if ask.query.get("download") else {}
    return file_answer(content, Span(0, size), TEXT, more=more)


def get_difference(ask: Ask) -> Response:
    """Answer with the files that differ between the snapshots of two runs; with `path`, with both texts of one file."""
    left, right = ask.run(), ask.run_of(ask.query.get("to", ""))
    files = [{one.path: one for one in read_manifest(ask.artifacts, snapshot_of(run))} for run in (left, right)]
    path = ask.query.get("path", "")
    if path:
        texts = [_text(ask, run, own.get(path)) for run, own in zip((left, right), files, strict=True)]
        return json_answer(ask, {"path": path, "left": texts[0], "right": texts[1]})
    before, after = files
    both = before.keys() & after.keys()
    changed = sorted(one for one in both if before[one][1:3] != after[one][1:3])
    return json_answer(
        ask,
        {
            "removed": [_file(before[one]) for one in sorted(before.keys() - after.keys())],
            "added": [_file(after[one]) for one in sorted(after.keys() - before.keys())],
            "changed": [{"path": one, "left": _file(before[one]), "right": _file(after[one])} for one in changed],
            "same": len(both) - len(changed),
        },
    )


def snapshot_of(record: RunRecord) -> str:
    """Return the id of a run's snapshot.

    Raises:
        NotFound: the run has no snapshot.
    """
    id = record.properties.get(SNAPSHOT_PROPERTY)
    if id is None:
        raise NotFound("snapshot", record.id, "the run kept no snapshot of its source")
    return id


def hashes_of(ask: Ask, record: RunRecord) -> list[tuple[str, str]] | None:
    """Return the path and the hash of each file of a run's snapshot; None if it has none, or it is damaged."""
    try:
        return [(kept.path, kept.content) for kept in read_manifest(ask.artifacts, snapshot_of(record))]
    except (NotFound, InvalidState, SchemaMismatch):
        return None


def _file(kept: Kept) -> dict[str, Any]:
    return {"path": kept.path, "kind": kept.kind, "size": kept.size_bytes, "sha256": kept.content}


def _text(ask: Ask, record: RunRecord, kept: Kept | None) -> str | None:
    if kept is None:
        return None
    if kept.size_bytes > MOST_TEXT_BYTES:
        raise InvalidValue("path", kept.path, f"must have at most {MOST_TEXT_BYTES} bytes for a difference")
    return b"".join(content_of(ask.artifacts, snapshot_of(record), kept)).decode(errors="replace")
