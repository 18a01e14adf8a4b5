"""Tests that `make` runs by their folder are in that folder."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
MARKER = re.compile(r"mark\.(browser|pythons)\b")


def test_tests_with_a_browser_or_another_python_are_in_the_folders_that_make_alone_names() -> None:
    marked = {path for path in TESTS.rglob("*.py") if MARKER.search(path.read_text(encoding="utf-8"))}
    assert len(marked) > 20
    assert {path.relative_to(TESTS).parts[0] for path in marked} == {"browser", "pythons"}
