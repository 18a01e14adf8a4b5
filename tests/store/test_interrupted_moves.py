"""A move to another workspace that an exception of a signal handler interrupts is completed by the next call."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from interrupting import EXCEPTIONS, Interrupts, each_place, places
from longer import LONG

from bridge.errors import StoreUnavailable
from bridge.records.run import RunRecord
from bridge.store.create import create_store
from bridge.store.journaled import JournaledStore
from bridge.store.one_run import get_series
from bridge.store.open import open_store

FILES = ("/store/journaled.py", "/store/place_watch.py", "/store/owned_runs.py", "/store/fold.py")
STEP = 1 if LONG else 4 * len(EXCEPTIONS)

pytestmark = pytest.mark.usefixtures("garbage_collected")


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two workspaces; only `home` has the run."""
    folder = tmp_path_factory.mktemp("templates")
    for name in ("home", "other"):
        tracking = create_store(folder / name, name).tracking
        if name == "home":
            tracking.create_runs([RunRecord("r1", "0", status="Running")])
        tracking.close()
    return folder


def replaced(templates: Path, place: Path) -> JournaledStore:
    """Return the store of a workspace that was replaced after a point was logged and read."""
    shutil.copytree(templates / "home", place)
    tracking = open_store(place).tracking
    tracking.hold_lease("r1")
    tracking.log("r1", "a", 0, 0, 0)
    assert get_series(tracking, "r1")
    place.rename(place.with_name(f"{place.name}-moved"))
    shutil.copytree(templates / "other", place)
    return tracking


def test_an_interrupted_move_is_completed_by_the_next_call(templates: Path, tmp_path: Path, untended: None) -> None:
    counted = replaced(templates, tmp_path / "counted")
    count = places(FILES, counted._check_place)
    counted.close()
    assert count > 20
    for at, error in each_place(count, STEP):
        place = tmp_path / str(at)
        tracking = replaced(templates, place)
        with Interrupts(FILES, at, error) as interrupts, pytest.raises(error):
            tracking._check_place()
        where = f"{error.__name__} at {at}, {interrupts.where}"

        tracking.tend()
        assert not tracking.owns_runs, where
        assert tracking._folding._readers.workspace_id == open_store(place).id, where
        tracking.log("r1", "a", 1, 1, 1)
        with pytest.raises(StoreUnavailable, match="1 points are not written"):
            tracking.flush("r1")

        shutil.rmtree(place)
        place.with_name(f"{place.name}-moved").rename(place)
        tracking.flush("r1")
        (series,) = get_series(tracking, "r1")
        assert series.numbers is not None and series.numbers.tolist() == [0.0, 1.0], where
        tracking.close()
        shutil.rmtree(place)
