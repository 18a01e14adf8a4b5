"""Checks and repairs a workspace, and prints the findings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import TextWrapper
from typing import Any

from bridge.cli.find_workspace import find_folder
from bridge.cli.output import is_terminal, print_json
from bridge.cli.progress import steps_progress
from bridge.cli.texts import escaped, plural
from bridge.maintenance.doctor import examine
from bridge.maintenance.examined import Progress
from bridge.maintenance.findings import Finding, is_healthy
from bridge.maintenance.repair import Repaired
from bridge.maintenance.repair import repair as repair_workspace

NEGATIVE = 3
"""The exit code if an error or a warning is left."""

WIDTH = 100
MARKS = {"error": "✗", "warning": "!", "note": "·"}
STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan", "repaired": "green"}


def doctor(workspace: str | None, repair: bool, quick: bool, json: bool) -> int:
    """Check a workspace, repair it if `repair` is set, and print the findings. Return the exit code."""
    path = find_folder(workspace, "examine")
    with steps_progress() as show:
        result = _result(path, repair, quick, lambda check, *counts: show(f"Checking {check}", *counts))
    if json:
        _print_json(result)
    else:
        _print(path, result, repair)
    return 0 if is_healthy(result.left) else NEGATIVE


def _result(path: Path, repair: bool, quick: bool, progress: Progress) -> Repaired:
    if repair:
        return repair_workspace(path, quick, progress)
    return Repaired(left=examine(path, quick, progress))


def _print_json(result: Repaired) -> None:
    for is_repaired, findings in ((True, result.repaired), (False, result.left)):
        for finding in findings:
            print_json(finding_json(finding, is_repaired, result.copies))


def finding_json(finding: Finding, is_repaired: bool, copies: Path | None) -> dict[str, Any]:
    """Return a finding as JSON. `copies` is the folder with a copy of what was changed."""
    where = str(copies) if is_repaired and copies is not None else None
    return {"kind": "finding", **finding.as_json(), "repaired": is_repaired, "copies": where}


def _print(path: Path, result: Repaired, repair: bool) -> None:
    for finding in result.repaired:
        _print_finding(finding, "repaired")
    for finding in result.left:
        _print_finding(finding, finding.severity)
    if result.copies is not None:
        _line(f"A copy of what was changed is in {result.copies}.")
    _line(_summary(path, result, repair))


def _print_finding(finding: Finding, state: str) -> None:
    mark = "✓" if state == "repaired" else MARKS[state]
    _line(f"{mark} {state}: {finding.subject} [{finding.code}]", STYLES[state])
    rest = () if state == "repaired" else (finding.meaning, finding.remedy)
    for text in (finding.problem, *rest):
        _line(text, indent=2)


def _line(text: str, style: str = "", indent: int = 0) -> None:
    """Print a text, in a terminal with its style and wrapped to its width."""
    if not is_terminal():
        print(" " * indent + escaped(text))
        return
    from rich.text import Text

    from bridge.cli.terminal import console

    wrapper = TextWrapper(
        min(console().width, WIDTH), initial_indent=" " * indent, subsequent_indent=" " * (indent + 2)
    )
    for line in wrapper.wrap(escaped(text)):
        console().print(Text(line, style=style))


def _summary(path: Path, result: Repaired, repair: bool) -> str:
    if not result.left and not result.repaired:
        return f"The workspace {path} is healthy."
    counts = [
        plural(count, name)
        for name in ("error", "warning", "note")
        if (count := sum(finding.severity == name for finding in result.left))
    ]
    verb = "is" if len(result.left) == 1 else "are"
    left = f"{_listed(counts)} {verb} left." if counts else "Nothing is left."
    if repair:
        return f"Repaired {plural(len(result.repaired), 'fault')}. {left}"
    repairable = sum(finding.repairable for finding in result.left)
    hint = f" `runbridge doctor --repair` repairs {repairable} of them." if repairable else ""
    return f"Found {_listed(counts)}.{hint}"


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(texts[:-1]) + (" and " if texts[1:] else "") + texts[-1]
