"""A time limit, whose signal handler raises TimeoutError, ends a submission. It is not mistaken for a slow launcher."""

from __future__ import annotations

from types import CodeType

import pytest
from interrupting import Interrupts
from submitting import Submit, processes_of, until

import bridge.launch.start  # noqa: F401  # its import is none of the places
from bridge import Experiment, Workspace
from bridge.handles.script_run import ScriptRun

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("garbage_collected"),
]


def test_an_exception_anywhere_in_the_start_of_a_launcher_is_raised_and_the_run_ends(
    submit: Submit, workspace: Workspace
) -> None:
    at, interrupts = 0, Interrupts((), 0)
    while at == 0 or interrupts.where:  # until a submission comes to its end
        interrupts = Interrupts(("/launch/start.py",), at, TimeoutError)
        try:
            with interrupts:
                run = submit("import time; time.sleep(60)")
        except TimeoutError:
            run = next(iter(Experiment(workspace, "submitted").get_runs()))  # type: ignore[assignment]
            assert isinstance(run, ScriptRun)
            until(lambda run=run: run.status == "Failed")
        else:
            assert not interrupts.where
            assert run.status != "Failed"
            run.cancel()
        until(lambda run=run: not processes_of(run))
        at += 1
    assert at > 10


class WhileStoring(Interrupts):
    """Exceptions while the run is stored, and before its launcher is started."""

    def is_of_files(self, code: CodeType) -> bool:
        return super().is_of_files(code) and code.co_name in ("_launch", "begin_runs")


def test_an_exception_while_the_run_is_stored_leaves_no_run_that_waits_for_a_launcher(
    submit: Submit, workspace: Workspace
) -> None:
    at, interrupts = 0, WhileStoring((), 0)
    while at == 0 or interrupts.where:  # until a submission comes to its end
        interrupts = WhileStoring(("/runs/submit.py", "/store/journaled.py"), at, TimeoutError)
        try:
            with interrupts:
                submit("import time; time.sleep(60)").cancel()
        except TimeoutError:
            statuses = {run.status for run in Experiment(workspace, "submitted").get_runs()}
            assert statuses <= {"Failed"}, interrupts.where
        at += 1
    assert at > 5
