"""An artifact store on a server."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from bridge.errors import AlreadyExists, InvalidState, InvalidValue, StoreUnavailable
from bridge.records.artifact import ArtifactRecord, check_artifact_path, check_artifact_root
from bridge.records.wire import load_artifact
from bridge.store.artifact_source import PIECE_BYTES
from bridge.store.artifacts import ArtifactStore, Check
from bridge.store.http.artifact_source import SentFile
from bridge.store.http.requests_sent import FIRST_PAUSE_SECONDS, Requests, reason_of

if TYPE_CHECKING:
    from requests import Response

FILES = "/api/bridge/v1/files"
CONTENT, RECORD = f"{FILES}/content", f"{FILES}/record"
BEYOND_END = 416
MOST_CONFLICTS = 1_000
"""How often an append is sent again because another process has appended at the same time."""


class HttpArtifacts(ArtifactStore):
    """A store of the files of a workspace on a server.

    The server keeps files and index. This class checks every root and path before it sends them, and every name that
    the server sends, because a server is not always the one that a user believes it to be.
    A request whose answer was lost is sent again. A repeated `append` does not append twice: it names the offset, and
    if the file already contains the bytes there, the first request was successful.
    If the answer to `put` with `replace=False` was lost, and a file with the same content exists, `put` succeeds.

    Args:
        requests: sends the requests.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def put(
        self,
        root: str,
        path: str,
        source: Path | bytes | BinaryIO,
        replace: bool = True,
        check: Check | None = None,
    ) -> ArtifactRecord:
        parameters = _place(root, path)
        if not replace:
            parameters["keep"] = "1"
        sent, attempts = SentFile(source, check), 0

        def body(again: bool) -> Any:
            nonlocal attempts
            attempts += 1
            return sent.body()

        with closing(sent):
            try:
                again = sent.can_repeat()
                answer = self._requests.send("PUT", CONTENT, parameters, body, may_repeat=again, is_whole=True)
            except AlreadyExists:
                found = self.stat(root, path)
                if attempts == 1 or found is None or found.sha256 != sent.sha256:
                    raise
                return found
            except Exception:
                if sent.error is not None:
                    raise sent.error from None
                raise
        return self._record(answer, parameters["path"])

    def append(self, root: str, path: str, data: bytes, offset: int | None = None) -> ArtifactRecord:
        parameters = _place(root, path)
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise InvalidValue("data", type(data).__name__, "must be bytes")
        data = bytes(data)
        for _ in range(MOST_CONFLICTS):
            at = self.size_of(root, path) if offset is None else offset
            try:
                return self._appended(parameters, data, at)
            except InvalidState:
                if offset is not None:
                    raise
        raise StoreUnavailable(self._requests.address, f"too many processes append to {path!r} at the same time")

    def _appended(self, parameters: Mapping[str, str], data: bytes, offset: int) -> ArtifactRecord:
        """Append at an offset. If the answer to an earlier attempt was lost, find out whether it was successful."""
        attempts = 0

        def body(again: bool) -> bytes:
            nonlocal attempts
            attempts += again
            return data

        try:
            answer = self._requests.send("POST", CONTENT, {**parameters, "offset": str(offset)}, body, is_whole=True)
        except InvalidState:
            root, path = parameters["root"], parameters["path"]
            found = self.stat(root, path)
            if not attempts or found is None or not self.contains(root, path, data, offset):
                raise
            return found
        return self._record(answer, parameters["path"])

    def contains(self, root: str, path: str, data: bytes, offset: int) -> bool:
        """Return whether a file exists and has the given bytes at an offset."""
        if self.size_of(root, path) < offset + len(data):
            return False
        left = memoryview(data)
        for piece in self.get(root, path, offset):
            if left[: len(piece)] != piece[: len(left)]:
                return False
            left = left[len(piece) :]
            if not left:
                return True
        return not left

    def size_of(self, root: str, path: str) -> int:
        """Return the size of a file in bytes; 0 if it does not exist."""
        found = self.stat(root, path)
        return 0 if found is None else found.size_bytes or 0

    def get(self, root: str, path: str, start: int = 0) -> Iterator[bytes]:
        parameters = _place(root, path)
        if start < 0:
            raise InvalidValue("start", start, "must not be negative")
        answer = self._content(parameters, start)
        if answer.status_code == BEYOND_END:
            answer.close()
            return iter(())
        pieces = self._pieces(answer, parameters, start)
        next(pieces)  # this starts the generator, so that the answer is closed even if the caller takes no piece
        return pieces

    def list(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        folder = check_artifact_path(folder) if folder else ""
        root = check_artifact_root(root) if root or recursive else ""
        parameters = {"root": root, "folder": folder, "recursive": str(int(recursive))}
        listed = _json(self._requests.send("GET", FILES, parameters, is_whole=True), "files", list)
        return sorted((_checked(fields, folder, recursive) for fields in listed), key=lambda record: record.path)

    def stat(self, root: str, path: str) -> ArtifactRecord | None:
        parameters = _place(root, path)
        fields = _json(self._requests.send("GET", RECORD, parameters, is_whole=True), "file", (dict, type(None)))
        return None if fields is None else _same(_loaded(fields), parameters["path"])

    def delete(self, root: str, path: str = "") -> None:
        parameters = _place(root, path) if path else {"root": check_artifact_root(root)}
        self._requests.send("DELETE", FILES, parameters).close()

    def _record(self, answer: Response, path: str) -> ArtifactRecord:
        return _same(_loaded(_json(answer, "file", dict)), path)

    def _content(self, parameters: Mapping[str, str], start: int) -> Response:
        headers = {"Range": f"bytes={start}-"} if start else {}
        return self._requests.send("GET", CONTENT, parameters, headers=headers, accepted=frozenset((BEYOND_END,)))

    def _pieces(self, answer: Response, parameters: Mapping[str, str], start: int) -> Iterator[bytes]:
        """Yield an empty piece, then the bytes of an answer. If the connection is cut, go on where it was cut."""
        import requests

        at, stated, digest = start, _Stated.of(answer, start), hashlib.sha256()
        cuts = _Cuts(self._requests)
        while True:
            try:
                with answer:
                    yield b""
                    for piece in answer.iter_content(PIECE_BYTES):
                        at += len(piece)
                        if stated.sha256:
                            digest.update(piece)
                        yield piece
                break
            except requests.RequestException as error:
                if at >= stated.end:
                    break
                cuts.wait(at, error)
                if at == start:  # the head of the answer may have been cut, too
                    answer = self._content(parameters, start)
                    stated = _Stated.of(answer, start)
                else:
                    answer = self._rest(parameters, at, stated, error)
        if stated.sha256 and digest.hexdigest() != stated.sha256:
            raise StoreUnavailable(self._requests.address, "a file arrived with other bytes than stored; read it again")

    def _rest(self, parameters: Mapping[str, str], at: int, stated: _Stated, cause: Exception) -> Response:
        """Ask for the rest of a file. `StoreUnavailable` if the file has changed."""
        headers = {"Range": f"bytes={at}-{stated.end - 1}", "If-Range": stated.etag}
        answer = self._requests.send("GET", CONTENT, parameters, headers=headers)
        if answer.status_code != 206:
            answer.close()
            reason = "the file changed while it was read; read it again"
            raise StoreUnavailable(self._requests.address, reason) from cause
        return answer


class _Stated(NamedTuple):
    """The headers of an answer with a file: where the file ends, its version, and its hash if all of it arrives."""

    end: int
    etag: str
    sha256: str

    @classmethod
    def of(cls, answer: Response, start: int) -> _Stated:
        """Return the headers of an answer whose first byte is at an offset."""
        headers = answer.headers
        sha256 = headers.get("X-SHA256", "") if start == 0 else ""
        return cls(start + int(headers.get("Content-Length", 0)), headers.get("ETag", ""), sha256)


class _Cuts:
    """Limits for how long a download is repeated although no byte arrives."""

    def __init__(self, requests: Requests) -> None:
        self._requests, self._at, self._give_up = requests, -1, 0.0

    def wait(self, at: int, error: Exception) -> None:
        """Wait before the next attempt. `StoreUnavailable` if no byte has arrived for too long."""
        now = time.monotonic()
        if at != self._at:
            self._at, self._give_up = at, now + self._requests.patience_seconds
        elif now > self._give_up:
            raise StoreUnavailable(self._requests.address, reason_of(error)) from error
        else:
            time.sleep(FIRST_PAUSE_SECONDS)


def _place(root: str, path: str) -> dict[str, str]:
    return {"root": check_artifact_root(root), "path": check_artifact_path(path)}


def _json(answer: Response, name: str, kind: type | tuple[type, ...]) -> Any:
    """Return a value of an answer with JSON.

    Raises:
        StoreUnavailable: the answer has another form.
    """
    with answer:
        try:
            value = answer.json()[name]
        except (KeyError, TypeError, ValueError):
            value = ...
    if not isinstance(value, kind):
        raise StoreUnavailable(answer.url.partition("?")[0], "its answer is not one of Runbridge")
    return value


def _loaded(fields: Any) -> ArtifactRecord:
    try:
        record = load_artifact(fields)
    except (TypeError, AttributeError) as error:
        raise InvalidValue("answer of the server", str(fields)[:100], "must be the record of a file") from error
    check_artifact_path(record.path)
    return record


def _same(record: ArtifactRecord, path: str) -> ArtifactRecord:
    """Return a record, which must be that of a path.

    Raises:
        InvalidValue: the server has sent the record of another file.
    """
    if record.path != path:
        raise InvalidValue("artifact path", record.path, f"must be {path!r}, but the server sent another one")
    return record


def _checked(fields: Any, folder: str, recursive: bool) -> ArtifactRecord:
    """Return a record of a list, whose path must be in the listed folder.

    Raises:
        InvalidValue: the path is not valid, or is elsewhere.
    """
    record = _loaded(fields)
    above, _, name = record.path.rpartition("/")
    prefix = f"{folder}/" if folder else ""
    if not record.path.startswith(prefix) or (not recursive and above != folder) or not name:
        raise InvalidValue("artifact path", record.path, f"must be in the folder {folder!r}, but the server sent it")
    return record
