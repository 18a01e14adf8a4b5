"""Every route of a server needs a token, the role that it declares, and a token for its workspace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

import pytest
from server_site import ServerSite, bearer, new_token, server_site

from bridge.server.open_identity import OpenIdentity
from bridge.server.plugin_routes import PluginOptions
from bridge.server.roles import RANKS, Role
from bridge.server.routes import Route
from bridge.server.serve import app
from bridge.server.settings import Settings
from bridge.server.workspaces import Workspaces
from bridge.store.create import create_store

DISPATCHER = app(Workspaces([]), OpenIdentity(0), Settings())
ROUTES = DISPATCHER.table.routes
PROTECTED = [route for route in ROUTES if route.needs is not None]
ROLES: tuple[Role, ...] = ("reader", "writer", "admin")
GROUPS: dict[str, list[Route]] = {}
"""The protected routes by the first names of their paths. A test for each route would take twice as long."""
for _route in PROTECTED:
    GROUPS.setdefault("/".join(_route.path.split("/")[1:4]), []).append(_route)
each_group = pytest.mark.parametrize("routes", GROUPS.values(), ids=GROUPS)


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def filled(route: Route) -> str:
    """Return an address of a route with names in it."""
    return re.sub(r"\{[^}]+\}", "0", route.path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerSite]:
    folder = tmp_path_factory.mktemp("roles")
    named = {name: create_store(folder / name, name) for name in ("first", "second")}
    new_token(folder / "home", "admin")
    with server_site(named, folder / "home") as running:
        yield running
    for stores in named.values():
        stores.close()


@pytest.fixture(scope="module")
def tokens(site: ServerSite) -> dict[Role, str]:
    return {role: new_token(site.home, role, "first") for role in ROLES}


def test_the_table_has_routes_of_the_page_and_of_mlflow() -> None:
    paths = {route.path for route in ROUTES}
    assert "/portal/api/home" in paths
    assert len(PROTECTED) > 30
    assert PluginOptions().mlflow == "lazy"


@each_group
def test_a_route_needs_a_token(site: ServerSite, routes: list[Route]) -> None:
    for route in routes:
        for workspace in ("first", "second", "third"):
            answer = site.ask(route.method, f"/w/{workspace}{filled(route)}")
            assert answer.status == 401, (name(route), workspace)
            if route.is_page:
                assert b"Sign in" in answer.body and b"<script" not in answer.body, name(route)
            else:
                assert route.method == "HEAD" or answer.kind == "NotAuthenticated", name(route)
                assert answer.headers["www-authenticate"] == "Bearer", name(route)


@each_group
def test_a_route_needs_its_role(site: ServerSite, tokens: dict[Role, str], routes: list[Route]) -> None:
    for route, role in product(routes, ROLES):
        assert route.needs is not None
        refused = RANKS[role] < RANKS[route.needs]
        if not refused and route.access == "write" and route.body_bytes is None:
            continue  # an upload without a path has an answer of its own
        answer = site.ask(route.method, f"/w/first{filled(route)}", bearer(tokens[role]))
        is_refused = answer.status == 403 and (route.method == "HEAD" or b"it needs the role" in answer.body)
        assert is_refused is refused, (name(route), role, answer)


@each_group
def test_a_route_is_not_found_in_another_workspace(
    site: ServerSite, tokens: dict[Role, str], routes: list[Route]
) -> None:
    for route, role in product(routes, ROLES):
        second = site.ask(route.method, f"/w/second{filled(route)}", bearer(tokens[role]))
        missing = site.ask(route.method, f"/w/third{filled(route)}", bearer(tokens[role]))
        assert second.status == missing.status == 404, name(route)
        assert second.body == missing.body, f"{name(route)}: a token does not tell which workspaces exist"


def test_a_token_for_one_experiment_is_refused_where_nothing_checks_it(site: ServerSite) -> None:
    token = new_token(site.home, "admin", "first", "1")
    for route in PROTECTED:
        if not route.is_for_experiments:
            answer = site.ask(route.method, f"/w/first{filled(route)}", bearer(token))
            assert answer.status == 403, name(route)


def test_no_get_changes_state() -> None:
    assert [name(route) for route in ROUTES if route.method in ("GET", "HEAD") and route.access == "write"] == []


def test_what_changes_something_needs_a_writer() -> None:
    assert [name(route) for route in PROTECTED if route.access == "write" and route.needs == "reader"] == []
    assert [name(route) for route in ROUTES if route.needs is None and route.access == "write"] == []
