"""Checks and converts the addresses of workspaces and the local paths that callers pass."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bridge.errors import InvalidValue
from bridge.server_address import is_server_address, mlflow_uri_of, server_address

SCHEME = "bridge"
FILE_NAME_BYTES, PATH_BYTES = 255, 4_096

WORKSPACE_NAME = re.compile(r"[a-zA-Z0-9][\w-]*")
WORKSPACE_NAME_BYTES = 255
"""The greatest length of a workspace's name, in bytes: the name is also the name of its folder."""

OTHER_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://")


def check_local_path(what: str, path: object) -> Path:
    """Check a value that must be a local path, and return it as a `Path`.

    Neither existence nor permissions are checked.

    Raises:
        InvalidValue: the value has one of the mistakes that `check_path_form` lists.
            A relative path is also a mistake if the working folder was removed.
    """
    checked = check_path_form(what, path)
    if not checked.is_absolute():
        try:
            os.getcwd()
        except OSError as error:
            # If `os.getcwd` failed, the traceback contains only the frame of this function. If a signal handler raised
            # the error during the call, the traceback also contains the frame of the handler.
            if error.__traceback__ and error.__traceback__.tb_next:
                raise
            raise InvalidValue(what, str(checked), "must be absolute: the working folder does not exist") from None
    return checked


def check_path_form(what: str, path: object) -> Path:
    """Return the value as a path, if its type, characters and length are valid.

    Raises:
        InvalidValue: the value is neither text nor a path, contains a null character, is too long, or cannot be
            encoded on this computer.
    """
    try:
        text = os.fspath(path)  # type: ignore[call-overload]  # other values raise
    except TypeError:
        raise InvalidValue(what, path, "must be a path") from None
    if not isinstance(text, str):
        raise InvalidValue(what, path, "must be a path, as text")
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        raise InvalidValue(what, text, "must be a path that this computer can encode") from None
    if b"\0" in encoded:
        raise InvalidValue(what, text, "must not contain a null character")
    if len(encoded) >= PATH_BYTES or any(len(name) > FILE_NAME_BYTES for name in encoded.split(b"/")):
        raise InvalidValue(
            what,
            text,
            f"must be shorter than {PATH_BYTES} bytes, and each name in it must have at most {FILE_NAME_BYTES} bytes",
        )
    return Path(text)


def check_folder(what: str, folder: object) -> None:
    """Check the path of a folder. True, False and None are valid too: they select a default folder or no folder.

    Raises:
        InvalidValue: the path has one of the mistakes that `check_path_form` lists.
    """
    if folder is not None and not isinstance(folder, bool):
        check_path_form(what, folder)


def home_folder() -> Path:
    """Return the folder that contains workspaces created without a path: `$BRIDGE_HOME`, or `~/.bridge`."""
    return Path(os.environ.get("BRIDGE_HOME") or "~/.bridge").expanduser()


def named_folder(name: object) -> Path:
    """Return the folder of the workspace with a name.

    Raises:
        InvalidValue: the name is not valid.
    """
    if not isinstance(name, str) or not WORKSPACE_NAME.fullmatch(name) or len(name.encode()) > WORKSPACE_NAME_BYTES:
        rule = (
            f"must have 1 to {WORKSPACE_NAME_BYTES} bytes of letters, digits, underscores and dashes, "
            "and start with a letter or digit"
        )
        raise InvalidValue("workspace name", name, rule)
    return home_folder() / name


def is_workspace_uri(address: object) -> bool:
    """Return whether an address is a URI with the scheme `bridge`."""
    return isinstance(address, str) and address[: len(SCHEME) + 1].lower() == f"{SCHEME}:"


def folder_of_uri(uri: str) -> str:
    """Return the folder that a `bridge:///abs/path` URI names, as an absolute, normalised path.

    `bridge:/abs/path` names the same folder. MLflow writes this form when it joins a path to a URI.
    A segment `..` removes the segment before it, even if that is a symbolic link.
    Bytes that are not UTF-8 are decoded with `surrogateescape`, as in all paths of Python.

    Raises:
        InvalidValue: the URI has another scheme, a host, a query, a fragment, a control character, a blank at either
            end, or no absolute path.
    """
    from urllib.parse import unquote, urlsplit

    # `urlsplit` would silently remove line breaks, and blanks at both ends.
    if uri != uri.strip() or any(ord(character) < 32 for character in uri):
        rule = "must not contain control characters, or begin or end with a blank: percent-encode them"
        raise InvalidValue("URI", uri, rule)
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise InvalidValue("URI", uri, f"must be a valid URI ({error})") from error
    path = unquote(parts.path, errors="surrogateescape")
    rule = ""
    if parts.scheme != SCHEME:
        rule = f"must begin with {SCHEME}:"
    elif parts.netloc or not parts.path.startswith("/"):
        rule = f"must have the form {SCHEME}:///abs/path, with three slashes and without a host"
    elif "?" in uri or "#" in uri:
        rule = "must not contain ? or #: write %3F or %23 instead"
    elif "\0" in path:
        rule = "must not contain %00, because a path cannot contain a null character"
    if rule:
        raise InvalidValue("URI", uri, rule)
    return os.path.normpath("/" + path.strip("/"))


def uri_of_folder(folder: str) -> str:
    """Return the `bridge:` URI of an absolute path, percent-encoded."""
    from urllib.parse import quote

    return f"{SCHEME}://{quote(os.fsencode(folder))}"


def workspace_address(address: object) -> Path | str:
    """Return where a workspace is: its folder, or its address on a server as a text.

    Raises:
        InvalidValue: the address is neither a path, nor a `bridge:` URI of a folder, nor the address of a server.
    """
    if isinstance(address, str) and is_server_address(address):
        return server_address(address)
    return folder_of_address(address)


def uri_of_workspace(address: str) -> str:
    """Return MLflow's URI of a workspace: `bridge:///abs/path`, or `bridge+http://…` for one on a server."""
    return mlflow_uri_of(address) if is_server_address(address) else uri_of_folder(address)


def folder_of_address(address: object) -> Path:
    """Return the folder of a workspace's address, which is a path or a `bridge:///…` URI.

    Raises:
        InvalidValue: the address is neither a path nor a `bridge:` URI of a folder.
    """
    text = os.fspath(address) if isinstance(address, os.PathLike) else address
    if is_workspace_uri(text):
        return expanded("workspace address", folder_of_uri(str(text)))
    if isinstance(text, str) and OTHER_ADDRESS.match(text):
        rule = "must be a folder, or the address of a server, as in http://host:5000: databases are not supported yet"
        raise InvalidValue("workspace address", text, rule)
    return expanded("workspace address", text)


def expanded(what: str, path: object) -> Path:
    """Return a path with `~` replaced by the home folder.

    Raises:
        InvalidValue: the value is not a path, or the home folder is not known.
    """
    folder = check_local_path(what, path)
    try:
        return folder.expanduser()
    except RuntimeError as error:
        raise InvalidValue(what, str(folder), "must not begin with ~: the home folder is not known") from error
