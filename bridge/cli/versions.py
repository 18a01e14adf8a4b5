"""The versions that `runbridge version` prints."""

from __future__ import annotations

import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version

from bridge.cli.output import print_json

PACKAGES = ("mlflow", "pytorch-lightning", "torch", "numpy")


def print_versions(json: bool) -> None:
    """Print the versions, as text or as one line of JSON."""
    found = {
        "runbridge": version("runbridge"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "platform": platform.platform(),
        **{name: known for name in PACKAGES if (known := _version(name))},
    }
    if json:
        print_json({"kind": "version", **found})
        return
    for name, text in found.items():
        print(f"{name} {text}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
