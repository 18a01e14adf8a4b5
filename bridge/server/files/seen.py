"""The files of snapshots that callers may use whose role holds only for one experiment.

All snapshots of a workspace share their files, so the name of a file does not tell to which experiments it belongs.
Such a caller sees the files that runs of its experiment use, and those that it has uploaded. It must not learn whether
other experiments have a file. So it can make a snapshot, or name one in a run, only of files that it sees.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from bridge.errors import BridgeError, InvalidState, InvalidValue, NotAllowed, SchemaMismatch
from bridge.records.artifact import ArtifactRecord
from bridge.records.search import Comparison, RunQuery
from bridge.records.views import Column, Texts
from bridge.server.files.hashed import Hashed
from bridge.server.files.shared import SNAPSHOTS, put_received
from bridge.server.workspaces import ServedWorkspace
from bridge.source.empty import EMPTY, SNAPSHOT_PROPERTY
from bridge.source.manifest import content_path, load_manifest, manifest_path, read_manifest
from bridge.source.recorded_environment import ENVIRONMENT_PROPERTY, environment_path

MOST_UPLOADED = 200_000
"""The greatest number of uploaded files that are remembered. Each needs about 200 bytes."""

MOST_EXPERIMENTS = 16
"""The number of experiments whose files are remembered. Those of others are found again in the manifests."""

MANIFEST_BYTES, PIECE_BYTES = 16 << 20, 1 << 20
"""The size of the greatest manifest, and of the pieces in which it is read."""

PATHS = {SNAPSHOT_PROPERTY: manifest_path, ENVIRONMENT_PROPERTY: environment_path}
"""For each property of a run that names a file of the snapshots, the function that returns the path of the file."""


class SeenFiles:
    """The files of the snapshots of a workspace, as callers see them whose role holds only for one experiment.

    Uploads are remembered until the server stops. Afterwards a run of the experiment must use a file, or the file must
    be uploaded again.

    Args:
        workspace: the workspace.
    """

    def __init__(self, workspace: ServedWorkspace) -> None:
        self._stores = workspace.stores
        self._lock = threading.Lock()
        self._uploaded: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._used: OrderedDict[str, _Used] = OrderedDict()

    @classmethod
    def of(cls, workspace: ServedWorkspace) -> SeenFiles:
        """Return the files of a workspace."""
        found: SeenFiles = workspace.served.kept("seen files", lambda: cls(workspace))
        return found

    def _add(self, experiment_id: str, path: str) -> None:
        """Remember that a caller has uploaded a file."""
        with self._lock:
            self._uploaded[experiment_id, path] = None
            self._uploaded.move_to_end((experiment_id, path))
            if len(self._uploaded) > MOST_UPLOADED:
                self._uploaded.popitem(last=False)

    def has(self, experiment_id: str, path: str) -> bool:
        """Return whether the callers of an experiment see a file."""
        with self._lock:
            if (experiment_id, path) in self._uploaded:
                return True
        folder, _, name = path.partition("/")
        if folder == "trees":
            return self._is_named(experiment_id, SNAPSHOT_PROPERTY, name.removesuffix(".json"))
        if folder == "environments":
            return self._is_named(experiment_id, ENVIRONMENT_PROPERTY, name.removesuffix(".json"))
        return self._is_used(experiment_id, path)

    def put(self, experiment_id: str, path: str, hashed: Hashed) -> ArtifactRecord:
        """Store a file of a snapshot that a caller has uploaded.

        Raises:
            InvalidValue: as `put_received` does.
            NotAllowed: the file is the manifest of a snapshot with files that the caller does not see.
        """
        content = None
        if path.startswith("trees/"):
            content = _whole(hashed)
            self._check_manifest(experiment_id, path, content)
        record = put_received(self._stores.artifacts, SNAPSHOTS, path, hashed, True, content)
        self._add(experiment_id, path)
        return record

    def _check_manifest(self, experiment_id: str, path: str, content: bytes) -> None:
        try:
            files = load_manifest(content, path)
        except (InvalidState, SchemaMismatch) as error:
            raise InvalidValue("body", f"{len(content)} bytes", "must be the manifest of a snapshot") from error
        for kept in files:
            if kept.kind != "link" and not self.has(experiment_id, content_path(kept.content)):
                raise NotAllowed("store a snapshot with", kept.path, _reason(experiment_id))

    def check_properties(self, experiment_id: str, properties: Mapping[str, str]) -> None:
        """Check that a caller sees the snapshot and the recorded environment that it sets as properties of a run.

        Raises:
            NotAllowed: it does not.
        """
        for name, path_of in PATHS.items():
            id = properties.get(name)
            if id is not None and id != EMPTY and not self.has(experiment_id, path_of(id)):
                raise NotAllowed(f"set the property {name} to", id, _reason(experiment_id))

    def _is_named(self, experiment_id: str, name: str, id: str) -> bool:
        """Return whether a run of an experiment has a property with a value."""
        clause = Comparison("property", name, "=", id)
        query = RunQuery((experiment_id,), (clause,), view="all", max_results=1)
        return bool(self._stores.tracking.inner.search_run_ids(query).items)

    def _is_used(self, experiment_id: str, path: str) -> bool:
        """Return whether a snapshot of a run contains a file. New snapshots are read if it is not known yet."""
        with self._lock:
            used = self._used.setdefault(experiment_id, _Used())
            self._used.move_to_end(experiment_id)
            if len(self._used) > MOST_EXPERIMENTS:
                self._used.popitem(last=False)
        if path in used.paths:
            return True
        for id in self._snapshots(experiment_id) - used.snapshots:
            try:
                files = read_manifest(self._stores.artifacts, id)
            except BridgeError:  # the snapshot is damaged or was removed
                continue
            used.paths.update(content_path(kept.content) for kept in files if kept.kind != "link")
            used.snapshots.add(id)
        return path in used.paths

    def _snapshots(self, experiment_id: str) -> set[str]:
        column = Column("property", SNAPSHOT_PROPERTY)
        (found,) = self._stores.tracking.views.get_columns(RunQuery((experiment_id,), view="all"), [column]).columns
        assert isinstance(found, Texts)
        return {str(word) for word in found.words if word is not None}


def _whole(hashed: Hashed) -> bytes:
    pieces, size = [], 0
    while piece := hashed.read(PIECE_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > MANIFEST_BYTES:
            raise InvalidValue("body", "the manifest of a snapshot", f"must have at most {MANIFEST_BYTES} bytes")
    return b"".join(pieces)


class _Used:
    """The snapshots of an experiment whose manifests were read, and the paths of their files."""

    def __init__(self) -> None:
        self.snapshots: set[str] = set()
        self.paths: set[str] = set()


def _reason(experiment_id: str) -> str:
    return f"your token is only for experiment {experiment_id}, for which it was not uploaded: store it again"
