"""Charts: the four kinds of metric that are logged as JSON. They are checked, and written as strict JSON."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from bridge.errors import InvalidValue
from bridge.records.series import ACCURACY_TABLE, CONFUSION_MATRIX, PREDICTIONS, RESIDUALS
from bridge.store.points import PLAIN, check_value

logger = logging.getLogger("bridge")


class Chart(NamedTuple):
    """The form of one kind of chart: its `schema_type`, and the keys of the lists in its `data`."""

    schema_type: str
    keys: tuple[str, ...]


CHARTS = {
    CONFUSION_MATRIX: Chart("confusion_matrix", ("class_labels", "matrix")),
    ACCURACY_TABLE: Chart(
        "accuracy_table",
        (
            "probability_tables",
            "percentile_tables",
            "probability_thresholds",
            "percentile_thresholds",
            "class_labels",
        ),
    ),
    RESIDUALS: Chart("residuals", ("bin_edges", "bin_counts")),
    PREDICTIONS: Chart("predictions", ("bin_averages", "bin_errors", "bin_counts", "bin_edges")),
}
"""The kinds of charts.

Source: Azure ML SDK v1, `Run.log_confusion_matrix`, `log_accuracy_table`, `log_residuals` and `log_predictions`.
"""


def chart_bytes(kind: int, name: str, value: object) -> bytes:
    """Return the JSON of a chart, as it is stored.

    JSON has no NaN and no infinity: they become null, with a warning in the log.
    If the lengths of lists in the chart do not match, a warning is logged, and the lists are stored unchanged.

    Args:
        kind: a key of `CHARTS`.
        name: the metric's name, for warnings and errors.
        value: the chart as JSON text, or as a mapping. Arrays and numbers of numpy become lists and Python numbers.

    Raises:
        InvalidValue: the value is neither JSON text nor a mapping, or does not have the form of its kind.
    """
    whole = _parsed(value) if isinstance(value, (str, bytes)) else value
    chart = CHARTS[kind]
    if not isinstance(whole, Mapping):
        raise InvalidValue(f"value of {name!r}", value, "must be a dict, or the JSON text of a dict")
    lost: list[float] = []
    try:
        plain = _plain(whole, lost)
    except RecursionError:
        raise InvalidValue(f"value of {name!r}", "the chart", "must have fewer levels of nested values") from None
    _check_envelope(chart, name, plain)
    for sentence in _mismatches(kind, plain["data"]):
        logger.warning("Chart %r: %s.", name, sentence)
    if lost:
        logger.warning("Chart %r has %d values that are NaN or infinite: they are stored as null.", name, len(lost))
    try:
        return json.dumps(plain, ensure_ascii=False, allow_nan=False).encode(errors="replace")
    except ValueError as error:  # Python refuses to write an integer with very many digits
        raise InvalidValue(
            f"value of {name!r}", "the chart", f"must have only values that JSON can store ({error})"
        ) from error


def _parsed(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidValue("value", text, f"Invalid JSON provided ({error})") from error


def _plain(value: Any, lost: list[float]) -> Any:
    """Return the value in the types of JSON. NaN and infinite numbers become None, and are appended to `lost`."""
    if isinstance(value, Mapping):
        return {str(key): _plain(below, lost) for key, below in value.items()}
    to_list = getattr(value, "tolist", None)
    if callable(to_list):
        value = to_list()
    if isinstance(value, (list, tuple, range)):
        return [_plain(below, lost) for below in value]
    plain = value if type(value) in PLAIN else check_value(value)
    if isinstance(plain, float) and not math.isfinite(plain):
        lost.append(plain)
        return None
    return plain


def _check_envelope(chart: Chart, name: str, value: dict[str, Any]) -> None:
    found = value.get("schema_type")
    if found != chart.schema_type:
        raise InvalidValue(f"schema_type of {name!r}", found, f"must be {chart.schema_type!r}")
    data = value.get("data")
    if not isinstance(data, dict):
        raise InvalidValue(f"data of {name!r}", data, f"must be a dict with {', '.join(chart.keys)}")
    missing = [key for key in chart.keys if key not in data]
    if missing:
        raise InvalidValue(f"data of {name!r}", sorted(data), f"must have {', '.join(missing)} too")
    for key in chart.keys:
        if not isinstance(data[key], list):
            raise InvalidValue(f"{key} of {name!r}", data[key], "must be a list")
    if "schema_version" not in value:
        logger.warning("Chart %r has no schema_version.", name)


def _mismatches(kind: int, data: dict[str, Any]) -> list[str]:
    """Return a sentence for each pair of lengths that does not match."""
    size = {key: len(value) for key, value in data.items() if isinstance(value, list)}
    if kind == CONFUSION_MATRIX:
        wanted = [("matrix", "class_labels", 0)]
        ragged = any(not isinstance(row, list) or len(row) != size["matrix"] for row in data["matrix"])
        sentences = ["matrix is not square"] if ragged else []
    elif kind == ACCURACY_TABLE:
        wanted = [("probability_tables", "class_labels", 0), ("percentile_tables", "class_labels", 0)]
        sentences = [
            f"a table of {which}_tables does not have one row for each threshold of {which}_thresholds"
            for which in ("probability", "percentile")
            if any(not isinstance(t, list) or len(t) != size[f"{which}_thresholds"] for t in data[f"{which}_tables"])
        ]
    else:
        wanted = [("bin_edges", "bin_counts", 1)]
        sentences = []
        if kind == PREDICTIONS:
            wanted += [("bin_averages", "bin_counts", 0), ("bin_errors", "bin_counts", 0)]
    for left, right, more in wanted:
        if size[left] != size[right] + more:
            wanted_size = f"one entry more than {right}" if more else f"as many entries as {right}"
            sentences.append(f"{left} should have {wanted_size}, but the lengths are {size[left]} and {size[right]}")
    return sentences
