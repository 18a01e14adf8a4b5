"""Find the files of a registered model by the name of the model.

The environment variable `AZUREML_MODEL_DIR` names the folder `azureml-models/<name>/<version>`, or `azureml-models` if
there are several models.
Source: Azure ML SDK v1, `Model.get_model_path`; Azure ML, "Locate model files in your entry script".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

FOLDER = "azureml-models"
VARIABLE = "AZUREML_MODEL_DIR"


def model_path(name: str, version: int | None, download: Callable[[Path], str | None]) -> str | None:
    """Return the path of a model's file or folder; None if the model is not found.

    The newest version is searched in this order: the folder that `AZUREML_MODEL_DIR` names, the workspace,
    `./azureml-models`, `./<name>`.
    A given version is searched in this order: the folder that `AZUREML_MODEL_DIR` names, `./azureml-models`, the
    workspace.

    Args:
        name: the name of the model.
        version: the number of the version; None is the newest one.
        download: a function that writes the model's files below a folder and returns their path. It returns None if the
            workspace does not have the model.
    """
    named = _in_named_folder(name, version)
    if named is not None:
        return str(named)
    folder = Path(FOLDER)
    if version is None:
        found = download(folder) or _in_folder(folder, name, None)
    else:
        found = _in_folder(folder, name, version) or download(folder)
    if found is None and version is None and os.path.exists(name):
        return name
    return None if found is None else str(found)


def version_folder(folder: Path, name: str, version: int) -> Path:
    """Return the path of the folder of one version in a folder of models."""
    return folder / name / str(version)


def _in_named_folder(name: str, version: int | None) -> Path | None:
    """Look for a model in the folder that `AZUREML_MODEL_DIR` names.

    That folder contains all models, all versions of one model, or the files of one version.
    """
    value = os.environ.get(VARIABLE)
    if not value:
        return None
    folder = Path(os.path.abspath(value))
    if folder.parent.name == name and version in (None, _number(folder.name)):
        return _only_entry(folder)
    if folder.name == name:
        folder = folder.parent
    return _in_folder(folder, name, version)


def _in_folder(folder: Path, name: str, version: int | None) -> Path | None:
    """Look for a model in a folder of models, as `<name>/<version>`, or as `<name>` if the folder has no versions."""
    model = folder / name
    versions = sorted(number for number in map(_number, _names(model)) if number is not None)
    if version is None and not versions:
        return model if model.exists() else None
    wanted = version if version is not None else versions[-1]
    return _only_entry(version_folder(folder, name, wanted)) if wanted in versions else None


def _only_entry(folder: Path) -> Path | None:
    """Return the only entry of a folder; the folder itself if it has several entries, None if it is empty."""
    names = list(_names(folder))
    if len(names) == 1:
        return folder / names[0]
    return folder if names else None


def _names(folder: Path) -> Iterable[str]:
    return os.listdir(folder) if folder.is_dir() else ()


def _number(name: str) -> int | None:
    return int(name) if name.isascii() and name.isdigit() else None
