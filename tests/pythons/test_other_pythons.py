"""Both APIs work on every supported and installed Python, also with an old numpy and MLflow."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from another_python import OTHERS


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("version", [pytest.param(one, marks=pytest.mark.pythons(one)) for one in OTHERS])
def test_the_fast_suites_pass(version: str, passes: Callable[[str], None]) -> None:
    passes(version)
