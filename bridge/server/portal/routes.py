"""The routes of the portal's API: one table, with the permission that each needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from starlette.responses import Response

from bridge.server.portal.ask import Ask
from bridge.server.portal.changes import patch_experiment, patch_runs, post_archive, post_purge, post_restore
from bridge.server.portal.check import get_check
from bridge.server.portal.compare import get_compare
from bridge.server.portal.experiments import get_experiment
from bridge.server.portal.files import get_file, get_files, get_zip
from bridge.server.portal.home import get_home
from bridge.server.portal.images import get_images
from bridge.server.portal.live import get_changes
from bridge.server.portal.logs import get_log, get_log_search, get_logs
from bridge.server.portal.points import get_points
from bridge.server.portal.runs import get_metrics, get_run, get_values
from bridge.server.portal.saved import delete_view, get_short, get_view, get_views, post_short, put_view
from bridge.server.portal.search import get_search
from bridge.server.portal.series import post_series, post_tail
from bridge.server.portal.source import get_difference, get_source
from bridge.server.portal.tables import get_groups, get_keys, get_match, get_table
from bridge.server.roles import Role

Handler = Callable[[Ask], Response]


class Entry(NamedTuple):
    """One route: its method, its path below `/portal/api`, its handler, and the role that it needs.

    `is_tagged` is True if the answer depends only on the request and the state of the workspace. A browser can keep
    such an answer until something changes.
    """

    method: str
    path: str
    handler: Handler
    needs: Role = "reader"
    is_tagged: bool = False
    is_of_files: bool = False


TABLE: tuple[Entry, ...] = (
    Entry("GET", "/home", get_home),
    Entry("GET", "/search", get_search),
    Entry("GET", "/check", get_check),
    Entry("GET", "/changes", get_changes),
    Entry("GET", "/compare", get_compare, is_tagged=True, is_of_files=True),
    Entry("GET", "/images", get_images, is_tagged=True, is_of_files=True),
    Entry("GET", "/experiments/{experiment}", get_experiment, is_tagged=True),
    Entry("PATCH", "/experiments/{experiment}", patch_experiment, "writer"),
    Entry("GET", "/experiments/{experiment}/table", get_table, is_tagged=True),
    Entry("GET", "/experiments/{experiment}/match", get_match, is_tagged=True),
    Entry("GET", "/experiments/{experiment}/keys", get_keys, is_tagged=True),
    Entry("GET", "/experiments/{experiment}/groups", get_groups, is_tagged=True),
    Entry("GET", "/experiments/{experiment}/views", get_views, is_tagged=True),
    Entry("GET", "/experiments/{experiment}/views/{name:path}", get_view, is_tagged=True),
    Entry("PUT", "/experiments/{experiment}/views/{name:path}", put_view, "writer"),
    Entry("DELETE", "/experiments/{experiment}/views/{name:path}", delete_view, "writer"),
    Entry("POST", "/views", post_short, "writer"),
    Entry("GET", "/views/{id}", get_short, is_tagged=True),
    Entry("POST", "/series", post_series),
    Entry("POST", "/tail", post_tail),
    Entry("GET", "/points/{run}/{key:path}", get_points),
    Entry("PATCH", "/runs", patch_runs, "writer"),
    Entry("POST", "/runs/archive", post_archive, "writer"),
    Entry("POST", "/runs/restore", post_restore, "writer"),
    Entry("POST", "/runs/purge", post_purge, "admin"),
    Entry("GET", "/runs/{run}", get_run),
    Entry("GET", "/runs/{run}/metrics", get_metrics, is_tagged=True),
    Entry("GET", "/runs/{run}/values/{key:path}", get_values, is_tagged=True),
    Entry("GET", "/runs/{run}/files", get_files, is_tagged=True, is_of_files=True),
    Entry("GET", "/runs/{run}/files/{path:path}", get_file, is_of_files=True),
    Entry("GET", "/runs/{run}/zip", get_zip, is_of_files=True),
    Entry("GET", "/runs/{run}/logs", get_logs, is_of_files=True),
    Entry("GET", "/runs/{run}/logs/{path:path}/search", get_log_search, is_of_files=True),
    Entry("GET", "/runs/{run}/logs/{path:path}", get_log, is_of_files=True),
    Entry("GET", "/runs/{run}/source", get_source, is_tagged=True, is_of_files=True),
    Entry("GET", "/runs/{run}/source/difference", get_difference, is_tagged=True, is_of_files=True),
)
