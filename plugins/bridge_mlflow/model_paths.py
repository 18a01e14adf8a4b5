"""Find the files of a model for a script that knows only its name.

Source: Azure ML SDK v1, `Model.get_model_path`; Azure ML, "Locate model files in your entry script": the folder of
`AZUREML_MODEL_DIR` is `azureml-models/<name>/<version>`, or `azureml-models` where there are several models.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

FOLDER = "azureml-models"
VARIABLE = "AZUREML_MODEL_DIR"


def model_path(name: str, version: int | None, download: Callable[[Path], str | None]) -> str | None:
    """Return the path of a model's file or folder; None if it is nowhere.

    The folder that `AZUREML_MODEL_DIR` names comes first.
    For the newest version the workspace comes next, then `./azureml-models`; for a version that is named the folder
    comes before the workspace. The last is `./<name>`.

    Args:
        name: the model.
        version: None is the newest.
        download: write the model's files below a folder, and return the path; None if the workspace has no such model.
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
    """Return the folder of a version below one of models."""
    return folder / name / str(version)


def _in_named_folder(name: str, version: int | None) -> Path | None:
    """Look in the folder of `AZUREML_MODEL_DIR`, which is of all models, of one, or of one version."""
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
    """Look for `<name>/<version>` and `<name>` below a folder of models."""
    model = folder / name
    versions = sorted(number for number in map(_number, _names(model)) if number is not None)
    if version is None and not versions:
        return model if model.exists() else None
    wanted = version if version is not None else versions[-1]
    return _only_entry(version_folder(folder, name, wanted)) if wanted in versions else None


def _only_entry(folder: Path) -> Path | None:
    """Return the one file or folder that a folder has, or the folder itself if it has several."""
    names = list(_names(folder))
    if len(names) == 1:
        return folder / names[0]
    return folder if names else None


def _names(folder: Path) -> Iterable[str]:
    return os.listdir(folder) if folder.is_dir() else ()


def _number(name: str) -> int | None:
    return int(name) if name.isascii() and name.isdigit() else None
