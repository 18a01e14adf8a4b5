"""Writes docs/mlflow_compatibility.md from deviations.toml and since.toml: `make compatibility`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "harness"))

from deviations import LISTED, RULES, SINCE

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "mlflow_compatibility.md"

TITLES = {
    "experiments": "Experiments",
    "runs": "Runs",
    "odd_values": "Odd values",
    "params": "Params",
    "keys": "Keys",
    "metrics": "Metrics",
    "inputs": "Inputs and outputs",
    "order_runs": "Orders of runs",
    "scope_and_pages": "Pages",
    "searches": "Filters and orders",
}

HEAD = """\
# Differences from MLflow's own store

<!-- Made from deviations.toml and since.toml in tests/mlflow by `make compatibility`; change it there. -->

Every scenario, history and search of the tests runs on MLflow's own SQL store and through `bridge:` URIs.
The answers are compared field by field, errors with their type, code and sentence.
What differs is listed here, all of it; a line that no longer differs fails the tests.
"""

OLDER = f"""
## Older releases of MLflow

The rules are those of MLflow {RULES}, whichever release asks.
Older ones keep other rules on their own store:

| since MLflow | rule |
|---|---|
"""


def document() -> str:
    """The text of docs/mlflow_compatibility.md."""
    tables = [TITLES.get(name, name.replace("_", " ").capitalize()) for name in LISTED]
    sections = [_section(title, lines) for title, lines in zip(tables, LISTED.values(), strict=True)]
    return HEAD + "".join(sections) + OLDER + _older()


def _section(title: str, lines: dict[str, str]) -> str:
    reasons: dict[str, list[str]] = {}
    for step, reason in lines.items():
        reasons.setdefault(reason, []).append(step)
    rows = [
        f"| {', '.join(map(_code, steps))} | {reason.replace('|', chr(92) + '|')} |"
        for reason, steps in reasons.items()
    ]
    return "\n".join(["", f"## {title}", "", "| where | what differs, and why |", "|---|---|", *rows, ""])


def _older() -> str:
    return "".join(f"| {release} | {rule} |\n" for release, rules in SINCE.items() for rule in rules)


def _code(step: str) -> str:
    return f"`{step}`".replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
