"""The accepted differences from the installed MLflow: deviations.toml, and since.toml for an older MLflow."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest installs it there

TABLES = Path(__file__).resolve().parents[1]
RULES = "3.17"
"""The release of MLflow whose rules Runbridge follows."""


def _table(file: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads((TABLES / file).read_text(encoding="utf-8"))


def _release(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:2]))


def is_older_than(release: str) -> bool:
    """Return whether the installed MLflow is older than a release."""
    return _release(version("mlflow")) < _release(release)


LISTED: dict[str, dict[str, str]] = _table("deviations.toml")
SINCE: dict[str, dict[str, list[str]]] = _table("since.toml")


def _of_the_installed() -> dict[str, dict[str, str]]:
    found = {table: dict(lines) for table, lines in LISTED.items()}
    for release in filter(is_older_than, SINCE):
        for reason, steps in SINCE[release].items():
            for table, _, step in (step.partition("/") for step in steps):
                found.setdefault(table, {})[step] = reason
    return found


DEVIATIONS = _of_the_installed()
"""The accepted differences from the installed MLflow."""
