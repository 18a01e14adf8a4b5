"""The application that answers the requests of the portal's pages."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.errors import NotFound
from bridge.server.portal.answers import error_answer
from bridge.server.portal.routes import TABLE
from bridge.server.portal.serve import endpoint
from bridge.server.portal.served import Served
from bridge.store.workspace_stores import WorkspaceStores


def application_of(stores: WorkspaceStores) -> Starlette:
    """Return the application; see `bridge.server.portal.portal`."""
    served = Served(stores)
    routes = [Route(entry.path, endpoint(entry, served), methods=[entry.method]) for entry in TABLE]
    for route in routes:
        (route.methods or set()).discard("HEAD")  # Starlette would make the whole answer and drop it
    application = Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_found})
    application.router.redirect_slashes = False
    return application


async def _not_found(request: Request, error: Exception) -> Response:
    return error_answer(NotFound("address", request.url.path))
