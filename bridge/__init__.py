"""Runbridge: a self-hosted home for ML runs."""

from typing import TYPE_CHECKING

from bridge.errors import (
    AlreadyExists,
    BridgeError,
    InvalidState,
    InvalidValue,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    ParamChanged,
    SchemaMismatch,
    StoreUnavailable,
    SubmitFailed,
)
from bridge.experiment import Experiment, ViewType
from bridge.records.series import Series
from bridge.run import Run
from bridge.workspace import Workspace

if TYPE_CHECKING:
    from bridge.metrics import LoggedFile, LoggedMetric, MetricFile, MetricTable

__all__ = [
    "AlreadyExists",
    "BridgeError",
    "Experiment",
    "InvalidState",
    "InvalidValue",
    "LoggedFile",
    "LoggedMetric",
    "MetricFile",
    "MetricTable",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "ParamChanged",
    "Run",
    "SchemaMismatch",
    "Series",
    "StoreUnavailable",
    "SubmitFailed",
    "ViewType",
    "Workspace",
]

_LATER = {
    "LoggedFile": "bridge.metrics",
    "LoggedMetric": "bridge.metrics",
    "MetricFile": "bridge.metrics",
    "MetricTable": "bridge.metrics",
}
"""The modules of names that are loaded when first asked for: logging does not need them."""


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
