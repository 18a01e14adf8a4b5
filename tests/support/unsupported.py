"""Routes that answer 501, with the sentence after which MLflow's clients use other routes."""

from __future__ import annotations

ROUTES = ("/mlflow-artifacts/mpu/", "/mlflow-artifacts/presigned/", "/artifacts/presigned-")


def is_unsupported(path: str, status: int) -> bool:
    """Return whether a status says that a route of MLflow's is not supported, as it is meant to."""
    return status == 501 and any(part in path for part in ROUTES)
