"""The manifests of snapshots: which files a snapshot contains, and where their contents are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from bridge.errors import InvalidState, NotFound, SchemaMismatch
from bridge.source.empty import EMPTY
from bridge.source.tree import leads_out
from bridge.store.artifacts import ArtifactStore

if TYPE_CHECKING:
    import hashlib

ROOT = "snapshots"
"""The artifact root of all snapshots.

`files/<two digits>/<SHA-256>` is the content of a file. `trees/<id>.json` is the manifest of a snapshot: a list of the
paths of its files and the hashes of their contents. `environments/<id>.json` is a recorded environment; see
`bridge.source.recorded_environment`.
"""

FORMAT = 1
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SHA256 = re.compile(r"[0-9a-f]{64}")
MODES = {"file": 0o100644, "executable": 0o100755, "link": 0o120777}
"""The kinds of files, with their modes in a zip."""


class Kept(NamedTuple):
    """A file of a snapshot, as its manifest lists it. `content` is the SHA-256 of a file, or the target of a link."""

    path: str
    kind: str
    content: str
    size_bytes: int


def read_manifest(artifacts: ArtifactStore, snapshot_id: str) -> list[Kept]:
    """Return the files of a snapshot, sorted by path.

    Raises:
        NotFound: the snapshot does not exist.
        InvalidState: the snapshot is damaged.
        SchemaMismatch: a newer version of Runbridge has stored it.
    """
    if snapshot_id == EMPTY:
        return []
    if not isinstance(snapshot_id, str) or not ID.fullmatch(snapshot_id):
        raise NotFound("snapshot", snapshot_id, "the id must be a UUID, as run.get_snapshot_id() returns it")
    try:
        content = b"".join(artifacts.get(ROOT, manifest_path(snapshot_id)))
    except NotFound:
        raise NotFound("snapshot", snapshot_id, "the workspace does not have it") from None
    return load_manifest(content, snapshot_id)


def load_manifest(content: bytes, snapshot_id: str) -> list[Kept]:
    """Return the files that the content of a manifest lists.

    Raises:
        InvalidState: the content is not a manifest.
        SchemaMismatch: a newer version of Runbridge has made it.
    """
    try:
        manifest = json.loads(content)
        if manifest["format"] > FORMAT:
            raise SchemaMismatch(f"Snapshot {snapshot_id}", manifest["format"], FORMAT)
        kept = [Kept(*entry) for entry in manifest["files"]]
        if all(_may_be_written(each) for each in kept):
            return kept
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise InvalidState("snapshot", snapshot_id, "damaged (its list of files is not valid)", "intact")


def _may_be_written(kept: Kept) -> bool:
    """Return whether an entry of a manifest is valid and is not restored outside of the target folder."""
    if kept.kind not in MODES or any(part in ("", ".", "..") for part in kept.path.split("/")):
        return False
    if "\0" in kept.path + kept.content:
        return False
    return not leads_out(kept.path, kept.content) if kept.kind == "link" else bool(SHA256.fullmatch(kept.content))


def content_of(artifacts: ArtifactStore, snapshot_id: str, kept: Kept) -> Iterator[bytes]:
    """Yield the content of a file of a snapshot in pieces, or the target of a link.

    Raises:
        InvalidState: the content is missing, or does not have the hash that the manifest lists.
    """
    if kept.kind == "link":
        yield kept.content.encode()
        return
    digest = sha256_of()
    try:
        for piece in artifacts.get(ROOT, content_path(kept.content)):
            digest.update(piece)
            yield piece
    except NotFound:
        raise InvalidState("snapshot", snapshot_id, f"damaged (the file {kept.path!r} is missing)", "intact") from None
    if digest.hexdigest() != kept.content:
        raise InvalidState("snapshot", snapshot_id, f"damaged (the file {kept.path!r} was changed)", "intact")


def manifest_path(snapshot_id: str) -> str:
    """Return the artifact path of the manifest of a snapshot."""
    return f"trees/{snapshot_id}.json"


def snapshot_id_of(sha256: str) -> str:
    """Return the id of the snapshot whose manifest has a hash: a UUID of version 8 (RFC 9562)."""
    variant = "89ab"[int(sha256[16], 16) & 3]
    return f"{sha256[:8]}-{sha256[8:12]}-8{sha256[13:16]}-{variant}{sha256[17:20]}-{sha256[20:32]}"


def content_path(sha256: str) -> str:
    """Return the artifact path of the content of a file."""
    return f"files/{sha256[:2]}/{sha256}"


def sha256_of(content: bytes = b"") -> hashlib._Hash:
    import hashlib  # loading OpenSSL takes 10 ms, and an unchanged folder needs no hashes

    return hashlib.sha256(content)
