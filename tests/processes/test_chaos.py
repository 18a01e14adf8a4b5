"""Random kills over everything at once lose, double and reorder nothing, and leave no run Running.

`chaos.py` is the same from the command line, for long rows of pieces that can be taken up again.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from chaos import preload, run_piece

pytestmark = pytest.mark.processes

SCALE = int(os.environ.get("RUNBRIDGE_LONG", "1"))

PIECES = [(1, 100, 3)] if SCALE == 1 else [(1000 + number, 1000, 30) for number in range(SCALE)]
"""Seed, kills, and how many of these hit launchers and their scripts."""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("seed", "kills", "launchers"), PIECES)
def test_no_acknowledged_point_is_lost_doubled_or_reordered_by_chaos(
    tmp_path: Path, seed: int, kills: int, launchers: int
) -> None:
    """Writers, readers, folders, launchers and `mlflow gc` are killed, stopped, and interrupted at random."""
    preload(lightning=SCALE > 1)
    figures = run_piece(tmp_path, seed, kills, launchers, lightning=SCALE > 1, long_stops=SCALE > 1)
    found = figures.pop("found")
    print(figures)
    assert found == {}
    assert sum(figures["kills"].values()) >= kills
    assert figures["acknowledged"] > 5 * kills and figures["interrupted"] > kills / 4
