"""The routes of the portal's API: one table, with the permission that each needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from starlette.responses import Response

from bridge.server.portal.ask import Ask, Role
from bridge.server.portal.check import get_check
from bridge.server.portal.experiments import get_experiment
from bridge.server.portal.home import get_home
from bridge.server.portal.runs import get_metrics, get_run, get_values
from bridge.server.portal.series import post_series, post_tail
from bridge.server.portal.tables import get_groups, get_keys, get_match, get_table

Handler = Callable[[Ask], Response]


class Entry(NamedTuple):
    """One route: its method, its path below `/portal/api`, its handler, and the role that it needs.

    `is_tagged` is True if the answer depends on nothing but the request and the state of the workspace, so that a
    browser can keep it until something changes.
    """

    method: str
    path: str
    handler: Handler
    needs: Role = "reader"
    is_tagged: bool = False


TABLE: tuple[Entry, ...] = (
    Entry("GET", "/home", get_home),
    Entry("GET", "/check", get_check),
    Entry("GET", "/experiments/{experiment}", get_experiment, is_tagged=True),
    Entry("GET", "/experiments/{experiment}/table", get_table, is_tagged=True),
    Entry("GET", "/experiments/{experiment}/match", get_match, is_tagged=True),
    Entry("GET", "/experiments/{experiment}/keys", get_keys, is_tagged=True),
    Entry("GET", "/experiments/{experiment}/groups", get_groups, is_tagged=True),
    Entry("POST", "/series", post_series),
    Entry("POST", "/tail", post_tail),
    Entry("GET", "/runs/{run}", get_run),
    Entry("GET", "/runs/{run}/metrics", get_metrics, is_tagged=True),
    Entry("GET", "/runs/{run}/values/{key:path}", get_values, is_tagged=True),
)
