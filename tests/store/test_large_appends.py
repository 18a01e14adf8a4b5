"""Parts of many journals that are too large for one request are sent in several."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.records.run import RunRecord
from bridge.server.serve import serve_background
from bridge.store.create import create_store
from bridge.store.http.backend import HttpBackend
from bridge.store.http.methods import POINTS_BYTES
from bridge.store.one_run import get_series
from bridge.testing.slices import Entry, make_slice

JOURNALS, TEXTS = 3, 400


@pytest.mark.slow
def test_slices_of_many_journals_are_sent_in_several_requests(tmp_path: Path) -> None:
    stores = create_store(tmp_path / "demo", "demo")
    text = "x" * 65_000
    slices = [
        make_slice(f"j{number}", 0, 9, [Entry("r", "text", text, time=number + 1)] * TEXTS)
        for number in range(JOURNALS)
    ]
    assert JOURNALS * TEXTS * len(text) > POINTS_BYTES
    try:
        stores.tracking.create_runs([RunRecord("r", "0")])
        with serve_background([stores]) as server:
            backend = HttpBackend(server.address)
            assert backend.append(slices) == {f"j{number}": 9 for number in range(JOURNALS)}
            backend.close()
        (series,) = get_series(stores.tracking, "r")
        assert len(series.steps) == JOURNALS * TEXTS
    finally:
        stores.close()
