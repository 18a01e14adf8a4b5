"""The valid requests in good_requests.txt, which cover every endpoint of MLflow's server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "scenarios" / "good_requests.txt"


@dataclass(frozen=True)
class Request:
    """One request; `keep` maps names for later requests to parts of the answer, by dotted path."""

    method: str
    path: str
    body: Any
    keep: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = "application/json"


def good_requests() -> tuple[list[Request], list[Request]]:
    """Return the requests that can be sent at any time, and those that are sent once."""
    often, _, once = FILE.read_text(encoding="utf-8").partition("# Once")
    return _read(often), _read(once.partition("\n")[2])


def _read(text: str) -> list[Request]:
    found = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            method, path, rest = line.split(" ", 2)
            body, _, kept = rest.partition(" > ")
            found.append(Request(method, path, json.loads(body), dict(one.split("=") for one in kept.split())))
    return found


def spellings(request: Request) -> list[Request]:
    """Return a request for each of its paths: a path that starts with a version exists below `api` and `ajax-api`."""
    if request.path.startswith("/"):
        return [request]
    return [replace(request, path=f"/{prefix}/{request.path}") for prefix in ("api", "ajax-api")]
