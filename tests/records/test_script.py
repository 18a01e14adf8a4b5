"""The definition of a script survives JSON, with keys of newer versions and without those that older ones lack."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import InvalidValue
from bridge.records.script import (
    Definition,
    DockerDefinition,
    EnvironmentDefinition,
    HistoryDefinition,
    ImageDefinition,
    PythonDefinition,
    ScriptDefinition,
)

OLD: dict[str, Any] = {
    "script": "train.py",
    "arguments": ["--alpha", "0.1"],
    "command": "",
    "sourceDirectory": "/home/ada/digits",
    "target": "local",
    "framework": "Python",
    "communicator": "None",
    "nodeCount": 1,
    "maxRunDurationSeconds": 2592000,
    "environmentVariables": {"SEED": "7"},
    "environment": {
        "name": "current-interpreter",
        "python": {"userManagedDependencies": True, "interpreterPath": "/usr/bin/python3"},
    },
    "history": {"outputCollection": True, "snapshotProject": True, "directoriesToWatch": ["logs"]},
    "docker": {"useDocker": False, "sharedVolumes": True, "arguments": [], "shmSize": None},
    "workingDirectory": "/tmp/runbridge_runs_0/r1",
}
"""A definition that version 0.1.0 has stored."""

TEXTS = st.sampled_from(["", "a", "script", "é"])
MAYBE = st.none() | TEXTS
WORDS = st.lists(TEXTS, max_size=2).map(tuple)
VARIABLES = st.dictionaries(TEXTS, TEXTS, max_size=2)
OTHERS = st.dictionaries(
    st.sampled_from(["newKey", "another", "user_name"]), st.none() | st.integers() | st.lists(TEXTS) | VARIABLES
)
PACKAGES = st.none() | st.fixed_dictionaries({"dependencies": st.lists(TEXTS, max_size=2)})


def any_of(kind: type[Definition]) -> st.SearchStrategy[Any]:
    return definitions(kind)


FIELDS: dict[type[Definition], dict[str, st.SearchStrategy[Any]]] = {
    PythonDefinition: {
        "user_managed_dependencies": st.booleans(),
        "interpreter_path": MAYBE,
        "conda_dependencies": PACKAGES,
    },
    ImageDefinition: {
        "enabled": st.booleans(),
        "base_image": MAYBE,
        "base_dockerfile": MAYBE,
        "arguments": WORDS,
        "shm_size": MAYBE,
    },
    EnvironmentDefinition: {
        "name": TEXTS,
        "version": MAYBE,
        "python": st.deferred(lambda: any_of(PythonDefinition)),
        "environment_variables": VARIABLES,
        "docker": st.deferred(lambda: any_of(ImageDefinition)),
    },
    HistoryDefinition: {
        "output_collection": st.booleans(),
        "snapshot_project": st.booleans(),
        "directories_to_watch": WORDS,
    },
    DockerDefinition: {
        "use_docker": st.booleans(),
        "shared_volumes": st.booleans(),
        "arguments": WORDS,
        "shm_size": MAYBE,
    },
    ScriptDefinition: {
        "script": MAYBE,
        "arguments": WORDS,
        "command": TEXTS,
        "source_directory": TEXTS,
        "target": TEXTS,
        "framework": TEXTS,
        "communicator": MAYBE,
        "node_count": st.integers(0, 2),
        "max_run_duration_seconds": st.none() | st.integers(1, 9) | st.floats(0.5, 9),
        "environment_variables": VARIABLES,
        "environment": st.deferred(lambda: any_of(EnvironmentDefinition)),
        "history": st.deferred(lambda: any_of(HistoryDefinition)),
        "docker": st.deferred(lambda: any_of(DockerDefinition)),
        "working_directory": TEXTS,
    },
}


@st.composite
def definitions(draw: st.DrawFn, kind: type[Definition]) -> Definition:
    """Draw a definition with any values, some missing fields, and unknown keys."""
    chosen = draw(st.sets(st.sampled_from(sorted(FIELDS[kind]))))
    values = {name: draw(FIELDS[kind][name]) for name in sorted(chosen)}
    absent = draw(st.sets(st.sampled_from(sorted(FIELDS[kind]))))
    return kind(**values, others=draw(OTHERS), absent=frozenset(absent))


def test_every_field_is_drawn() -> None:
    for kind, drawn in FIELDS.items():
        assert {each.name for each in fields(kind)} == {*drawn, "others", "absent"}


@given(definitions(ScriptDefinition))
def test_a_definition_survives_json(definition: Definition) -> None:
    written = json.loads(json.dumps(definition.to_json()))
    again = ScriptDefinition.from_json(written)
    assert again == definition
    assert again.to_json() == written


@given(definitions(ScriptDefinition), st.sampled_from([(), ("environment",), ("environment", "python"), ("docker",)]))
def test_a_key_of_a_newer_version_survives_a_change(definition: Definition, at: tuple[str, ...]) -> None:
    written = definition.to_json()
    inner = written
    for key in at:
        inner = inner.setdefault(key, {})
    inner["fromTheFuture"] = {"kept": [1, None]}
    changed = replace(ScriptDefinition.from_json(written), working_directory="/elsewhere").to_json()
    assert changed == {**written, "workingDirectory": "/elsewhere"}


def test_a_definition_of_the_previous_version_is_read_and_stays_the_same() -> None:
    definition = ScriptDefinition.from_text(json.dumps(OLD))
    assert definition.to_json() == OLD
    assert list(definition.to_json()) == list(OLD)
    assert (definition.arguments, definition.environment_variables) == (("--alpha", "0.1"), {"SEED": "7"})
    assert definition.environment.python.interpreter_path == "/usr/bin/python3"
    assert not definition.environment.python.builds_packages
    assert definition.environment.docker == ImageDefinition()


@pytest.mark.parametrize("key", OLD)
def test_a_missing_key_has_its_default(key: str) -> None:
    stored = {name: value for name, value in OLD.items() if name != key}
    definition = ScriptDefinition.from_json(stored)
    (name,) = definition.absent
    assert getattr(definition, name) == getattr(ScriptDefinition(), name)
    assert definition.to_json() == stored


def test_an_empty_definition_has_only_defaults() -> None:
    for text in (None, "", "{}", '{"environment": null, "docker": null, "history": null, "arguments": null}'):
        definition = ScriptDefinition.from_text(text)
        assert definition == ScriptDefinition()
        assert not definition.environment.python.builds_packages


@pytest.mark.parametrize(
    "text, key",
    [
        ("{", "definition"),
        ("[]", "script"),
        ("5", "script"),
        ('{"environment": []}', "environment"),
        ('{"environment": {"python": "3.11"}}', "python"),
        ('{"arguments": "--alpha 1"}', "arguments"),
        ('{"environmentVariables": ["A=1"]}', "environmentVariables"),
    ],
)
def test_text_that_is_not_a_definition_is_refused(text: str, key: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        ScriptDefinition.from_text(text)
    assert raised.value.key == key
