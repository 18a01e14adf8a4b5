"""`azureml.telemetry` on Runbridge: nothing is sent."""

from bridge_azureml.absent import attribute_finder

INSTRUMENTATION_KEY = ""
"""An empty key, because nothing is sent to a service."""

__all__ = ["INSTRUMENTATION_KEY", "set_diagnostics_collection"]

__getattr__ = attribute_finder(__name__)


def set_diagnostics_collection(send_diagnostics: bool = True, verbosity: object = None) -> None:
    """Do nothing: diagnostics are never sent."""
