"""The steps around a fork: one table, one order, and each step is taken whatever a signal handler raises."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forked import Child
from interrupting import Interrupts, Own, each_place, places

import bridge.forking
from bridge.forking import TRIES, Step, on_fork

ROOT = Path(bridge.__file__).parent.parent
SOURCES = [*ROOT.glob("bridge/**/*.py"), *ROOT.glob("plugins/**/*.py")]

IN_ANY_ORDER = """
import os, random, sys
from bridge.forking import Step, on_fork
for module in ("bridge.store.open", "bridge.capture.printed", "bridge.handles.run_of_process"):
    __import__(module)
done = []
steps = list(Step)
random.Random(sys.argv[1]).shuffle(steps)
for step in steps:
    on_fork(
        step,
        before=lambda step=step: done.append(("before", step.name)),
        in_parent=lambda step=step: done.append(("parent", step.name)),
        in_child=lambda step=step: done.append(("child", step.name)),
    )
child = os.fork()
if child:
    os.waitpid(child, 0)
print(*(name for when, name in done if when == "before"), flush=True)
print(*(name for when, name in done if when != "before"), flush=True)
os._exit(0)
"""


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`on_fork`, of which nothing stays after the test."""
    for table in (bridge.forking._before, bridge.forking._in_parent, bridge.forking._in_child):
        for step in Step:
            monkeypatch.setitem(table, step, list(table[step]))
    return on_fork


def test_only_one_module_registers_hooks_for_forks():
    found = [path for path in SOURCES if "register_at_fork" in path.read_text()]
    assert found == [ROOT / "bridge" / "forking.py"]
    assert found[0].read_text().count("os.register_at_fork(") == 1


def test_the_table_names_the_steps_in_their_order_and_each_is_used():
    rows = re.findall(r"^\| ([A-Z]+) \|", bridge.forking.__doc__ or "", re.MULTILINE)
    assert rows == [step.name for step in Step]
    used = {name for path in SOURCES for name in re.findall(r"on_fork\(\s*Step\.([A-Z]+)", path.read_text())}
    assert used == set(rows)


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_steps_are_taken_in_the_order_of_the_table_however_they_were_registered(seed: str):
    command = [sys.executable, "-W", "error", "-c", IN_ANY_ORDER, seed]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split("\n")
    names = [step.name for step in Step]
    assert [line.split() for line in printed[:-1]] == [names[::-1], names] * 2


def test_a_step_that_always_raises_keeps_no_other_one_from_being_taken(
    hooks: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    reported: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: reported.append(str(report.exc_value)))
    calls: list[str] = []

    def fail() -> None:
        calls.append("failing")
        raise Own("it always fails")

    hooks(Step.FILES, before=fail, in_child=fail)
    hooks(Step.STORES, before=lambda: calls.append("above"), in_child=lambda: calls.append("above"))
    hooks(Step.PROCESS, before=lambda: calls.append("below"), in_child=lambda: calls.append("below"))

    def show(say: Callable[[str], None]) -> None:
        say(" ".join(calls))
        say(" ".join(reported))

    child = Child(show)
    before = ["above", *["failing"] * TRIES, "below"]
    assert calls == before
    assert child.line().split() == [*before, "below", *["failing"] * TRIES, "above"]
    assert child.line() == "it always fails it always fails"
    assert child.wait() == 0


def test_every_function_is_called_although_a_signal_handler_raises_at_any_place():
    called: list[int] = []
    functions: Any = {step: [lambda step=step: called.append(step)] for step in Step}
    count = places(("forking.py",), lambda: bridge.forking._call_all(functions))
    assert count > 3 * len(Step)
    for at, error in each_place(count):
        called.clear()
        with Interrupts(("forking.py",), at, error) as interrupts, pytest.raises(error):
            bridge.forking._call_all(functions)
        # Nothing can be done about a handler that raises as `_call_all` itself is entered.
        assert list(dict.fromkeys(called)) == list(Step) if at else not called, interrupts.where
