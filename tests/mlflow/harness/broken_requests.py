"""Invalid requests: valid ones with one or two broken values."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from operator import delitem, setitem
from random import Random
from typing import Any

from good_requests import Request

ODD_VALUES: Sequence[Any] = (
    None, "", " ", 0, -1, 1.5, True, "true", [], {}, [None], ["a"], {"a": 1}, "abc", "0", "999", "f" * 32, "NaN",
    "x" * 251, "x" * 501, "x" * 5_001, "x" * 8_001, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, "9" * 30, 1e308, "1e400",
    "ü漢🎈", "a/b", "../a", "/a", "a\nb", "a\u0000b", "%", "'", '"', "a.b", "mlflow.runName", "<run>", "<experiment>",
    "a\ud800b", "\udcff", -1e400, 2**64, -(2**63), "MQ==", 253_402_300_800_000, "2026-01-01", "1.5", "1e3", " 7 ",
)  # fmt: skip
FURTHER_FIELDS: dict[str, Sequence[Any]] = {
    "max_results": (0, 1, -1, 50_000, 50_001, 10**10, "5", "x", 1.5, None),
    "page_token": ("", "x", "eyJvZmZzZXQiOiAxfQ==", "e30=", 1, "<runs_page>",
        "MQ==", "bnVsbA==", "W10=", "\xe9", "eyJvZmZzZXQiOiBbMV19", "eyJvZmZzZXQiOiAxZTQwMH0=", "\ud800"),
    "filter": ("a", "metrics.loss > 1", "params.p = '1'", "name = 'x'", "tags.a = '1' OR 1", "metrics.loss = 'a'", "'"),
    "filter_string": ("a", "name = 'x'", "tags.a = '1'"),
    "order_by": ([], ["a"], ["metrics.loss DESC"], ["name"], "start_time", ["start_time", "start_time"], [1]),
    "view_type": ("ALL", "DELETED_ONLY", 1, 9, "x"),
    "run_view_type": ("ALL", "DELETED_ONLY", 3, "x"),
    "experiment_ids": ([], ["0"], ["x"], [0], ["999"], "0"),
    "run_ids": ([], ["<run>", "<run>"], ["x"] * 101),
    "path": ("a", "../a", "/etc/passwd", "a/../b", "%2e%2e/a", "C:\\a", "folder", ""),
    "start_step": (0, 5, -1, "x"),
    "end_step": (0, 5, -1, "x"),
    "nothing": (1,),
    "model_id": ("<model>", "m-none"),
    "status": ("FINISHED", "SCHEDULED", 3, 9, "finished"),
    "run_uuid": ("<run>", "x"),
    "run_id": ("<run>", "x"),
}  # fmt: skip
GARBAGE = (
    "",
    "{",
    "[]",
    "null",
    '"{}"',
    '"x"',
    "[1]",
    "1",
    "{'a': 1}",
    '{"a": 1}{',
    "\ufffd",
    '{"experiment_id": "0"}',
)
CONTENT_TYPES = ("text/plain", None, "application/json; charset=utf-8", "application/x-protobuf", "multipart/form-data")
ODD_SEGMENTS = ("x", "0", "999", "f" * 32, "%20", "..", "ü", "a%2Fb", "<run>", "-1")


def broken(request: Request, random: Random) -> Request:
    """Draw a request with one or two broken values."""
    for _ in range(random.choice((1, 1, 2))):
        request = random.choice(WAYS)(request, random)
    return request


def _with_odd_value(request: Request, random: Random) -> Request:
    """Draw another value for one field of the body."""
    return _changed_at_one_place(request, random, lambda holder, key: setitem(holder, key, random.choice(ODD_VALUES)))


def _without_field(request: Request, random: Random) -> Request:
    return _changed_at_one_place(request, random, delitem)


def _changed_at_one_place(request: Request, random: Random, change: Callable[[Any, Any], None]) -> Request:
    body = copy.deepcopy(request.body)
    places = list(_places(body))
    if not places:
        return _with_further_field(request, random)
    change(*random.choice(places))
    return replace(request, body=body)


def _with_further_field(request: Request, random: Random) -> Request:
    if not isinstance(request.body, dict):
        return request
    field = random.choice(list(FURTHER_FIELDS))
    return replace(request, body={**request.body, field: random.choice(FURTHER_FIELDS[field])})


def _with_other_spelling(request: Request, random: Random) -> Request:
    """Draw a body with one field in camel case, which protobuf accepts too."""
    if not request.body or not isinstance(request.body, dict):
        return request
    field = random.choice(list(request.body))
    first, *others = field.split("_")
    body = {key: value for key, value in request.body.items() if key != field or random.random() < 0.2}
    return replace(request, body=body | {first + "".join(map(str.capitalize, others)): request.body[field]})


def _with_garbage(request: Request, random: Random) -> Request:
    if random.random() < 0.5:
        return replace(request, body=random.choice(GARBAGE))
    text = json.dumps(request.body)
    return replace(request, body=text[: random.randrange(len(text))] if request.method != "GET" else text)


def _with_other_type(request: Request, random: Random) -> Request:
    return replace(request, content_type=random.choice(CONTENT_TYPES))


def _with_other_path(request: Request, random: Random) -> Request:
    """Draw another value for a parameter in the path."""
    segments = request.path.split("/")
    named = [index for index, segment in enumerate(segments) if segment.startswith("<")]
    if not named:
        return _with_odd_value(request, random)
    segments[random.choice(named)] = random.choice(ODD_SEGMENTS)
    return replace(request, path="/".join(segments))


WAYS = (
    _with_odd_value, _with_odd_value, _with_odd_value, _without_field, _without_field, _with_further_field,
    _with_further_field, _with_other_spelling, _with_garbage, _with_other_type, _with_other_path,
)  # fmt: skip


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every field of a body, as its container and its key."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
