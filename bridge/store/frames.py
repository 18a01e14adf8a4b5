"""Frames: typed columns of numbers and texts in one message, which a browser reads without parsing.

A frame begins with the length of its head in bytes, as a little-endian uint32. The head is JSON in UTF-8:
`{"version": 1, "columns": [{"name", "at", "n", "t", "words"?}, …], …}`. Zero bytes fill it up to a multiple of 8.
Then come the columns. `at` is the offset of a column from the start of the frame, a multiple of 8, and `n` is the
number of its values. `t` is `f8` (float64), `i8` (int64), `i4` (int32), `u4` (uint32), `u1` (uint8) or `b1` (bool, one
byte of 0 or 1), all little-endian.
A column of texts is a `u4` column of indexes in `words`. A word is a text, or null for no value.
A reader ignores entries of the head that it does not know. A frame of a greater version cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from bridge.errors import InvalidValue
from bridge.store.json_text import as_json, read_json

if TYPE_CHECKING:
    from bridge.records.views import Array

MEDIA_TYPE = "application/vnd.runbridge.frame"

VERSION = 1

TYPES = {"f8": "<f8", "i8": "<i8", "i4": "<i4", "u4": "<u4", "u1": "|u1", "b1": "|b1"}
"""The types of columns, with their names in numpy."""

LENGTH_BYTES, ALIGNMENT = 4, 8


class Frame:
    """A frame that is filled with columns and then written.

    Args:
        facts: other entries of the head. JSON must be able to represent them.
    """

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        self._columns: list[tuple[dict[str, Any], list[Array]]] = []

    def add(self, name: str, type: str, values: Array | Sequence[float]) -> None:
        """Append a column of numbers.

        Args:
            name: the name of the column.
            type: a key of `TYPES`. The values are converted to it.
            values: the values, in one dimension.
        """
        self.add_joined(name, type, [numpy.asarray(values)])

    def add_joined(self, name: str, type: str, parts: Sequence[Array]) -> None:
        """Append a column of the numbers of several arrays. They are copied only once, when the frame is written."""
        about = {"name": name, "n": sum(map(len, parts)), "t": type}
        self._columns.append((about, [part for part in parts if len(part)]))

    def add_texts(self, name: str, codes: Array | Sequence[int], words: Iterable[str | None]) -> None:
        """Append a column of texts: the index of each text in `words`."""
        self.add(name, "u4", codes)
        self._columns[-1][0]["words"] = list(words)

    def to_bytes(self) -> bytes:
        """Return the frame."""
        return bytes(self.to_buffer())

    def to_buffer(self) -> memoryview:
        """Return the frame without a further copy, and forget its columns, so that their memory can be returned."""
        head, size = self._head()
        frame = bytearray(size)
        frame[:LENGTH_BYTES] = len(head).to_bytes(LENGTH_BYTES, "little")
        frame[LENGTH_BYTES : LENGTH_BYTES + len(head)] = head
        for about, parts in self._columns:
            if parts:
                column = numpy.frombuffer(frame, TYPES[about["t"]], about["n"], about["at"])
                numpy.concatenate(parts, out=column, casting="unsafe")
        self._columns.clear()
        return memoryview(frame)

    def _head(self) -> tuple[bytes, int]:
        """Return the head, and the size of the frame. The head contains offsets, which depend on its own length."""
        facts = as_json({"version": VERSION, **self.facts})[:-1]  # without the closing brace
        start = 0
        while True:
            at = start
            for about, _ in self._columns:
                about["at"] = at
                at += _padded(about["n"] * numpy.dtype(TYPES[about["t"]]).itemsize)
            head = facts + b',"columns":' + as_json([about for about, _ in self._columns]) + b"}"
            needed = _padded(LENGTH_BYTES + len(head))
            if needed == start:
                return head, at
            # The offsets may have more digits now. A start that is larger than needed cannot occur, because a longer
            # start never makes the head shorter.
            start = needed


def read_frame(frame: bytes | memoryview) -> tuple[dict[str, Any], Mapping[str, Array]]:
    """Return the head of a frame, and its columns by name. The columns share the memory of the frame.

    Raises:
        InvalidValue: the bytes are not a frame, or the frame is cut off or has a greater version.
    """
    length = int.from_bytes(frame[:LENGTH_BYTES], "little")
    if len(frame) < LENGTH_BYTES + length or len(frame) < LENGTH_BYTES:
        raise InvalidValue("frame", len(frame), "must have as many bytes as its head states")
    head = read_json(frame[LENGTH_BYTES : LENGTH_BYTES + length])
    if not isinstance(head, dict) or not isinstance(head.get("columns"), list):
        raise InvalidValue("frame", "its head", "must be a JSON object with a list `columns`")
    version = head.get("version", VERSION)
    if type(version) is not int or version > VERSION:
        raise InvalidValue("frame", version, f"must have a version of at most {VERSION}: upgrade runbridge")
    return head, {name: column for name, column in (_column(frame, about) for about in head["columns"])}


def _column(frame: bytes | memoryview, about: Any) -> tuple[str, Array]:
    """Return the name and the values of a column."""
    found = about if isinstance(about, dict) else {}
    parts: list[Any] = [found.get(key) for key in ("name", "at", "n", "t")]
    name, at, count, type_name = parts
    valid = isinstance(name, str) and type(at) is int and type(count) is int and type_name in list(TYPES)
    if not valid or at < 0 or count < 0 or at % ALIGNMENT:
        rule = f"must have a name, a number of values, an offset, and a type of {', '.join(TYPES)}"
        raise InvalidValue("column of a frame", name, rule)
    kind = numpy.dtype(TYPES[type_name])
    if at + count * kind.itemsize > len(frame):
        raise InvalidValue("column of a frame", name, "must end before the frame ends")
    values = numpy.frombuffer(frame, kind, count, at)
    if type_name == "b1" and values.view(numpy.uint8).max(initial=0) > 1:
        raise InvalidValue("column of a frame", name, "must have only bytes of 0 and 1, because it has the type b1")
    return name, values


def texts_of(head: Mapping[str, Any], columns: Mapping[str, Array], name: str) -> list[str | None]:
    """Return the texts of a column of a frame that was read."""
    words = next(about["words"] for about in head["columns"] if about["name"] == name)
    return [words[code] for code in columns[name].tolist()]


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
