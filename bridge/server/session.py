"""The secrets of one start of the server: its token, its cookie, and the codes that give a browser the cookie."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable

from bridge.server.hosts import Headers, values_of

CODE_SECONDS = 300.0
"""How long a code is valid."""


class Session:
    """The secrets of one start of the server.

    Attributes:
        token: the token for programs, in the header `Authorization: Bearer`.
        on_redeemed: called when a code is used.
        cookie_name: the name of the cookie. It contains the port, because cookies do not depend on the port.

    Args:
        port: the port of the server.
        clock: a monotonic clock in seconds.
    """

    def __init__(self, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.token = f"rb_{secrets.token_urlsafe(32)}"
        self.cookie_name = f"runbridge-{port}"
        self._cookie = secrets.token_urlsafe(32)
        self._codes: dict[str, float] = {}
        self._clock = clock
        self.on_redeemed: Callable[[], object] = lambda: None

    def new_code(self) -> str:
        """Return a code that a browser can exchange for the cookie once, within five minutes."""
        now = self._clock()
        self._codes = {code: end for code, end in self._codes.items() if end > now}
        code = secrets.token_urlsafe(24)
        self._codes[code] = now + CODE_SECONDS
        return code

    def redeem(self, code: str) -> bool:
        """Return whether a code is valid, and make it invalid."""
        # All codes are compared in constant time, so that an answer's time tells nothing about them.
        found = [known for known in self._codes if hmac.compare_digest(known.encode(), code.encode())]
        redeemed = any(self._codes.pop(known) > self._clock() for known in found)
        if redeemed:
            self.on_redeemed()
        return redeemed

    def set_cookie(self, path: str) -> str:
        """Return the header `Set-Cookie`. The cookie ends with the browser, or with the server.

        `SameSite=Lax`, because a link from a chat or a mail must open.
        """
        return f"{self.cookie_name}={self._cookie}; Path={path}; HttpOnly; SameSite=Lax"

    def has_token(self, headers: Headers) -> bool:
        """Return whether a request has the token."""
        given = values_of(headers, b"authorization")
        return len(given) == 1 and hmac.compare_digest(given[0], f"Bearer {self.token}".encode())

    def has_cookie(self, headers: Headers) -> bool:
        """Return whether a request has the cookie."""
        for header in values_of(headers, b"cookie"):
            for pair in header.split(b";"):
                name, _, value = pair.strip().partition(b"=")
                if name == self.cookie_name.encode() and hmac.compare_digest(value, self._cookie.encode()):
                    return True
        return False
