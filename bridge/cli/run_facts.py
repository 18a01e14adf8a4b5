"""Everything about a run that can be compared with other runs, as texts in sections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bridge.cli.run_rows import lasted
from bridge.cli.texts import size_text, time_text
from bridge.errors import BridgeError
from bridge.records.labels import native_tags
from bridge.records.script import ScriptDefinition
from bridge.source.empty import SNAPSHOT_PROPERTY
from bridge.source.manifest import read_manifest
from bridge.source.recorded_environment import ENVIRONMENT_PROPERTY, read_environment

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge.store.artifacts import ArtifactStore
    from bridge.store.workspace_stores import WorkspaceStores

Facts = dict[tuple[str, str], "str | float"]
"""A value for each section and key."""

GIT = re.compile(r"(?:azureml|runbridge|bridge|mlflow\.source)\.git\.?(.*)")
"""Properties and tags that name a commit, a branch or a repository."""

HASH_LENGTH = 10


def facts_of(stores: WorkspaceStores, run: RunRecord) -> Facts:
    """Return everything about a run that can be compared.

    The sections are `run`, `params`, `metrics` (the latest values), `tags`, `environment`, `packages` and `source`.
    A recorded environment or a snapshot that cannot be read is skipped.
    """
    facts: Facts = {("run", key): value for key, value in _attributes(run) if value}
    facts |= {("params", key): value for key, value in run.params.items()}
    facts |= {("metrics", key): latest.value for key, latest in run.latest_metrics.items()}
    facts |= {("metrics", key): str(value) for key, value in run.latest_texts.items() if ("metrics", key) not in facts}
    facts |= {("tags", key): value or "" for key, value in native_tags(run.tags).items()}
    facts |= {("environment", key): str(value) for key, value in _environment(run) if value}
    with suppress(BridgeError):
        facts |= _recorded(stores.artifacts, run)
    with suppress(BridgeError):
        files = read_manifest(stores.artifacts, run.properties.get(SNAPSHOT_PROPERTY, ""))
        facts |= {("source", file.path): file.content[:HASH_LENGTH] for file in files}
    return facts


def _attributes(run: RunRecord) -> Iterator[tuple[str, str]]:
    yield "status", run.status
    yield "started", time_text(run.start_time)
    yield "duration", lasted(run)
    yield "user", run.user
    yield "note", run.description or ""


def _environment(run: RunRecord) -> Iterator[tuple[str, Any]]:
    """Yield what the definition, the properties and the tags of a run say about its script and its environment."""
    definition = ScriptDefinition()
    with suppress(BridgeError):
        definition = ScriptDefinition.from_text(run.definition)
    environment = definition.environment
    yield "name", f"{environment.name}:{environment.version}" if environment.version else environment.name
    yield "script", definition.script
    yield "arguments", " ".join(definition.arguments)
    yield "command", definition.command
    for key, value in {**environment.environment_variables, **definition.environment_variables}.items():
        yield f"variable {key}", value
    for key, label in [*run.properties.items(), *run.tags.items()]:
        if found := GIT.fullmatch(key):
            yield f"git {found[1] or 'commit'}", label


def _recorded(artifacts: ArtifactStore, run: RunRecord) -> Facts:
    """Return the environment that was recorded when the run started."""
    if ENVIRONMENT_PROPERTY not in run.properties:
        return {}
    recorded = dict(read_environment(artifacts, run.properties[ENVIRONMENT_PROPERTY]))
    packages = recorded.pop("packages", {})
    recorded["gpus"] = ", ".join(recorded.get("gpus", ()))
    recorded["memory"] = size_text(recorded.pop("memory_bytes", None))
    facts: Facts = {("environment", key): str(value) for key, value in recorded.items() if value}
    return facts | {("packages", key): str(version) for key, version in packages.items()}
