"""Checks the slices of journals that clients send. A client may be an older version, or a program of its user.

A journal of the server's own process has passed the checks of log calls, but a received slice has not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bridge.errors import InvalidValue
from bridge.records.limits import INT64_MAX, INT64_MIN
from bridge.records.series import COLUMN, DESCRIPTION, MLFLOW, SCALAR, Definition, check_key, check_text
from bridge.records.text import check_encodable

if TYPE_CHECKING:
    from bridge.records.views import Array
    from bridge.store.slices import Slice

TYPES = {
    "series": "uint32",
    "times": "int64",
    "timestamps": "int64",
    "steps": "int64",
    "has_step": "bool",
    "values": "float64",
    "ints": "bool",
    "apis": "uint8",
    "joined": "bool",
}

JOURNAL_ID_LENGTH = 200


def check_slice(piece: Slice) -> None:
    """Check a slice.

    Raises:
        InvalidValue: a part of it cannot be stored.
    """
    check_encodable("journal id", piece.journal_id)
    if not 0 < len(piece.journal_id) <= JOURNAL_ID_LENGTH:
        raise InvalidValue("journal id", piece.journal_id, f"must have 1 to {JOURNAL_ID_LENGTH} characters")
    if not 0 <= piece.start <= piece.end <= INT64_MAX:
        raise InvalidValue("slice", (piece.start, piece.end), "must start before it ends, within 64 bits")
    lengths = {len(getattr(piece, name)) for name in TYPES}
    wrong = [name for name, kind in TYPES.items() if getattr(piece, name).dtype != kind]
    if wrong or len(lengths) > 1:
        rule = f"must have columns of one length and of these types: {', '.join(map(' '.join, TYPES.items()))}"
        raise InvalidValue("slice", piece.journal_id, rule)
    for definition in piece.definitions.values():
        _check_definition(definition)
    for text in piece.texts:
        if isinstance(text, str):
            check_text(text)
    _check_leases(piece)
    if len(piece.series):
        _check_points(piece)


def _check_definition(definition: Definition) -> None:
    check_encodable("run id", definition.run_id)
    check_key(definition.key)
    if definition.column or definition.kind == COLUMN:
        check_key(definition.column, f"column of {definition.key!r}")
    is_other = definition.kind not in (SCALAR, COLUMN)
    if not SCALAR <= definition.kind <= DESCRIPTION or (is_other and definition.value_type != "text"):
        raise InvalidValue(f"kind of {definition.key!r}", definition.kind, "must be a kind of its values")


def _check_leases(piece: Slice) -> None:
    times = [lease.time for lease in piece.leases] + [piece.boot_time]
    if not all(INT64_MIN <= time <= INT64_MAX for time in times):
        raise InvalidValue("lease", piece.journal_id, "must have times of 64 bits")
    for run_id in (*(lease.run_id for lease in piece.leases), *(run_id for run_id, _ in piece.warnings)):
        check_encodable("run id", run_id)
    for _, sentence in piece.warnings:
        check_text(sentence)


def _check_points(piece: Slice) -> None:
    import numpy

    present, at = numpy.unique(piece.series, return_inverse=True)
    found = [piece.definitions.get(number) for number in present.tolist()]
    definitions = [one for one in found if one is not None]
    if len(definitions) < len(found):
        raise InvalidValue("series", piece.journal_id, "must be defined in the slice")
    if int(piece.apis.max()) > MLFLOW:
        raise InvalidValue("api", int(piece.apis.max()), f"must be at most {MLFLOW}")
    is_text = numpy.array([one.value_type == "text" for one in definitions], dtype=bool)[at]
    places = piece.values[is_text]
    if len(places) and not (numpy.isfinite(places).all() and _are_indexes(places, len(piece.texts))):
        raise InvalidValue("text", piece.journal_id, "must be the index of one of the texts of the slice")
    if piece.joined.any():
        _check_rows({name: getattr(piece, name) for name in TYPES}, definitions, at)


def _are_indexes(places: Array, count: int) -> bool:
    return bool(((places >= 0) & (places < count) & (places == places.astype("int64"))).all())


def _check_rows(columns: Mapping[str, Array], definitions: list[Definition], at: Array) -> None:
    """Check that each joined cell belongs to the same row as the point before it."""
    import numpy

    numbers: dict[tuple[str, str], int] = {}
    keys: Any = numpy.array([numbers.setdefault((one.run_id, one.key), len(numbers)) for one in definitions])[at]
    cells = numpy.array([one.kind == COLUMN for one in definitions], dtype=bool)[at]
    joined = numpy.flatnonzero(columns["joined"])
    same = [cells, keys, *(columns[name] for name in ("times", "timestamps", "steps", "has_step"))]
    valid = joined[0] > 0 and cells[joined].all() and all((one[joined] == one[joined - 1]).all() for one in same)
    if not valid:
        raise InvalidValue("row", "", "must consist of cells with the same key, time, timestamp and step")
