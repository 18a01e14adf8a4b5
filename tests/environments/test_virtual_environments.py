"""A virtual environment is built once for its content, completely or not at all, and a failure is explained."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bridge import SubmitFailed
from bridge.environments.conda import CondaDependencies
from bridge.environments.environment import Environment, definition_of
from bridge.environments.interpreter import interpreter_for
from bridge.records.script import PythonDefinition


class Log:
    """Return the output of a build."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, data: bytes) -> None:
        self.text += data.decode()


def with_packages(*pip: str, options: tuple[str, ...] = ()) -> PythonDefinition:
    environment = Environment("managed")
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=pip)
    for option in options:
        environment.python.conda_dependencies.set_pip_option(option)
    return definition_of(environment).python


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with a package of the test, which is in no index."""
    import zipfile

    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny_bridge_probe-1.0-py3-none-any.whl", "w") as wheel:
        information = "tiny_bridge_probe-1.0.dist-info"
        wheel.writestr("tiny_bridge_probe.py", "ANSWER = 42\n")
        wheel.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: tiny-bridge-probe\nVersion: 1.0\n")
        wheel.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{information}/RECORD", "")
    return folder


def output(interpreter: str, code: str) -> str:
    done = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@pytest.mark.slow
def test_an_environment_is_built_once_and_used_again(home: Path, wheels: Path) -> None:
    definition = with_packages("tiny-bridge-probe", options=("--no-index", f"--find-links {wheels}"))
    first, again = Log(), Log()
    interpreter = interpreter_for(definition, first.write)
    assert Path(interpreter).is_relative_to(home / "environments")
    assert "Building the environment" in first.text and "Successfully installed tiny-bridge-probe-1.0" in first.text
    code = "import tiny_bridge_probe, importlib.util as u, sys; print(tiny_bridge_probe.ANSWER, u.find_spec('numpy'))"
    assert output(interpreter, code) == "42 None"
    built = Path(interpreter).parent.stat()
    assert interpreter_for(definition, again.write) == interpreter
    assert Path(interpreter).parent.stat() == built
    assert again.text == f"Using the environment {Path(interpreter).parents[1]}\n"


@pytest.mark.slow
def test_a_failed_build_leaves_no_environment_and_reports_its_last_lines(home: Path) -> None:
    log = Log()
    with pytest.raises(SubmitFailed, match="satisfies the requirement tiny-bridge-probe") as raised:
        interpreter_for(with_packages("tiny-bridge-probe", options=("--no-index",)), log.write)
    assert raised.value.exit_code == 1
    assert "No matching distribution found for tiny-bridge-probe" in log.text
    assert [path.name for path in (home / "environments").iterdir() if path.suffix != ".lock"] == []


BUILD = """
import sys
from bridge.environments.interpreter import interpreter_for
from bridge.records.script import PythonDefinition
print(interpreter_for(PythonDefinition(interpreter_path="python"), sys.stderr.buffer.write))
"""


def start_build() -> subprocess.Popen[str]:
    command, pipe = [sys.executable, "-u", "-c", BUILD], subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


@pytest.mark.slow
def test_runs_that_need_an_environment_at_once_build_it_once_even_after_a_kill(home: Path) -> None:
    killed = start_build()
    assert killed.stderr is not None and "Building" in killed.stderr.readline()
    deadline = time.monotonic() + 30
    while not list((home / "environments").glob("*/pyvenv.cfg")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert len(list((home / "environments").glob("*/pyvenv.cfg"))) == 1
    started = [start_build() for _ in range(3)]
    said = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    (interpreter,) = {printed.strip() for printed, _ in said}
    assert sum("Building the environment" in told for _, told in said) == 1
    assert output(interpreter, "import sys; print(sys.prefix != sys.base_prefix)") == "True"


@pytest.mark.slow
def test_no_build_starts_while_the_pip_of_a_killed_build_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as index:  # it accepts connections and does not answer
        monkeypatch.setenv("PIP_RETRIES", "0")
        options = (f"--index-url http://127.0.0.1:{index.getsockname()[1]}/simple",)
        definition = with_packages("tiny-bridge-probe==1.0", options=options)
        code = (
            "import sys; from bridge.environments.interpreter import interpreter_for\n"
            "from bridge.records.script import PythonDefinition\n"
            f"python = PythonDefinition.from_json({definition.to_json()!r})\n"
            "interpreter_for(python, sys.stdout.buffer.write)"
        )
        killed = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
        index.settimeout(60)
        connection, _ = index.accept()
        (lock,) = (home / "environments").glob("*.lock")
        killed.kill()
        killed.wait()
        with lock.open() as file:
            with pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            connection.close()
            index.close()
            fcntl.flock(file, fcntl.LOCK_EX)  # pip has ended


@pytest.mark.slow
def test_packages_are_installed_from_the_index(home: Path) -> None:
    environment = Environment("managed")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    environment.python.conda_dependencies = CondaDependencies.create(
        conda_packages=["six=1.16"], pip_packages=["iniconfig"], python_version=version
    )
    log = Log()
    interpreter = interpreter_for(definition_of(environment).python, log.write)
    assert output(interpreter, "import six, iniconfig; print(six.__version__)") == "1.16.0"


@pytest.mark.slow
def test_another_python_is_found_on_the_path(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser()
    others = sorted(pyenv.glob("versions/3.1[0-9].*/bin"))
    others = [folder for folder in others if f"{sys.version_info[0]}.{sys.version_info[1]}." not in folder.parent.name]
    if not others:
        pytest.skip("this computer has one Python")
    version = ".".join(others[0].parent.name.split(".")[:2])
    monkeypatch.setenv("PATH", str(others[0]), prepend=os.pathsep)
    environment = Environment("managed")
    environment.python.conda_dependencies = CondaDependencies.create(python_version=version)
    interpreter = interpreter_for(definition_of(environment).python, Log().write)
    assert output(interpreter, "import sys; print('%d.%d' % sys.version_info[:2])") == version
