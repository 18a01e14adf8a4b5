"""An artifact store in the folder of a workspace, with an index in a database."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from bridge.errors import AlreadyExists, InvalidState, InvalidValue, NotAllowed, NotFound, StoreUnavailable
from bridge.records.artifact import ArtifactRecord, check_artifact_path, check_artifact_root, folders_above
from bridge.store.artifact_index import ArtifactIndex
from bridge.store.artifact_source import PIECE_BYTES, pieces_from
from bridge.store.artifacts import ArtifactStore, Check
from bridge.store.folder.files import Files, Part


class FolderArtifacts(ArtifactStore):
    """A store that contains artifacts as files of a folder. Only files in the index are listed and read.

    A process that is killed during `put` may leave a file that is not in the index. If the file existed before,
    the index may contain the size and hash of the old file until the next `put`.
    A process that is killed during `delete` may leave files that are not in the index.
    A process that is killed during `append` may leave bytes after the size in the index. These bytes are never read,
    and the next append overwrites them.

    Args:
        index: the artifact index.
        folder: the folder that contains all artifact roots, `<workspace>/artifacts`. The first `put` creates it.
        shared: members of the folder's group may change files and folders.
    """

    def __init__(self, index: ArtifactIndex, folder: Path, shared: bool = False) -> None:
        self._index = index
        self._files = Files(folder, shared)

    def put(
        self,
        root: str,
        path: str,
        source: Path | bytes | BinaryIO,
        replace: bool = True,
        check: Check | None = None,
    ) -> ArtifactRecord:
        root, path = check_artifact_root(root), check_artifact_path(path)
        self._check_place(root, path)
        place = f"{root}/{path}"
        with self._files.part(place) as part:
            size_bytes, sha256 = _write(part, source)
            if check is not None:
                check(size_bytes, sha256)
            record = ArtifactRecord(path, size_bytes, sha256, time.time_ns() // 1_000_000)
            with self._files.changing("write", place):
                if not replace and self._index.find_artifact(root, path):
                    raise AlreadyExists("artifact", path)
                with self._files.placed(part, place):
                    self._index.set_artifacts(root, (record,))
        self._files.sweep()
        return record

    def append(self, root: str, path: str, data: bytes, offset: int | None = None) -> ArtifactRecord:
        root, path = check_artifact_root(root), check_artifact_path(path)
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise InvalidValue("data", type(data).__name__, "must be bytes")
        place, data = f"{root}/{path}", bytes(data)
        with self._files.changing("write", place):
            listed = self._index.find_artifact(root, path)
            is_new = listed is None or not self._files.exists(place)
            size_bytes = 0 if listed is None or is_new else listed.size_bytes or 0
            if offset is not None and offset != size_bytes:
                raise InvalidState("artifact", path, f"{size_bytes} bytes long", f"{offset} bytes long")
            if listed is None or is_new:
                self._check_place(root, path)
                return self._begin(root, path, data)
            if listed.sha256 is not None:
                # The hash is removed before bytes are appended: readers read a file without a hash only up to the size
                # in the index.
                self._index.set_artifacts(root, (replace(listed, sha256=None),))
            with self._files.appended(place, data, size_bytes) as size_bytes:
                return self._note(root, path, size_bytes)

    def _begin(self, root: str, path: str, data: bytes) -> ArtifactRecord:
        """Create a growing file. The caller must hold the lock of changes; see `Files.changing`."""
        place = f"{root}/{path}"
        with self._files.part(place) as part:
            part.write(data)
            part.check()
            with self._files.placed(part, place):
                return self._note(root, path, len(data))

    def _note(self, root: str, path: str, size_bytes: int) -> ArtifactRecord:
        record = ArtifactRecord(path, size_bytes, None, time.time_ns() // 1_000_000)
        self._index.set_artifacts(root, (record,))
        return record

    def get(self, root: str, path: str, start: int = 0) -> Iterator[bytes]:
        root, path = check_artifact_root(root), check_artifact_path(path)
        if start < 0:
            raise InvalidValue("start", start, "must not be negative")
        record = self._index.find_artifact(root, path)
        if record is None:
            raise NotFound("artifact", path)
        file = self._files.find(f"{root}/{path}")
        if file is None:
            raise NotFound("artifact", path, "its file was removed from the workspace's folder")
        pieces = _pieces_of(file, start, record.size_bytes if record.sha256 is None else None)
        next(pieces)  # this starts the generator, so that the file is closed even if the caller takes no piece
        return pieces

    def list(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        folder = check_artifact_path(folder) if folder else ""
        return self._index.list_artifacts(check_artifact_root(root) if root or recursive else "", folder, recursive)

    def stat(self, root: str, path: str) -> ArtifactRecord | None:
        root, path = check_artifact_root(root), check_artifact_path(path)
        file = self._index.find_artifact(root, path)
        if file is None and self._index.list_artifacts(root, path):
            return ArtifactRecord(path)
        return file

    def delete(self, root: str, path: str = "") -> None:
        root, path = check_artifact_root(root), check_artifact_path(path) if path else ""
        place = f"{root}/{path}" if path else root
        if not self._records(root, path) and not self._files.exists(place):
            return
        with self._files.changing("delete", place):
            self._files.exists(place)  # raises an error before any change, if the path leads through a link
            records = self._records(root, path)
            # The index changes first, so that every listed file can be read at any time. If the process is killed in
            # between, a repeated call removes the files.
            self._index.delete_artifacts(root, path)
            try:
                self._files.remove(place)
            except (NotAllowed, StoreUnavailable):
                self._index.set_artifacts(root, records)
                raise
        self._files.sweep()

    def _records(self, root: str, path: str) -> Sequence[ArtifactRecord]:
        """Return the record of the file at a path, or the records of all files below the path."""
        file = self._index.find_artifact(root, path) if path else None
        return [file] if file else self._index.list_artifacts(root, path, recursive=True)

    def _check_place(self, root: str, path: str) -> None:
        for folder in folders_above(path):
            if self._index.find_artifact(root, folder):
                raise InvalidValue("artifact path", path, f"must not be below {folder!r}, which is a file")
        if self._index.list_artifacts(root, path):
            raise InvalidValue("artifact path", path, "must not be the path of a folder")


def _write(part: Part, source: Path | bytes | BinaryIO) -> tuple[int, str]:
    """Write all bytes of a source. Return the number of bytes and their SHA-256."""
    import hashlib  # not at the top: it loads OpenSSL, which takes 10 ms and is not needed for reads

    if isinstance(source, (bytes, bytearray, memoryview)):
        content = bytes(source)
        part.write(content)
        part.check()
        return len(content), hashlib.sha256(content).hexdigest()
    size_bytes, digest = 0, hashlib.sha256()
    for piece in pieces_from(source):
        digest.update(piece)
        part.write(piece)
        size_bytes += len(piece)
    part.check()
    return size_bytes, digest.hexdigest()


def _pieces_of(file: BinaryIO, start: int, end: int | None) -> Iterator[bytes]:
    """Yield an empty piece, then the bytes from offset `start` to offset `end`, or to the end of the file."""
    with file:
        yield b""
        file.seek(start)
        yield from _rest_of(file, end)


def _rest_of(file: BinaryIO, end: int | None) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES if end is None else max(0, min(PIECE_BYTES, end - file.tell()))):
        yield piece
