"""The valid requests in good_requests.txt, which cover every endpoint of MLflow's server."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

FILE = Path(__file__).resolve().parents[1] / "scenarios" / "good_requests.txt"
NAME = re.compile(r"<(\w+)>")


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


def named(value: Any, known: Mapping[str, str]) -> Any:
    """Return a value with <name> in all texts replaced by the known value of that name."""
    if isinstance(value, str):
        return NAME.sub(lambda found: known.get(found[1], found[0]), value)
    if isinstance(value, list):
        return [named(one, known) for one in value]
    if isinstance(value, dict):
        return {named(key, known): named(one, known) for key, one in value.items()}
    return value


def part(answer: Any, where: str) -> Any:
    """Return the part of an answer at a dotted path; None if it does not exist."""
    for key in where.split("."):
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def target(request: Request, known: dict[str, str]) -> tuple[str, bytes]:
    """Return the path of a request with its query, and the bytes of its body, as `Server.ask` makes them."""
    path, body = named(request.path, known), named(request.body, known)
    if request.method in ("GET", "HEAD") and isinstance(body, dict):
        given = [
            (key, item if isinstance(item, str) else json.dumps(item))
            for key, value in body.items()
            for item in (value if isinstance(value, list) else [value])
        ]
        return path + ("?" + urlencode(given, errors="surrogatepass") if given else ""), b""
    text = body if isinstance(body, str) else json.dumps(body)
    return path, text.encode("utf-8", "replace")
