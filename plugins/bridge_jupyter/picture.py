"""The static picture of a view: HTML that shows the state of runs in a saved notebook, without a kernel or a script."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bridge.records.run import TERMINAL_STATUSES
from bridge.records.times import now_ms, utc
from bridge_jupyter.contents import contents_of
from bridge_jupyter.lines import HEIGHT, WIDTH, Line, chart_svg, line_of, number_label
from bridge_jupyter.lines import STYLE as LINE_STYLE

if TYPE_CHECKING:
    from bridge_jupyter.subject import Subject

CHARTS, POINTS, RUNS = 6, 60, 10
"""The greatest number of charts in the picture, of points of a line, and of lines in a chart."""

COLUMNS = 3
VALUES, ROWS = 24, 20
"""The greatest number of latest values, and of rows in the table of runs."""

LONGEST = 60_000
"""The greatest length of the picture in characters. Charts that do not fit are omitted."""

SIGNS = {"Running": "●", "Completed": "✓", "Failed": "✕", "Canceled": "⊘", "NotResponding": "!"}
STYLE = (
    "<style>.jp-OutputArea-child:has(.runbridge-picture) + .jp-OutputArea-child .jupyter-widgets:not(:has(*))"
    "{display:none}</style>"
)
"""Hides the error of JupyterLab below the picture, if the next output is a widget whose kernel has ended."""

CELL = 'style="text-align:left;padding:2px 12px 2px 0"'


def picture_of(subject: Subject, view_id: str = "") -> str:
    """Return the picture as HTML of at most `LONGEST` characters.

    The charts are an image with a `data:` address, because notebook viewers remove SVG elements from HTML.

    Args:
        subject: the runs.
        view_id: the id of the live view that hides the picture.
    """
    contents = contents_of(subject)
    before = _title(subject, contents)
    after = _values(contents) + _table(contents)
    charts = _charts(subject, subject.lines(), LONGEST - len(before) - len(after) - 400)
    return f'{STYLE}<div class="runbridge-picture" data-view="{view_id}">{before}{charts}{after}</div>'


def text_of(subject: Subject) -> str:
    """Return the state of the subject in one line of text."""
    if subject.run is not None:
        run = subject.run
        return f"Run {run.display_name} of {subject.experiment_name}: {run.status}"
    if subject.kind == "experiment":
        return f"Experiment {subject.experiment_name}: {_runs(subject.total)}"
    return _runs(subject.total)


def duration_text(start: int | None, end: int | None, now: int) -> str:
    """Return the time between two times in milliseconds, as hours, minutes and seconds; "?" if it is negative."""
    if start is None:
        return ""
    seconds = ((end if end is not None else now) - start) // 1000
    if seconds < 0:
        return "?"
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def _title(subject: Subject, contents: dict[str, Any]) -> str:
    run, now = contents["run"], now_ms()
    saved = f"as of {utc(now)[0].replace('T', ' ')} UTC"
    if run is None:
        name = contents["experiment"] or "Runs"
        return f"<p><b>{html.escape(name)}</b> · {_runs(subject.total)} · {saved}</p>"
    parts = [
        f"<b>{html.escape(run['name'])}</b>",
        html.escape(contents["experiment"]),
        f"{SIGNS.get(run['status'], '◌')} {run['status']}",
        duration_text(run["start"], run["end"] if run["status"] in TERMINAL_STATUSES else None, now),
        *([] if run["status"] in TERMINAL_STATUSES else [saved]),
    ]
    error = f"<p>{html.escape(run['error'])}</p>" if run["error"] else ""
    return f"<p>{' · '.join(part for part in parts if part)}</p>{error}"


def _charts(subject: Subject, keys: Sequence[str], longest: int) -> str:
    """Return the charts of the first metrics with several points as an image, with as many charts as fit."""
    numbers = {record.id: record.number for record in subject.charted[:RUNS]}
    found = subject.sample(keys[: 4 * CHARTS], POINTS, "step", None, None)
    by_key: dict[str, list[Any]] = {}
    for series in found:
        if series.name in numbers:
            by_key.setdefault(series.key, []).append(series)
    several = [key for key, lines in by_key.items() if any(one.facts.points > 1 for one in lines)]
    for count in range(min(CHARTS, len(several)), 0, -1):
        drawn = [[line_of(one, numbers[one.name]) for one in by_key[key]] for key in several[:count]]
        image = _image(several[:count], drawn)
        if len(image) <= longest:
            return image
    return ""


def _image(titles: Sequence[str], charts: Sequence[Sequence[Line]]) -> str:
    columns = min(COLUMNS, len(titles))
    width, height = columns * WIDTH, -(-len(titles) // columns) * HEIGHT
    drawn = "".join(
        chart_svg(title, lines, index % columns * WIDTH, index // columns * HEIGHT)
        for index, (title, lines) in enumerate(zip(titles, charts, strict=True))
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"><style>{LINE_STYLE}</style>'
        f'<rect class="ground" width="100%" height="100%"/>{drawn}</svg>'
    )
    label = html.escape(f"Charts of {', '.join(titles)}"[:300])
    encoded = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{label}" width="{width}" height="{height}" src="data:image/svg+xml;base64,{encoded}">'


def _values(contents: dict[str, Any]) -> str:
    run = contents["run"]
    if run is None or not run["values"]:
        return ""
    pairs = [(key, _shown(value)) for key, value in run["values"]][:VALUES]
    return _html_table(("metric", "latest"), pairs)


def _table(contents: dict[str, Any]) -> str:
    rows, columns, now = contents["rows"][:ROWS], contents["columns"][:5], contents["now"]
    if not rows:
        return ""
    cells = [
        (
            f"{row['number']}",
            row["name"],
            f"{SIGNS.get(row['status'], '◌')} {row['status']}",
            duration_text(row["start"], row["end"] if row["status"] in TERMINAL_STATUSES else None, now),
            *("" if value is None else _shown(value) for value in row["values"][: len(columns)]),
        )
        for row in rows
    ]
    more = f"<p>and {_runs(contents['total'] - len(rows))} more</p>" if contents["total"] > len(rows) else ""
    return _html_table(("", "name", "status", "duration", *columns), cells) + more


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    names = "".join(f"<th {CELL}>{html.escape(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(f'<td {CELL}>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else number_label(value)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"
