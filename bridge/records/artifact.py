"""What is known about an artifact, and which paths one may have."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.errors import InvalidValue

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
    if not isinstance(path, str):
        raise InvalidValue("artifact path", path, "must be text")
    while path.startswith("./"):
        path = path[2:]
    rule = ""
    segments = path.split("/")
    if not path:
        rule = "must not be empty"
    elif path.startswith("/"):
        rule = "must be relative to the run's artifacts, so it must not begin with /"
    elif any(segment in ("", ".", "..") for segment in segments):
        rule = "must not leave the run's artifacts, so it may not have empty segments, '.' or '..'"
    elif any(ord(character) < 32 or ord(character) == 127 for character in path):
        rule = "must not contain control characters"
    elif len(path) > PATH_LENGTH:
        rule = f"must have at most {PATH_LENGTH} characters"
    else:
        try:
            if any(len(segment.encode()) > NAME_BYTES for segment in segments):
                rule = f"must have names of at most {NAME_BYTES} bytes"
        except UnicodeEncodeError:
            rule = "must be text that UTF-8 can spell"
    if rule:
        raise InvalidValue("artifact path", path, rule)
    return path
