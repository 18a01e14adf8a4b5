"""Text that UTF-8 cannot encode is refused at every border of a store, by an error of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.errors import InvalidValue, NotFound
from bridge.records.run import RunChanges, RunRecord
from bridge.records.search import Comparison, RunQuery
from bridge.store.create import create_store, ensure_store
from bridge.store.folder.files import Files
from bridge.store.one_run import create_run, get_run
from bridge.store.open import open_store, peek_store
from bridge.store.workspace_stores import WorkspaceStores

HALF = "\ud800"
ROOT = "0/r1/artifacts"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path / "work", "work")
    create_run(stores.tracking, RunRecord("r1", "0"))
    stores.artifacts.put(ROOT, "file", b"content")
    yield stores
    stores.close()


@pytest.mark.parametrize("call", [open_store, peek_store, ensure_store, lambda path: create_store(path, "work")])
def test_no_workspace_has_such_an_address(tmp_path: Path, call: Callable[[Path], object]) -> None:
    with pytest.raises((NotFound, InvalidValue)):
        call(tmp_path / HALF)
    assert list(tmp_path.iterdir()) == []


def test_a_source_of_such_a_name_does_not_exist(stores: WorkspaceStores, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        stores.artifacts.put(ROOT, "other", tmp_path / HALF)
    assert [record.path for record in stores.artifacts.list(ROOT)] == ["file"]


def test_nothing_is_downloaded_to_such_a_name(stores: WorkspaceStores, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="UTF-8"):
        stores.artifacts.download(ROOT, "file", tmp_path / HALF)


def test_no_file_of_a_folder_has_such_a_name(tmp_path: Path) -> None:
    files = Files(tmp_path)
    for call in (files.find, files.exists, files.remove):
        with pytest.raises(InvalidValue, match="UTF-8"):
            call(HALF)


def test_a_database_takes_no_such_text(stores: WorkspaceStores) -> None:
    tracking = stores.tracking
    before = get_run(tracking, "r1")
    for call in (
        lambda: tracking.create_experiment(HALF, 1),
        lambda: tracking.rename_experiment("0", HALF, 1),
        lambda: tracking.set_experiment_tags("0", {HALF: "x"}),
        lambda: tracking.update_runs(("r1",), RunChanges(tags={"x": HALF})),
        lambda: tracking.log("r1", HALF, 1.0, 1),
        lambda: tracking.log("r1", "x", HALF, 1),
        lambda: tracking.search_runs(RunQuery(("0",), (Comparison("tag", HALF, "=", "x"),))),
        lambda: tracking.find_artifact(HALF, "x"),
    ):
        with pytest.raises(InvalidValue):
            call()
    assert get_run(tracking, "r1") == before
