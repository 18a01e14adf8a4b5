"""The API of the portal, the pages that show runs in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from bridge.store.workspace_stores import WorkspaceStores


def portal(stores: WorkspaceStores) -> Starlette:
    """Return an application that answers the requests of the portal's pages. It is mounted at `/portal/api`.

    The caller must check the session, the host and the origin of each request, and set `request.state.role` to
    "reader", "writer" or "admin". A request without a role is refused.
    """
    from bridge.server.portal.application import application_of

    return application_of(stores)
