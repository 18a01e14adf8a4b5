"""The limits that are kept everywhere; lengths are in characters."""

KEY_LENGTH = 255
"""Of a metric, param, tag or property key, natively (MLflow's door: 250)."""

TEXT_VALUE_LENGTH = 65_535
"""Of one logged text value."""

EXPERIMENT_NAME_LENGTH = 500
"""Source: MLflow 3.17.2, `mlflow/utils/validation.py`; Azure ML allows 255."""

RUN_ID_LENGTH = 256
"""Source: MLflow 3.17.2, `^[a-zA-Z0-9][\\w\\-]{0,255}$`."""

EXACT_INTEGER = 2**53
"""Integers up to here, of either sign, are kept exactly; those beyond become the nearest float64."""

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
"""The range of a step and of a timestamp in milliseconds."""

UNWRITTEN_BYTES = 64 * 1024 * 1024
"""Points that wait in memory while a journal cannot be written; what comes beyond is dropped and counted."""
