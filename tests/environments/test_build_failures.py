"""The error of an environment that cannot be built names the package, the cause and the log."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge import CondaDependencies, Environment, SubmitFailed
from bridge.environments.build_failure import CAUSE_LENGTH, build_cause
from bridge.environments.environment import definition_of
from bridge.environments.interpreter import interpreter_for
from bridge.environments.virtual import find_python

PIP_SAID = """
Collecting scikit-learn==0.20.3.* (from -r /home/ada/requirements.txt (line 1))
  Downloading scikit-learn-0.20.3.tar.gz (11.8 MB)
  Getting requirements to build wheel: finished with status 'error'
  \x1b[1;31merror\x1b[0m: \x1b[1msubprocess-exited-with-error\x1b[0m

  \x1b[31m×\x1b[0m \x1b[32mGetting requirements to build wheel\x1b[0m did not run successfully.
  \x1b[31m│\x1b[0m exit code: \x1b[1;36m1\x1b[0m
  \x1b[31m╰─>\x1b[0m \x1b[31m[2 lines of output]\x1b[0m
      Traceback (most recent call last):
      ModuleNotFoundError: No module named 'numpy'
      \x1b[31m[end of output]\x1b[0m

  \x1b[1;35mnote\x1b[0m: This error originates from a subprocess, and is likely not a problem with pip.
ERROR: Failed to build 'scikit-learn' when getting requirements to build wheel
""".splitlines()


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (PIP_SAID, "scikit-learn==0.20.3.*: ModuleNotFoundError: No module named 'numpy'"),
        (
            [
                "Collecting numpy",
                "ERROR: Could not find a version that satisfies the requirement nomen==9 (from versions: 1, 2)",
                "ERROR: No matching distribution found for nomen==9",
            ],
            "Could not find a version that satisfies the requirement nomen==9 (from versions: 1, 2)",
        ),
        (
            ["Collecting torch", "ERROR: [Errno 28] No space left on device"],
            "torch: [Errno 28] No space left on device",
        ),
        (["ERROR: Invalid requirement: 'a b'"], "Invalid requirement: 'a b'"),
        (["Collecting six", "  src/six.c:1:10: fatal error: Python.h: No such file"], None),
        (
            [
                "Collecting pandas==2.0",
                "Collecting numpy==2.0",
                "ERROR: Cannot install numpy==2.0 and pandas==2.0 because these package versions conflict.",
                "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io",
            ],
            "Cannot install numpy==2.0 and pandas==2.0 because these package versions conflict",
        ),
        (
            [
                "Collecting lxml",
                "Collecting six",
                "  Building wheel for lxml (pyproject.toml): finished with status 'error'",
                "  fatal error: libxml/xmlversion.h: No such file or directory",
                "  ERROR: Failed building wheel for lxml",
                "Failed to build lxml",
                "ERROR: Failed to build installable wheels for some pyproject.toml based projects (lxml)",
            ],
            "lxml: fatal error: libxml/xmlversion.h: No such file or directory",
        ),
        (
            [
                "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError()': /simple/six/",
                "ERROR: Could not find a version that satisfies the requirement six (from versions: none)",
            ],
            "Could not find a version that satisfies the requirement six (from versions: none), and the package index"
            " could not be reached",
        ),
        (["Killed"], "Killed"),
        ([], "pip printed no message"),
    ],
)
def test_the_cause_names_the_package_and_the_error(lines: list[str], cause: str | None) -> None:
    assert build_cause(lines) == (cause or f"six: {lines[-1].strip()}")


def test_a_cause_stays_short() -> None:
    assert len(build_cause([f"ValueError: {'x' * 10_000}"])) == CAUSE_LENGTH


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def build(home: Path, tmp_path: Path) -> Callable[[str], bytes]:
    """Build an environment with a package in a folder, which no Python can build; return the log."""
    files = {
        "bad-1.0/PKG-INFO": "Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n",
        "bad-1.0/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n',
        "bad-1.0/own.py": 'def build_wheel(*given):\n    raise RuntimeError("bad needs a Fortran compiler")\n',
    }
    links = tmp_path / "links"
    links.mkdir()
    with tarfile.open(links / "bad-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))

    def start(package: str) -> bytes:
        packages = CondaDependencies.create(pip_packages=[package])
        packages.set_pip_option("--no-index")
        packages.set_pip_option(f"--find-links {links}")
        environment = Environment("failing")
        environment.python.conda_dependencies = packages
        printed: list[bytes] = []
        with pytest.raises(SubmitFailed) as raised:
            interpreter_for(definition_of(environment).python, printed.append)
        printed.append(str(raised.value).encode())
        return b"".join(printed)

    return start


@pytest.mark.slow
def test_a_package_that_cannot_be_built_is_named_with_its_error(
    build: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a notebook's kernel does
    log = build("bad==1.0")
    assert b"\x1b" not in log
    assert log.endswith(
        b"Building the environment failed with exit code 1: bad-1.0.tar.gz: RuntimeError: bad needs a Fortran compiler;"
        b" see the log azureml-logs/20_image_build_log.txt."
    )


@pytest.mark.slow
def test_a_package_that_does_not_exist_is_named(build: Callable[[str], bytes]) -> None:
    assert b"satisfies the requirement absent-package==9 (from versions: none); see the log" in build(
        "absent-package==9"
    )


@pytest.mark.parametrize("asked", ["3.6.2", "2.7", "<3.9", "3.9.*"])
def test_a_python_that_is_too_old_is_refused_with_a_version_that_would_do(asked: str) -> None:
    with pytest.raises(SubmitFailed, match=r"Runbridge needs 3\.10 or newer: ask for 3\.\d+, or for no version"):
        find_python(asked)


def test_a_python_that_this_computer_lacks_can_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SubmitFailed, match=r"asks for Python 3\.19, which is not on the PATH: install this version"):
        find_python("3.19")
