"""Every page of MLflow's UI shows the same for a workspace and for MLflow's own store, and changes nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from routes import PAGES, PAGES_OF_RUNS, is_visited, known_routes
from visiting import Visitors

pytestmark = pytest.mark.browser


def test_mlflows_ui_has_no_other_page() -> None:
    routes = known_routes()
    assert len(routes) > 50
    assert [route for route in sorted(routes) if not is_visited(route)] == []


@pytest.mark.parametrize("name", PAGES_OF_RUNS)
def test_a_page_shows_runs_as_on_mlflows_own_store_and_creates_no_file(visitors: Visitors, name: str) -> None:
    route, *texts = PAGES_OF_RUNS[name]
    visitors.open(route, *texts)
    visitors.show_the_same(name)
    assert "mlflow.db" not in os.listdir(visitors.ours.site.folder / "demo")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_everything_else_as_on_mlflows_own_store(visitors_of_all: Visitors, name: str) -> None:
    route, *texts = PAGES[name]
    visitors_of_all.open(route, *texts)
    visitors_of_all.show_the_same(name)


def test_the_server_logged_no_error_that_mlflows_own_does_not_log(visitors: Visitors) -> None:
    assert "Traceback" not in visitors.ours.site.log.read_text()
    theirs, ours = (errors_in(visitor.site.log) for visitor in visitors)
    assert ours <= theirs


def errors_in(log: Path) -> set[tuple[str, str]]:
    """Return the paths and statuses of a server's answers that are errors of the server."""
    return {
        (path, status)
        for path, status in re.findall(r'"[A-Z]+ ([^ ?]+)[^"]*" (\d{3})', log.read_text())
        if status >= "500"
    }
