"""`Run.get_context`: in a submitted script only the launcher sets the status; elsewhere it returns an offline run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from both_places import address_of
from capturing import content

from bridge import Experiment, NotAllowed, Run, Workspace
from bridge.records.run import SCRIPT_RUN, RunChanges, RunRecord, new_run_id
from bridge.store.one_run import create_run

Submitted = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def submitted_run(workspace: Workspace, experiment: Experiment) -> Run:
    """Return a run that a launcher owns and has started."""
    record = RunRecord(new_run_id(), experiment.id, "submitted", status="Running", start_time=1, type=SCRIPT_RUN)
    create_run(workspace.stores.tracking, record)
    return Run.get(workspace, record.id)


@pytest.fixture
def submitted(workspace: Workspace, submitted_run: Run, working_folder: Path) -> Submitted:
    """Return a function that runs the script of the submitted run as its launcher does."""

    def run(code: str) -> subprocess.CompletedProcess[str]:
        variables = {
            "BRIDGE_WORKSPACE": address_of(workspace),
            "BRIDGE_RUN_ID": submitted_run.id,
            "AZUREML_RUN_ID": submitted_run.id,
            "AZUREML_ARM_WORKSPACE_NAME": "work",
            "AZUREML_ARM_PROJECT_NAME": "capture",
            "AZUREML_OUTPUT_DIRECTORY": "./outputs",
        }
        code = "import sys\nfrom pathlib import Path\nfrom bridge import Run\nrun = Run.get_context()\n" + code
        command = [sys.executable, "-c", code]
        environment = {**os.environ, **variables}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, cwd=working_folder)

    return run


def test_a_submitted_script_gets_its_run_experiment_and_workspace(submitted, submitted_run, experiment):
    ended = submitted(
        "assert run is Run.get_context() is Run.get_submitted_run(used_for_context_manager=True)\n"
        "run.log('loss', 0.5)\n"
        "print(run.id, run.experiment.name, run.experiment.workspace.name)\n"
    )
    assert ended.stdout.split() == [submitted_run.id, experiment.name, experiment.workspace.name], ended.stderr
    assert (submitted_run.get_metrics(), submitted_run.status) == ({"loss": 0.5}, "Running")


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_complete_within_a_script_stores_files_and_leaves_the_status(submitted, submitted_run, end):
    ended = submitted(f"Path('outputs/x').write_text('1')\nrun.{end}()\nrun.{end}()\nprint(run.status)\n")
    assert ended.stdout == "Running\n", ended.stderr
    assert (submitted_run.status, submitted_run.get_file_names()) == ("Running", ["outputs/x"])
    assert submitted_run.warnings == ()


def test_fail_within_a_script_is_recorded_for_its_launcher(submitted, submitted_run):
    submitted("run.fail('the data is gone', 'NoData')")
    record = submitted_run.place.record()
    assert record.status == "Running"
    assert record.error is not None and "the data is gone" in record.error


def test_a_with_block_within_a_script_leaves_the_status_and_the_streams(submitted, submitted_run):
    ended = submitted(
        "stdout = sys.stdout\n"
        "with run as entered:\n"
        "    assert entered is run and sys.stdout is stdout\n"
        "    Path('outputs/x').write_text('1')\n"
        "print(run.get_file_names())\n"
        "with run:\n"
        "    raise ValueError('bad')\n"
    )
    assert "ValueError: bad" in ended.stderr
    assert ended.stdout == "['outputs/x']\n"
    record = submitted_run.place.record()
    assert record.status == "Running"
    assert record.error is not None and "ValueError: bad" in record.error


def test_a_script_whose_run_was_canceled_ends_without_an_error(submitted, submitted_run):
    submitted_run.place.update(RunChanges(status="Canceled"))
    ended = submitted("with run:\n    pass\nrun.complete()\nrun.fail()\n")
    assert ended.returncode == 0, ended.stderr
    assert submitted_run.status == "Canceled"


def test_the_end_of_a_script_does_not_end_its_run(submitted, submitted_run):
    for code in ("", "sys.exit(3)", "raise ValueError"):
        submitted(code)
    assert submitted_run.status == "Running"


def test_all_ranks_of_one_script_can_complete_the_run(submitted, submitted_run):
    code = (
        "import os\n"
        "from bridge.store.journaled import JournaledStore\n"
        "ranks = [os.fork() for _ in range(2)]\n"
        "Path(f'outputs/{os.getpid()}').write_text('1')\n"
        "run.log('rank', 1)\n"
        "run.complete()\n"
        "if 0 in ranks: os._exit(0)\n"
        "assert [os.waitpid(rank, 0)[1] for rank in ranks] == [0, 0]\n"
        "run.complete()\n"
    )
    ended = submitted(code)
    assert ended.returncode == 0, ended.stderr
    assert len(submitted_run.get_file_names()) == 4, "a child of a child too"
    assert submitted_run.get_metrics() == {"rank": [1, 1, 1, 1]}
    assert submitted_run.status == "Running"


def test_another_process_ends_a_submitted_run_permanently(submitted_run):
    submitted_run.fail("stopped by hand")
    assert submitted_run.status == "Failed"


# Outside of a submitted script


def test_without_a_submitted_run_the_call_can_be_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    for ask in (lambda: Run.get_context(allow_offline=False), Run.get_submitted_run):
        with pytest.raises(NotAllowed, match="use experiment.start_logging"):
            ask()
    assert not (tmp_path / "home").exists()


def test_an_offline_run_can_do_what_every_run_can(tmp_path, working_folder):
    code = (
        "from bridge import Run\n"
        "run = Run.get_context(allow_offline=True, used_for_context_manager=False)\n"
        "run.log('loss', 0.5, step=3)\n"
        "run.log_list('list', [1, 2])\n"
        "run.tag('team', 'vision')\n"
        "run.add_properties({'author': 'ada'})\n"
        "assert run.experiment.name == 'interactive' and run.parent is None and run.number == 1\n"
        "assert run.get_metrics() == {'loss': 0.5, 'list': [1, 2]}\n"
        "with run.child_run('fold') as child:\n"
        "    child.log('loss', 1)\n"
        "assert [one.id for one in run.get_children()] == [child.id] and child.parent.id == run.id\n"
        "import io\n"
        "run.upload_file('a.txt', io.BytesIO(b'1'))\n"
        "assert run.get_file_names() == ['a.txt'] and run.status == 'Running'\n"
        "print(run.id)\n"
    )
    environment = {**os.environ, "BRIDGE_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, cwd=working_folder)
    assert ended.returncode == 0, ended.stderr
    run_id = ended.stdout.strip()
    assert len(run_id) == 32 and run_id.startswith("OfflineRun_")
    folder = tmp_path / "home" / "offline"
    look = f"runbridge ui {folder} --page runs/{run_id}"
    assert ended.stderr == f"Run {run_id} of experiment interactive is in {folder}: {look}\n"
    run = Run.get(Workspace.open(tmp_path / "home" / "offline"), run_id)
    assert (run.status, run.warnings, run.get_tags()) == ("Completed", (), {"team": "vision"})
    assert content(run, "a.txt") == "1"
    assert list(working_folder.iterdir()) == [], "it captures no folder that it was not asked to"


def test_an_offline_run_in_a_with_block_is_complete_too(tmp_path, monkeypatch):
    code = (
        "from bridge import Run\nwith Run.get_context() as run:\n    print('hello')\nassert run.status == 'Completed'"
    )
    environment = {**os.environ, "BRIDGE_HOME": str(tmp_path / "home")}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "hello\n"), ended.stderr
    assert ended.stderr.count("\n") == 1, "it says where the run is, and nothing else"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_a_process_share_its_offline_run(tmp_path, method):
    script = tmp_path / "train.py"
    script.write_text(
        "import multiprocessing, os\n"
        "from bridge import Run\n"
        "run = Run.get_context()\n"
        "def work(number):\n"
        "    Run.get_context().log('worker', number, step=number)\n"
        "    return Run.get_context().id, run.id\n"
        "if __name__ == '__main__':\n"
        f"    with multiprocessing.get_context('{method}').Pool(2) as pool:\n"
        "        assert set(pool.map(work, range(4))) == {(run.id, run.id)}\n"
        "    assert run.status == 'Running'\n"
        "    print(run.id)\n"
    )
    # The path of a socket of multiprocessing has at most about 100 characters.
    environment = {**os.environ, "BRIDGE_HOME": str(tmp_path / "home"), "TMPDIR": "/tmp"}
    ended = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    (run,) = Experiment(Workspace.open(tmp_path / "home" / "offline"), "train").get_runs()
    assert (run.id, run.status, run.warnings) == (ended.stdout.strip(), "Completed", ())
    assert sorted(run.get_metrics()["worker"]) == [0, 1, 2, 3]


def test_another_program_gets_an_offline_run_of_its_own(tmp_path):
    code = (
        "import subprocess, sys\n"
        "from bridge import Run\n"
        "first = Run.get_context()\n"
        "code = 'from bridge import Run; print(Run.get_context().id)'\n"
        "print(first.id, subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout)\n"
    )
    environment = {**os.environ, "BRIDGE_HOME": str(tmp_path / "home")}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert len(set(ended.stdout.split())) == 2, ended.stderr
