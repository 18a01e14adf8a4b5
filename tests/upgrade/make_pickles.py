"""Write the pickles of `tests/upgrade/pickles`, with the code of an earlier commit.

    git worktree add /tmp/earlier 97db7e9
    PYTHONPATH=/tmp/earlier python tests/upgrade/make_pickles.py tests/upgrade/pickles

At that commit the pickles of handles named functions in modules that have moved since.
The pickles of handles have protocol 0, which is text, so that a test can replace the path of the workspace.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
from pathlib import Path

from bridge import CondaDependencies, Environment, Experiment, ScriptRunConfig, ViewType, Workspace

WORKSPACE = "/the/workspace"


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.create("earlier", path=f"{folder}/ws", location="here", durability="power")
        experiment = Experiment(workspace, "digits")
        run = experiment.start_logging(run_id="interactive", outputs=False, snapshot_directory=None)
        run.log_row("loss", train=0.5, test=0.25)
        Path(folder, "train.py").touch()
        environment = Environment("plain")
        environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["tiny==1"])
        script_run = experiment.submit(ScriptRunConfig(folder, script="train.py"), run_id="script")
        script_run.wait_for_completion(raise_on_error=False)
        things = {
            "workspace": workspace,
            "experiment": experiment,
            "run": run,
            "script_run": script_run,
            "view_type": ViewType,
            "metric": run.get_metric("loss").table,
            "environment": environment,
            "config": ScriptRunConfig("source", script="train.py", arguments=["--rate", 0.1], environment=environment),
        }
        run.complete()
        for name, thing in things.items():
            content = pickle.dumps(thing, protocol=2 if name in ("environment", "config") else 0)
            (target / f"{name}.pickle").write_bytes(content.replace(f"{folder}/ws".encode(), WORKSPACE.encode()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
