"""The application of `mlflow server --app-name bridge`: one workspace, as `runbridge server` serves it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from bridge.address import SCHEME, folder_of_uri
from bridge.errors import InvalidValue, NotAllowed
from bridge.server.admission import Admission
from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.token_store import TokenStore, has_valid_token
from bridge.server.measured import Measured
from bridge.server.observed import Observed
from bridge.server.open_identity import OpenIdentity
from bridge.server.page import Page
from bridge.server.protocol import OF_PROCESS
from bridge.server.serve import access_of, address_name, app
from bridge.server.settings import Settings, is_loopback, server_home
from bridge.server.workspaces import ServedWorkspace, Workspaces
from bridge.store.create import ensure_store

logger = logging.getLogger("bridge")

STORE_VARIABLE = "_MLFLOW_SERVER_FILE_STORE"


LIMITED = "bridge.server.protocol:Protocol"
"""The value of uvicorn's option `--http` with which the limits of connections, heads and slow requests hold."""


def application() -> Observed:
    """Return the application for the workspace of `--backend-store-uri`. Each worker process calls this function.

    If `server.db` has no valid token, the server is open to this computer, and refuses to start for other computers.

    Raises:
        InvalidValue: the URI is not that of a workspace.
        NotAllowed: other computers can reach the server, and it has no tokens.
    """
    uri = os.environ.get(STORE_VARIABLE, "")
    if not uri.startswith(f"{SCHEME}:"):
        raise InvalidValue("--backend-store-uri", uri, "must be the bridge: URI of a workspace")
    host, port = option(sys.argv, "--host", "127.0.0.1"), int(option(sys.argv, "--port", "5000"))
    settings = Settings(host=host, port=port, no_token=not _has_token(host))
    stores = ensure_store(folder_of_uri(uri))
    workspaces = Workspaces([ServedWorkspace(address_name(stores.name), stores, settings.file_rules)])
    page = Page(settings.base_path, settings.no_token)
    access = access_of(settings, port, page)
    identity = access.identity if access else OpenIdentity(port, settings.names)
    OF_PROCESS.own_user_only = identity.is_personal
    if option(sys.argv, "--http", "") != LIMITED:
        logger.warning(
            "Slow clients and many connections can stop this server: start it with --uvicorn-opts '--http %s'.", LIMITED
        )
    return Observed(app(workspaces, identity, settings, page, access, Admission()), Measured(OF_PROCESS))


def option(words: Sequence[str], name: str, default: str) -> str:
    """Return the value of an option of uvicorn's command line."""
    return next((value for word, value in zip(words, words[1:], strict=False) if word == name), default)


def _has_token(host: str) -> bool:
    database = ServerDatabase(server_home())
    try:
        has_token = has_valid_token(TokenStore(database))
    finally:
        database.close()
    if not has_token and not is_loopback(host):
        raise NotAllowed("serve on", host, "it has no tokens: create one with runbridge token create")
    return has_token
