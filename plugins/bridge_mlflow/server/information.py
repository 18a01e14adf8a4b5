"""The answers about the server itself that MLflow's clients and its user interface ask for."""

from __future__ import annotations

from importlib.metadata import version

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp

from bridge.server.routes import Call, Endpoint, Route
from bridge_mlflow.server.table import entries


def information_routes(has_gateway: bool) -> list[Route]:
    """Return the routes. MLflow's application is not loaded for them."""

    async def health(call: Call) -> ASGIApp:
        return PlainTextResponse("OK")

    async def version_of_mlflow(call: Call) -> ASGIApp:
        return PlainTextResponse(version("mlflow"))

    async def server_information(call: Call) -> ASGIApp:
        return JSONResponse(information(has_gateway))

    async def no_endpoints(call: Call) -> ASGIApp:
        return JSONResponse({"endpoints": []})

    return [
        Route("GET", "/health", health, "reader", "read"),
        Route("GET", "/version", version_of_mlflow, "reader", "read"),
        # The page of an experiment asks for the endpoints of a gateway, and reports an error if it gets no answer.
        *_both(no_endpoints, "GET 2.0/mlflow/gateway-proxy"),
        *_both(server_information, "GET 3.0/mlflow/server-info"),
    ]


def _both(endpoint: Endpoint, line: str) -> list[Route]:
    return [Route(one.method, one.path, endpoint, one.needs, one.access) for one in entries(line, "reader", "read")]


def information(has_gateway: bool) -> dict[str, object]:
    """Return what the server can do. Files are sent in one piece, through the server.

    Source: MLflow 3.17.2, `mlflow.server.handlers.build_server_info_payload`.
    """
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
        "features_enabled": {"gateway": has_gateway},
    }
