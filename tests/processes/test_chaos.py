"""Random kills over everything at once lose, double and reorder nothing, and leave no run Running.

`chaos.py` is the same from the command line, for long rows of pieces that can be taken up again.
It has an interpreter of its own here too, so that what other tests did to this one cannot be taken for a fault.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from chaos import preload, run_piece
from chaos_plants import PLANTS

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
    words = ["--seed", seed, "--kills", kills, "--launchers", launchers, "--keep", tmp_path]
    words += ["--no-lightning", "--short-stops"] if SCALE == 1 else []
    chaos = Path(__file__).with_name("chaos.py")
    ended = subprocess.run([sys.executable, str(chaos), *map(str, words)], stdout=subprocess.PIPE, text=True)
    figures = json.loads(ended.stdout)
    found = figures.pop("found")
    print(figures)
    assert found == {}
    assert ended.returncode == 0
    assert sum(figures["kills"].values()) >= kills
    assert figures["acknowledged"] > 5 * kills and figures["interrupted"] > kills / 4


@pytest.mark.parametrize("plant", PLANTS)
def test_a_fault_that_is_planted_is_found(tmp_path: Path, plant: str) -> None:
    preload()
    found = run_piece(tmp_path, seed=1, kills=20, launchers=0, plant=plant)["found"]
    assert found.get(PLANTS[plant][1])
