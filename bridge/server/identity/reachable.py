"""The names under which a server is reached, directly and through a proxy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import Scope

from bridge.errors import InvalidValue
from bridge.server.hosts import LOOPBACK, hosts_of, values_of
from bridge.server.roles import Role

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Proxy:
    """The proxies in front of the server, whose headers the server believes.

    Attributes:
        addresses: the addresses from which their connections come.
        user_header: the header with the name of the person that the proxy has signed in; None if it has none.
        user_role: the role of these people in every workspace.
    """

    addresses: frozenset[str]
    user_header: str | None = None
    user_role: Role = "writer"


class Reachable:
    """The names of a server. A request must name one of them.

    Args:
        port: the port.
        names: the host names, such as `runs.example.com`.
        public_url: the address that people use if a proxy is in front, such as `https://runs.example.com/team`; empty
            if it is not another one.
        proxy: the proxies that are believed.

    Raises:
        InvalidValue: the public address is not one.
    """

    def __init__(
        self, port: int, names: Sequence[str] = LOOPBACK, public_url: str = "", proxy: Proxy | None = None
    ) -> None:
        self.proxy = proxy
        self._port = port
        self._hosts = hosts_of(port, [name.lower() for name in names])
        self._public_host, self._public_origin = b"", b""
        if public_url:
            self._public_origin = _origin(public_url)
            self._public_host = self._public_origin.partition(b"://")[2]

    def origin_of(self, scope: Scope) -> bytes | None:
        """Return the origin that the request names, such as `http://127.0.0.1:5000`; None if it is not this server's.

        If the proxy sends the request, `scope` gets the address of the proxy's client.
        """
        headers = scope["headers"]
        hosts, scheme = values_of(headers, b"host"), str(scope["scheme"]).encode()
        if self.is_of_proxy(scope):
            hosts = values_of(headers, b"x-forwarded-host") or hosts
            schemes = values_of(headers, b"x-forwarded-proto")
            scheme = schemes[0] if schemes in ([b"http"], [b"https"]) else scheme
        if len(hosts) != 1:
            return None
        host = hosts[0].lower()
        if host and host == self._public_host:
            return self._public_origin
        return scheme + b"://" + host if host in self._hosts or host == self._own_address(scope) else None

    def is_of_proxy(self, scope: Scope) -> bool:
        """Return whether the proxy sends the request."""
        return self.proxy is not None and scope["client"] is not None and scope["client"][0] in self.proxy.addresses

    def client_of(self, scope: Scope) -> str:
        """Return the address of the client. A proxy appends it to `X-Forwarded-For`."""
        direct = str(scope["client"][0]) if scope["client"] else ""
        forwarded = values_of(scope["headers"], b"x-forwarded-for") if self.is_of_proxy(scope) else []
        last = forwarded[-1].rpartition(b",")[2].strip().decode("latin-1") if forwarded else ""
        return last[:64] or direct

    def user_of(self, scope: Scope) -> str | None:
        """Return the person whom the proxy has signed in, or None."""
        if self.proxy is None or self.proxy.user_header is None or not self.is_of_proxy(scope):
            return None
        given = values_of(scope["headers"], self.proxy.user_header.lower().encode())
        name = given[0].decode(errors="replace") if len(given) == 1 else ""
        return name if 0 < len(name) <= 255 and name.isprintable() else None

    def _own_address(self, scope: Scope) -> bytes:
        """Return the address to which the client has connected. No other page can have it as its host."""
        address = str(scope["server"][0]) if scope["server"] else ""
        return (f"[{address}]" if ":" in address else address).encode() + f":{self._port}".encode()


def _origin(url: str) -> bytes:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or port == -1 or parts.query or parts.username:
        raise InvalidValue("public URL", url, "must be an address such as https://runs.example.com")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_default = port is None or port == DEFAULT_PORTS[parts.scheme]
    return f"{parts.scheme}://{host}{'' if is_default else f':{port}'}".encode()
