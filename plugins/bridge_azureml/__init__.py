"""The import names of the Azure ML SDK v1, on Runbridge: importing this package prepares the process.

Afterwards `import azureml.core` and its like resolve to Runbridge, unless the real azureml-core is installed.

Example:
    >>> import bridge_azureml
    >>> from azureml.core import Workspace, Experiment, Run
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

VARIABLE = "BRIDGE_AZUREML"
"""1: our names replace those of an installed azureml-core. 0: they never do."""


def import_folder() -> str:
    """Return the folder that a `PYTHONPATH` needs for our `azureml`."""
    return str(Path(__file__).resolve().parent / "import_names")


def install(replace: bool = False) -> None:
    """Make `import azureml…` resolve to Runbridge in this process and in those that it starts.

    Repeating it changes nothing.

    Args:
        replace: whether to replace the real azureml-core, if it is installed. Its loaded modules are forgotten, so that
            later imports find ours.
    """
    if replace:
        os.environ[VARIABLE] = "1"
        _forget_others()
    folder = import_folder()
    _put_on_path(folder)
    loaded = sys.modules.get("azureml")
    if loaded is not None and not _offers_core(loaded.__path__):
        # Another package `azureml.something` was imported before.
        loaded.__path__ = [os.path.join(folder, "azureml"), *loaded.__path__]


def _put_on_path(folder: str) -> None:
    if folder not in sys.path:
        sys.path.insert(min(1, len(sys.path)), folder)  # the first folder is that of the script
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if folder not in inherited:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, *inherited)))


def _offers_core(places: Sequence[str]) -> bool:
    return any(os.path.isfile(os.path.join(place, "core", "__init__.py")) for place in places)


def _forget_others() -> None:
    ours = import_folder()
    loaded = sys.modules.get("azureml")
    if loaded is None or str(getattr(loaded, "__file__", "")).startswith(ours):
        return
    for name in [name for name in sys.modules if name == "azureml" or name.startswith("azureml.")]:
        del sys.modules[name]


install()
