"""The audit log of a server: who deleted, restored and purged, and who changed tokens."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.records.times import now_ms
from bridge.server.identity.database import ServerDatabase


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action. The time is in milliseconds since 1970 UTC.

    Attributes:
        time: when the action was done.
        action: the action, such as `delete run`.
        workspace: the name of the workspace on the server; None for an action on the server itself.
        target: what was changed, such as ids of runs, separated by spaces.
        user: the owner of the token, or the user of the computer who called the command.
        token_id: the id of the token; None for a command.
        address: the address from which the request came; None for a command.
    """

    time: int
    action: str
    workspace: str | None
    target: str
    user: str | None
    token_id: str | None
    address: str | None


class AuditLog:
    """The audit log. Entries are only added. Methods may be called in any thread.

    Args:
        database: the database of the server.
    """

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database

    def add(
        self,
        action: str,
        target: str,
        *,
        workspace: str | None = None,
        user: str | None = None,
        token_id: str | None = None,
        address: str | None = None,
    ) -> None:
        """Add an entry with the current time."""
        self._database.write(
            "INSERT INTO audit (time, action, workspace, target, user, token_id, address) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (now_ms(), action, workspace, target, user, token_id, address),
        )

    def entries(self, limit: int) -> list[AuditEntry]:
        """Return the newest entries, newest first."""
        rows = self._database.read(
            "SELECT time, action, workspace, target, user, token_id, address FROM audit ORDER BY id DESC LIMIT ?",
            (limit,),
        )
        return [AuditEntry(*row) for row in rows]
