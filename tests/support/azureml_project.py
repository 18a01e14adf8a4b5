"""A project folder of Azure ML, in which a test runs scripts by `python -m bridge_azureml SCRIPT`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

CONFIG = {"subscription_id": "11111111-2222", "resource_group": "old-group", "workspace_name": "old-workspace"}


class Project:
    """A project folder with a `config.json` as Azure's portal writes it, and with the files that a test adds."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        folder.mkdir()
        self.write("config.json", json.dumps(CONFIG))

    def write(self, name: str, text: str) -> Path:
        """Write a file of the folder, without the common indentation of its lines."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def start(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run Python with arguments in the folder, without the settings of this process; return its result."""
        ours = ("BRIDGE_", "AZUREML_", "MLFLOW_", "PYTHONPATH")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        environment |= {
            "BRIDGE_HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MPLBACKEND": "agg",
            **variables,
        }
        return subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=240
        )

    def copy(self, name: str) -> None:
        """Copy the scripts of a sample notebook into the folder."""
        shutil.copytree(Path(__file__).parents[1] / "azureml" / "scripts" / name, self.folder, dirs_exist_ok=True)

    def lines(self, script: str, *arguments: str, **variables: str) -> list[str]:
        """Run a script of the folder, which must exit with 0, and return the lines of its output."""
        done = self.start("-m", "bridge_azureml", script, *arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    def run(self, script: str, text: str, *arguments: str, **variables: str) -> str:
        """Write and run a script, which must exit with 0, and return its output."""
        self.write(script, text)
        done = self.start("-m", "bridge_azureml", script, *arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
