"""The limits that are kept everywhere; lengths are in characters."""

KEY_LENGTH = 255
"""Of a metric, param, tag or property key, natively (MLflow's door: 250)."""

TEXT_VALUE_LENGTH = 65_535
"""Of one logged text value."""

ROW_COLUMNS = 65_535
"""Cells of one row of a table."""

ROW_TEXT_BYTES = 8 * 1024 * 1024
"""Of all the texts of one row, in UTF-8."""

EXPERIMENT_NAME_LENGTH = 500
"""Source: MLflow 3.17.2, `mlflow/utils/validation.py`; Azure ML allows 255."""

RUN_ID_LENGTH = 256
"""Source: MLflow 3.17.2, `^[a-zA-Z0-9][\\w\\-]{0,255}$`."""

EXACT_INTEGER = 2**53
"""Integers up to here, of either sign, are kept exactly; those beyond become the nearest float64."""

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
"""The range of a step and of a timestamp in milliseconds."""

LEASE_SECONDS = 300
"""How long the owner of a run may be silent before the run is shown as NotResponding."""

RENEW_SECONDS = 30.0
"""How often a process writes to its journal which runs it owns."""

ABSENT_SECONDS = 7 * 24 * 3600
"""How long an owner of which nothing else is known may be silent before its runs become Failed."""

UNWRITTEN_BYTES = 64 * 1024 * 1024
"""Points that wait in memory while a journal cannot be written; what comes beyond is dropped and counted."""

SNAPSHOT_BYTES, SNAPSHOT_FILES = 300_000_000, 2_000
"""Of one snapshot; what is beyond is left out with a warning, the largest files first. They can be set, by
`BRIDGE_SNAPSHOT_BYTES` and `BRIDGE_SNAPSHOT_FILES`."""

SNAPSHOT_ENTRIES = 10_000
"""Files and folders that are looked at for a snapshot, also those that are left out; of more, none is taken."""

SERVICE_LIMITS = {
    "workspace name": 32,
    "experiment name": 256,
    "experiment description": 5_000,
    "experiment tags": 50,
    "experiment tag key": 250,
    "experiment tag value": 1_000,
    "artifact location": 1_024,
    "runs": 10_000_000,
    "run id": 256,
    "display name": 256,
    "description": 5_000,
    "properties": 50,
    "property key": 100,
    "property value": 1_000,
    "tags": 50,
    "tag key": 100,
    "tag value": 1_000,
    "error message": 3_000,
    "warning message": 300,
    "input datasets": 200,
    "output datasets": 20,
    "metric names": 50,
    "metric rows": 1_000_000,
    "metric columns": 15,
    "column name": 255,
    "text value": 255,
    "rows of one upload": 250,
    "params": 200,
    "artifacts": 10_000_000,
    "artifact path": 5_000,
    "snapshot bytes": 300_000_000,
    "snapshot files": 2_000,
}
"""What Azure ML's service allows, of each thing per run where it is counted, in characters where it is text.

Not one of them is enforced: the limits above are, and those of a snapshot are warned about.

Source: Azure ML, "Manage resources and quotas" (February 2025); the number of params as its errors said in 2022.
"""
