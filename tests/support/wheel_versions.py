"""Wheels of this version of Runbridge, and of versions that may come after it, each in an environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("bridge", "plugins", "pyproject.toml", "README.md", "LICENSE")

STORED = """\
    def get_shades(self, run_ids: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(run_ids, "grey")

"""
CALLED = """\
    def get_shades(self, run_ids: Sequence[str]) -> dict[str, str]:
        return self._call("get_shades", run_ids=run_ids)

"""

LATER = {
    "bridge/records/run.py": (r"(    warnings: tuple\[str, \.\.\.\] = \(\)\n)", r'\1    shade: str = "grey"\n', 2),
    "bridge/store/tracking.py": (r"(    # Closing and forking\n)", STORED + r"\1", 1),
    "bridge/store/http/backend.py": (r"(    # Leases\n)", CALLED + r"\1", 1),
    "bridge/store/http/methods.py": (
        r"(        _read\(RunViews\.get_columns,)",
        r"        _read(Backend.get_shades),\n\1",
        1,
    ),
}
"""Changes of a later version: a field of the records of runs, one of their changes, and a method."""


@dataclass(frozen=True)
class Installed:
    """A version in an environment of its own.

    Attributes:
        python: the interpreter of the environment.
        wheel: the wheel that was installed.
    """

    python: Path
    wheel: Path

    @property
    def command(self) -> Path:
        """The command `runbridge`."""
        return self.python.with_name("runbridge")

    def run(self, *words: str | Path, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a Python program to its end."""
        return self._run([self.python, *words], folder, variables)

    def run_command(self, *words: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `runbridge` to its end."""
        return self._run([self.command, *words], folder, variables)

    def _run(
        self, command: Sequence[str | Path], folder: Path, variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        given = [str(word) for word in command]
        return subprocess.run(
            given, cwd=folder, env=environment(**variables), capture_output=True, text=True, timeout=120
        )


def environment(**variables: str) -> dict[str, str]:
    """Return the variables of a process that must not find the checkout."""
    without = ("PYTHONPATH", "VIRTUAL_ENV")
    return {**{name: value for name, value in os.environ.items() if name not in without}, **variables}


def build(folder: Path, version: str = "", protocols: tuple[int, int] = (1, 1)) -> Path:
    """Build a wheel, and return its path.

    Args:
        folder: an empty folder.
        version: the number of a later version, with the changes of `LATER`; empty for this version.
        protocols: the newest and the least protocol that the version knows.
    """
    source = folder / "source"
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "static"))
        else:
            shutil.copy(ROOT / name, source / name)
    # The page is not needed, and the step that builds it would use the network.
    _change(source / "pyproject.toml", r'\[tool\.hatch\.build\.hooks\.custom\]\npath = "hatch_build\.py"\n', "")
    if version:
        _change(source / "pyproject.toml", r'\nversion = "[\d.]+"\n', f'\nversion = "{version}"\n')
        new = f"PROTOCOL, LEAST_PROTOCOL = {protocols[0]}, {protocols[1]}\n"
        _change(source / "bridge/store/http/methods.py", r"PROTOCOL, LEAST_PROTOCOL = \d+, \d+\n", new)
        for name, (pattern, replacement, times) in LATER.items():
            _change(source / name, pattern, replacement, times)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=source, env=environment(), check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Installed:
    """Install a wheel without its dependencies, which are those of this environment."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install", "--quiet"]
    options = ["--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*pip, *options, str(wheel)], env=environment(), check=True, capture_output=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A folder in a .pth file is searched last, and its own .pth files, such as that of the checkout, are not read.
    (packages / "development.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    installed = Installed(python, wheel)
    where = installed.run("-c", "import bridge; print(bridge.__file__)", folder=folder).stdout
    assert where.startswith(str(packages)), where
    return installed


def _change(file: Path, pattern: str, replacement: str, times: int = 1) -> None:
    text, count = re.subn(pattern, replacement, file.read_text(encoding="utf-8"))
    assert count == times, (file, pattern, count)
    file.write_text(text, encoding="utf-8")
