"""The state of a run: a live view or a table in a notebook, and text elsewhere."""

from __future__ import annotations

import html
import re
import sys
from datetime import datetime
from typing import Any

from bridge import Run
from bridge.handles.notebook import LiveInNotebooks, hint
from bridge.records.run import TERMINAL_STATUSES

FILE_ADDRESS = re.compile(r"aml://artifactId/ExperimentRun/dcid\.[^/]+/(.+)")
"""The address that `get_metrics` returns for an image or a chart.

Source: Azure ML SDK v1, `Run.get_metrics`.
"""
NO_LOG = "Log is empty or no log files found."
PREFERRED_LOG = "user_logs/std_log.txt"


class RunDetails(LiveInNotebooks):
    """A view of a run and its children.

    In a Jupyter notebook with anywidget, the view is live until the run ends. Otherwise it shows the state at the time
    of the call of `show`.

    Args:
        run_instance: the run.

    Source: Azure ML SDK v1, `azureml.widgets.RunDetails`.
    """

    def __init__(self, run_instance: Run) -> None:
        self.run = run_instance

    def show(self, render_lib: object = None, widget_settings: object = None) -> None:
        """Show the view and return. In a notebook it is a live view or a table, elsewhere it is text."""
        if (ipython := sys.modules.get("IPython")) and ipython.get_ipython():
            ipython.display.display(self)
        elif (marimo := sys.modules.get("marimo")) and marimo.running_in_notebook():
            marimo.output.append(self)
        else:
            print(self)

    @property
    def _shown(self) -> Run:
        return self.run

    def get_widget_data(self, widget_settings: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the data of the view, under the names of the Azure ML SDK's widget."""
        details = self.run.get_details_with_logs()
        status = details["status"]
        children = list(self.run.get_children())
        return {
            "status": status,
            "workbench_run_details_uri": self.run.get_portal_url(),
            "run_id": self.run.id,
            "run_properties": _properties(self.run, details),
            "child_runs": [_child(child) for child in children],
            "children_metrics": {child.id: _metrics(child) for child in children},
            "run_metrics": _metrics(self.run),
            "run_logs": _log(details),
            "graph": None,
            "widget_settings": dict(widget_settings or {}),
            "loading": status not in TERMINAL_STATUSES,
        }

    def _repr_html_(self) -> str:
        data = self.get_widget_data()
        rows = "".join(
            f'<tr><th style="text-align:left">{html.escape(name)}</th>'
            f'<td style="text-align:left">{html.escape(value)}</td></tr>'
            for name, value in _lines(data)
        )
        log = html.escape(data["run_logs"])
        return f"<table><tbody>{rows}</tbody></table><details><summary>Log</summary><pre>{log}</pre></details>" + hint()

    def __repr__(self) -> str:
        data = self.get_widget_data()
        lines = [f"{name}: {value}" for name, value in _lines(data)]
        return "\n".join((*lines, "", data["run_logs"].rstrip()))


def _lines(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines of the view except the log, each as a name and a text."""
    properties = data["run_properties"]
    lines = [("Run", data["run_id"]), ("Status", data["status"]), ("Duration", properties["run_duration"])]
    lines += [("Script", properties["script_name"])] if properties["script_name"] else []
    lines += [(f"Tag {key}", str(value)) for key, value in properties["tags"].items()]
    lines += [(f"Metric {metric['name']}", _short(metric["series"])) for metric in data["run_metrics"]]
    lines += [(f"Child {child['run_number']}", f"{child['run_id']} {child['status']}") for child in data["child_runs"]]
    if data["loading"]:
        lines.append(("Note", "the run has not ended: call show() again to see its next state"))
    return [*lines, ("Web View", data["workbench_run_details_uri"])]


def _short(series: list[dict[str, Any]]) -> str:
    return "; ".join(f"{one['name']}: {_last(one['data'])}" if "name" in one else _last(one["data"]) for one in series)


def _last(values: list[Any]) -> str:
    more = f" (the last of {len(values)})" if len(values) > 1 else ""
    return f"{_file_name(values[-1])}{more}" if values else ""


def _file_name(value: Any) -> Any:
    """Return the value of a metric. If the value is the address of a file, return its artifact path instead."""
    address = FILE_ADDRESS.fullmatch(value) if isinstance(value, str) else None
    return address[1] if address else value


def _properties(run: Run, details: dict[str, Any]) -> dict[str, Any]:
    definition = details.get("runDefinition") or {}
    begun, ended = _time(details.get("startTimeUtc")), _time(details.get("endTimeUtc"))
    now = datetime.now(begun.tzinfo) if begun else None
    return {
        "run_id": run.id,
        "created_utc": details.get("startTimeUtc"),
        "properties": details["properties"],
        "tags": run.get_tags(),
        "script_name": definition.get("script"),
        "arguments": " ".join(definition.get("arguments") or ()),
        "end_time_utc": details.get("endTimeUtc"),
        "status": details["status"],
        "log_files": run.get_details()["logFiles"],
        "log_groups": [[name] for name in sorted(details["logFiles"])],
        "run_duration": _duration(begun, ended or now),
        "run_number": str(run.number),
        "run_queued_details": {"status": details["status"], "details": None},
    }


def _child(run: Run) -> dict[str, Any]:
    details = run.get_details()
    begun, ended = _time(details.get("startTimeUtc")), _time(details.get("endTimeUtc"))
    return {
        "run_id": run.id,
        "run_number": run.number,
        "metric": None,
        "status": details["status"],
        "run_type": run.type,
        "training_percent": None,
        "start_time": details.get("startTimeUtc") or "",
        "end_time": details.get("endTimeUtc") or "",
        "created_time": details.get("startTimeUtc") or "",
        "created_time_dt": begun,
        "duration": _duration(begun, ended),
    }


def _metrics(run: Run) -> list[dict[str, Any]]:
    """Return every metric with its values: one series, or one for each column of a table."""
    found = []
    for name, value in run.get_metrics().items():
        columns = value if isinstance(value, dict) else {None: value}
        lists = {column: one if isinstance(one, list) else [one] for column, one in columns.items()}
        series = [
            {"data": data} if column is None else {"name": column, "data": data} for column, data in lists.items()
        ]
        longest = max((len(data) for data in lists.values()), default=0)
        found.append({"name": name, "run_id": run.id, "categories": list(range(longest)), "series": series})
    return found


def _log(details: dict[str, Any]) -> str:
    logs: dict[str, str] = details["logFiles"]
    name = PREFERRED_LOG if PREFERRED_LOG in logs else max(logs, default="")
    text = logs.get(name) or NO_LOG
    if details.get("error"):
        text += f"\n\nError occurred: {details['error']['error'].get('message', '')}"
    elif details["status"] in TERMINAL_STATUSES:
        text += "\n\nRun is completed."
    return text


def _time(text: str | None) -> datetime | None:
    # If a text is longer than this format, its year has five or more digits. The greatest year of `datetime` is 9999.
    if not text or len(text) > len("YYYY-MM-DDThh:mm:ss.ffffffZ"):
        return None
    # Python 3.10 does not accept more than six digits after the decimal point of the seconds.
    return datetime.fromisoformat(f"{text[:26].rstrip('Z')}+00:00")


def _duration(begun: datetime | None, ended: datetime | None) -> str:
    if begun is None or ended is None:
        return "0:00:00"
    return str(ended - begun).partition(".")[0]
