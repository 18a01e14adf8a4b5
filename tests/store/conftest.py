"""Options for the tests of stores."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the views of stores behind a journal as slow: the fast tests check the same views without a journal."""
    for item in items:
        if isinstance(item, pytest.Function) and item.cls and item.cls.__name__.startswith("TestJournaled"):
            if item.function.__module__.startswith("bridge.testing.views"):
                item.add_marker(pytest.mark.slow)
