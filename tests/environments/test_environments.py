"""An environment can be stored, registered and copied, and pip installs its packages."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import yaml
from forked import Fork
from packaging.specifiers import SpecifierSet

from bridge import InvalidState, InvalidValue, NotFound, SubmitFailed, Workspace
from bridge.environments.conda import CondaDependencies
from bridge.environments.docker import container_command, container_interpreter, dockerfile_of, image_of
from bridge.environments.environment import Environment, definition_of, environment_of
from bridge.environments.interpreter import interpreter_for, user_interpreter
from bridge.environments.packages import NOT_ON_PYPI, ON_PYPI, Wanted, asked_versions, python_fits, wanted_packages
from bridge.records.script import EnvironmentDefinition, PythonDefinition

OWN = sys.version_info[:2]


def example() -> Environment:
    environment = Environment("example")
    environment.python.conda_dependencies = CondaDependencies.create(
        pip_indexurl="https://example.org/simple",
        pip_packages=["torch==2.4", "azureml-defaults"],
        conda_packages=["scikit-learn=1.5", "numpy"],
        python_version="3.11",
    )
    environment.environment_variables["SEED"] = "7"
    environment.docker.base_image = "python:3.11-slim"
    return environment


def of_lines(*conda: str) -> Wanted:
    return wanted_packages({"dependencies": list(conda)})


def test_a_stored_environment_is_read_unchanged(workspace: Workspace, tmp_path: Path) -> None:
    environment = example()
    environment.save_to_directory(tmp_path / "kept")
    with pytest.raises(InvalidValue, match="overwrite"):
        environment.save_to_directory(tmp_path / "kept")
    environment.save_to_directory(tmp_path / "kept", overwrite=True)
    registered = environment.register(workspace)
    assert registered.version == "1"
    for other in (
        Environment.load_from_directory(tmp_path / "kept"),
        environment_of(EnvironmentDefinition.from_json(json.loads(json.dumps(definition_of(environment).to_json())))),
        Environment.get(workspace, "example"),
        environment.clone("copy"),
    ):
        assert replace(definition_of(other), name="example", version=None) == definition_of(environment)


def test_versions_count_changes(workspace: Workspace) -> None:
    environment = example()
    assert environment.register(workspace).version == environment.register(workspace).version == "1"
    for version in range(2, 12):
        environment.environment_variables["SEED"] = str(version)
        assert environment.register(workspace).version == str(version)
    assert Environment.get(workspace, "example").environment_variables == {"SEED": "11"}
    assert Environment.get(workspace, "example", "2").environment_variables == {"SEED": "2"}
    assert Environment.get(workspace, "example", label="latest").version == "11"
    assert environment.clone("other").register(workspace).version == "1"
    assert {name: found.version for name, found in Environment.list(workspace).items()} == {
        "example": "11",
        "other": "1",
    }


@pytest.mark.processes
def test_callers_that_register_at_once_get_one_version_each(workspace: Workspace, fork: Fork) -> None:
    reading, writing = os.pipe()

    def register(seed: int, say: Callable[[str], None]) -> None:
        os.close(writing)
        mine, same = example(), Environment("same")
        mine.environment_variables["SEED"] = str(seed)
        os.read(reading, 1)  # all continue when the parent closes the other end
        say(str(mine.register(workspace).version))
        say(str(same.register(workspace).version))

    children = [fork(partial(register, seed)) for seed in range(8)]
    os.close(writing)
    versions = [[child.line(), child.line()] for child in children]
    os.close(reading)
    assert [child.wait() for child in children] == [0] * 8
    assert sorted(int(own) for own, _ in versions) == [1, 2, 3, 4, 5, 6, 7, 8]
    seeds = [Environment.get(workspace, "example", own).environment_variables["SEED"] for own, _ in versions]
    assert seeds == [str(seed) for seed in range(8)]
    assert [same for _, same in versions] == ["1"] * 8


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": ""}'])
def test_a_damaged_environment_is_reported_and_others_are_listed(
    workspace: Workspace, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    example().register(workspace)
    Environment("other").register(workspace)
    (workspace.path / "artifacts" / "environments" / "example" / "1.json").write_bytes(content)
    with pytest.raises(InvalidState, match="'example:1' is damaged"):
        Environment.get(workspace, "example")
    assert list(Environment.list(workspace)) == ["other"]
    assert "'example:1' is damaged" in caplog.text
    assert example().register(workspace).version == "2"
    assert list(Environment.list(workspace)) == ["example", "other"]


def test_an_unregistered_environment_is_not_found(workspace: Workspace) -> None:
    assert Environment.list(workspace) == {}
    for name in ("example", "../etc", ""):
        with pytest.raises(NotFound, match="environment"):
            Environment.get(workspace, name)
    example().register(workspace)
    with pytest.raises(NotFound, match="'example' has 1"):
        Environment.get(workspace, "example", version="7")
    with pytest.raises(NotFound, match="label"):
        Environment.get(workspace, "example", label="best")


@pytest.mark.parametrize("name", ["", "a/b", "-a", 5, None])
def test_an_invalid_name_is_refused(name: object) -> None:
    with pytest.raises(InvalidValue, match="environment name"):
        Environment(name)  # type: ignore[arg-type]


def test_a_misspelled_attribute_is_an_error() -> None:
    with pytest.raises(AttributeError):
        Environment("example").python.user_managed = True  # type: ignore[attr-defined]


def test_a_conda_file_is_read_and_written(tmp_path: Path) -> None:
    content = {
        "name": "mine",
        "channels": ["conda-forge"],
        "dependencies": ["python=3.11", "numpy>=1.26", {"pip": ["--index-url https://example.org", "torch"]}],
    }
    (tmp_path / "environment.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    packages = Environment.from_conda_specification("mine", tmp_path / "environment.yml").python.conda_dependencies
    assert packages is not None
    assert (packages.python_version, list(packages.conda_packages)) == ("3.11", ["numpy>=1.26"])
    assert (list(packages.pip_packages), list(packages.conda_channels)) == (["torch"], ["conda-forge"])
    assert list(packages.pip_options) == ["--index-url https://example.org"]
    assert yaml.safe_load(packages.save(tmp_path).read_text(encoding="utf-8")) == content
    assert CondaDependencies(tmp_path / "conda_dependencies.yml") == packages


@pytest.mark.parametrize("content", ["- a\n", "dependencies: 5\n", "dependencies: [[a]]\n", "a: [\n", "5"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "environment.yml").write_text(content, encoding="utf-8")
    with pytest.raises(InvalidValue):
        CondaDependencies(tmp_path / "environment.yml")
    with pytest.raises(NotFound):
        CondaDependencies(tmp_path / "not-there.yml")


@pytest.mark.parametrize("content", ["numpy", 5, {"numpy": "1.26"}, [{"numpy": "1.26"}], [None]])
def test_a_value_that_is_not_a_list_of_texts_is_refused(content: object) -> None:
    for structure in ({"dependencies": [{"pip": content}]}, {"dependencies": [], "channels": content}):
        with pytest.raises(InvalidValue, match=r"(pip|channels) .*must be a list of texts"):
            CondaDependencies(_underlying_structure=structure)


def test_a_package_replaces_an_earlier_one_of_its_name() -> None:
    packages = CondaDependencies.create(conda_packages=["numpy"], pip_packages=["torch==1"])
    packages.add_conda_package("NumPy=1.26")
    packages.add_pip_package("torch[extra]>=2")
    packages.set_python_version("3.10")
    packages.set_python_version("3.11")
    packages.set_pip_index_url("https://a.example.org")
    packages.set_pip_index_url("https://b.example.org")
    assert packages.as_dict() == {
        "dependencies": ["python=3.11", "NumPy=1.26", {"pip": ["torch[extra]>=2", "--index-url https://b.example.org"]}]
    }
    packages.remove_pip_package("torch")
    packages.remove_conda_package("numpy")
    assert list(packages.pip_packages) == list(packages.conda_packages) == []


def test_a_requirements_file_is_read(tmp_path: Path) -> None:
    text = "# comment\nnumpy>=1.26  # why\n--extra-index-url https://example.org/simple\ntorch \\\n  ==2.4\n\n"
    (tmp_path / "requirements.txt").write_text(text, encoding="utf-8")
    environment = Environment.from_pip_requirements("mine", tmp_path / "requirements.txt", pip_version="24.0")
    assert environment.python.conda_dependencies is not None
    assert wanted_packages(environment.python.conda_dependencies.as_dict()).lines == (
        "--extra-index-url https://example.org/simple",
        "numpy>=1.26",
        "pip==24.0.*",
        "torch ==2.4",
    )
    (tmp_path / "requirements.txt").write_text("-r other.txt\n", encoding="utf-8")
    with pytest.raises(InvalidValue, match="other files"):
        Environment.from_pip_requirements("mine", tmp_path / "requirements.txt")


def test_a_requirements_file_may_name_a_package_and_an_option_several_times(tmp_path: Path) -> None:
    lines = [
        "--extra-index-url https://a.example.org",
        "--extra-index-url https://b.example.org",
        "numpy==1.26; python_version < '3.13'",
        "numpy==2.1; python_version >= '3.13'",
    ]
    (tmp_path / "requirements.txt").write_text("\n".join(lines), encoding="utf-8")
    packages = Environment.from_pip_requirements("mine", tmp_path / "requirements.txt").python.conda_dependencies
    assert packages is not None
    assert list(wanted_packages(packages.as_dict()).lines) == lines


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("numpy", "numpy"),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy=1.26.4=py311_0", "numpy==1.26.4"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy 1.26", "numpy==1.26"),
        ("numpy 1.26.*", "numpy==1.26.*"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy >=1.26, <3", "numpy>=1.26,<3"),
        ("numpy!=1.25", "numpy!=1.25"),
        ("conda-forge::pytorch=2.4", "torch==2.4.*"),
        ("py-xgboost", "xgboost"),
        ("Scikit-Learn", "scikit-learn"),
    ],
)
def test_conda_names_of_packages_are_translated(conda: str, pip: str) -> None:
    assert of_lines(conda).lines == (pip,)


def test_the_documented_names_are_those_of_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "environments.md").read_text(encoding="utf-8")
    rows = [re.findall(r"`([^`]+)`", row) for row in re.findall(r"^\| (.*) \|$", text, re.MULTILINE)]
    translated = [names for names in rows if names[1:] and names[-1] in ON_PYPI.values()]
    assert {conda: names[-1] for names in translated for conda in names[:-1]} == ON_PYPI
    refused = next(names for names in rows if "cudatoolkit" in names)
    assert set(refused) - {"r-…"} <= NOT_ON_PYPI


def test_all_packages_that_pip_cannot_install_are_reported_together() -> None:
    with pytest.raises(InvalidValue) as raised:
        of_lines("numpy", "cudatoolkit=11.3", "r-ggplot2", "numpy[version='>=1|2']", "python=3.11")
    assert [problem.value for problem in raised.value.problems] == [
        "cudatoolkit=11.3",
        "r-ggplot2",
        "numpy[version='>=1|2']",
    ]
    assert "interpreter_path" in str(raised.value)


def test_the_names_of_the_azure_sdk_are_not_installed() -> None:
    definition = {
        "dependencies": ["azureml-core=1.61", "pip", "nomkl", {"pip": ["azureml-defaults", "azureml_mlflow"]}]
    }
    wanted = wanted_packages(definition)
    assert wanted.lines == ("mlflow", "numpy", "pandas", "pyarrow"), "what they brought"
    assert wanted.skipped == ("azureml-core=1.61", "pip", "nomkl", "azureml-defaults", "azureml_mlflow")


@pytest.mark.parametrize(
    ("asked", "fits", "misses"),
    [
        ("", [(3, 10), (3, 13)], []),
        ("3", [(3, 10)], []),
        ("3.11", [(3, 11)], [(3, 10), (3, 1)]),
        ("3.11.4", [(3, 11)], [(3, 10)]),
        ("3.*", [(3, 11)], []),
        (">=3.10,<3.12", [(3, 10), (3, 11)], [(3, 9), (3, 12)]),
        ("!=3.11", [(3, 10)], [(3, 11)]),
        ("<=3.11", [(3, 11)], [(3, 12)]),
        (">3.11", [(3, 12)], [(3, 11)]),
    ],
)
def test_versions_of_python(asked: str, fits: list[tuple[int, int]], misses: list[tuple[int, int]]) -> None:
    assert all(python_fits(asked, version) for version in fits)
    assert not any(python_fits(asked, version) for version in misses)
    assert (list(asked_versions(asked))[0] == OWN) == python_fits(asked, OWN)
    with pytest.raises(InvalidValue, match="Python version"):
        python_fits("three", OWN)


@pytest.mark.parametrize("sign", ["==", "!=", "<=", ">=", "<", ">", "~="])
@pytest.mark.parametrize("number", ["2", "3", "4", "3.0", "3.9", "3.10", "3.11", "3.12", "2.7"])
def test_a_clause_on_a_version_of_python_is_answered_as_pep_440_answers_it(sign: str, number: str) -> None:
    if sign == "~=" and "." not in number:
        with pytest.raises(InvalidValue, match="Python version"):
            python_fits(sign + number, OWN)
        return
    for minor in range(6, 16):
        assert python_fits(sign + number, (3, minor)) == SpecifierSet(sign + number).contains(f"3.{minor}"), minor


@pytest.mark.parametrize("sign", ["==", "!=", "<=", ">=", "<", ">", "~="])
@pytest.mark.parametrize("number", ["3.9.0", "3.10.0", "3.10.4", "3.11.20", "2.7.18", "4.0.0"])
def test_a_clause_on_a_patch_version_fits_if_some_patch_version_does(sign: str, number: str) -> None:
    specifier = SpecifierSet(sign + number)
    for minor in range(6, 16):
        some = any(specifier.contains(f"3.{minor}.{patch}") for patch in range(50))
        assert python_fits(sign + number, (3, minor)) == some, minor


@pytest.mark.parametrize("clause", ["==3.*", "!=3.*", "==3.10.*", "!=3.10.*"])
def test_a_clause_on_a_prefix_is_answered_as_pep_440_answers_it(clause: str) -> None:
    for minor in range(6, 16):
        assert python_fits(clause, (3, minor)) == SpecifierSet(clause).contains(f"3.{minor}"), minor


def test_a_missing_python_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment = Environment("old")
    environment.python.conda_dependencies = CondaDependencies.create(python_version="3.19")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SubmitFailed, match=r"asks for Python 3\.19, which is not on the PATH"):
        interpreter_for(definition_of(environment).python, print)


def test_a_missing_conda_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CONDA_EXE", raising=False)
    with pytest.raises(NotFound, match="interpreter_path"):
        Environment.from_existing_conda_environment("mine", "base")


def test_no_environment_and_python_mean_the_submitting_interpreter(tmp_path: Path) -> None:
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    assert (
        interpreter_for(PythonDefinition(), print)
        == interpreter_for(definition_of(environment).python, print)
        == sys.executable
    )
    environment.python.interpreter_path = sys.executable
    assert interpreter_for(definition_of(environment).python, print) == sys.executable


def test_an_interpreter_is_found_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").symlink_to(sys.executable)
    (tmp_path / "text").write_text("x", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert user_interpreter("~/mine") == user_interpreter("mine") == str(tmp_path / "mine")
    for path, reason in (("~/not-there", "does not exist"), ("other", "not on the PATH"), ("~/text", "cannot be run")):
        with pytest.raises(SubmitFailed, match=reason):
            user_interpreter(path)


def test_without_a_docker_engine_the_error_names_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment = Environment("docker")
    environment.docker.enabled = True
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(SubmitFailed, match=r"start Docker, or set BRIDGE_DOCKER=0 to run scripts without it"):
        image_of(definition_of(environment), print)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SubmitFailed, match="Docker is not installed"):
        image_of(EnvironmentDefinition(), print)


def test_a_container_is_run_with_this_command(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"SECRET": "s", "MLFLOW_SET": "1", "HOME": "/root"}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    words = container_command(
        "runbridge-r1",
        "python:3.11",
        Path("/tmp/r1"),
        ["/ws", "/tmp/r1"],
        {**own, "BRIDGE_RUN_ID": "r1", "SEED": "7", "BRIDGE_HOME": "/h"},
        arguments=["--gpus", "all"],
        shm_size="2g",
    )
    text = " ".join(words)
    assert text.startswith("docker run --rm --init --name runbridge-r1 --user ")
    assert "--workdir /tmp/r1 --volume /tmp/r1:/tmp/r1 --volume /ws:/ws --env" in text
    assert text.endswith("--env HOME=/tmp --shm-size 2g --gpus all python:3.11")
    passed = [words[place + 1] for place, word in enumerate(words) if word == "--env"]
    assert passed == ["BRIDGE_RUN_ID", "MLFLOW_SET", "SEED", "HOME=/tmp"]  # every user could see a value here


@pytest.mark.parametrize(
    ("managed", "path", "called"),
    [
        (True, "python", "python"),
        (True, sys.executable, "python"),
        (True, "/opt/x", "/opt/x"),
        (False, "/opt/x", "python"),
    ],
)
def test_a_container_uses_its_own_python(managed: bool, path: str, called: str) -> None:
    environment = Environment("docker")
    environment.python.user_managed_dependencies, environment.python.interpreter_path = managed, path
    assert container_interpreter(definition_of(environment).python) == called


def test_an_image_with_packages_is_built() -> None:
    assert dockerfile_of("python:3.11", None, None) is None
    assert dockerfile_of("python:3.11", None, Wanted("", (), ())) is None
    assert dockerfile_of(None, "FROM x\nRUN y\n", None) == "FROM x\nRUN y\n"
    text = dockerfile_of("python:3.11", None, Wanted("", ("--index-url https://example.org", "torch>=2"), ()))
    words = ["python", "-m", "pip", "install", "--no-cache-dir", "--index-url", "https://example.org", "torch>=2"]
    assert text == f"FROM python:3.11\nRUN {json.dumps(words)}\n"


def test_a_dockerfile_is_read_from_its_path(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\n", encoding="utf-8")
    environment = Environment("docker")
    environment.docker.base_dockerfile = str(tmp_path / "Dockerfile")
    assert definition_of(environment).docker.base_dockerfile == "FROM x\n"
    environment.docker.base_dockerfile = tmp_path / "Dockerfile"  # type: ignore[assignment]  # a path is accepted too
    assert definition_of(environment).docker.base_dockerfile == "FROM x\n"
    environment.docker.base_dockerfile = str(tmp_path / "not-there")
    with pytest.raises(InvalidValue, match="base_dockerfile"):
        definition_of(environment)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"numpy\xff")
    environment = Environment.from_dockerfile("mine", tmp_path / "file")
    for read in (
        lambda: definition_of(environment),
        lambda: Environment.from_pip_requirements("mine", tmp_path / "file"),
        lambda: Environment.from_conda_specification("mine", tmp_path / "file"),
    ):
        with pytest.raises(InvalidValue, match="(?i)utf-8"):
            read()
