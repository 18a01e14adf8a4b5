"""A repair that is killed at any moment leaves a workspace that a second repair makes healthy."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filled import change, copy_of
from longer import LONG, SCALE

from bridge.maintenance.doctor import examine
from bridge.maintenance.findings import is_healthy
from bridge.maintenance.repair import repair

pytestmark = pytest.mark.slow

KILLS = 8 * SCALE


def test_a_killed_repair_can_be_repeated(template: Path, tmp_path: Path) -> None:
    draw = random.Random(None if LONG else 1)
    for number in range(KILLS):
        work = copy_of(template, tmp_path / str(number))
        change(work, "UPDATE series SET latest_step = -5")
        change(work, "UPDATE counter SET points = points + 3")
        assert not is_healthy(examine(work))
        command = [sys.executable, "-m", "bridge", "doctor", "--repair", "--workspace", str(work)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            time.sleep(draw.uniform(0.1, 0.4))  # some end before it: this may happen at any moment
            process.kill()
        assert is_healthy(repair(work).left)
        assert is_healthy(examine(work))
