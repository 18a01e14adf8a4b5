"""Which version of the Azure ML SDK's surface is offered."""

VERSION = "1.61.0"
"""The last one whose names and behaviour were followed; `bridge_azureml` says nothing of its own version here."""
