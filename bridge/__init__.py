"""Runbridge: a self-hosted home for ML runs."""

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
from bridge.experiment import Experiment
from bridge.records.series import Series
from bridge.run import Run
from bridge.workspace import Workspace

__all__ = [
    "AlreadyExists",
    "BridgeError",
    "Experiment",
    "InvalidState",
    "InvalidValue",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "ParamChanged",
    "Run",
    "SchemaMismatch",
    "Series",
    "StoreUnavailable",
    "SubmitFailed",
    "Workspace",
]
