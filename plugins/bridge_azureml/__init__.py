"""The import names of the Azure ML SDK v1, on Runbridge.

After an import of this package, `import azureml.core` and similar imports resolve to Runbridge, unless the real
azureml-core is installed.

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
"""The environment variable that decides what `import azureml` finds if azureml-core is installed.

If the value is 1, the import finds Runbridge, otherwise azureml-core. `python -m bridge_azureml` sets the variable to 1
if it is not set.
"""


def import_folder() -> str:
    """Return the folder of our package `azureml`, for `PYTHONPATH`."""
    return str(Path(__file__).resolve().parent / "import_names")


def install(replace: bool = False) -> None:
    """Make `import azureml…` resolve to Runbridge in this process and in the processes that it starts.

    Further calls change nothing.

    Args:
        replace: whether to replace the real azureml-core, if it is installed. The modules of azureml-core that are
            already loaded are removed from `sys.modules`, so that later imports find ours.
    """
    if replace:
        os.environ[VARIABLE] = "1"
        _forget_others()
    folder = import_folder()
    _put_on_path(folder)
    loaded = sys.modules.get("azureml")
    if loaded is not None and not _offers_core(loaded.__path__):
        # The package `azureml` was imported before, from folders that do not contain `azureml.core`. Add our folder.
        loaded.__path__ = [os.path.join(folder, "azureml"), *loaded.__path__]


def _put_on_path(folder: str) -> None:
    if folder not in sys.path:
        # The first entry of `sys.path` is the folder of the script, which must stay first.
        sys.path.insert(min(1, len(sys.path)), folder)
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
