"""The logs of a run: their list, a part of one, and the places of a text in it."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.responses import Response

from bridge.errors import InvalidValue, NotFound
from bridge.runs.logs import LOG_FOLDERS
from bridge.server.files.contents import TEXT, Span, check_use, file_answer
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask
from bridge.server.portal.files import file_json, root_of
from bridge.server.portal.log_index import BEGIN_BYTES, LineIndex, LogIndexes

PART_BYTES, MOST_BYTES = 64 << 10, 8 << 20
"""The bytes of a log that are sent if the request does not say how many, and the greatest number."""

MOST_TEXT = 1_000


def get_logs(ask: Ask) -> Response:
    """Answer with the logs of a run."""
    root = root_of(ask, ask.run())
    found = [one for folder in LOG_FOLDERS for one in ask.artifacts.list(root, folder, recursive=True)]
    return json_answer(ask, {"logs": [file_json(one) for one in found]})


def get_log(ask: Ask) -> Response:
    """Answer with a part of a log.

    The part is `from` up to `to` in bytes, or the last `tail` bytes, or what starts at the line `line`, counted from 1.
    `X-Size` is the size of the log, `X-From` the offset of the part, and `X-Line` the number of its first line, if the
    lines before it are counted already. With `numbered`, they are counted first.
    """
    check_use(ask.headers)
    log = _Log(ask)
    start, end = _part(ask, log)
    line = log.index().line_at(log.read, start) if ask.query.get("numbered") and log.count() else log.known_line(start)
    headers = {"X-Size": str(log.size), "X-From": str(start)}
    if line is not None:
        headers["X-Line"] = str(line)
    pieces = log.read(start) if end > start else iter(())
    return file_answer(pieces, Span(start, end), TEXT, more=headers)


def get_log_search(ask: Ask) -> Response:
    """Answer with the number of places of a text in a log, and the places around the offset `from`.

    If the log is so large that it could not be searched in one step, `complete` is false, and the same request goes on.
    Without a text, the answer has the number of lines.
    """
    text, around = ask.query.get("text", ""), ask.number("from", 0)
    log = _Log(ask)
    if not text:
        complete = log.count()
        lines = log.index().line_at(log.read, log.size) if complete else None
        return json_answer(ask, {"lines": lines, "size": log.size, "complete": complete})
    wanted = text.encode(errors="replace")
    if len(wanted) > MOST_TEXT:
        raise InvalidValue("text", f"{len(text)} characters", f"must have at most {MOST_TEXT} bytes")
    found = log.indexes.search(log.root, log.path, log.begin, wanted).search(log.read, log.size, around)
    return json_answer(ask, {**found._asdict(), "count": found.total, "size": log.size})


class _Log:
    """A log of the run that a request names.

    Raises:
        NotFound: the log does not exist.
    """

    def __init__(self, ask: Ask) -> None:
        self.root, self.path = root_of(ask, ask.run()), ask.path["path"]
        record = ask.artifacts.stat(self.root, self.path)
        if record is None or record.size_bytes is None:
            raise NotFound("log", self.path)
        self.size = record.size_bytes
        self._artifacts = ask.artifacts
        self.indexes: LogIndexes = ask.served.kept("logs", LogIndexes)
        self._begin: bytes | None = None

    def read(self, offset: int) -> Iterator[bytes]:
        """Return the bytes of the log from an offset on."""
        return self._artifacts.get(self.root, self.path, offset)

    @property
    def begin(self) -> bytes:
        """The first bytes of the log."""
        if self._begin is None:
            pieces = self.read(0)
            self._begin = next(pieces, b"")[:BEGIN_BYTES]
        return self._begin

    def index(self) -> LineIndex:
        """Return the index of its lines."""
        return self.indexes.lines(self.root, self.path, self.begin)

    def count(self) -> bool:
        """Count the lines; return whether all complete blocks are counted."""
        return self.index().count(self.read, self.size)

    def known_line(self, offset: int) -> int | None:
        """Return the number of the line at an offset if it costs little to know."""
        index = self.index()
        return index.line_at(self.read, offset) if offset < index.counted_bytes or offset < PART_BYTES else None


def _part(ask: Ask, log: _Log) -> tuple[int, int]:
    """Return the start and the end of the part of a log that a request asks for."""
    size = log.size
    if "line" in ask.query:
        log.count()
        start = min(size, log.index().offset_of(log.read, ask.number("line", 1, 1)))
        return start, min(size, start + ask.number("limit", PART_BYTES, 0, MOST_BYTES))
    if "tail" in ask.query:
        return max(0, size - ask.number("tail", PART_BYTES, 0, MOST_BYTES)), size
    start = min(size, ask.number("from", 0))
    end = min(size, ask.number("to", start + PART_BYTES))
    return start, min(max(start, end), start + MOST_BYTES)
