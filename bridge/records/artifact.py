"""Artifacts: their records, and the rules of their paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.errors import InvalidValue
from bridge.records.text import RULE, is_encodable

PATH_LENGTH = 5_000
"""The length of the longest path, in characters."""

NAME_BYTES = 255
"""The length of the longest name in a path, in bytes of UTF-8: file systems allow no more."""


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """A file or a folder below an artifact root.

    `path` is relative to the root and separated by `/`.
    `time` is milliseconds since 1970 UTC.
    For a folder `size_bytes`, `time` and `sha256` are None.
    """

    path: str
    size_bytes: int | None = None
    sha256: str | None = None
    time: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.size_bytes is None


def check_artifact_path(path: object) -> str:
    """Return the path of an artifact in its normal form, `a/b/c`: a leading `./` is dropped.

    Raises:
        InvalidValue: the path is empty or absolute, has `..` or another segment that a file system would resolve, has
            control characters, a name of more than 255 bytes or more than 5,000 characters.
    """
    return _checked("artifact path", path)


def check_artifact_root(root: object) -> str:
    """Return an artifact root, `<experiment id>/…`, in its normal form; it is relative to the artifacts folder.

    Raises:
        InvalidValue: the root breaks a rule of `check_artifact_path`, or begins with a dot. The store uses such names.
    """
    checked = _checked("artifact root", root)
    if checked.startswith("."):
        raise InvalidValue("artifact root", root, "must not begin with a dot")
    return checked


def folders_above(path: str) -> Iterator[str]:
    """Yield the folders above a path, the outermost first: `a` and `a/b` for `a/b/c`."""
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
        return "must stay below its root, so it may not have empty segments, '.' or '..'"
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return "must not contain control characters"
    if not is_encodable(path):
        return RULE
    if any(len(segment.encode()) > NAME_BYTES for segment in segments):
        return f"must have names of at most {NAME_BYTES} bytes"
    return ""
