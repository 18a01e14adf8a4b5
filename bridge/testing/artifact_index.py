"""The conformance suite of the index of artifacts."""

from __future__ import annotations

import pytest

from bridge.errors import InvalidState
from bridge.records.artifact import ArtifactRecord
from bridge.store.backend import Backend
from bridge.testing.fixtures import BackendFixtures

ROOT = "0/r1/artifacts"


def file_record(path: str, size_bytes: int = 1) -> ArtifactRecord:
    """Return the record of a file."""
    return ArtifactRecord(path, size_bytes, "0" * 64, 5)


def listed(store: Backend, folder: str = "", recursive: bool = False, root: str = ROOT) -> list[str]:
    """Return the paths that the index lists in a folder."""
    return [record.path for record in store.list_artifacts(root, folder, recursive)]


class ArtifactIndexTests(BackendFixtures):
    """The tests of an artifact index. Each test checks one promise of the interface."""

    def test_the_record_of_a_file_is_found_as_it_was_stored(self, store: Backend, other: Backend) -> None:
        store.set_artifacts(
            ROOT, [file_record("a.txt"), ArtifactRecord("b.txt", 0, None, 7), file_record("c.bin", 2**40)]
        )
        assert other.find_artifact(ROOT, "a.txt") == file_record("a.txt")
        assert other.list_artifacts(ROOT) == [
            file_record("a.txt"),
            ArtifactRecord("b.txt", 0, None, 7),
            file_record("c.bin", 2**40),
        ]

    def test_a_path_that_was_not_stored_is_not_found(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [file_record("a/b.txt")])
        assert store.find_artifact(ROOT, "b.txt") is None
        assert store.find_artifact(ROOT, "a") is None
        assert store.find_artifact("0/r2/artifacts", "a/b.txt") is None
        assert listed(store, "no") == listed(store, "a/b.txt") == listed(store, "a/b") == []
        assert listed(store, root="0/r2/artifacts") == []
        store.set_artifacts(ROOT, [])
        assert listed(store) == ["a"]

    def test_a_folder_lists_files_and_folders_by_path(self, store: Backend) -> None:
        store.set_artifacts(
            ROOT, [file_record(path) for path in ("z", "m/x", "m/n/y", "m.txt", "m-1/q", "a/b/c/d", "Z")]
        )
        assert listed(store) == ["Z", "a", "m", "m-1", "m.txt", "z"]
        assert listed(store, "m") == ["m/n", "m/x"]
        assert listed(store, "a") == ["a/b"]
        assert listed(store, "a/b/c") == ["a/b/c/d"]
        assert [record.is_folder for record in store.list_artifacts(ROOT, "m")] == [True, False]
        assert store.list_artifacts(ROOT, "a") == [ArtifactRecord("a/b")]

    def test_all_files_below_a_folder_are_listed(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [file_record(path) for path in ("z", "m/x", "m/n/y", "m.txt", "m-1/q")])
        assert listed(store, recursive=True) == ["m-1/q", "m.txt", "m/n/y", "m/x", "z"]
        assert listed(store, "m", recursive=True) == ["m/n/y", "m/x"]
        assert listed(store, "m/x", recursive=True) == []

    def test_the_empty_root_lists_the_folders_that_contain_roots(self, store: Backend) -> None:
        for root in ("0/r1", "0/r-1", "0-0/r1", "10/models/m", "0/gone"):
            store.set_artifacts(f"{root}/artifacts", [file_record("a"), file_record("b/c")])
        store.delete_artifacts("0/gone/artifacts")
        assert store.list_artifacts("") == [ArtifactRecord("0"), ArtifactRecord("0-0"), ArtifactRecord("10")]
        assert listed(store, "0", root="") == ["0/r-1", "0/r1"]
        assert listed(store, "0/r1", root="") == ["0/r1/artifacts"]
        assert listed(store, "10/models", root="") == ["10/models/m"]
        assert listed(store, "0/r", root="") == listed(store, "1", root="") == []

    @pytest.mark.parametrize("name", ["epoch=1-step=2.ckpt", "a%b_c", "Größe 🎈", "a'b", " ", "*", "\U0010ffff"])
    def test_an_unusual_name_is_kept(self, store: Backend, name: str) -> None:
        store.set_artifacts(ROOT, [file_record(f"{name}/{name}"), file_record("other/x")])
        assert listed(store, recursive=True) == sorted([f"{name}/{name}", "other/x"])
        assert listed(store, name) == [f"{name}/{name}"]
        assert store.find_artifact(ROOT, f"{name}/{name}") == file_record(f"{name}/{name}")
        assert store.delete_artifacts(ROOT, name) == [f"{name}/{name}"]

    def test_names_are_compared_exactly(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [file_record("Model/a"), file_record("model/b"), file_record("model_1/c")])
        assert listed(store, "model") == ["model/b"]
        assert listed(store, "Model") == ["Model/a"]
        assert listed(store, "model%") == []
        assert store.delete_artifacts(ROOT, "model") == ["model/b"]

    def test_storing_a_path_again_replaces_its_record(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [file_record("a", 1)])
        store.set_artifacts(ROOT, [file_record("a", 2), file_record("a", 3)])
        assert store.list_artifacts(ROOT) == [file_record("a", 3)]

    @pytest.mark.parametrize("bad", ["a/b", "a/b/c", "d"])
    def test_a_call_with_a_path_below_a_file_or_to_a_folder_stores_nothing(self, store: Backend, bad: str) -> None:
        store.set_artifacts(ROOT, [file_record("a"), file_record("d/e")])
        with pytest.raises(InvalidState):
            store.set_artifacts(ROOT, [file_record("new"), file_record(bad)])
        assert listed(store, recursive=True) == ["a", "d/e"]

    def test_files_of_one_call_must_not_be_below_each_other(self, store: Backend) -> None:
        for records in ([file_record("a"), file_record("a/b")], [file_record("a/b"), file_record("a")]):
            with pytest.raises(InvalidState):
                store.set_artifacts(ROOT, records)
        assert listed(store) == []

    def test_a_file_a_folder_and_a_whole_root_can_be_removed(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [file_record(path) for path in ("a", "m/x", "m/n/y", "m.txt", "z/1")])
        store.set_artifacts("0/r2/artifacts", [file_record("a")])
        assert store.delete_artifacts(ROOT, "a") == ["a"]
        assert store.delete_artifacts(ROOT, "a") == []
        assert store.delete_artifacts(ROOT, "m") == ["m/n/y", "m/x"]
        assert listed(store, recursive=True) == ["m.txt", "z/1"]
        assert store.delete_artifacts(ROOT) == ["m.txt", "z/1"]
        assert listed(store) == []
        assert listed(store, root="0/r2/artifacts") == ["a"]

    def test_a_removed_path_of_a_file_may_become_a_folder(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [file_record("a")])
        store.delete_artifacts(ROOT, "a")
        store.set_artifacts(ROOT, [file_record("a/b")])
        assert listed(store) == ["a"]
