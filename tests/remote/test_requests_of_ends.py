"""The end of a run on a server takes few requests: its points, one look at the run, and its status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bridge import Experiment, Run, Workspace
from bridge.store.http.requests_sent import Requests

pytestmark = [pytest.mark.slow, pytest.mark.processes]


@pytest.fixture
def sent(remote: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of the requests that this process has sent since the fixture was made."""
    found: list[str] = []
    once: Callable[..., Any] = Requests._once

    def recorded(self: Requests, method: str, path: str, *arguments: Any) -> Any:
        found.append(path.rpartition("/")[2])
        return once(self, method, path, *arguments)

    monkeypatch.setattr(Requests, "_once", recorded)
    return found


def of_the_end(sent: list[str]) -> list[str]:
    """Return the requests without those of the background thread, which delivers points at times of its own."""
    return [name for name in sent if name in ("get_runs", "update_runs")]


def test_a_run_that_completes_is_read_once(run: Run, sent: list[str]) -> None:
    run.log("a", 1)
    run.complete()
    assert of_the_end(sent) == ["get_runs", "update_runs"]
    assert run.get_metrics() == {"a": 1}


@pytest.mark.parametrize(("raised", "status"), [(False, "Completed"), (True, "Failed")])
def test_a_run_that_ends_with_its_block_is_read_once(
    remote: Workspace, sent: list[str], raised: bool, status: str
) -> None:
    made = Experiment(remote, "away").start_logging(outputs=False, snapshot_directory=None)
    try:
        with made:
            made.log("a", 1)
            sent.clear()
            if raised:
                raise ValueError("on purpose")
    except ValueError:
        assert raised
    assert of_the_end(sent) == ["get_runs", "update_runs"]
    assert made.status == status and made.get_metrics() == {"a": 1}
