"""The addresses of workspaces on servers, such as `http://host:5000/w/demo`."""

from __future__ import annotations

import re

from bridge.errors import InvalidValue

KEY = "workspace address"
PLUGIN_SCHEME = "bridge+"
"""The beginning of MLflow's URIs of such workspaces. MLflow passes URIs that begin like this to the plugin."""

OF_SERVER = re.compile(r"(bridge\+)?https?:", re.IGNORECASE)


def is_server_address(address: object) -> bool:
    """Return whether an address is one of a server: `http:`, `https:`, `bridge+http:` or `bridge+https:`."""
    return isinstance(address, str) and OF_SERVER.match(address) is not None


def server_address(address: str) -> str:
    """Return the normal form of the address of a workspace: `http://host:5000` or `http://host:5000/w/name`.

    The default ports 80 and 443 and a slash at the end are removed, and the host has lower case letters.

    Raises:
        InvalidValue: the address has no host, contains a user or password, a query, a fragment, a blank or a control
            character, or its port is not valid.
    """
    from urllib.parse import urlsplit

    text = address.strip()
    if any(character.isspace() or ord(character) < 32 for character in text):
        raise InvalidValue(KEY, address, "must not contain blanks or control characters")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidValue(KEY, _without_user(text), f"must be a valid URL ({error})") from None
    scheme = parts.scheme.lower().removeprefix(PLUGIN_SCHEME)
    rule = ""
    if not host:
        rule = "must name a host, as in http://host:5000"
    elif "@" in parts.netloc:
        rule = "must not contain a user or a password: set the environment variable RUNBRIDGE_TOKEN to the token"
    elif "?" in text or "#" in text:
        rule = "must not contain ? or #: give only the address of the server or of its workspace"
    if rule or host is None:
        raise InvalidValue(KEY, _without_user(text), rule)
    name = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{name}{'' if port in (None, default) else f':{port}'}{parts.path.rstrip('/')}"


def mlflow_uri_of(address: str) -> str:
    """Return the URI with which MLflow and its plugin open a workspace on a server."""
    return PLUGIN_SCHEME + address


def _without_user(text: str) -> str:
    """Return an address without the user and the password in it, for errors."""
    return re.sub(r"//[^/?#]*@", "//…@", text)
