"""The packages that are installed instead of the packages of the Azure ML SDK.

The SDK installs these packages as its dependencies, and many scripts import them.
"""

from __future__ import annotations

import re

from bridge.environments.conda import package_name

AZUREML = re.compile(r"azureml[-_.].*|azureml", re.IGNORECASE)
"""Matches the names of the packages of the SDK. These packages are never installed.

The SDK works only with the Azure ML service. Scripts import Runbridge's own modules under the same names instead.
"""

BASICS = ("numpy", "pandas", "pyarrow")
DEPENDENCIES = {
    "azureml-core": BASICS,
    "azureml-dataset-runtime": ("numpy", "pyarrow"),
    "azureml-defaults": BASICS,
    "azureml-mlflow": ("mlflow",),
    "azureml-sdk": BASICS,
    "azureml-train": BASICS,
    "azureml-train-automl": BASICS,
    "azureml-train-automl-client": BASICS,
    "azureml-train-core": BASICS,
}
"""The dependencies of each package of the SDK.

azureml-mlflow depends on mlflow-skinny. mlflow is installed instead, because mlflow-skinny lacks modules that the
plugin `bridge_mlflow` needs.

Source: PyPI, metadata of azureml-defaults: 1.19 depends on numpy and pandas, and 1.62 on numpy and pyarrow.
"""
EXTRA = re.compile(r"\[([^]]*)\]")
EXTRAS = {"pandas": "pandas", "parquet": "pyarrow", "scipy": "scipy"}
"""The extras of azureml-dataprep and azureml-dataset-runtime, with the package that each extra installs."""


def is_azureml(package: str) -> bool:
    """Return whether a requirement names a package of the Azure ML SDK."""
    return AZUREML.fullmatch(package_name(package)) is not None


def dependencies_of(package: str) -> tuple[str, ...]:
    """Return the dependencies of a package of the SDK, without versions."""
    name = re.sub(r"[-_.]+", "-", package_name(package))
    extras = EXTRA.search(package)
    asked = [extra.strip().lower() for extra in extras[1].split(",")] if extras else []
    return (*DEPENDENCIES.get(name, ()), *(EXTRAS[extra] for extra in asked if extra in EXTRAS))
