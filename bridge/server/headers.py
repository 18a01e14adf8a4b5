"""The headers that tell the browser what the page may do, and what other pages may do with it."""

from __future__ import annotations

import base64
import hashlib

from starlette.types import Message

NOTHING = "default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
"""The policy of an answer that has none of its own, such as data."""

NOTICE_POLICY = f"{NOTHING}; style-src 'self'"
"""The policy of a page that has only a style sheet."""

FORM_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; style-src 'self'"
"""The policy of a page that also has a form for this server."""

ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", NOTHING.encode()),
)
"""Headers of every answer that has no other value for them. The names are in lower case, as in ASGI."""


def page_policy(import_map: str) -> str:
    """Return the policy of the page. The import map is its only script that is not a file.

    Frames may contain blobs, because the browser's viewer of PDF files needs them. Blobs have the policy of the page.
    """
    checksum = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
    return (
        f"default-src 'self'; script-src 'self' 'sha256-{checksum}'; img-src 'self' blob: data:; "
        "frame-src 'self' blob:; frame-ancestors 'self'; object-src 'none'; base-uri 'none'; form-action 'self'"
    )


def secure(message: Message) -> None:
    """Add the headers to the start of an answer, except those that it has."""
    given = [(name.lower(), value) for name, value in message.get("headers", ())]
    names = {name for name, _ in given}
    given += [pair for pair in ALWAYS if pair[0] not in names]
    if b"cache-control" not in names:
        given.append((b"cache-control", b"private, no-cache" if b"etag" in names else b"no-store"))
    message["headers"] = given
