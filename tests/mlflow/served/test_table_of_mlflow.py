"""Every route of MLflow's application is allowed, answered by us, or closed with a reason."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from bridge.errors import InvalidValue
from bridge.server.plugin_routes import PluginOptions
from bridge.server.routes import RouteTable
from bridge_mlflow.server import routes
from bridge_mlflow.server.application import form, template_of
from bridge_mlflow.server.groups import GROUPS, opened
from bridge_mlflow.server.table import CLOSED, OURS, Entry, allowed, entries

MCP = "/3.0/mlflow/mcp-servers"
"""The only routes whose parameters contain slashes. The group that opens them has one template for each method."""


def flask_rules() -> set[tuple[str, str]]:
    """Return the methods and templates of the rules of MLflow's Flask application."""
    from endpoints import FLASK

    return {
        (method, template_of(rule.rule))
        for rule in FLASK.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def native_routes(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the methods and templates of a FastAPI application, which hides the routes of included routers."""
    for route in routes:
        if inner := getattr(route, "original_router", None):
            yield from native_routes(inner.routes, prefix + route.include_context.prefix)
        else:
            for method in getattr(route, "methods", None) or ():
                yield method, form(prefix + route.path)


def closed() -> list[Entry]:
    return [entry for lines in CLOSED.values() for entry in entries(lines, "admin", "write")]


def known() -> set[tuple[str, str]]:
    groups = [entry for group in GROUPS.values() for entry in group]
    ours = entries(OURS, "reader", "read")
    return {(one.method, form(one.path)) for one in [*allowed(), *groups, *ours, *closed()]}


def is_known(method: str, template: str) -> bool:
    if MCP in template:
        prefix = template.partition(MCP)[0] + MCP
        return (method, template if template == prefix else f"{prefix}/{{:path}}") in known()
    return (method, template.replace("{}:generateContent", "{}").replace("{}:streamGenerateContent", "{}")) in known()


@pytest.mark.rules
@pytest.mark.slow
def test_every_route_of_mlflow_is_in_the_table() -> None:
    from endpoints import FLASK, fastapi_app

    native = [*native_routes(fastapi_app.app.routes)]
    assert len(list(FLASK.url_map.iter_rules())) >= 400
    assert len(native) >= 75
    unknown = sorted(route for route in flask_rules() | {*native} if not is_known(*route))
    assert unknown == [], "allow them in bridge_mlflow/server/table.py, or close them with a reason"


@pytest.mark.rules
@pytest.mark.slow
def test_the_table_has_no_route_that_mlflow_lacks() -> None:
    from endpoints import fastapi_app

    there = flask_rules() | {*native_routes(fastapi_app.app.routes)}
    only_pages = {"/ajax-api/", "/api/"}
    missing = {
        (method, template)
        for method, template in {(one.method, form(one.path)) for one in allowed()}
        if not any(
            (method, template.replace(*pair)) in there for pair in ((a, b) for a in only_pages for b in only_pages)
        )
    }
    assert missing == set()


def test_no_route_is_both_allowed_and_closed() -> None:
    shut = {(one.method, form(one.path)) for one in closed()}
    shut |= {(one.method, form(one.path)) for group in GROUPS.values() for one in group}
    assert not {(one.method, form(one.path)) for one in allowed()} & shut
    reachable = {(one.method, form(one.path)) for one in routes(PluginOptions())}
    assert not reachable & shut


def test_closed_routes_are_not_found_and_each_group_opens_its_own() -> None:
    assert RouteTable(routes(PluginOptions())).find("GET", "/ajax-api/2.0/mlflow/webhooks") is None
    table = RouteTable(routes(PluginOptions(mlflow_groups=frozenset({"webhooks"}))))
    found = table.find("GET", "/ajax-api/2.0/mlflow/webhooks")
    assert found and found.route.needs == "admin"
    assert table.find("GET", "/ajax-api/3.0/mlflow/gateway/secrets/list") is None
    with pytest.raises(InvalidValue, match="--allow-mlflow.*must be some of webhooks, gateway, mcp"):
        opened({"assistant"})


def test_reads_by_post_need_a_reader_and_writes_a_writer() -> None:
    table = RouteTable(routes(PluginOptions()))
    for path in ("/api/3.0/mlflow/traces/search", "/graphql", "/ajax-api/2.0/mlflow/logged-models/search"):
        found = table.find("POST", path)
        assert found and (found.route.needs, found.route.access) == ("reader", "read")
    for method, path in (("POST", "/v1/traces"), ("DELETE", "/api/2.0/mlflow/registered-models/delete")):
        found = table.find(method, path)
        assert found and (found.route.needs, found.route.access) == ("writer", "write")
    assert all(one.access == "read" for one in allowed() if one.method == "GET")


def test_the_routes_are_made_without_mlflow() -> None:
    code = (
        "import sys; from bridge.server.plugin_routes import PluginOptions; from bridge_mlflow.server import routes;"
        "assert len(routes(PluginOptions())) > 200; "
        "print([one for one in sys.modules if one.split('.')[0] == 'mlflow'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
