"""The headers that tell the browser what the page may do, and what other pages may do with it."""

from __future__ import annotations

import base64
import hashlib

from starlette.datastructures import MutableHeaders
from starlette.types import Message

NOTHING = "default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
"""The policy of an answer that has none of its own, such as data."""

NOTICE_POLICY = f"{NOTHING}; style-src 'self'"
"""The policy of a page that has only a style sheet."""

FORM_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; style-src 'self'"
"""The policy of a page that also has a form for this server."""

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


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
    headers = MutableHeaders(scope=message)
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", NOTHING)
    headers.setdefault("Cache-Control", "private, no-cache" if "etag" in headers else "no-store")
