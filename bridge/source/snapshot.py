"""Stores and restores snapshots of the source of runs. Files with the same content are stored only once."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from bridge.address import home_folder
from bridge.errors import InvalidState, InvalidValue, NotFound
from bridge.journal.system import is_of_handler
from bridge.journal.whole_file import written_whole
from bridge.records.limits import SNAPSHOT_BYTES, SNAPSHOT_ENTRIES, SNAPSHOT_FILES
from bridge.source.empty import EMPTY
from bridge.source.known_tree import KnownTree, read_known, write_known
from bridge.source.manifest import (
    FORMAT,
    ID,
    MODES,
    ROOT,
    Kept,
    content_of,
    content_path,
    manifest_path,
    read_manifest,
    sha256_of,
    snapshot_id_of,
)
from bridge.source.tree import Found, Tree, TreeScan, folders_of, single_file
from bridge.store.artifacts import ArtifactStore, stream_of
from bridge.store.local_file import Writing
from bridge.store.walk import TooManyEntries

if TYPE_CHECKING:
    pass

logger = logging.getLogger("bridge")

NOT_SOURCE_AT_HOME = ("environments", "imports", "snapshots")
"""Folders in `$BRIDGE_HOME` (by default `~/.bridge`) that are excluded, even from a snapshot of this folder itself."""

PIECE_BYTES = 1 << 20
IN_MEMORY_BYTES = 16 << 20
NAMED = 10
"""The greatest number of files that a warning names."""


class Snapshot(NamedTuple):
    """The result of taking a snapshot.

    Attributes:
        id: the id of the snapshot; None if no snapshot was stored.
        warnings: warnings about files that were excluded.
    """

    id: str | None
    warnings: tuple[str, ...] = ()


def take_snapshot(
    artifacts: ArtifactStore, folder: str | os.PathLike[str], *, workspace_folder: str | os.PathLike[str] | None = None
) -> Snapshot:
    """Store the files of a folder, or one file.

    Folders with the same files have the same snapshot id, in every workspace. No content is stored twice.
    A file is not read if its size, inode and times are the same as in the last snapshot of this folder.
    A file is excluded if `.amlignore` excludes it; if there is no `.amlignore`, then `.gitignore` is used. Names that
    are usually not source (`bridge.source.ignore`) are excluded too, unless the ignore file re-includes them by name.
    If the folder has more than 2,000 files, or more than 300 MB, the largest files are excluded, with a warning.
    If the folder contains more than 10,000 files and folders, nothing is stored. A warning then states what to do.

    Args:
        artifacts: the artifact store.
        folder: the folder or file.
        workspace_folder: the folder of the workspace, which is excluded. Other workspaces in `folder` are excluded too.

    Raises:
        NotFound: the folder or file does not exist.
    """
    top = Path(os.path.realpath(folder))
    if not top.exists():
        raise NotFound("folder", str(folder))
    begun_ns = time.time_ns()
    if not top.is_dir():
        return _keep(artifacts, top.parent, single_file(top), KnownTree()).snapshot
    most_bytes, most_files, most_entries = limits()
    home = home_folder()
    excluded = [home, *(home / name for name in NOT_SOURCE_AT_HOME)]
    if workspace_folder is not None:
        excluded.append(Path(workspace_folder))
    known = read_known(top)
    try:
        scan = TreeScan(top, most_entries, frozenset(folders_of(excluded)))
        tree = scan.run(known.decided, known.decided_with)
    except TooManyEntries:
        reason = f"No snapshot of {top} was taken, because it contains more than {most_entries:,} files and folders"
        return Snapshot(None, (f"{reason}: list the folders that are not source in {top / '.amlignore'}.",))
    too_large = _exclude_largest(tree, most_bytes, most_files)
    if too_large:
        tree.warnings.append(too_large)
    kept = _keep(artifacts, top, tree, known)
    if kept.contents is not None:
        write_known(top, kept.snapshot.id or "", tree, kept.contents, begun_ns)
    logger.debug("Snapshot %s was taken of %s: %d files", kept.snapshot.id, top, len(tree.files))
    return kept.snapshot


def restore_snapshot(artifacts: ArtifactStore, snapshot_id: str, target: str | os.PathLike[str]) -> None:
    """Write the files of a snapshot to a folder. Create the folder if necessary. Other files in the folder are kept.

    Raises:
        NotFound: the snapshot does not exist.
        InvalidState: the snapshot is damaged.
    """
    top = Path(target)
    top.mkdir(parents=True, exist_ok=True)
    links = []
    for kept in read_manifest(artifacts, snapshot_id):
        place = top / kept.path
        place.parent.mkdir(parents=True, exist_ok=True)
        if kept.kind == "link":
            links.append(kept)
            continue
        with written_whole(place) as part, part.open("wb") as file:
            for piece in content_of(artifacts, snapshot_id, kept):
                file.write(piece)
            if kept.kind == "executable":
                mode = os.fstat(file.fileno()).st_mode & 0o777
                os.fchmod(file.fileno(), mode | (mode & 0o444) >> 2)
    for kept in links:  # links are created last, so that no file is written to a folder that is a link
        (top / kept.path).unlink(missing_ok=True)
        (top / kept.path).symlink_to(kept.content)
    inside = os.path.realpath(top)
    for kept in links:  # check where each link really leads, because its target may contain another link
        if os.path.commonpath((os.path.realpath(top / kept.path), inside)) != inside:
            (top / kept.path).unlink()
            reason = f"damaged (the link {kept.path!r} leads out of the folder of the snapshot)"
            raise InvalidState("snapshot", snapshot_id, reason, "intact")


def copy_snapshot(source: ArtifactStore, target: ArtifactStore, snapshot_id: str) -> None:
    """Copy a snapshot from one workspace to another. Do nothing if the other workspace already has the snapshot.

    Raises:
        NotFound, InvalidState: as for `restore_snapshot`.
    """
    if _is_there(target, snapshot_id):
        return
    for kept in read_manifest(source, snapshot_id):
        if kept.kind != "link" and target.stat(ROOT, content_path(kept.content)) is None:
            target.put(ROOT, content_path(kept.content), stream_of(content_of(source, snapshot_id, kept)))
    manifest = stream_of(source.get(ROOT, manifest_path(snapshot_id)))
    # The manifest is stored last: if it exists, the contents of all its files exist.
    target.put(ROOT, manifest_path(snapshot_id), manifest)


def write_snapshot_zip(artifacts: ArtifactStore, snapshot_id: str, folder: str | os.PathLike[str]) -> Path:
    """Write the files of a snapshot to `<id>.zip` in a folder, and return the absolute path of the zip file.

    The folder is created if it does not exist.

    Raises:
        NotFound, InvalidState: as for `restore_snapshot`.
    """
    import zipfile

    kept_files = read_manifest(artifacts, snapshot_id)
    target = Path(os.path.abspath(folder)) / f"{snapshot_id}.zip"
    with Writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for kept in kept_files:
                # The date of an entry is always 1980 (the default), so that a snapshot always gives the same zip file.
                info = zipfile.ZipInfo(kept.path)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = MODES[kept.kind] << 16
                with archive.open(info, "w", force_zip64=True) as file:
                    for piece in content_of(artifacts, snapshot_id, kept):
                        file.write(piece)
    return target


def limits() -> tuple[int, int, int]:
    """Return the limits of a snapshot: bytes, files, and entries (files and folders) of the source folder.

    `BRIDGE_SNAPSHOT_BYTES` and `BRIDGE_SNAPSHOT_FILES` set the limits of bytes and files. Azure ML's
    `AML_SNAPSHOT_NO_FILE_LIMIT` removes the limit of files. The limit of entries is five times the limit of files.

    Raises:
        InvalidValue: the value of one of these environment variables is not a number.
    """
    most_files = _setting("BRIDGE_SNAPSHOT_FILES", SNAPSHOT_FILES)
    if os.environ.get("AML_SNAPSHOT_NO_FILE_LIMIT", "").lower() in ("1", "true"):
        most_files = 1 << 40
    most_entries = most_files * (SNAPSHOT_ENTRIES // SNAPSHOT_FILES)
    return _setting("BRIDGE_SNAPSHOT_BYTES", SNAPSHOT_BYTES), most_files, most_entries


def _setting(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit():
        raise InvalidValue(name, text, "must be a whole number, zero or greater")
    return int(text)


def _exclude_largest(tree: Tree, most_bytes: int, most_files: int) -> str:
    """Remove the largest files until the rest is within the limits. Return a text about them; "" if none is removed."""
    total, count = sum(found.size_bytes for found in tree.files), len(tree.files)
    excluded: list[Found] = []
    for found in sorted(tree.files, key=lambda found: found.size_bytes, reverse=True):
        if total <= most_bytes and count <= most_files:
            break
        excluded.append(found)
        total, count = total - found.size_bytes, count - 1
    if not excluded:
        return ""
    gone = {found.path for found in excluded}
    tree.files = [found for found in tree.files if found.path not in gone]
    names = ", ".join(f"{found.path} ({found.size_bytes / 1e6:.1f} MB)" for found in excluded[:NAMED])
    more = f" and {len(excluded) - NAMED:,} more" if len(excluded) > NAMED else ""
    within = f"{most_bytes / 1e6:g} MB and {most_files:,} files"
    return f"{names}{more} (a snapshot has at most {within}: list the files that are not source in .amlignore)"


class _Result(NamedTuple):
    snapshot: Snapshot
    contents: dict[str, str] | None
    """The hash or link target of each stored file, by path; None if no file has changed since the last snapshot."""


def _keep(artifacts: ArtifactStore, top: Path, tree: Tree, known: KnownTree) -> _Result:
    if not tree.files:
        return _Result(Snapshot(EMPTY, _sentences(top, tree)), None)
    known_here = _is_there(artifacts, known.snapshot_id)
    if known_here and known.equals(tree.files):
        return _Result(Snapshot(known.snapshot_id, _sentences(top, tree)), None)
    stored = {content for _, content in known.files.values()} if known_here else set()
    kept = []
    for found in tree.files:
        try:
            content = found.target or _store(artifacts, top / found.path, known.content_of(found), stored)
        except OSError as error:
            if is_of_handler(error):
                raise
            if isinstance(error, FileNotFoundError):  # the file was removed after the scan
                continue
            tree.warnings.append(f"{found.path} ({(error.strerror or str(error)).lower()})")
            continue
        stored.add(content)
        kept.append(Kept(found.path, found.kind, content, found.size_bytes))
    contents = {each.path: each.content for each in kept}
    return _Result(Snapshot(_write_manifest(artifacts, kept), _sentences(top, tree)), contents)


def _store(artifacts: ArtifactStore, file: Path, sha256: str, stored: set[str]) -> str:
    """Store the content of a file if it is not stored yet, and return the hash of the content.

    Args:
        artifacts: the artifact store.
        file: the file. It is read only if its hash is not known or its content is not stored.
        sha256: the hash of the content; "" if it is not known.
        stored: the hashes of contents that are known to be stored.
    """
    if sha256 and (sha256 in stored or artifacts.stat(ROOT, content_path(sha256))):
        return sha256
    # The file is read only once, and the hash is that of the bytes that are stored. Between two reads it could change.
    with file.open("rb") as source:
        begin = source.read(PIECE_BYTES)
        if len(begin) < PIECE_BYTES:
            sha256 = sha256_of(begin).hexdigest()
            if sha256 not in stored and not artifacts.stat(ROOT, content_path(sha256)):
                artifacts.put(ROOT, content_path(sha256), begin)
            return sha256
        return _store_large(artifacts, begin, source, stored)


def _store_large(artifacts: ArtifactStore, begin: bytes, rest: BinaryIO, stored: set[str]) -> str:
    import tempfile

    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as copy:
        digest = sha256_of()
        for piece in chain([begin], iter(lambda: rest.read(PIECE_BYTES), b"")):
            digest.update(piece)
            copy.write(piece)
        sha256 = digest.hexdigest()
        if sha256 not in stored and not artifacts.stat(ROOT, content_path(sha256)):
            copy.seek(0)
            artifacts.put(ROOT, content_path(sha256), cast("BinaryIO", copy))
    return sha256


def _write_manifest(artifacts: ArtifactStore, kept: Sequence[Kept]) -> str:
    """Store the manifest of a snapshot, and return the id of the snapshot, which is a hash of the manifest."""
    if not kept:
        return EMPTY
    manifest = json.dumps({"format": FORMAT, "files": kept}, separators=(",", ":")).encode()
    snapshot_id = snapshot_id_of(sha256_of(manifest).hexdigest())
    if not _is_there(artifacts, snapshot_id):
        artifacts.put(ROOT, manifest_path(snapshot_id), manifest)
    return snapshot_id


def _is_there(artifacts: ArtifactStore, snapshot_id: str) -> bool:
    if snapshot_id == EMPTY:
        return True
    return bool(ID.fullmatch(snapshot_id)) and artifacts.stat(ROOT, manifest_path(snapshot_id)) is not None


def _sentences(top: Path, tree: Tree) -> tuple[str, ...]:
    if not tree.warnings:
        return ()
    named = "; ".join(tree.warnings[:NAMED])
    more = f"; and {len(tree.warnings) - NAMED:,} more" if len(tree.warnings) > NAMED else ""
    return (f"The snapshot of {top} does not contain: {named}{more}.",)
