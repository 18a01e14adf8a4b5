"""The page "A point is missing": its code for damaged journals shows the damage and every point that can be read."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from bridge import Experiment, Workspace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "missing_points.md"
NUMBER_BYTES = 48


def damaged_workspace(folder: Path) -> str:
    """Create a workspace with a damaged journal that is completely folded, and return the id of its run."""
    with Workspace.create("lab", path=folder) as workspace:
        run = Experiment(workspace, "digits").start_logging(outputs=False, snapshot_directory=None)
        for value in (0.5, 0.25, 0.125):
            run.log("loss", value)
        journal = next((folder / "journal").glob("*.log"))
        with journal.open("r+b") as file:
            file.seek(-2 * NUMBER_BYTES, 2)
            file.write(b"????")
        run.log("note", "after the damage")
        run.complete()
    with Workspace.open(str(folder)) as workspace:
        assert workspace.get_run(run.id).get_metrics("loss") == {"loss": [0.5, 0.125]}
    return str(run.id)


def test_the_code_for_damaged_journals_shows_the_damage_and_the_points(tmp_path: Path) -> None:
    run_id = damaged_workspace(tmp_path / "lab")
    code = next(
        block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "JournalReader" in block
    )
    program = f"from bridge import Workspace\nws = Workspace.open({str(tmp_path / 'lab')!r})\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    damage, *points = done.stdout.splitlines()
    assert re.fullmatch(rf"damaged: {NUMBER_BYTES} bytes at offset \d+", damage)
    assert points == [f"{run_id} loss  0.5", f"{run_id} loss  0.125", f"{run_id} note  after the damage"]
