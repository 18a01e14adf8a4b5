"""Measure the time from `submit` to Completed for a script of one second, and compare it with running it directly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, measure
from benchmarks.harness.places import new_workspace
from benchmarks.harness.rows import Row, value_at_most
from bridge import Experiment, ScriptRunConfig
from bridge.handles.script_run import ScriptRun


def rows(options: Options) -> Iterator[Row]:
    sleeps = options.pick(0.1, 1, 1)
    folder = options.new_folder("source")
    (folder / "train.py").write_text(f"import time; time.sleep({sleeps}); print('done')\n")
    experiment = Experiment(new_workspace(options), "submit")
    submitted: list[ScriptRun] = []

    def submit() -> None:
        submitted.append(experiment.submit(ScriptRunConfig(folder, script="train.py")))

    def clean(_: object) -> None:
        for run in submitted:
            run.wait_for_completion()
            run.clean()
        submitted.clear()

    def complete(_: object) -> None:
        submit()
        submitted[-1].wait_for_completion()

    times = measure(
        {
            "direct": Case(lambda _: subprocess.run([sys.executable, folder / "train.py"], check=True, stdout=-3)),
            "submit": Case(lambda _: submit(), prepare=lambda: clean(None)),
            "completed": Case(complete, prepare=lambda: clean(None)),
        },
        options.repeats(5),
    )
    clean(None)
    direct = f"python train.py, which sleeps {sleeps} s"
    yield Row("submit", "submit to Completed", times["completed"].wall, "s", direct, times["direct"].wall,
              bar=value_at_most(3.0))  # fmt: skip
    yield Row("submit", "submit returns", times["submit"].wall, "s", direct, times["direct"].wall)


if __name__ == "__main__":
    main(__doc__, rows)
