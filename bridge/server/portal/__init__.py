"""The page's data: an application of its own, below `/portal/api`."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bridge.store.workspace_stores import WorkspaceStores


def portal(stores: WorkspaceStores) -> Starlette:
    """Return the application of one workspace."""

    def home(request: Request) -> JSONResponse:
        return JSONResponse({"role": request.state.role, "workspace": stores.name})

    return Starlette(routes=[Route("/home", home)])
