"""The names under which a browser reaches the server, and the pages that may send requests to it.

A web page of another host can resolve its own name to 127.0.0.1 (DNS rebinding). Its requests have another `Host`.
A page of another port of this computer sends this server's cookie, because cookies do not depend on the port. Its
requests have another `Origin`, or `Sec-Fetch-Site: same-site`.
"""

from __future__ import annotations

from collections.abc import Iterable

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

Headers = Iterable[tuple[bytes, bytes]]


def hosts_of(port: int, names: Iterable[str] = LOOPBACK) -> frozenset[bytes]:
    """Return the values of `Host` that belong to this server."""
    hosts = {f"{name}:{port}".encode() for name in names}
    if port == 80:
        hosts |= {name.encode() for name in names}
    return frozenset(hosts)


def values_of(headers: Headers, name: bytes) -> list[bytes]:
    """Return all values of a header. The name is in lower case, as ASGI's names are."""
    return [value for header, value in headers if header == name]


def is_own_host(headers: Headers, hosts: frozenset[bytes]) -> bool:
    """Return whether a request has exactly one `Host`, and this is a name of this server."""
    given = values_of(headers, b"host")
    return len(given) == 1 and given[0].lower() in hosts


def is_other_origin(headers: Headers, own: bytes | None = None) -> bool:
    """Return whether a request names the page that sends it, and that page is not one of this server's origin.

    Args:
        headers: the headers. The request must have passed `is_own_host`.
        own: the server's origin, such as `http://127.0.0.1:5000`. None means that of the request's `Host`.
    """
    given = values_of(headers, b"origin")
    return bool(given) and any(origin != (own or _origin_of_host(headers)) for origin in given)


def is_from_own_page(headers: Headers, own: bytes | None = None) -> bool:
    """Return whether a page of this server sends the request, as the browser reports.

    A browser sends `Origin` with every request that changes something, and `Sec-Fetch-Site` with all requests.
    """
    if is_other_origin(headers, own):
        return False
    return bool(values_of(headers, b"origin")) or values_of(headers, b"sec-fetch-site") == [b"same-origin"]


def opens_a_page(headers: Headers, own: bytes | None = None) -> bool:
    """Return whether a person opens the address in a tab, from a link of any page, a bookmark or the address bar."""
    wanted = {b"sec-fetch-mode": [b"navigate"], b"sec-fetch-dest": [b"document"]}
    return all(values_of(headers, name) == value for name, value in wanted.items()) and not is_other_origin(
        headers, own
    )


def _origin_of_host(headers: Headers) -> bytes:
    return b"http://" + values_of(headers, b"host")[0].lower()
