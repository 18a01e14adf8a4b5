"""The answers to requests that are refused, or that fail, as MLflow's server gives them.

Source: MLflow 3.17.2, `mlflow.exceptions` and `mlflow.error_classification`.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from bridge.errors import BridgeError
from bridge.server.dispatch import without_folder
from bridge_mlflow.translate.refusals import Refusal, refusal_of

logger = logging.getLogger("bridge")

NO_ENDPOINT = "ENDPOINT_NOT_FOUND"

SWITCHED_OFF = "This server does not load MLflow's application: start it with `runbridge server --mlflow lazy`."
"""The message of the answer to a request that needs MLflow, on a server that never imports it."""

STATUSES = {
    "INVALID_PARAMETER_VALUE": 400,
    "BAD_REQUEST": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "RESOURCE_DOES_NOT_EXIST": 404,
    NO_ENDPOINT: 404,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
    "RESOURCE_EXHAUSTED": 507,
}
"""The HTTP status of each code. Any other code, such as INVALID_STATE, has the status 500.

MLflow's server answers RESOURCE_EXHAUSTED with 429. Its clients would then send the request again and again.
"""

CLASSES = {
    "BAD_REQUEST": "INVALID_PARAMETER_VALUE",
    "RESOURCE_DOES_NOT_EXIST": "RESOURCE_NOT_FOUND",
    "INTERNAL_ERROR": "CLIENT_INTERNAL_ERROR",
    "INVALID_STATE": "CLIENT_INTERNAL_ERROR",
    "TEMPORARILY_UNAVAILABLE": "CLIENT_INTERNAL_ERROR",
}
"""The error class of a code, if it is not the code itself."""

WITHOUT_CLASS = frozenset({"UNAUTHENTICATED", "NOT_IMPLEMENTED", "RESOURCE_EXHAUSTED", NO_ENDPOINT})


def failure(error: Exception) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of the answer to a request that raised an error."""
    if isinstance(error, BridgeError):
        error = refusal_of(without_folder(error))
    if isinstance(error, Refusal):
        return refused(error.code, error.sentence)
    module = sys.modules.get("mlflow.exceptions")
    if module is not None and isinstance(error, module.MlflowException):
        return refused(error.error_code, error.message)
    logger.error("A request to MLflow's API failed", exc_info=error)
    return refused("INTERNAL_ERROR", "The server could not answer this request. Its log has the details.")


def refused(code: str, sentence: str) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of the answer to a request that is refused."""
    body = {"error_code": code, "message": sentence}
    if code not in WITHOUT_CLASS:
        body["error_class"] = CLASSES.get(code, code)
        body["sqlstate"] = "XXM00" if body["error_class"] == "CLIENT_INTERNAL_ERROR" else "KAM00"
    return STATUSES.get(code, 500), body
