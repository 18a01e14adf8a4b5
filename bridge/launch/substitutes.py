"""Replaces what exists only in Azure ML when a script is submitted.

A compute target is replaced with this computer, and a curated environment with the interpreter that submits the script.
"""

from __future__ import annotations

from dataclasses import replace

from bridge.environments.conda import CondaDependencies
from bridge.environments.substitutes import DOCKER, LOCAL, is_curated, is_docker_off
from bridge.records.script import EnvironmentDefinition, PythonDefinition, ScriptDefinition


def substitute(definition: ScriptDefinition) -> tuple[ScriptDefinition, tuple[str, ...]]:
    """Replace the compute target and the environment of a script if they exist only in Azure ML.

    Docker is switched off if `BRIDGE_DOCKER` is 0.

    Returns:
        The new definition, and one warning for each replacement.
    """
    warnings = []
    if definition.target != LOCAL:
        name = definition.target
        warnings.append(f"The script ran on this computer, because Runbridge has no compute target {name!r}.")
        definition = replace(definition, target=LOCAL)
    environment, warning = _substitute_environment(definition.environment)
    if warning is not None:
        warnings.append(warning)
    definition = replace(definition, environment=environment)
    if (definition.docker.use_docker or environment.docker.enabled) and is_docker_off():
        warnings.append(f"The script ran without Docker, because {DOCKER} is 0.")
        definition = _without_docker(definition)
    return definition, tuple(warnings)


def _without_docker(definition: ScriptDefinition) -> ScriptDefinition:
    environment = definition.environment
    return replace(
        definition,
        docker=replace(definition.docker, use_docker=False),
        environment=replace(environment, docker=replace(environment.docker, enabled=False)),
    )


def _substitute_environment(environment: EnvironmentDefinition) -> tuple[EnvironmentDefinition, str | None]:
    """Replace a curated environment, which exists only in Azure ML, with the interpreter that submits the script.

    Returns:
        The environment, and a warning if its packages are not installed.
    """
    python, name = environment.python, environment.name
    packages = _packages(python)
    if is_curated(name) and environment.version is None and not packages:
        found = replace(environment, python=replace(python, user_managed_dependencies=True))
        return found, (
            f"The script ran with the Python interpreter that submitted it, because the environment {name!r}"
            " exists only in Azure ML. The packages of this environment were not installed."
        )
    if python.user_managed_dependencies and packages:
        named = ", ".join(packages)
        return environment, f"Packages were not installed, because the environment {name!r} is user-managed: {named}."
    return environment, None


def _packages(python: PythonDefinition) -> list[str]:
    """Return the packages that an environment lists, except Python itself."""
    packages = CondaDependencies(_underlying_structure=python.conda_dependencies)
    return [*packages.conda_packages, *packages.pip_packages]
