"""The index of artifacts lists folders exactly, and reads no more rows than needed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from longer import SCALE

from bridge.errors import InvalidState
from bridge.records.artifact import ArtifactRecord, folders_above
from bridge.store.sql.artifacts import delete_artifacts, find_artifact, list_artifacts, set_artifacts
from bridge.store.sql.migrate import migrate

ROOT = "0/run/artifacts"
NAMES = ("a", "b", "a.b", "a!", "a0", "ab", "ä", "\U0010ffff", "\U0010ffff" * 63)


@pytest.fixture
def index() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    yield connection
    connection.close()


def record(path: str, size_bytes: int = 1) -> ArtifactRecord:
    return ArtifactRecord(path, size_bytes, "0" * 64, 1_700_000_000_000)


def listed(paths: set[str], folder: str) -> list[str]:
    """Return the content of a folder, by a simple reference implementation."""
    start = folder + "/" if folder else ""
    return sorted({start + path[len(start) :].split("/")[0] for path in paths if path.startswith(start)})


paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)


@settings(max_examples=60 * SCALE)
@given(st.lists(st.tuples(st.sampled_from(["set", "set", "set", "delete"]), paths), max_size=15))
def test_the_index_agrees_with_a_set_of_paths(index: sqlite3.Connection, steps: list[tuple[str, str]]) -> None:
    delete_artifacts(index, ROOT)
    set_artifacts(index, "0/run/artifacts2", [record("a/x"), record("z")])
    known: set[str] = set()
    for verb, path in steps:
        below = {other for other in known if other == path or other.startswith(path + "/")}
        if verb == "delete":
            assert delete_artifacts(index, ROOT, path) == sorted(below)
            known -= below
        elif below - {path} or known & set(folders_above(path)):
            with pytest.raises(InvalidState):
                set_artifacts(index, ROOT, [record(path)])
        else:
            set_artifacts(index, ROOT, [record(path)])
            known.add(path)
    folders = {folder for path in known for folder in folders_above(path)}
    for folder in {"", "a", "missing", *folders, *known}:
        found = list_artifacts(index, ROOT, folder)
        assert [entry.path for entry in found] == listed(known, folder)
        assert all(entry.is_folder == (entry.path in folders) for entry in found)
        start = folder + "/" if folder else ""
        deep = [entry.path for entry in list_artifacts(index, ROOT, folder, recursive=True)]
        assert deep == sorted(path for path in known if path.startswith(start))
    assert delete_artifacts(index, ROOT) == sorted(known)
    assert [entry.path for entry in list_artifacts(index, "0/run/artifacts2", recursive=True)] == ["a/x", "z"]


def test_a_record_replaces_an_earlier_one_of_its_path(index: sqlite3.Connection) -> None:
    set_artifacts(index, ROOT, [record("x", 1), record("x", 2)])
    assert find_artifact(index, ROOT, "x") == record("x", 2)
    assert find_artifact(index, ROOT, "y") is None
    assert find_artifact(index, "0/other/artifacts", "x") is None


def test_two_records_of_one_call_must_not_clash(index: sqlite3.Connection) -> None:
    with pytest.raises(InvalidState, match="'a' is a file, but must be a folder"):
        set_artifacts(index, ROOT, [record("a"), record("a/b")])
    delete_artifacts(index, ROOT)
    with pytest.raises(InvalidState, match="'a' is a folder, but must be a file"):
        set_artifacts(index, ROOT, [record("a/b"), record("a")])


def test_listing_does_not_read_the_rows_of_subfolders(index: sqlite3.Connection) -> None:
    rows = [(ROOT, f"folder{n % 10}/{n:06}", 1, None, 0) for n in range(20_000)]
    index.executemany("INSERT INTO artifact VALUES (?, ?, ?, ?, ?)", rows)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    index.set_progress_handler(count, 1)
    try:
        found = list_artifacts(index, ROOT)
    finally:
        index.set_progress_handler(None, 1)
    assert [entry.path for entry in found] == [f"folder{n}" for n in range(10)]
    assert 0 < steps < 1_000
