"""In place of a package of the Azure ML SDK, the packages that it depended on are installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.environments.azureml_packages import DEPENDENCIES, dependencies_of, is_azureml
from bridge.environments.packages import wanted_packages


def installed(*pip: str, conda: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the packages that pip installs."""
    return wanted_packages({"dependencies": [*conda, {"pip": list(pip)}]}).lines


@pytest.mark.parametrize(
    ("package", "dependencies"),
    [
        ("azureml-defaults", ("numpy", "pandas", "pyarrow")),
        ("azureml-sdk==1.19.0", ("numpy", "pandas", "pyarrow")),
        ("azureml_core>=1.40", ("numpy", "pandas", "pyarrow")),
        ("AzureML-Defaults", ("numpy", "pandas", "pyarrow")),
        ("azureml-dataprep[pandas]", ("pandas",)),
        ("azureml-dataset-runtime[pandas,fuse]~=1.40", ("numpy", "pyarrow", "pandas")),
        ("azureml-sdk[automl,notebooks]", ("numpy", "pandas", "pyarrow")),
        ("azureml-mlflow", ("mlflow",)),
        ("azureml-widgets", ()),
        ("azureml", ()),
    ],
)
def test_a_package_implies_the_packages_that_scripts_rely_on(package: str, dependencies: tuple[str, ...]) -> None:
    assert is_azureml(package)
    assert dependencies_of(package) == dependencies


def test_other_packages_are_not_of_the_sdk() -> None:
    assert not is_azureml("azure-storage-blob") and not is_azureml("my-azureml-tools")


def test_implied_packages_are_installed_once_unless_the_environment_names_them() -> None:
    assert installed("azureml-defaults", "azureml-dataprep[pandas]") == ("numpy", "pandas", "pyarrow")
    assert installed("azureml-core", "pandas==1.5.3") == ("numpy", "pandas==1.5.3", "pyarrow")
    assert installed("azureml-core", conda=("numpy=1.26",)) == ("numpy==1.26.*", "pandas", "pyarrow")
    assert installed(conda=("azureml-core=1.61",)) == ("numpy", "pandas", "pyarrow")


def test_the_documented_packages_are_those_of_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "environments.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`azureml-.*) \| (.*) \|$", text, re.MULTILINE)
    documented = {
        package: tuple(re.findall(r"`([a-z]+)`", dependencies))
        for packages, dependencies in rows
        for package in re.findall(r"`(azureml-[a-z-]+)`", packages)
    }
    assert documented == DEPENDENCIES
