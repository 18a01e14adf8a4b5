"""Limits that apply in all parts of Runbridge. Lengths are in characters."""

KEY_LENGTH = 255
"""The greatest length of the key of a metric, param, tag or property in the native API. MLflow allows 250."""

TEXT_VALUE_LENGTH = 65_535
"""The greatest length of a text value that can be logged."""

ROW_COLUMNS = 65_535
"""The greatest number of cells in one row of a table."""

ROW_TEXT_BYTES = 8 * 1024 * 1024
"""The greatest size of all texts of one row of a table together, in UTF-8."""

EXPERIMENT_NAME_LENGTH = 500
"""The greatest length of the name of an experiment.

Source: MLflow 3.17.2, `mlflow/utils/validation.py`; Azure ML allows 255.
"""

RUN_ID_LENGTH = 256
"""The greatest length of a run id.

Source: MLflow 3.17.2, `^[a-zA-Z0-9][\\w\\-]{0,255}$`.
"""

EXACT_INTEGER = 2**53
"""Integers up to this absolute value are stored exactly. Larger integers are stored as the nearest float64."""

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
"""The range of a step and of a timestamp in milliseconds."""

LEASE_SECONDS = 300
"""A run is shown as NotResponding if its owner (the process that must end it) has written nothing for this long."""

RENEW_SECONDS = 30.0
"""How often a process renews its leases in its journal. A lease records that the process owns a run."""

ABSENT_SECONDS = 7 * 24 * 3600
"""How long an owner may write nothing before its runs become Failed, if readers cannot find out whether it runs.

Readers cannot find this out if, for example, the owner runs on another host.
"""

UNWRITTEN_BYTES = 64 * 1024 * 1024
"""The greatest size of the points that wait in memory while no journal can be written.

Further points are dropped, and their number is counted.
"""

SNAPSHOT_BYTES, SNAPSHOT_FILES = 300_000_000, 2_000
"""The greatest size of a snapshot, and the greatest number of its files.

If a source folder has more, the largest files are excluded, with a warning. `BRIDGE_SNAPSHOT_BYTES` and
`BRIDGE_SNAPSHOT_FILES` set other limits.
"""

SNAPSHOT_ENTRIES = 10_000
"""The greatest number of files and folders in a source folder. Excluded files count too."""

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
"""The limits of the Azure ML service. Lengths are in characters.

The number of runs is for one workspace, and the number of experiment tags is for one experiment. The number of metric
rows is for one metric, and the number of metric columns is for one row. Unless the name of a limit states otherwise,
all other numbers are for one run.

Runbridge does not enforce these limits, but its own limits above.

Source: Azure ML, "Manage resources and quotas" (February 2025). The number of params is from error messages of the
service in 2022.
"""

ANSWER = "answer"
"""The key of the error about an answer of a server that would be too large."""
