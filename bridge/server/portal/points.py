"""The exact points of a metric as a file: CSV or JSON, written while it is sent."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence

from starlette.responses import Response, StreamingResponse

from bridge.errors import InvalidValue
from bridge.records.series import Value
from bridge.runs.metric_values import LoggedMetric, logged_metric
from bridge.runs.spreadsheets import guarded
from bridge.server.files.contents import HEADERS
from bridge.server.portal.answers import number
from bridge.server.portal.ask import Ask
from bridge.server.portal.files import disposition

ROWS = 5_000

Row = Sequence[Value]


def get_points(ask: Ask) -> Response:
    """Answer with all points of a metric: `step`, `timestamp` and `value`, or the columns of a table.

    The formats are `csv` and `json`, a list of rows. With `spreadsheet`, a text that a spreadsheet would calculate gets
    an apostrophe.
    """
    format, key = ask.query.get("format", "csv"), ask.path["key"]
    if format not in ("csv", "json"):
        raise InvalidValue("format", format, "must be csv or json")
    record = ask.run()
    found = logged_metric(key, ask.tracking.get_series_of([record.id], [key])[record.id])
    header, rows = _rows(found)
    if format == "json":
        pieces, media_type = _json(header, rows), "application/json"
    else:
        pieces, media_type = _csv(header, rows, bool(ask.query.get("spreadsheet"))), "text/csv; charset=utf-8"
    headers = {**HEADERS, "Content-Disposition": disposition(f"{record.display_name} {key}.{format}")}
    return StreamingResponse(pieces, 200, headers, media_type)


def _rows(found: LoggedMetric) -> tuple[list[str], Iterator[Row]]:
    table = found.table
    if table is not None:
        return ["step", "timestamp", *table.columns], zip(
            table.steps, table.timestamps, *table.columns.values(), strict=True
        )
    if found.files:
        return ["step", "timestamp", "path"], ((file.step, file.timestamp, file.path) for file in found.files)
    points = found.points
    starts = range(0, len(points.steps), ROWS)
    rows = (
        row
        for at in starts
        for row in zip(*(column[at : at + ROWS].tolist() for column in points), strict=True)  # lists need more memory
    )
    return ["step", "timestamp", "value"], rows


def _csv(header: Sequence[str], rows: Iterator[Row], is_guarded: bool) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(name, is_guarded) for name in header])
    for number_, row in enumerate(rows, 1):
        writer.writerow([_cell(value, is_guarded) for value in row])
        if number_ % ROWS == 0:
            yield text.getvalue().encode(errors="replace")
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode(errors="replace")


def _cell(value: Value, is_guarded: bool) -> Value:
    return guarded(value) if is_guarded else value


def _json(header: Sequence[str], rows: Iterator[Row]) -> Iterator[bytes]:
    yield b'{"columns":' + json.dumps(header).encode() + b',"rows":['
    pieces: list[str] = []
    comma = ""
    for row in rows:
        plain = [number(value) if isinstance(value, float) else value for value in row]
        pieces.append(comma + json.dumps(plain, ensure_ascii=False, separators=(",", ":")))
        comma = ","
        if len(pieces) == ROWS:
            yield "".join(pieces).encode(errors="replace")
            pieces = []
    yield "".join(pieces).encode(errors="replace") + b"]}"
