"""The conformance suites of the interfaces. Subclass a suite, override its fixture for the store, and run pytest.

`BackendTests` is the suite of a backend. `ArtifactStoreTests` is the suite of an artifact store.
The package `oracle` contains a simple reference implementation of a backend.
The module `strategies` contains Hypothesis strategies for points.
"""

import pytest

pytest.register_assert_rewrite(
    "bridge.testing.artifact_index",
    "bridge.testing.artifacts",
    "bridge.testing.claims",
    "bridge.testing.fixtures",
    "bridge.testing.fold_store",
    "bridge.testing.journaled",
    "bridge.testing.lease_records",
    "bridge.testing.machine",
    "bridge.testing.model",
    "bridge.testing.naive",
    "bridge.testing.slices",
    "bridge.testing.tracking_experiments",
    "bridge.testing.tracking_points",
    "bridge.testing.tracking_purge",
    "bridge.testing.tracking_rows",
    "bridge.testing.tracking_runs",
    "bridge.testing.tracking_search",
    "bridge.testing.tracking_updates",
    "bridge.testing.views_changes",
    "bridge.testing.views_columns",
    "bridge.testing.views_keys",
    "bridge.testing.views_series",
)
