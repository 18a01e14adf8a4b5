"""The choices of a server's operator for files: quotas, and where files may be stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.server.files.locations import check_prefix


@dataclass(frozen=True, slots=True)
class FileRules:
    """The rules for the files of each workspace.

    Attributes:
        upload_bytes: the greatest size of one file; None for no limit.
        workspace_bytes: the greatest size of all files of a workspace together; None for no limit.
        allowed: the prefixes below which artifact locations may be, such as `s3://team/`.
        uploads_at_once: the greatest number of uploads at the same time, for each token.
        free_bytes: an upload is refused if it would leave less space than this on the disk.
    """

    upload_bytes: int | None = None
    workspace_bytes: int | None = None
    allowed: Sequence[str] = ()
    uploads_at_once: int = 16
    free_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed", tuple(check_prefix(prefix) for prefix in self.allowed))
