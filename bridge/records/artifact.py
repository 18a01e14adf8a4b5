"""The record of an artifact, and the rules for the paths of artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.errors import InvalidValue
from bridge.records.text import RULE, is_encodable

PATH_LENGTH = 5_000
"""The greatest length of a path, in characters."""

NAME_BYTES = 255
"""The greatest length of one name in a path, in bytes of UTF-8. Most file systems have this limit."""


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """A file or a folder below an artifact root, which is the folder of the artifacts of one run, model or trace.

    `path` is relative to the artifact root, with `/` between its parts.
    `time` is in milliseconds since 1970 UTC.
    For a folder, `size_bytes`, `time` and `sha256` are None.
    """

    path: str
    size_bytes: int | None = None
    sha256: str | None = None
    time: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether the record is that of a folder."""
        return self.size_bytes is None


def check_artifact_path(path: object) -> str:
    """Check the path of an artifact, and return it in its normal form `a/b/c`, without a leading `./`.

    Raises:
        InvalidValue: the path is not text, is empty or absolute, contains `//`, `/./`, `..` or control characters, has
            more than 5,000 characters, has a name of more than 255 bytes, or UTF-8 cannot encode it.
    """
    return _checked("artifact path", path)


def check_artifact_root(root: object) -> str:
    """Check an artifact root, such as `<experiment id>/<run id>/artifacts`, and return it in its normal form.

    Raises:
        InvalidValue: the root breaks a rule of `check_artifact_path`, or begins with a dot. Only the store itself uses
            names that begin with a dot.
    """
    checked = _checked("artifact root", root)
    if checked.startswith("."):
        raise InvalidValue("artifact root", root, "must not begin with a dot")
    return checked


def folders_above(path: str) -> Iterator[str]:
    """Yield the folders above a path, from the outermost one: `a` and `a/b` for `a/b/c`."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def _checked(key: str, given: object) -> str:
    if not isinstance(given, str):
        raise InvalidValue(key, given, "must be text")
    if len(given) > PATH_LENGTH:
        raise InvalidValue(key, given, f"must have at most {PATH_LENGTH} characters")
    path = given
    while path.startswith("./"):
        path = path[2:]
    rule = _broken_rule(path)
    if rule:
        raise InvalidValue(key, given, rule)
    return path


def _broken_rule(path: str) -> str:
    """Return the first rule that a path breaks; empty if it breaks none."""
    segments = path.split("/")
    if not path:
        return "must not be empty"
    if path.startswith("/"):
        return "must be relative, so it must not begin with /"
    if any(segment in ("", ".", "..") for segment in segments):
        return "must have only names between its slashes, and none of them may be empty, '.' or '..'"
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return "must not contain control characters"
    if not is_encodable(path):
        return RULE
    if any(len(segment.encode()) > NAME_BYTES for segment in segments):
        return f"must have at most {NAME_BYTES} bytes in each name between its slashes"
    return ""
