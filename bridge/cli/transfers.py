"""Files that are copied between a run and this computer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bridge.cli.output import print_json

if TYPE_CHECKING:
    from bridge.records.artifact import ArtifactRecord


class Transfer(NamedTuple):
    """A file of a run, and the path of its copy on this computer."""

    record: ArtifactRecord
    local: Path


def print_transfers(run_id: str, transfers: Sequence[Transfer]) -> None:
    """Print one line of JSON for each file."""
    for record, local in transfers:
        print_json(
            {
                "kind": "file",
                "run": run_id,
                "path": record.path,
                "size_bytes": record.size_bytes,
                "local_path": str(local.absolute()),
            }
        )
