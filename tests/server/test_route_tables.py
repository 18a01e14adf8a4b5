"""A request finds the first route whose template it matches, by its raw path."""

from __future__ import annotations

import pytest
from starlette.types import ASGIApp

from bridge.server.routes import Call, Route, RouteTable


async def endpoint(call: Call) -> ASGIApp:
    raise AssertionError("a table calls no endpoint")


TEMPLATES = ("/runs", "/runs/{run}", "/logs/{run}/{path:path}/search", "/logs/{run}/{path:path}", "/{rest:path}")
TABLE = RouteTable([Route("GET", path, endpoint, "reader", "read") for path in TEMPLATES])


@pytest.mark.parametrize(
    ("raw_path", "template", "values"),
    [
        ("/runs", "/runs", {}),
        ("/runs/a", "/runs/{run}", {"run": "a"}),
        ("/logs/a/std.txt", "/logs/{run}/{path:path}", {"run": "a", "path": "std.txt"}),
        ("/logs/a/user_logs/std%20log.txt", "/logs/{run}/{path:path}", {"run": "a", "path": "user_logs/std log.txt"}),
        ("/logs/a/b/c/search", "/logs/{run}/{path:path}/search", {"run": "a", "path": "b/c"}),
        ("/logs/a/b/search", "/logs/{run}/{path:path}/search", {"run": "a", "path": "b"}),
        ("/logs/a/search", "/logs/{run}/{path:path}", {"run": "a", "path": "search"}),
        ("/logs/a/", "/logs/{run}/{path:path}", {"run": "a", "path": ""}),
        ("/logs/../b", "/{rest:path}", {"rest": "logs/../b"}),
    ],
)
def test_a_path_finds_its_template_and_values(raw_path: str, template: str, values: dict[str, str]) -> None:
    match = TABLE.find("GET", raw_path)
    assert match is not None
    assert (match.route.path, match.values) == (template, values)


@pytest.mark.parametrize("raw_path", ["/logs/a%2Fb/c/search", "/logs//c/search", "/logs/a/%FF/search"])
def test_odd_parts_match_no_template_with_parameters(raw_path: str) -> None:
    match = TABLE.find("GET", raw_path)
    assert match is None or match.route.path == "/{rest:path}"
    assert TABLE.find("POST", raw_path) is None
