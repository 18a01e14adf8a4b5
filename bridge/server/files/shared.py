"""The files that belong to no run: the contents of snapshots, and the registered environments.

All runs of a workspace share these files, so a writer must not replace what others have stored. The content of a file
of a snapshot determines its name. A registered environment is stored once, and then stays as it is.
"""

from __future__ import annotations

from bridge.errors import AlreadyExists
from bridge.records.artifact import ArtifactRecord
from bridge.server.files.hashed import Hashed
from bridge.source.stored_names import check_stored_name
from bridge.store.artifacts import ArtifactStore

SNAPSHOTS, ENVIRONMENTS = "snapshots", "environments"
OF_WORKSPACE = frozenset({SNAPSHOTS, ENVIRONMENTS})
"""The roots of the files that belong to the whole workspace."""


def put_received(
    artifacts: ArtifactStore, root: str, path: str, hashed: Hashed, replace: bool, content: bytes | None = None
) -> ArtifactRecord:
    """Store the body of a request as a file.

    A file of the whole workspace that exists stays as it is. If the body has the same content, that is no error.

    Args:
        artifacts: the artifact store.
        root: the artifact root, which the sender may write to.
        path: the artifact path.
        hashed: the stream of the file.
        replace: whether to replace a file of a run.
        content: the content of the file, if it was read from the stream already.

    Raises:
        InvalidValue: the hash at the end of the body, or the name of the file, is not that of the content.
        AlreadyExists: the file exists, and may not be replaced.
    """

    def check(size_bytes: int, sha256: str) -> None:
        hashed.check(size_bytes, sha256)
        if root == SNAPSHOTS:
            check_stored_name(path, sha256)

    try:
        return artifacts.put(
            root, path, hashed.stream if content is None else content, replace and root != ENVIRONMENTS, check
        )
    except AlreadyExists:
        found = artifacts.stat(root, path)
        if not replace or found is None or found.sha256 != hashed.sha256:
            raise
        return found
