"""Stores files of this computer with a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from bridge.address import check_local_path
from bridge.cli.names import find_run
from bridge.cli.output import notice
from bridge.cli.progress import Advance, bytes_progress
from bridge.cli.texts import plural, size_text
from bridge.cli.transfers import Transfer, print_transfers
from bridge.errors import AlreadyExists, InvalidValue, NotAllowed, NotFound
from bridge.records.artifact import check_artifact_path
from bridge.runs.files import files_below
from bridge.store.run_place import RunPlace

if TYPE_CHECKING:
    from bridge.records.artifact import ArtifactRecord
    from bridge.store.workspace_stores import WorkspaceStores


def upload(stores: WorkspaceStores, name: str, files: Sequence[str], to: str, force: bool, json: bool) -> None:
    """Store files and folders with a run; see `bridge.cli.commands.upload`."""
    run = find_run(stores, name, "active")
    place = RunPlace(stores, run.experiment_id, run.id)
    root = place.writable_root()
    sources = dict(_checked(sources_of(files, to)))
    if not force:
        _refuse_existing(place, root, list(sources))
    size_bytes = sum(source.stat().st_size for source in sources.values())
    with bytes_progress(f"Uploading {plural(len(sources), 'file')}", size_bytes) as advance:
        done = [Transfer(_store(place, root, path, source, force, advance), source) for path, source in sources.items()]
    if json:
        print_transfers(run.id, done)
    else:
        notice(f"Uploaded {plural(len(done), 'file')} ({size_text(size_bytes)}) to {run.display_name}.")


def sources_of(files: Sequence[str], to: str) -> Iterator[tuple[str, Path]]:
    """Yield the artifact path and the local path of each file, also of those below folders."""
    prefix = to.strip("/") + "/" if to.strip("/") else ""
    for given in files:
        source = check_local_path("file", given)
        name = source.absolute().resolve().name if source.name in ("", "..") else source.name
        if not source.is_dir():
            yield prefix + name, source
            continue
        for file in files_below(source):
            yield f"{prefix}{name}/{file.relative_to(source).as_posix()}", file


def _checked(sources: Iterator[tuple[str, Path]]) -> Iterator[tuple[str, Path]]:
    """Check that every file can be stored, before the first is stored."""
    seen: dict[str, Path] = {}
    for path, source in sources:
        check_artifact_path(path)
        if not source.exists():
            raise NotFound("file", str(source), "nothing was uploaded")
        if not source.is_file():
            raise NotAllowed("upload", str(source), "it is neither a file nor a folder")
        if seen.setdefault(path, source) != source:
            raise InvalidValue("file", str(source), f"would have the same path as {seen[path]}, {path!r}")
        yield path, source


def _refuse_existing(place: RunPlace, root: str, paths: Sequence[str]) -> None:
    known = {record.path for record in place.stores.artifacts.list(root, recursive=True)}
    existing = [path for path in paths if path in known]
    if existing:
        others = f" and {plural(len(existing) - 1, 'other')}" if len(existing) > 1 else ""
        raise AlreadyExists("file of the run", existing[0], f"--force replaces it{others}; nothing was uploaded")


def _store(place: RunPlace, root: str, path: str, source: Path, force: bool, advance: Advance) -> ArtifactRecord:
    with source.open("rb") as file:
        counted = cast(BinaryIO, _CountedFile(file, advance))
        return place.stores.artifacts.put(root, path, counted, replace=force)


class _CountedFile:
    """A file that reports how many bytes were read."""

    def __init__(self, file: BinaryIO, advance: Advance) -> None:
        self._file, self._advance = file, advance

    def read(self, size: int) -> bytes:
        piece = self._file.read(size)
        self._advance(len(piece))
        return piece
