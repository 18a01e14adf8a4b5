"""Tokens: the secrets that programs and people send, and what each token allows."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.server.roles import Role

SECRET_BYTES, ID_BYTES = 32, 6

FORM = re.compile(r"(rb_([0-9a-f]{12})_([0-9a-f]{64}))_([0-9a-f]{8})")
"""`rb_<id>_<secret>_<checksum>`. The prefix and the checksum let scanners of secrets find tokens in files."""


class TokenText(NamedTuple):
    """A token as its owner sends it.

    Attributes:
        token_id: the id. It is not secret.
        secret: the secret, 64 hexadecimal digits.
    """

    token_id: str
    secret: str

    def __str__(self) -> str:
        text = f"rb_{self.token_id}_{self.secret}"
        return f"{text}_{zlib.crc32(text.encode()):08x}"


def new_token_text() -> TokenText:
    """Return a new token with 256 random bits."""
    return TokenText(secrets.token_hex(ID_BYTES), secrets.token_hex(SECRET_BYTES))


def parse_token(text: str) -> TokenText | None:
    """Return the parts of a token, or None if the text has not the form of a token or a wrong checksum."""
    found = FORM.fullmatch(text)
    if found is None or zlib.crc32(found[1].encode()) != int(found[4], 16):
        return None
    return TokenText(found[2], found[3])


def hash_of(secret: str) -> bytes:
    """Return the SHA-256 of a secret. A slow hash is not needed, because a secret has 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in one workspace or in all of them.

    Attributes:
        role: the role.
        workspace: the name of the workspace on the server; None means every workspace.
        experiment_id: if it is not None, the role holds only for this experiment and its runs.
    """

    role: Role
    workspace: str | None = None
    experiment_id: str | None = None


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as the server stores it. Times are milliseconds since 1970 UTC.

    Attributes:
        id: the id.
        secret_hash: the SHA-256 of the secret.
        user: the name of the person or program that has the token.
        grants: what the token allows, at most one grant for each workspace.
        created: the time of its creation.
        expires: the time after which it is not valid; None if it does not expire.
        last_used: the time of a recent use, exact to a minute; None if it was not used.
        revoked: the time at which it was revoked, or None.
    """

    id: str
    secret_hash: bytes = field(repr=False)
    user: str
    grants: tuple[Grant, ...]
    created: int
    expires: int | None = None
    last_used: int | None = None
    revoked: int | None = None

    def is_valid(self, now: int) -> bool:
        """Return whether the token is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    def grant_in(self, workspace: str) -> Grant | None:
        """Return the grant for a workspace, or None. A grant for its name wins over one for all workspaces."""
        return _first(self.grants, workspace) or _first(self.grants, None)


def _first(grants: Sequence[Grant], workspace: str | None) -> Grant | None:
    return next((grant for grant in grants if grant.workspace == workspace), None)


NO_HASH = bytes(32)
"""Compared if a token does not exist, so that the answer takes as long as if it existed."""


def has_secret(record: TokenRecord | None, secret: str) -> bool:
    """Return whether a secret is that of a token. The time does not depend on whether the token exists."""
    known = NO_HASH if record is None else record.secret_hash
    return hmac.compare_digest(hash_of(secret), known) and record is not None
