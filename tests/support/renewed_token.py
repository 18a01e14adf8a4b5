"""A token in a file that is revoked and replaced while a client runs."""

from __future__ import annotations

from pathlib import Path

from server_site import ServerSite, new_token

from bridge.records.times import now_ms
from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.token_store import TokenStore
from bridge.store.token import token_file


class RenewedToken:
    """The file with the token of this process."""

    def __init__(self, site: ServerSite, file: Path) -> None:
        self.site, self.file, self.address = site, file, f"{site.origin}/w/demo"

    def renew(self) -> None:
        """Write a new token into the file."""
        self.file.touch(0o600)
        self.file.write_bytes(token_file(self.address, new_token(self.site.home, "writer")))

    def revoke(self) -> None:
        """Revoke all tokens of the server."""
        with ServerDatabase(self.site.home) as database:
            store = TokenStore(database)
            for token in store.list_tokens():
                store.update_token(token.id, revoked=now_ms())
