"""The cookie with the session of a browser."""

from __future__ import annotations

from starlette.types import Scope

from bridge.server.hosts import values_of


class Cookies:
    """The cookie of one server. Its name contains the port, because cookies do not depend on the port.

    Under TLS, the prefix `__Host-` prevents that another host of the domain sets the cookie.
    `SameSite=Lax`, because a link from a chat or a mail must open. Cookies do not protect changes: the origin does.

    Args:
        port: the port.
        base_path: what all addresses of the server begin with.
    """

    def __init__(self, port: int, base_path: str = "") -> None:
        self._name, self._path = f"runbridge-{port}", base_path or "/"

    def header(self, scope: Scope, secret: str, max_age: int | None = None) -> str:
        """Return the header `Set-Cookie`. Without `max_age`, in seconds, the cookie ends with the browser."""
        age = "" if max_age is None else f"; Max-Age={max_age}"
        if is_secure(scope):
            return f"__Host-{self._name}={secret}; Path=/; HttpOnly; SameSite=Lax; Secure{age}"
        return f"{self._name}={secret}; Path={self._path}; HttpOnly; SameSite=Lax{age}"

    def find(self, scope: Scope) -> list[str]:
        """Return the secrets in the cookies of a request, at most four."""
        name = f"__Host-{self._name}" if is_secure(scope) else self._name
        pairs = [
            pair.strip().partition(b"=")
            for header in values_of(scope["headers"], b"cookie")
            for pair in header.split(b";")
        ]
        return [value.decode("latin-1") for key, _, value in pairs if key == name.encode()][:4]


def is_secure(scope: Scope) -> bool:
    """Return whether the browser sends the request over TLS."""
    return bool(scope["state"]["origin"].startswith(b"https://"))
