"""Run the tests of the MLflow API on another release of MLflow: `make test-mlflow VERSION=3.10.1`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

ROOT = Path(__file__).resolve().parents[2]
NEWEST = "newest"
OLDEST = next(iter(re.findall(r'"mlflow>=([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))))
"""The oldest supported release, from pyproject.toml."""
TOGETHER = ("-n", "2", "--dist", "worksteal", "-m", "not (browser or postgres or processes or pythons)")
ALONE = ("-m", "processes")
_VARIABLES = {**os.environ}
"""The environment variables before the tests that run now change them."""


def environment_with(release: str) -> Path:
    """Return the Python of an environment like this one, except for MLflow and the packages that the release needs.

    It can import the packages of this environment, so that pip installs only those that differ.
    """
    folder = ROOT / ".venv" / "mlflow" / release
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
        here = sysconfig.get_path("purelib")
        (packages / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n", encoding="utf-8")
    pip = ("-m", "pip", "install", "-qq", "--disable-pip-version-check", "--upgrade")
    install: list[str | Path] = ["nice", python, *pip]
    # On SQLAlchemy 2.1 the own store of MLflow 3.13 and 3.14 samples no metrics.
    wanted = ["mlflow<4"] if release == NEWEST else [f"mlflow=={release}", "sqlalchemy<2.1"]
    subprocess.run([*install, "--constraint", ROOT / "constraints.txt", *wanted], check=True)
    return python


def run_tests(
    python: Path,
    *arguments: str | Path,
    in_background: bool = False,
    cache: str = "",
    again: bool = False,
    seconds: float = 1_500,
) -> subprocess.CompletedProcess[str]:
    """Run pytest in that environment; in the background, it gives way to other processes and its output is captured.

    Args:
        python: the Python of the environment.
        arguments: arguments of pytest.
        in_background: whether to run in the background.
        cache: a name under which pytest stores which tests failed.
        again: run only the tests that failed when this function last ran with the same `cache`, one after the other.
        seconds: the time limit in the background.
    """
    folders = (python.parent, Path(sys.executable).parent, _VARIABLES["PATH"])  # the commands of this environment too
    variables = {**_VARIABLES, "PATH": os.pathsep.join(map(str, folders))}
    variables.pop("PYTEST_XDIST_WORKER", None)
    stored = ("-o", f"cache_dir={ROOT / '.venv' / 'cache' / cache}") if cache else ("-p", "no:cacheprovider")
    only: tuple[str, ...] = ("--cache-clear",) if cache else ()
    if again:
        only = ("--numprocesses", "0", "--last-failed", "--last-failed-no-failures", "none")
    command: list[str | Path] = [python, "-m", "pytest", "-q", *stored, *arguments, *only]
    if not in_background:
        return subprocess.run(command, cwd=ROOT, env=variables, text=True)
    # When pytest starts, it closes its folder of temporary files to other users. Tests beside it have opened theirs.
    with TemporaryDirectory(prefix="pytest-") as temporary:
        variables["PYTEST_DEBUG_TEMPROOT"] = temporary
        return run_bounded(["nice", "-n", "19", *command], variables, seconds)


def run_bounded(
    command: Sequence[str | Path], variables: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a command and return its output. After the time limit, its processes print where they are, and are killed.

    The output is in a file, because a pipe would stay open as long as a process that the command has left.
    """
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        with subprocess.Popen(
            command, cwd=ROOT, env=variables, stdout=output, stderr=output, start_new_session=True
        ) as process:
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = 1
                for number in (signal.SIGABRT, signal.SIGKILL):  # pytest prints its stacks when it gets SIGABRT
                    os.killpg(process.pid, number)
                    time.sleep(2)
                print(f"The tests took longer than {seconds:g} s.", file=output, flush=True)
        output.seek(0)
        return subprocess.CompletedProcess(command, code, output.read(), "")


def main(release: str) -> int:
    """Run all tests that use MLflow on that release."""
    if not release:
        print(f"Say which MLflow: make test-mlflow VERSION=3.10.1, or VERSION={NEWEST}.", file=sys.stderr)
        return 2
    python = environment_with(release)
    subprocess.run([python, "-m", "mlflow", "--version"], check=True)
    folders = ("tests/mlflow", "tests/store")
    return max([run_tests(python, *how, *folders).returncode for how in (TOGETHER, ALONE)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
