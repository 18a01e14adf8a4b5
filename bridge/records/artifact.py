"""What is known about an artifact, and which paths one may have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.errors import InvalidValue
from bridge.records.text import RULE, is_spellable

PATH_LENGTH = 5_000
NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """A file or a folder below an artifact root.

    `path` is relative to the root and separated by `/`.
    `size_bytes` is None for a folder, `time` (milliseconds since 1970 UTC) and `sha256` too.
    """

    path: str
    size_bytes: int | None = None
    sha256: str | None = None
    time: int | None = None

    @property
    def is_folder(self) -> bool:
        return self.size_bytes is None


def check_artifact_path(path: object) -> str:
    """The path in its one spelling, `a/b/c`, if it stays below the artifact root.

    A leading `./` is dropped.
    Refused are empty and absolute paths, `..` and other segments that a file system would resolve,
    control characters, names of more than 255 bytes and paths of more than 5,000 characters.

    Raises:
        InvalidValue: it may not be used.
    """
    return _checked("artifact path", path)


def check_artifact_root(root: object) -> str:
    """The root, `<experiment id>/…`, if it is a path below the workspace's artifacts folder.

    The rules are those of `check_artifact_path`, and it may not begin with a dot: such names are the store's own.

    Raises:
        InvalidValue: it may not be used.
    """
    checked = _checked("artifact root", root)
    if checked.startswith("."):
        raise InvalidValue("artifact root", root, "must not begin with a dot")
    return checked


def folders_above(path: str) -> Iterator[str]:
    """The folders that a path runs through, the outermost first: `a` and `a/b` for `a/b/c`."""
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
    """The first rule that a path breaks, or nothing."""
    segments = path.split("/")
    if not path:
        return "must not be empty"
    if path.startswith("/"):
        return "must be relative, so it must not begin with /"
    if any(segment in ("", ".", "..") for segment in segments):
        return "must stay below its root, so it may not have empty segments, '.' or '..'"
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return "must not contain control characters"
    if not is_spellable(path):
        return RULE
    if any(len(segment.encode()) > NAME_BYTES for segment in segments):
        return f"must have names of at most {NAME_BYTES} bytes"
    return ""
