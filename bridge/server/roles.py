"""Roles: what the sender of a request may do in a workspace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Role = Literal["reader", "writer", "admin"]

RANKS: dict[Role, int] = {"reader": 0, "writer": 1, "admin": 2}


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request, as the server has identified it.

    Attributes:
        role: the role in the workspace of the request.
        user: the name of the person or program; None if the server does not know it. A client cannot set it.
        token_id: the id of the token, or None without a token.
        experiment_id: if it is not None, the role holds only for this experiment and its runs.
        has_cookie: whether a browser has sent the request with the session cookie.
        session: the hash of the secret in this cookie, or None.
    """

    role: Role
    user: str | None = None
    token_id: str | None = None
    experiment_id: str | None = None
    has_cookie: bool = False
    session: bytes | None = field(default=None, repr=False)

    @property
    def sender(self) -> str | None:
        """Whose limits a request counts for: those of its token, or of its user; None if the server knows neither."""
        if self.token_id is not None:
            return f"token {self.token_id}"
        return None if self.user is None else f"user {self.user}"

    def may(self, needs: Role) -> bool:
        """Return whether the role is at least the needed one."""
        return RANKS[self.role] >= RANKS[needs]
