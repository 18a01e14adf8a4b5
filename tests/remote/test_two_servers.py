"""Two servers of one workspace, started at the same time, store everything that they acknowledge exactly once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from faulty_proxy import FaultyProxy
from served_workspaces import ServedBySubprocess, served
from submitting import until

from bridge import Experiment, Run, Workspace

pytestmark = [pytest.mark.slow, pytest.mark.processes]


@pytest.fixture
def servers(local: Workspace, tmp_path: Path) -> Iterator[list[ServedBySubprocess]]:
    named = {"demo": local.path}
    with served(named, tmp_path / "a.log", "--mlflow", "off") as first:
        with served(named, tmp_path / "b.log", "--mlflow", "off") as second:
            yield [first, second]


def test_clients_of_both_servers_see_everything(servers: list[ServedBySubprocess], local: Workspace) -> None:
    with Workspace.open(servers[0].at("demo")) as one, Workspace.open(servers[1].at("demo")) as two:
        runs = [Experiment(ws, "both").start_logging(outputs=False, snapshot_directory=None) for ws in (one, two)]
        threads = [threading.Thread(target=write, args=(run,)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for run in runs:
            run.flush()
        for workspace in (one, two, local):
            for run in runs:
                found = Run.get(workspace, run.id)
                assert found.get_metrics() == {"number": list(range(500))}
                assert found.get_tags() == {str(number): "x" for number in range(10)}
                assert found.get_file_names() == ["a.txt"]
        for run in runs:
            run.complete()
        assert {Run.get(one, run.id).get_status() for run in runs} == {"Completed"}
        assert len({run.number for run in runs}) == 2


def write(run: Run) -> None:
    for number in range(500):
        run.log("number", number)
        if number % 50 == 0:
            run.tag(str(number // 50), "x")
    run.upload_files(["a.txt"], [__file__])


def test_a_client_that_changes_between_the_servers_stores_everything_once(
    servers: list[ServedBySubprocess], local: Workspace
) -> None:
    ports = [urlsplit(server.address).port or 0 for server in servers]
    with FaultyProxy(ports[0]) as proxy, Workspace.open(f"{proxy.address}/w/demo") as remote:
        run = Experiment(remote, "changing").start_logging(outputs=False, snapshot_directory=None)
        for number in range(200):
            run.log("number", number)
            if number % 20 == 0:
                run.flush()
                proxy.server_port = ports[number // 20 % 2]
                proxy.fail("none")  # closes the connections, so that the other server is asked
                assert len(run.get_metrics()["number"] if number else [0]) == number + 1
        run.complete()
        until(lambda: Run.get(local, run.id).get_status() == "Completed")
        assert Run.get(local, run.id).get_metrics() == {"number": list(range(200))}


def test_the_events_of_one_server_report_changes_at_the_other(
    servers: list[ServedBySubprocess], local: Workspace
) -> None:
    import requests

    with Workspace.open(servers[0].at("demo")) as one:
        run = Experiment(one, "events").start_logging(outputs=False, snapshot_directory=None)
        address = f"{servers[1].at('demo')}/api/bridge/v1/changes?run={run.id}"
        with requests.get(address, stream=True, timeout=30) as events:
            run.log("loss", 1)
            run.flush()
            assert any(run.id in line for line in events.iter_lines(decode_unicode=True))
        run.complete()
