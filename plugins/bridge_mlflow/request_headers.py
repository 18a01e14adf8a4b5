"""The `User-Agent` header of MLflow's REST client."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


class BridgeRequestHeaders:
    """A provider that adds `runbridge/<version>` to the `User-Agent` of MLflow's REST client.

    MLflow creates an instance during `import mlflow`, so this module must not import MLflow.
    If several providers set the same header, MLflow joins the values.
    Source: MLflow 3.17.2, `mlflow.tracking.request_header.registry.resolve_request_headers`.
    """

    def in_context(self) -> bool:
        """Return True: the header is always added."""
        return True

    def request_headers(self) -> dict[str, str]:
        """Return the header."""
        return {"User-Agent": f"runbridge/{_version()}"}


@cache
def _version() -> str:
    try:
        return version("runbridge")
    except PackageNotFoundError:
        return "source"
