"""Files that all runs share have the name of their content, and no writer replaces those of another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from server_site import ServerSite, new_token, server_site

from bridge.errors import AlreadyExists, InvalidValue, NotAllowed, NotFound
from bridge.records.run import RunChanges, RunRecord
from bridge.server.roles import Role
from bridge.source.empty import EMPTY, SNAPSHOT_PROPERTY
from bridge.source.manifest import content_path, manifest_path, read_manifest, snapshot_id_of
from bridge.source.recorded_environment import ENVIRONMENT_PROPERTY, environment_path, keep_environment
from bridge.source.snapshot import restore_snapshot, take_snapshot
from bridge.store.create import create_store
from bridge.store.http.artifacts import HttpArtifacts
from bridge.store.http.backend import HttpBackend
from bridge.store.workspace_stores import WorkspaceStores

OURS, THEIRS = "1", "2"
ClientOf = Callable[..., HttpBackend]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path / "demo", "demo")
    assert [stores.tracking.create_experiment(name, 1).id for name in ("ours", "theirs")] == [OURS, THEIRS]
    stores.tracking.create_runs([RunRecord("ours", OURS), RunRecord("theirs", THEIRS)])
    yield stores
    stores.close()


@pytest.fixture
def site(stores: WorkspaceStores, tmp_path: Path) -> Iterator[ServerSite]:
    new_token(tmp_path / "home", "admin")
    with server_site({"demo": stores}, tmp_path / "home") as site:
        yield site


@pytest.fixture
def client_of(site: ServerSite) -> Iterator[ClientOf]:
    made = []

    def client_of(role: Role, experiment: str | None = None) -> HttpBackend:
        token = new_token(site.home, role, "demo", experiment)
        made.append(HttpBackend(f"{site.origin}/w/demo", token, patience_seconds=5))
        return made[-1]

    yield client_of
    for client in made:
        client.close()


def hash_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def manifest_of(*contents: bytes) -> bytes:
    files = [(f"{at}.py", "file", hash_of(content), len(content)) for at, content in enumerate(contents)]
    return json.dumps({"format": 1, "files": files}).encode()


def snapshot_of(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    (folder / "train.py").write_bytes(content)
    return folder


@pytest.mark.parametrize("role", ["writer", "admin"])
def test_a_file_of_a_snapshot_has_the_name_of_its_content(
    client_of: ClientOf, stores: WorkspaceStores, role: Role
) -> None:
    files = HttpArtifacts(client_of(role).connection)
    good, evil = b"print(1)", b"steal()"
    manifest = manifest_of(good)
    paths = {
        content_path(hash_of(good)): good,
        manifest_path(snapshot_id_of(hash_of(manifest))): manifest,
        environment_path(hash_of(b"{}")[:32]): b"{}",
    }
    for path, content in paths.items():
        assert files.put("snapshots", path, content).sha256 == hash_of(content)
        assert files.put("snapshots", path, content).sha256 == hash_of(content), "a repetition is no error"
        with pytest.raises(InvalidValue, match="the name that the SHA-256 of its content determines"):
            files.put("snapshots", path, evil)
        with pytest.raises(NotAllowed, match="all runs share them"):
            files.append("snapshots", path, evil)
        assert b"".join(stores.artifacts.get("snapshots", path)) == content
    for path in ("x", "files/x", "trees/x.json", "files/00/" + hash_of(good), "other/" + hash_of(good)):
        with pytest.raises(InvalidValue, match="the name that the SHA-256"):
            files.put("snapshots", path, good)
    assert len(stores.artifacts.list("snapshots", recursive=True)) == len(paths)


def test_a_registered_environment_is_not_replaced(client_of: ClientOf, stores: WorkspaceStores) -> None:
    first, other = (HttpArtifacts(client_of(role).connection) for role in ("writer", "admin"))
    assert first.put("environments", "torch/1.json", b"{}").size_bytes == 2
    assert other.put("environments", "torch/1.json", b"{}").size_bytes == 2, "it has the same content"
    for replace in (True, False):
        with pytest.raises(AlreadyExists):
            other.put("environments", "torch/1.json", b"evil", replace=replace)
    with pytest.raises(NotAllowed, match="all runs share them"):
        other.append("environments", "torch/1.json", b"evil")
    assert b"".join(stores.artifacts.get("environments", "torch/1.json")) == b"{}"


def test_a_token_for_one_experiment_reads_environments_and_registers_none(
    client_of: ClientOf, stores: WorkspaceStores
) -> None:
    files = HttpArtifacts(client_of("admin", OURS).connection)
    stores.artifacts.put("environments", "torch/1.json", b"{}")
    assert b"".join(files.get("environments", "torch/1.json")) == b"{}"
    assert [record.path for record in files.list("environments", recursive=True)] == ["torch/1.json"]
    for call in (
        lambda: files.put("environments", "torch/2.json", b"{}"),
        lambda: files.delete("environments", "torch/1.json"),
        lambda: files.delete("snapshots", "files"),
        lambda: files.list("snapshots", recursive=True),
    ):
        with pytest.raises(NotAllowed, match="only"):
            call()


def test_a_token_for_one_experiment_keeps_a_snapshot_and_sees_those_of_its_runs(
    client_of: ClientOf, stores: WorkspaceStores, tmp_path: Path
) -> None:
    store = client_of("writer", OURS)
    files = HttpArtifacts(store.connection)
    theirs = take_snapshot(stores.artifacts, snapshot_of(tmp_path / "theirs", b"secret")).id
    ours = take_snapshot(stores.artifacts, snapshot_of(tmp_path / "ours", b"public")).id
    assert theirs and ours
    stores.tracking.update_runs(["theirs"], RunChanges(properties={SNAPSHOT_PROPERTY: theirs}))
    for id in (theirs, ours):
        with pytest.raises(NotFound):
            restore_snapshot(files, id, tmp_path / "restored")
    stores.tracking.update_runs(["ours"], RunChanges(properties={SNAPSHOT_PROPERTY: ours}))
    restore_snapshot(files, ours, tmp_path / "restored")
    assert (tmp_path / "restored" / "train.py").read_bytes() == b"public"

    new = take_snapshot(files, snapshot_of(tmp_path / "new", b"secret\n")).id
    environment = keep_environment(files)
    properties = {SNAPSHOT_PROPERTY: new or "", ENVIRONMENT_PROPERTY: environment}
    store.create_runs([RunRecord("new", OURS, properties=properties), RunRecord("none", OURS)])
    store.update_runs(["none"], RunChanges(properties={SNAPSHOT_PROPERTY: EMPTY}))
    restore_snapshot(stores.artifacts, new or "", tmp_path / "new restored")
    assert (tmp_path / "new restored" / "train.py").read_bytes() == b"secret\n"


def test_a_token_for_one_experiment_cannot_find_out_what_others_have(
    client_of: ClientOf, stores: WorkspaceStores, tmp_path: Path
) -> None:
    store = client_of("admin", OURS)
    files = HttpArtifacts(store.connection)
    theirs = take_snapshot(stores.artifacts, snapshot_of(tmp_path / "theirs", b"secret")).id or ""
    environment = keep_environment(stores.artifacts)
    stores.tracking.update_runs(
        ["theirs"], RunChanges(properties={SNAPSHOT_PROPERTY: theirs, ENVIRONMENT_PROPERTY: environment})
    )
    (kept,) = read_manifest(stores.artifacts, theirs)
    known, unknown = content_path(kept.content), content_path(hash_of(b"nobody has this"))
    trees = manifest_path(theirs), manifest_path(snapshot_id_of(hash_of(b"no")))
    for path in (known, unknown, *trees, environment_path(environment)):
        assert files.stat("snapshots", path) is None
        with pytest.raises(NotFound, match=path):
            files.get("snapshots", path)
    for content in (b"secret", b"nobody has this"):
        with pytest.raises(NotAllowed, match="for which it was not uploaded"):
            files.put("snapshots", manifest_path(snapshot_id_of(hash_of(manifest_of(content)))), manifest_of(content))
    for name, id in ((SNAPSHOT_PROPERTY, theirs), (ENVIRONMENT_PROPERTY, environment)):
        for call in (
            lambda: store.create_runs([RunRecord("forged", OURS, properties={name: id})]),  # noqa: B023
            lambda: store.update_runs(["ours"], RunChanges(properties={name: id})),  # noqa: B023
        ):
            with pytest.raises(NotAllowed, match="for which it was not uploaded"):
                call()
    with pytest.raises(InvalidValue, match="must be the manifest of a snapshot"):
        files.put("snapshots", trees[1], b"no")
    files.put("snapshots", known, b"secret")
    assert files.stat("snapshots", known) is not None, "it has proved that it has the content"
