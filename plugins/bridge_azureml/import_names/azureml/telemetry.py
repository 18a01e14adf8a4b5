"""`azureml.telemetry` on Runbridge: nothing is sent."""

__all__ = ["set_diagnostics_collection"]


def set_diagnostics_collection(send_diagnostics: bool = True, verbosity: object = None) -> None:
    """Do nothing: diagnostics are never sent, whatever is asked for."""
