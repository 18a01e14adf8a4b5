"""Both APIs work on every supported and installed Python, also with an old numpy and MLflow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from another_mlflow import ROOT
from another_python import OTHERS


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("version", [pytest.param(one, marks=pytest.mark.pythons(one)) for one in OTHERS])
def test_the_fast_suites_pass(version: str, passes: Callable[[str], None]) -> None:
    passes(version)


@pytest.mark.slow
def test_the_shares_together_have_every_test() -> None:
    def collected(*options: str) -> list[str]:
        command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *options]
        done = subprocess.run([*command, "tests/journal"], cwd=ROOT, capture_output=True, text=True, check=True)
        return sorted(line for line in done.stdout.splitlines() if "::" in line)

    first, second, both = (collected(*options) for options in (("--share", "1/2"), ("--share", "2/2"), ()))
    assert {*first, *second} == {*both} and 100 < len(first) < len(both) and 100 < len(second) < len(both)
    assert any(name.startswith("tests/journal/test_interrupts.py") for name in {*first} & {*second})
