"""Output within `with run:` is printed and stored, and printing works whatever else happens."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from both_places import address_of
from capturing import content, wait_until

from bridge import StoreUnavailable
from bridge.capture.printed import Printed

LOG = "logs/user_log.txt"


def begin(experiment):
    return experiment.start_logging(outputs=False, snapshot_directory=None)


def test_output_within_the_block_is_stored(experiment, working_folder, capsys):
    print("before")
    with begin(experiment) as run:
        print("within", 1)
        print("an error", file=sys.stderr)
        sys.stdout.write("ä\n")
        sys.stdout.writelines(["two ", "pieces\n"])
        sys.stdout.flush()
    print("after")
    assert content(run, LOG) == "within 1\nan error\nä\ntwo pieces\n"
    printed = capsys.readouterr()
    assert printed.out == "before\nwithin 1\nä\ntwo pieces\nafter\n"
    assert printed.err == "an error\n"
    assert list(working_folder.iterdir()) == []


def test_output_is_stored_if_no_thread_can_start(experiment):
    before, run = sys.stdout, begin(experiment)
    with ExitStack() as block:
        threading.stack_size(1 << 47)  # more than there are addresses
        try:
            block.enter_context(run)
        finally:
            threading.stack_size(0)
        print("one")
        assert content(run, LOG) == "one\n"
        print("two")
    assert content(run, LOG) == "one\ntwo\n"
    assert (run.status, run.warnings) == ("Completed", ())
    assert sys.stdout is before


def test_output_is_stored_while_the_block_runs(experiment):
    with begin(experiment) as run:
        print("live")
        wait_until(lambda: LOG in run.get_file_names() and content(run, LOG).endswith("\n"))
        assert content(run, LOG) == "live\n"


def test_output_is_stored_before_the_run_gets_its_final_status(experiment):
    with begin(experiment) as run:
        print("one")
        run.complete()
        assert content(run, LOG) == "one\n"
        print("two")
    assert content(run, LOG) == "one\ntwo\n"


def test_output_before_an_exception_is_stored(experiment):
    with pytest.raises(ZeroDivisionError), begin(experiment) as run:
        print("before it")
        1 / 0  # noqa: B018
    assert (run.status, content(run, LOG)) == ("Failed", "before it\n")


def test_a_block_that_prints_nothing_stores_no_log(experiment):
    with begin(experiment) as run:
        pass
    assert run.get_file_names() == []


def test_nested_blocks_each_store_their_own_output(experiment):
    with begin(experiment) as outer:
        print("1")
        with begin(experiment) as inner:
            print("2")
        print("3")
    assert (content(outer, LOG), content(inner, LOG)) == ("1\n2\n3\n", "2\n")


def test_nested_blocks_of_one_run_store_output_once(experiment):
    with begin(experiment) as run:
        with run:
            print("once")
        print("and on")
    assert content(run, LOG) == "once\nand on\n"


def test_blocks_that_end_in_another_order_restore_the_streams(experiment):
    stdout, stderr = sys.stdout, sys.stderr
    first, second = begin(experiment), begin(experiment)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    print("after the first")
    second.__exit__(None, None, None)
    assert (sys.stdout, sys.stderr) == (stdout, stderr)
    assert first.get_file_names() == []
    assert content(second, LOG) == "after the first\n"


def test_a_stream_that_was_replaced_in_the_block_stays(experiment, monkeypatch):
    other = io.StringIO()
    before = sys.stdout
    with begin(experiment) as run:
        covered = sys.stdout
        sys.stdout = other
    try:
        print("into the other")
        covered.write("through what was covered\n")
    finally:
        sys.stdout = before
    assert other.getvalue() == "into the other\n"
    assert run.get_file_names() == []


def test_the_stream_behaves_like_the_original_stream(experiment):
    with open(os.devnull, "w", encoding="latin-1") as file:
        before, sys.stdout = sys.stdout, file
        try:
            with begin(experiment) as run:
                assert sys.stdout.fileno() == file.fileno()
                assert sys.stdout.encoding == "latin-1"
                assert sys.stdout.isatty() is False
                assert sys.stdout.line_buffering == file.line_buffering
                assert sys.stdout.write("four") == 4
                sys.stdout.buffer.write(b"\xe4 bytes\n")
                subprocess.run([sys.executable, "-c", "print('of a program')"], stdout=sys.stdout, check=True)
                with pytest.raises(TypeError):
                    sys.stdout.write(5)  # type: ignore[arg-type]  # wrong on purpose
                with pytest.raises(UnicodeEncodeError):
                    print("日本")
            assert sys.stdout is file
        finally:
            sys.stdout = before
    assert b"".join(run.place.stores.artifacts.get(run.place.root(), LOG)) == b"four\xe4 bytes\n"


def test_threads_can_print_at_once_and_no_line_is_lost(experiment):
    def chatter(letter: str) -> None:
        for number in range(500):
            sys.stdout.write(f"{letter}{number}\n")

    with begin(experiment) as run:
        threads = [threading.Thread(target=chatter, args=(letter,)) for letter in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = content(run, LOG).splitlines()
    for letter in "ab":
        assert [line for line in lines if line[0] == letter] == [f"{letter}{number}" for number in range(500)]
    assert len(lines) == 1_000


def test_output_of_forked_children_is_stored_once(script, only_run):
    code = (
        "import warnings\n"
        "warnings.simplefilter('ignore')\n"  # newer Pythons warn of every fork in a process with threads
        "with experiment.start_logging(outputs=False) as run:\n"
        "    print('parent', flush=True)\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        print('child', flush=True)\n"
        "        os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "    print('again', flush=True)\n"
    )
    ended = script(code)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "parent\nchild\nagain\n"
    assert sorted(content(only_run(), LOG).split()) == ["again", "child", "parent"]


@pytest.mark.slow
def test_a_signal_handler_can_print(script, only_run):
    code = (
        "import signal\n"
        "signal.signal(signal.SIGALRM, lambda *_: sys.stdout.write('tick\\n'))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01, 0.001)\n"
        "with experiment.start_logging(outputs=False) as run:\n"
        "    end = time.monotonic() + 1\n"
        "    while time.monotonic() < end: sys.stdout.write('x\\n')\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0)\n"
    )
    ended = script(code)
    assert ended.returncode == 0, ended.stderr
    printed = content(only_run(), LOG)
    assert "tick" in printed
    assert printed.count("x") == ended.stdout.count("x")


def test_output_that_cannot_be_stored_waits_and_is_reported_at_the_end():
    kept, away = [], True

    def append(data: bytes) -> None:
        if away:
            raise StoreUnavailable("the disk", "it is full")
        kept.append(data)

    printed = Printed(append)
    printed.begin()
    print("one")
    assert printed.flush() != ()
    print("two")
    away = False
    printed.add(b"three\n")
    assert printed.end() == ()
    assert b"".join(kept) == b"two\nthree\n"

    away = True
    printed = Printed(append)
    printed.begin()
    print("four")
    (said,) = printed.end()
    assert said == "5 bytes of the printed output were not stored: the disk is not available: it is full."


def test_a_log_in_the_folder_is_not_mixed_with_the_output(experiment, working_folder):
    """The Azure ML SDK wrote the file itself, so the folder may contain one of an earlier run."""
    (working_folder / "logs").mkdir()
    (working_folder / "logs" / "user_log.txt").write_text("of another run")
    with experiment.start_logging(snapshot_directory=None) as run:
        print("of this run")
    assert content(run, LOG) == "of this run\n"


def test_a_reopened_run_stores_output(experiment):
    from bridge import Run

    run = begin(experiment)
    with Run(experiment, run.id):
        print("again")
    assert (run.status, content(run, LOG)) == ("Completed", "again\n")


def test_a_notebook_like_stream_is_enough(experiment):
    class Cell:
        """A stdout like that of a notebook: little more than `write`."""

        def __init__(self) -> None:
            self.text = ""

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None:
            pass

    cell = Cell()
    before, sys.stdout = sys.stdout, cell
    try:
        with begin(experiment) as run:
            print("in a cell", flush=True)
    finally:
        sys.stdout = before
    assert (cell.text, content(run, LOG)) == ("in a cell\n", "in a cell\n")


@pytest.mark.processes
def test_output_and_points_before_a_kill_are_stored(workspace, experiment, working_folder):
    code = (
        "from pathlib import Path\n"
        "from bridge import Experiment, Workspace\n"
        f"with Experiment(Workspace.open({address_of(workspace)!r}), {experiment.name!r}).start_logging() as run:\n"
        "    Path('logs').mkdir()\n"
        "    with open('logs/x', 'w', buffering=1) as log:\n"
        "        for number in range(10**9):\n"
        "            print(number, flush=True)\n"
        "            log.write(f'{number}\\n')\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=working_folder, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: any({LOG, "logs/x"} <= set(run.get_file_names()) for run in experiment.get_runs()))
            (run,) = experiment.get_runs()
            wait_until(lambda: all(content(run, name).count("\n") > 10 for name in (LOG, "logs/x")))
        finally:
            process.kill()
    for name in (LOG, "logs/x"):
        *lines, _ = content(run, name).split("\n")
        assert len(lines) > 10
        assert lines == [str(number) for number in range(len(lines))]
    assert content(run, "logs/x") == (working_folder / "logs" / "x").read_text()[: len(content(run, "logs/x"))]


def test_no_file_is_left_in_the_working_folder(script, working_folder: Path):
    script("with experiment.start_logging(outputs=False) as run:\n    print('x')\n")
    assert list(working_folder.iterdir()) == []


def test_output_at_full_speed_is_stored(experiment, monkeypatch):
    import hashlib

    printed = hashlib.sha256()
    with open(os.devnull, "w") as nowhere:
        monkeypatch.setattr(sys, "stdout", nowhere)
        with begin(experiment) as run:
            for number in range(120):
                text = f"{number:09d}\n" * 100_000
                printed.update(text.encode())
                sys.stdout.write(text)
        monkeypatch.undo()
    kept = hashlib.sha256()
    for piece in run.place.stores.artifacts.get(run.place.record().artifact_root, LOG):
        kept.update(piece)
    assert (run.warnings, kept.hexdigest()) == ((), printed.hexdigest())
