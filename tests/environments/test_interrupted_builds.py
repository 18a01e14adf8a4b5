"""An exception of a signal handler, such as a time limit, is not mistaken for the failure of a build."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from interrupting import EXCEPTIONS, Interrupts, each_place, places

from bridge.environments.docker import check_engine
from bridge.environments.virtual import _run

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # the program that was started is not waited for
    pytest.mark.usefixtures("garbage_collected"),
]


def run_a_step() -> None:
    lock = os.open(os.devnull, os.O_RDONLY)
    try:
        _run(["true"], print, lock)
    finally:
        os.close(lock)


@pytest.mark.parametrize(
    ("file", "call"), [("/environments/virtual.py", run_a_step), ("/environments/docker.py", check_engine)]
)
def test_an_exception_of_a_signal_handler_is_raised_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, call: Callable[[], None]
) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    count = places((file,), call)
    assert count > 1
    for at, error in each_place(count):
        with pytest.raises(EXCEPTIONS) as raised, Interrupts((file,), at, error) as interrupts:
            call()
        assert raised.type is error, interrupts.where
