"""The conformance suites of the ports, and what they draw from: subclass one, give it a store, run it with pytest."""

import pytest

pytest.register_assert_rewrite(
    "bridge.testing.artifacts",
    "bridge.testing.machine",
    "bridge.testing.naive",
    "bridge.testing.slices",
    "bridge.testing.tracking",
    "bridge.testing.tracking_append",
    "bridge.testing.tracking_experiments",
    "bridge.testing.tracking_index",
    "bridge.testing.tracking_points",
    "bridge.testing.tracking_purge",
    "bridge.testing.tracking_runs",
    "bridge.testing.tracking_search",
)
