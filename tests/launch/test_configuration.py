"""The settings of a script run, settings that are refused, and run configurations in files."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from bridge import CondaDependencies, Environment, InvalidValue, NotFound
from bridge.environments.environment import definition_of
from bridge.launch.definition import script_definition
from bridge.launch.runconfig import DockerConfiguration, RunConfiguration
from bridge.launch.script import ScriptRunConfig


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "below").mkdir()
    (tmp_path / "train.py").touch()
    (tmp_path / "below" / "more.py").touch()
    return tmp_path


def test_attributes_have_the_given_values(source: Path) -> None:
    config = ScriptRunConfig(source, "train.py", ["--alpha", 1])
    assert (config.source_directory, config.script, config.arguments) == (str(source), "train.py", ["--alpha", 1])
    assert (config.command, config.run_config.target) == (None, "local")
    assert config.run_config.max_run_duration_seconds == 2592000


def test_without_an_environment_the_current_interpreter_is_used(source: Path) -> None:
    python = script_definition(ScriptRunConfig(source, "train.py")).to_json()["environment"]["python"]
    assert python == {"userManagedDependencies": True, "interpreterPath": sys.executable}


def test_the_definition_is_json_with_all_settings(source: Path) -> None:
    config = ScriptRunConfig(source, "below/more.py", arguments=["--n", 1, 0.5, True, Path("data")])
    config.run_config.environment_variables["THREADS"] = 4  # type: ignore[assignment]
    config.run_config.history.output_collection = False
    definition = json.loads(json.dumps(script_definition(config).to_json()))
    assert definition["script"] == "below/more.py"
    assert definition["arguments"] == ["--n", "1", "0.5", "True", "data"]
    assert definition["environmentVariables"] == {"THREADS": "4"}
    assert definition["history"]["outputCollection"] is False
    assert definition["maxRunDurationSeconds"] == 2592000


def test_a_command_is_text_or_a_list_joined_by_spaces(source: Path) -> None:
    for command in ("echo  a | wc", ["echo ", "a", "|", "wc"]):
        assert script_definition(ScriptRunConfig(source, command=command)).command == "echo  a | wc"
    for empty in ("", " ", [], [""], [" ", ""]):
        with pytest.raises(InvalidValue, match="command"):
            script_definition(ScriptRunConfig(source, command=empty))


def test_a_run_config_is_used_with_a_warning_of_ignored_settings(
    source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = RunConfiguration(script="train.py", arguments=["a"])
    with caplog.at_level(logging.WARNING, "bridge"):
        config = ScriptRunConfig(source, run_config=settings, compute_target="local", max_run_duration_seconds=5)
    assert "compute_target, max_run_duration_seconds" in caplog.text
    assert (config.script, config.arguments, config.run_config) == ("train.py", ["a"], settings)
    config = ScriptRunConfig(source, "below/more.py", ["b"], run_config=settings)
    assert (config.script, config.arguments) == ("below/more.py", ["b"])
    assert script_definition(ScriptRunConfig(source, run_config=settings, command="ls", arguments=[])).command == "ls"


def test_all_mistakes_are_reported_together(source: Path) -> None:
    config = ScriptRunConfig(source, compute_target=5, max_run_duration_seconds=0)
    with pytest.raises(InvalidValue) as caught:
        script_definition(config)
    assert [problem.key for problem in caught.value.problems] == [
        "script",
        "compute_target",
        "max_run_duration_seconds",
    ]
    assert "compute_target 5: must be the name of a compute target" in str(caught.value)


@pytest.mark.parametrize("name", ["distributed_job_config", "resume_from"])
def test_settings_that_need_a_cluster_are_refused(source: Path, name: str) -> None:
    with pytest.raises(InvalidValue, match=f"{name} .*: is not supported[:,] "):
        ScriptRunConfig(source, "train.py", **{name: object()})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "attribute, value",
    [
        ("framework", "PySpark"),
        ("communicator", "OpenMpi"),
        ("node_count", 2),
        ("data", {"x": object()}),
        ("output_data", {"x": object()}),
        ("environment_variables", ["A=1"]),
        ("max_run_duration_seconds", float("nan")),
    ],
)
def test_settings_that_cannot_apply_are_refused(source: Path, attribute: str, value: object) -> None:
    config = ScriptRunConfig(source, "train.py")
    setattr(config.run_config, attribute, value)
    with pytest.raises(InvalidValue, match=attribute):
        script_definition(config)


@pytest.mark.parametrize("directories", [["logs", "tb"], "logs", [5]])
def test_only_the_folder_logs_is_watched(source: Path, directories: object) -> None:
    config = ScriptRunConfig(source, "train.py")
    config.run_config.history.directories_to_watch = directories  # type: ignore[assignment]
    with pytest.raises(InvalidValue, match="directories_to_watch"):
        script_definition(config)


def test_arguments_must_be_a_list_and_need_a_script(source: Path) -> None:
    with pytest.raises(InvalidValue, match="must be a list of values"):
        script_definition(ScriptRunConfig(source, "train.py", arguments="--alpha 1"))  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="must be part of the command"):
        script_definition(ScriptRunConfig(source, command="ls", arguments=["-l"]))
    with pytest.raises(InvalidValue, match="must be None if there is a command"):
        script_definition(ScriptRunConfig(source, "train.py", command="ls"))


@pytest.mark.parametrize("arguments", ["--alpha 1", {"--alpha": 1}, 5])
def test_arguments_that_are_not_a_list_are_refused(source: Path, arguments: Any) -> None:
    with pytest.raises(InvalidValue, match=r"arguments .* must be a list of values\."):
        script_definition(ScriptRunConfig(source, "train.py", arguments=arguments))


@pytest.mark.parametrize("arguments", ["--gpus all", {"--gpus": "all"}, 5])
def test_arguments_of_docker_that_are_not_a_list_are_refused(source: Path, arguments: Any) -> None:
    with pytest.raises(InvalidValue, match="docker arguments"):
        DockerConfiguration(arguments=arguments)
    environment = Environment("mine")
    environment.docker.arguments = arguments
    settings = RunConfiguration()
    settings.docker.arguments = arguments
    for config in (
        ScriptRunConfig(source, "train.py", environment=environment),
        ScriptRunConfig(source, "train.py", run_config=settings),
    ):
        with pytest.raises(InvalidValue, match=r"arguments .*: must be a list of values"):
            script_definition(config)
    with pytest.raises(InvalidValue, match="must be a DockerConfiguration"):
        script_definition(ScriptRunConfig(source, "train.py", docker_runtime_config=arguments))


def test_a_container_gets_texts(source: Path) -> None:
    docker: Any = DockerConfiguration(use_docker=True, arguments=["--cpus", 2], shm_size=1 << 30)  # type: ignore[list-item, arg-type]
    environment = Environment("mine")
    environment.docker.arguments, environment.docker.shm_size = ["--cpus", 2], 1 << 30  # type: ignore[list-item, assignment]
    config = ScriptRunConfig(source, "train.py", environment=environment, docker_runtime_config=docker)
    definition = script_definition(config)
    for section in (definition.docker, definition.environment.docker):
        assert (section.arguments, section.shm_size) == (("--cpus", "2"), "1073741824")


def test_arguments_from_an_iterator_are_stored_for_every_submit(source: Path) -> None:
    config = ScriptRunConfig(source, "train.py", arguments=(word for word in ("--alpha", 1)))
    assert [script_definition(config).arguments for _ in range(2)] == [("--alpha", "1")] * 2


def test_texts_that_cannot_be_passed_to_a_process_are_refused(source: Path) -> None:
    config = ScriptRunConfig(source, "train.py", arguments=["a", "b\0c"])
    config.run_config.environment_variables = {"A": "1\0"}
    with pytest.raises(InvalidValue) as caught:
        script_definition(config)
    assert [problem.value for problem in caught.value.problems] == ["b\0c", "1\0"]
    with pytest.raises(InvalidValue, match="null character"):
        script_definition(ScriptRunConfig(source, command=["echo", "a\0b"]))
    config = ScriptRunConfig(source, "train.py")
    config.run_config.environment_variables = {"A=B": "1"}
    with pytest.raises(InvalidValue, match="environment_variables"):
        script_definition(config)


@pytest.mark.parametrize("variables", [{"A=B": "1"}, {"A": "1\0"}, {5: "1"}, {"": "1"}, ["A"], None])
def test_variables_of_an_environment_that_cannot_be_passed_to_a_process_are_refused(
    source: Path, variables: Any
) -> None:
    environment = Environment("mine")
    environment.environment_variables = variables
    with pytest.raises(InvalidValue, match="environment.variable"):
        script_definition(ScriptRunConfig(source, "train.py", environment=environment))


def test_the_name_of_an_environment_is_refused_as_an_environment(source: Path) -> None:
    with pytest.raises(InvalidValue, match=r"environment 'ridge': must be an Environment: Environment\.get"):
        ScriptRunConfig(source, "train.py", environment="ridge")  # type: ignore[arg-type]


def test_a_script_must_be_in_its_source_folder(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="must be below the source folder"):
        script_definition(ScriptRunConfig(source / "below", "../train.py"))
    with pytest.raises(NotFound, match="script"):
        script_definition(ScriptRunConfig(source, "gone.py"))
    with pytest.raises(NotFound, match="source folder"):
        script_definition(ScriptRunConfig(source / "gone", "train.py"))


def test_the_environment_of_a_run_configuration_can_be_changed_in_place(source: Path) -> None:
    def python_of(settings: RunConfiguration) -> dict[str, Any]:
        definition = script_definition(ScriptRunConfig(source, "train.py", run_config=settings))
        return definition.environment.python.to_json()

    touched, packages, mine, given = (RunConfiguration() for _ in range(4))
    touched.environment.environment_variables["A"] = "1"
    packages.environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["tqdm"])
    mine.environment.python.user_managed_dependencies = True
    mine.environment.python.interpreter_path = "/opt/mine/bin/python"
    given.environment = Environment("given")
    assert python_of(touched)["userManagedDependencies"] and python_of(touched)["interpreterPath"] == "python"
    assert python_of(packages)["condaDependencies"] == {"dependencies": [{"pip": ["tqdm"]}]}
    assert not python_of(packages)["userManagedDependencies"] and not python_of(given)["userManagedDependencies"]
    assert python_of(mine)["interpreterPath"] == "/opt/mine/bin/python"
    for settings in (touched, packages, mine, given):
        settings.save(source, "kept")
        assert python_of(RunConfiguration.load(source, "kept")) == python_of(settings)


def test_a_run_configuration_is_saved_and_loaded(source: Path) -> None:
    settings = RunConfiguration("train.py", ["--alpha", 1])
    settings.environment_variables = {"A": "ä"}
    settings.max_run_duration_seconds = 60
    settings.history.output_collection = False
    settings.docker = DockerConfiguration(arguments=["--ipc=host"])
    place = settings.save(source, "fast")
    assert place == source / ".azureml" / "fast.runconfig"
    again = RunConfiguration.load(source, "fast")
    assert (again.script, again.arguments, again.target) == ("train.py", ["--alpha", "1"], "local")
    assert (again.environment_variables, again.max_run_duration_seconds) == ({"A": "ä"}, 60)
    assert (again.history.output_collection, again.docker.arguments) == (False, ["--ipc=host"])
    assert RunConfiguration.load(place).script == "train.py"
    again.script = "below/more.py"
    again.save(source)
    assert RunConfiguration.load(source, "fast").script == "below/more.py"
    RunConfiguration.delete(source, "fast")
    for missing in (lambda: RunConfiguration.load(source, "fast"), lambda: RunConfiguration.delete(source, "fast")):
        with pytest.raises(NotFound, match="fast.runconfig"):
            missing()


@pytest.mark.parametrize("seconds", [None, 0.5, 60, 2_592_000])
def test_the_limit_of_a_run_configuration_is_saved_and_loaded(source: Path, seconds: float | None) -> None:
    settings = RunConfiguration("train.py")
    settings.max_run_duration_seconds = seconds  # type: ignore[assignment]  # half seconds are accepted too
    settings.save(source, "limit")
    again = RunConfiguration.load(source, "limit")
    assert again.max_run_duration_seconds == seconds
    assert script_definition(ScriptRunConfig(source, run_config=again)).max_run_duration_seconds == seconds


def test_a_run_configuration_without_a_limit_in_its_file_has_the_default_one(source: Path) -> None:
    (source / "short.runconfig").write_text("script: train.py\nenvironmentVariables:\nhistory:\n")
    again = RunConfiguration.load(source / "short.runconfig")
    assert (again.max_run_duration_seconds, again.environment_variables) == (2_592_000, {})
    assert again.history.directories_to_watch == ["logs"]


def test_a_run_configuration_of_the_old_sdk_is_read(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    (source / ".azureml").mkdir()
    (source / ".azureml" / "old.runconfig").write_text(
        "script: train.py\narguments: []\ntarget: local\nframework: Python\ncommunicator: None\n"
        "maxRunDurationSeconds: 2592000\nnodeCount: 1\nspark:\n  configuration: {}\n"
        "history:\n  outputCollection: true\n"
    )
    with caplog.at_level(logging.INFO, "bridge"):
        config = ScriptRunConfig(source, run_config=RunConfiguration.load(source, "old"))
    assert "spark" in caplog.text
    assert script_definition(config).script == "train.py"


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "history: 3\n"])
def test_a_file_that_is_not_a_run_configuration_is_refused(source: Path, text: str) -> None:
    file = source / "bad.runconfig"
    file.write_text(text)
    with pytest.raises(InvalidValue, match="run configuration"):
        RunConfiguration.load(file)


def test_the_environment_of_a_run_configuration_is_saved_with_it(source: Path) -> None:
    settings = RunConfiguration("train.py", conda_dependencies=CondaDependencies.create(pip_packages=["torch"]))
    assert settings.environment is not None
    settings.environment.environment_variables = {"A": "1"}
    settings.save(source, "packed")
    again = RunConfiguration.load(source, "packed")
    assert again.environment is not None
    assert definition_of(again.environment) == definition_of(settings.environment)
    definition = script_definition(ScriptRunConfig(source, run_config=again))
    assert definition.environment.python.user_managed_dependencies is False
    with pytest.raises(InvalidValue, match="separate_environment_yaml"):
        settings.save(source, separate_environment_yaml=True)
