"""The import names of the Azure ML SDK v1, on Runbridge.

If the real SDK is installed, this package finds the modules of the SDK, unless the variable BRIDGE_AZUREML is 1.
Other installed packages can also have modules below `azureml`. These modules stay importable.
"""

import os
import pkgutil

_ours = list(__path__)
_others = [place for place in pkgutil.extend_path(_ours, __name__) if place not in _ours]
_real = any(os.path.isfile(os.path.join(place, "core", "__init__.py")) for place in _others)

if _real and os.environ.get("BRIDGE_AZUREML") != "1":
    __path__ = _others
else:
    __path__ = _ours + _others

    from bridge_azureml.absent import attribute_finder, install_finder

    install_finder()
    __getattr__ = attribute_finder(__name__)
