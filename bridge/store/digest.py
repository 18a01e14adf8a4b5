"""The SHA-256 of contents that are whole in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

LITTLE_BYTES = 256 << 10
"""How much Python's own SHA-256 hashes in less time than OpenSSL takes to be loaded; OpenSSL is ten times as fast."""

_hashed_bytes = 0


def sha256_of(content: bytes) -> str:
    """The SHA-256 in hex digits; OpenSSL is loaded for it only where that pays."""
    global _hashed_bytes
    _hashed_bytes += len(content)
    own = None if _hashed_bytes > LITTLE_BYTES or "hashlib" in sys.modules else _own_sha256()
    if own is None:
        import hashlib

        own = hashlib.sha256
    return str(own(content).hexdigest())


@cache
def _own_sha256() -> Callable[[bytes], Any] | None:
    for name in ("_sha2", "_sha256"):  # since Python 3.12, and before
        try:
            return __import__(name).sha256  # type: ignore[no-any-return]
        except ImportError:  # another Python than CPython, or one that was built without
            continue
    return None
