"""What MLflow's REST client says about itself."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


class BridgeRequestHeaders:
    """Adds `runbridge/<version>` to the `User-Agent` of MLflow's REST client.

    MLflow makes one during `import mlflow`, so this module must not import it, and appends a header that is there
    already to the one before it.
    Source: MLflow 3.17.2, `mlflow.tracking.request_header.registry.resolve_request_headers`.
    """

    def in_context(self) -> bool:
        """Always."""
        return True

    def request_headers(self) -> dict[str, str]:
        """The one header."""
        return {"User-Agent": f"runbridge/{_version()}"}


@cache
def _version() -> str:
    try:
        return version("runbridge")
    except PackageNotFoundError:
        return "source"
