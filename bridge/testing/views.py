"""The conformance suite of `bridge.store.views.RunViews`."""

from __future__ import annotations

from bridge.testing.fixtures import BackendFixtures
from bridge.testing.views_changes import ChangePromises
from bridge.testing.views_columns import ColumnPromises, GroupPromises
from bridge.testing.views_keys import KeyPromises
from bridge.testing.views_series import SeriesPromises


class RunViewsTests(ColumnPromises, GroupPromises, KeyPromises, SeriesPromises, ChangePromises, BackendFixtures):
    """All tests of the interface to tables and charts."""
