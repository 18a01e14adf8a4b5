"""What a tracking store promises of the index of artifacts."""

from __future__ import annotations

import pytest

from bridge.errors import InvalidState
from bridge.records.artifact import ArtifactRecord
from bridge.store.backend import Backend
from bridge.testing.fixtures import BackendFixtures

ROOT = "0/r1/artifacts"


def noted(path: str, size_bytes: int = 1) -> ArtifactRecord:
    """A file."""
    return ArtifactRecord(path, size_bytes, "0" * 64, 5)


def listed(store: Backend, folder: str = "", recursive: bool = False, root: str = ROOT) -> list[str]:
    """Return the paths in a folder."""
    return [record.path for record in store.list_artifacts(root, folder, recursive)]


class ArtifactIndexTests(BackendFixtures):
    """One promise a test."""

    def test_a_noted_file_is_found_as_it_was_noted(self, store: Backend, other: Backend) -> None:
        store.set_artifacts(ROOT, [noted("a.txt"), ArtifactRecord("b.txt", 0, None, 7), noted("c.bin", 2**40)])
        assert other.find_artifact(ROOT, "a.txt") == noted("a.txt")
        assert other.list_artifacts(ROOT) == [
            noted("a.txt"),
            ArtifactRecord("b.txt", 0, None, 7),
            noted("c.bin", 2**40),
        ]

    def test_what_was_not_noted_is_not_there(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [noted("a/b.txt")])
        assert store.find_artifact(ROOT, "b.txt") is None
        assert store.find_artifact(ROOT, "a") is None
        assert store.find_artifact("0/r2/artifacts", "a/b.txt") is None
        assert listed(store, "no") == listed(store, "a/b.txt") == listed(store, "a/b") == []
        assert listed(store, root="0/r2/artifacts") == []
        store.set_artifacts(ROOT, [])
        assert listed(store) == ["a"]

    def test_a_folder_lists_files_and_folders_by_path(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [noted(path) for path in ("z", "m/x", "m/n/y", "m.txt", "m-1/q", "a/b/c/d", "Z")])
        assert listed(store) == ["Z", "a", "m", "m-1", "m.txt", "z"]
        assert listed(store, "m") == ["m/n", "m/x"]
        assert listed(store, "a") == ["a/b"]
        assert listed(store, "a/b/c") == ["a/b/c/d"]
        assert [record.is_folder for record in store.list_artifacts(ROOT, "m")] == [True, False]
        assert store.list_artifacts(ROOT, "a") == [ArtifactRecord("a/b")]

    def test_all_files_below_a_folder_are_listed(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [noted(path) for path in ("z", "m/x", "m/n/y", "m.txt", "m-1/q")])
        assert listed(store, recursive=True) == ["m-1/q", "m.txt", "m/n/y", "m/x", "z"]
        assert listed(store, "m", recursive=True) == ["m/n/y", "m/x"]
        assert listed(store, "m/x", recursive=True) == []

    def test_the_folder_of_all_roots_lists_the_folders_in_which_they_lie(self, store: Backend) -> None:
        for root in ("0/r1", "0/r-1", "0-0/r1", "10/models/m", "0/gone"):
            store.set_artifacts(f"{root}/artifacts", [noted("a"), noted("b/c")])
        store.delete_artifacts("0/gone/artifacts")
        assert store.list_artifacts("") == [ArtifactRecord("0"), ArtifactRecord("0-0"), ArtifactRecord("10")]
        assert listed(store, "0", root="") == ["0/r-1", "0/r1"]
        assert listed(store, "0/r1", root="") == ["0/r1/artifacts"]
        assert listed(store, "10/models", root="") == ["10/models/m"]
        assert listed(store, "0/r", root="") == listed(store, "1", root="") == []

    @pytest.mark.parametrize("name", ["epoch=1-step=2.ckpt", "a%b_c", "Größe 🎈", "a'b", " ", "*", "\U0010ffff"])
    def test_an_unusual_name_is_kept(self, store: Backend, name: str) -> None:
        store.set_artifacts(ROOT, [noted(f"{name}/{name}"), noted("other/x")])
        assert listed(store, recursive=True) == sorted([f"{name}/{name}", "other/x"])
        assert listed(store, name) == [f"{name}/{name}"]
        assert store.find_artifact(ROOT, f"{name}/{name}") == noted(f"{name}/{name}")
        assert store.delete_artifacts(ROOT, name) == [f"{name}/{name}"]

    def test_names_are_compared_exactly(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [noted("Model/a"), noted("model/b"), noted("model_1/c")])
        assert listed(store, "model") == ["model/b"]
        assert listed(store, "Model") == ["Model/a"]
        assert listed(store, "model%") == []
        assert store.delete_artifacts(ROOT, "model") == ["model/b"]

    def test_noting_a_path_again_replaces_it(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [noted("a", 1)])
        store.set_artifacts(ROOT, [noted("a", 2), noted("a", 3)])
        assert store.list_artifacts(ROOT) == [noted("a", 3)]

    @pytest.mark.parametrize("bad", ["a/b", "a/b/c", "d"])
    def test_a_path_through_a_file_or_to_a_folder_is_refused_with_all_that_came_with_it(
        self, store: Backend, bad: str
    ) -> None:
        store.set_artifacts(ROOT, [noted("a"), noted("d/e")])
        with pytest.raises(InvalidState):
            store.set_artifacts(ROOT, [noted("new"), noted(bad)])
        assert listed(store, recursive=True) == ["a", "d/e"]

    def test_files_of_one_call_may_not_run_through_each_other(self, store: Backend) -> None:
        for records in ([noted("a"), noted("a/b")], [noted("a/b"), noted("a")]):
            with pytest.raises(InvalidState):
                store.set_artifacts(ROOT, records)
        assert listed(store) == []

    def test_a_file_a_folder_and_everything_are_forgotten(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [noted(path) for path in ("a", "m/x", "m/n/y", "m.txt", "z/1")])
        store.set_artifacts("0/r2/artifacts", [noted("a")])
        assert store.delete_artifacts(ROOT, "a") == ["a"]
        assert store.delete_artifacts(ROOT, "a") == []
        assert store.delete_artifacts(ROOT, "m") == ["m/n/y", "m/x"]
        assert listed(store, recursive=True) == ["m.txt", "z/1"]
        assert store.delete_artifacts(ROOT) == ["m.txt", "z/1"]
        assert listed(store) == []
        assert listed(store, root="0/r2/artifacts") == ["a"]

    def test_a_forgotten_file_may_become_a_folder(self, store: Backend) -> None:
        store.set_artifacts(ROOT, [noted("a")])
        store.delete_artifacts(ROOT, "a")
        store.set_artifacts(ROOT, [noted("a/b")])
        assert listed(store) == ["a"]
