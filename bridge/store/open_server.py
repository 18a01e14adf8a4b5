"""Opens a workspace on a server."""

from __future__ import annotations

from bridge.errors import NotAuthenticated, StoreUnavailable
from bridge.store.artifacts import ArtifactStore
from bridge.store.durability import Durability
from bridge.store.http.artifacts import HttpArtifacts
from bridge.store.http.backend import HttpBackend
from bridge.store.http.patience import patience
from bridge.store.http.requests_sent import Requests
from bridge.store.journal_place import journal_folder
from bridge.store.packages import check_package
from bridge.store.remote import RemoteStore
from bridge.store.token import VARIABLE, find_token

OPEN_SECONDS = 10.0
"""How long opening a workspace waits for a server that does not answer."""


def connect(address: str, durability: Durability) -> RemoteStore:
    """Return the tracking store of a workspace on a server.

    Raises:
        NotFound: the server has no such workspace.
        NotAuthenticated, NotAllowed: the server wants another token.
        StoreUnavailable: the server does not answer, or is not a server of Runbridge.
    """
    for package in ("numpy", "requests"):
        check_package(package, "a workspace on a server")
    token = find_token(address)
    server = HttpBackend(address, token)
    try:
        with patience(OPEN_SECONDS):
            facts = server.get_facts()
        workspace_id = facts.get("id", "")
        if not workspace_id:
            raise StoreUnavailable(address, "its answer names no workspace")
        tracking = RemoteStore(server, journal_folder(workspace_id), durability == "power", workspace_id)
    except NotAuthenticated as error:
        server.close()
        found = "does not accept the token" if token else "requires a token"
        reason = f"{found}: set the environment variable {VARIABLE} to a token of this server"
        raise NotAuthenticated(address, reason) from error
    except BaseException:
        server.close()
        raise
    tracking.deliver_leftovers()
    return tracking


def artifacts_at(address: str) -> ArtifactStore:
    """Return the store of the files of a workspace on a server."""
    return HttpArtifacts(Requests(address, find_token(address)))
