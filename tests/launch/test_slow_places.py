"""Output waits if it cannot be written for a while, but a script never waits for it."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from small_disk import mounted_disk
from submitting import until

from bridge import Experiment, ScriptRunConfig, StoreUnavailable, Workspace
from bridge.capture import spool
from bridge.capture.spool import Spool
from bridge.launch import output
from bridge.launch.output import Output
from bridge.launch.signals import Signals


def test_output_waits_in_order_until_it_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "RETRY_SECONDS", 0.05)
    kept = bytearray()
    open_again = threading.Event()

    def append(data: bytes) -> None:
        if not open_again.is_set():
            raise StoreUnavailable("the place", "it is locked")
        kept.extend(data)

    taken = Output(append)
    os.write(taken.pipe, b"first\n")
    for _ in range(100):
        os.write(taken.pipe, b"x" * (1 << 16))  # more than the buffer of a pipe
    assert not kept
    until(lambda: isinstance(taken.trouble, StoreUnavailable))
    open_again.set()
    taken.close(10)
    assert bytes(kept) == b"first\n" + b"x" * (100 << 16)
    assert (taken.trouble, taken.dropped_bytes) == (None, 0)


@pytest.mark.slow
def test_output_beyond_the_memory_limit_waits_in_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The workspace cannot be written while the script prints 200 MB: more than a pipe and the memory limit hold."""
    monkeypatch.setattr(output, "RETRY_SECONDS", 0.05)
    kept, printed = hashlib.sha256(), hashlib.sha256()
    open_again = threading.Event()

    def append(data: bytes) -> None:
        if not open_again.is_set():
            raise StoreUnavailable("the place", "it is locked")
        kept.update(data)

    taken = Output(append)
    for number in range(200):
        piece = (b"%09d\n" % number) * 100_000
        printed.update(piece)
        assert os.write(taken.pipe, piece) == len(piece)
    open_again.set()
    taken.close(10)
    assert kept.digest() == printed.digest()
    assert (taken.trouble, taken.dropped_bytes) == (None, 0)


def test_output_that_fits_neither_in_memory_nor_on_disk_is_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(spool, "MEMORY_BYTES", 100)
    monkeypatch.setattr(spool, "MEMORY_PART_BYTES", 100)
    monkeypatch.setattr(output, "RETRY_SECONDS", 0.05)
    kept = bytearray()
    open_again = threading.Event()

    def append(data: bytes) -> None:
        if not open_again.is_set():
            raise RuntimeError("a fault of ours")
        kept.extend(data)

    taken = Output(append, folder=tmp_path / "gone")
    for piece in (b"a" * 60, b"b" * 60, b"c" * 60):  # the first piece is being written, the second waits
        os.write(taken.pipe, piece)
        time.sleep(0.3)
    assert taken.dropped_bytes == 60
    open_again.set()
    taken.close(10)
    assert bytes(kept) == b"a" * 60 + b"b" * 60
    assert taken.last_line(exception=False) == "a" * 60 + "b" * 60 + "c" * 60


def test_a_full_disk_loses_only_the_output_that_does_not_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stored output of a spool on a disk of 1 MB is returned in order, and refused output is counted."""
    with mounted_disk(tmp_path / "disk", 1) as disk:
        monkeypatch.setattr(spool, "MEMORY_BYTES", 300_000)
        monkeypatch.setattr(spool, "MEMORY_PART_BYTES", 100_000)
        monkeypatch.setattr(spool, "FILE_PART_BYTES", 200_000)
        waiting = Spool(disk)
        expected = b""
        refused = 0
        for number in range(400):
            piece = bytes([number % 256]) * 7_000
            if waiting.add(piece):
                expected += piece
            else:
                refused += 1
            if number % 20 == 0:  # a reader that is too slow
                data = waiting.take()
                assert expected.startswith(data)
                if number % 40 == 0:
                    expected = expected[len(data) :]
                else:
                    waiting.put_back(data)
        assert refused
        assert waiting.size_bytes == len(expected)
        while data := waiting.take():
            assert expected.startswith(data)
            expected = expected[len(data) :]
        assert not expected
        assert os.statvfs(disk).f_bfree == os.statvfs(disk).f_blocks


def test_output_is_read_with_descriptors_beyond_1024() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[1], 4_096), before[1]))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_200)]
    try:
        kept = bytearray()
        taken = Output(kept.extend)
        signals = Signals()
        assert taken.pipe > 1_024
        signals.notify()
        signals.wait(60)
        signals.close()
        os.write(taken.pipe, b"said")
        taken.close(10)
        assert bytes(kept) == b"said"
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_log_that_cannot_be_created_at_once_is_created_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "RETRY_SECONDS", 0.05)
    kept: list[bytes] = []
    refusals = [StoreUnavailable("the workspace", "it is locked")] * 3

    def append(data: bytes) -> None:
        if refusals:
            raise refusals.pop()
        kept.append(data)

    taken = Output(append)
    taken.touch()
    taken.close(10, "the last words")
    assert kept == [b"", b"the last words"]
    assert taken.trouble is None


def test_closing_gives_up_after_its_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "RETRY_SECONDS", 0.05)
    stop = threading.Event()

    def append(data: bytes) -> None:
        if not stop.is_set():
            raise StoreUnavailable("the place", "it is locked")

    taken = Output(append)
    os.write(taken.pipe, b"lost")
    begun = time.monotonic()
    taken.close(0.3)
    assert time.monotonic() - begun < 30
    assert isinstance(taken.trouble, StoreUnavailable)
    stop.set()


def test_a_pipe_that_another_process_holds_open_is_not_waited_for() -> None:
    kept = bytearray()
    taken = Output(kept.extend)
    other = os.dup(taken.pipe)
    os.write(taken.pipe, b"said")
    begun = time.monotonic()
    taken.close(100)
    assert time.monotonic() - begun < 30
    assert bytes(kept) == b"said"
    assert taken.left_open
    os.close(other)


@pytest.mark.slow
def test_a_daemon_that_prints_without_pause_does_not_delay_the_end() -> None:
    kept = bytearray()
    taken = Output(kept.extend)
    printed = b"".join(b"%d\n" % number for number in range(50_000))
    daemon = subprocess.Popen(["yes"], stdout=taken.pipe)
    try:
        for start in range(0, len(printed), 4096):
            os.write(taken.pipe, printed[start : start + 4096])
        taken.close(10)
        assert taken.left_open
        assert daemon.wait(10) == -signal.SIGPIPE
        # All output before the end is stored, mixed with that of the daemon.
        lines = [line for line in bytes(kept).split(b"\n") if line.isdigit()]
        assert lines[-1] == b"49999" and len(lines) > 40_000
    finally:
        daemon.kill()
        daemon.wait()


def test_a_workspace_that_does_not_answer_is_reported() -> None:
    answer = threading.Event()
    taken = Output(lambda data: answer.wait(30))
    os.write(taken.pipe, b"lost")
    taken.close(0.3)
    assert str(taken.trouble) == "the workspace did not answer within 0.3 s"
    answer.set()


@pytest.mark.slow
def test_a_full_disk_when_a_script_ends_loses_neither_its_status_nor_its_outputs(
    source: Path, temporary: Path, tmp_path: Path
) -> None:
    with mounted_disk(tmp_path / "disk", 2) as disk:
        workspace = Workspace.create("full", path=disk / "workspace")
        (source / "train.py").write_text(
            f"open('outputs/model', 'w').write('precious')\nwith open({str(disk / 'filler')!r}, 'wb', 0) as file:\n"
            "    try:\n        while file.write(bytes(4096)):\n            pass\n    except OSError:\n        pass\n"
        )
        run = Experiment(workspace, "full").submit(ScriptRunConfig(source, script="train.py"))
        until((disk / "filler").exists)
        time.sleep(3)
        (disk / "filler").unlink()
        run.wait_for_completion()
        assert run.status == "Completed" and "outputs/model" in run.get_file_names()
        workspace.stores.tracking.close()
