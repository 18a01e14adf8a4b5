"""Opens a workspace on a server."""

from __future__ import annotations

from functools import partial

from bridge.errors import StoreUnavailable
from bridge.store.artifacts import ArtifactStore
from bridge.store.durability import Durability
from bridge.store.http.artifacts import HttpArtifacts
from bridge.store.http.backend import HttpBackend
from bridge.store.http.patience import patience
from bridge.store.journal_place import journal_folder
from bridge.store.journaled import JournaledStore
from bridge.store.keeping_artifacts import KeepingArtifacts
from bridge.store.packages import check_package
from bridge.store.remote import RemoteStore
from bridge.store.token import find_token

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
    server = HttpBackend(address, find_token(address), find_token=partial(find_token, address))
    try:
        with patience(OPEN_SECONDS):
            facts = server.get_facts()
        workspace_id = facts.get("id", "")
        if not workspace_id:
            raise StoreUnavailable(address, "its answer names no workspace")
        server.connection.workspace_id = workspace_id
        tracking = RemoteStore(server, journal_folder(workspace_id), durability == "power", workspace_id)
    except BaseException:
        server.close()
        raise
    tracking.deliver_leftovers()
    return tracking


def artifacts_of(tracking: JournaledStore) -> ArtifactStore:
    """Return the store of the files of a workspace on a server. It shares the connections of the tracking store."""
    assert isinstance(tracking, RemoteStore)
    return HttpArtifacts(tracking.server.connection)


def keeping_artifacts(tracking: JournaledStore, artifacts: ArtifactStore) -> KeepingArtifacts:
    """Return a store of captured files, from the stores of a workspace on a server."""
    assert isinstance(tracking, RemoteStore) and isinstance(artifacts, HttpArtifacts)
    return KeepingArtifacts(tracking, artifacts)
