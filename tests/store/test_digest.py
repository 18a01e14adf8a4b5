"""Python's own SHA-256 and OpenSSL's are one, and OpenSSL is loaded where that pays."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from bridge.store import digest

CONTENTS = [b"", b"a", bytes(range(256)) * 300, b"\x00" * (digest.LITTLE_BYTES + 1)]

PROBE = """
import sys
from bridge.store.digest import LITTLE_BYTES, sha256_of

print(sha256_of(b"abc"), "hashlib" in sys.modules)
print(sha256_of(b"a" * (LITTLE_BYTES - 3)), "hashlib" in sys.modules)
print(sha256_of(b"b"), "hashlib" in sys.modules)
"""


@pytest.mark.parametrize("content", CONTENTS, ids=len)
def test_both_say_the_same(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = hashlib.sha256(content).hexdigest()
    assert digest.sha256_of(content) == expected
    own = digest._own_sha256()
    assert own is not None and own(content).hexdigest() == expected
    monkeypatch.delitem(sys.modules, "hashlib")
    monkeypatch.setattr(digest, "_own_sha256", lambda: None)  # another Python than CPython
    assert digest.sha256_of(content) == expected


def test_openssl_is_loaded_once_much_is_hashed() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=60)
    contents = b"abc", b"a" * (digest.LITTLE_BYTES - 3), b"b"
    expected = [hashlib.sha256(content).hexdigest() for content in contents]
    assert done.stdout.split() == [expected[0], "False", expected[1], "False", expected[2], "True"]
