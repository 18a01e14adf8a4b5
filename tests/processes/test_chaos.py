"""Random kills of all kinds of processes lose, duplicate and reorder no point, and leave no run Running.

`chaos.py` runs the same from the command line, for long series of pieces that can be resumed.
Here it runs in an interpreter of its own too, so that the effects of other tests are not taken for faults.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from chaos import preload, run_piece
from chaos_plants import PLANTS
from longer import SCALE

pytestmark = pytest.mark.processes


PIECES = [(1, 50, 2)] if SCALE == 1 else [(1000 + number, 1000, 30) for number in range(SCALE)]
"""The seed, the number of kills, and how many of them hit launchers and their scripts."""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("sealing", ((), ("--sealing",)), ids=("usual", "sealing"))
@pytest.mark.parametrize(("seed", "kills", "launchers"), PIECES)
def test_chaos_loses_duplicates_and_reorders_no_acknowledged_point(
    tmp_path: Path, seed: int, kills: int, launchers: int, sealing: tuple[str, ...]
) -> None:
    """Writers, readers, folds, launchers and `mlflow gc` are killed, stopped, and interrupted at random."""
    words = ["--seed", seed, "--kills", kills, "--launchers", launchers, "--keep", tmp_path]
    words += ["--no-lightning", "--short-stops"] if SCALE == 1 else []
    chaos = Path(__file__).parent / "chaos" / "chaos.py"
    ended = subprocess.run([sys.executable, str(chaos), *map(str, words), *sealing], stdout=subprocess.PIPE, text=True)
    figures = json.loads(ended.stdout)
    found = figures.pop("found")
    print(figures)
    assert found == {}
    assert ended.returncode == 0
    assert sum(figures["kills"].values()) >= kills
    assert not sealing or figures["sealed"] > figures["points"] / 10
    assert figures["acknowledged"] > 5 * kills and figures["interrupted"] > kills / 4


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_fault_is_found(tmp_path: Path, plant: str) -> None:
    preload()
    found = run_piece(tmp_path, seed=1, kills=20, launchers=0, plant=plant, sealing=plant == "resealed")["found"]
    assert found.get(PLANTS[plant][1])
