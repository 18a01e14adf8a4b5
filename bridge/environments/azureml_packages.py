"""The packages that are installed in place of those of the Azure ML SDK: scripts rely on what these brought."""

from __future__ import annotations

import re

from bridge.environments.conda import package_name

AZUREML = re.compile(r"azureml[-_.].*|azureml", re.IGNORECASE)
"""The SDK itself is never installed: Runbridge has its import names, and the real one would look for its service."""

BASICS = ("numpy", "pandas", "pyarrow")
BROUGHT = {
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
"""The packages that each one brought. MLflow's small package, which azureml-mlflow brought, lacks what our store needs.

Source: PyPI, metadata of azureml-defaults: 1.19 brought numpy and pandas, and 1.62 brings numpy and pyarrow.
"""
EXTRA = re.compile(r"\[([^]]*)\]")
EXTRAS = {"pandas": "pandas", "parquet": "pyarrow", "scipy": "scipy"}
"""Packages by the extra of azureml-dataprep and azureml-dataset-runtime that brought them."""


def is_azureml(package: str) -> bool:
    """Return whether a requirement is of a package of the Azure ML SDK."""
    return AZUREML.fullmatch(package_name(package)) is not None


def brought_by(package: str) -> tuple[str, ...]:
    """Return the names of the packages that a package of the SDK brought, without versions."""
    name = re.sub(r"[-_.]+", "-", package_name(package))
    extras = EXTRA.search(package)
    asked = [extra.strip().lower() for extra in extras[1].split(",")] if extras else []
    return (*BROUGHT.get(name, ()), *(EXTRAS[extra] for extra in asked if extra in EXTRAS))
