"""Output that cannot be written for a while waits; a script never does."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from submitting import until

from bridge import Experiment, ScriptRunConfig, StoreUnavailable, Workspace
from bridge.submit import output
from bridge.submit.output import Output


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
    time.sleep(0.2)
    begun = time.monotonic()
    for _ in range(100):
        os.write(taken.pipe, b"x" * (1 << 16))  # more than a pipe holds
    assert time.monotonic() - begun < 5
    assert isinstance(taken.trouble, StoreUnavailable) and not kept
    open_again.set()
    taken.close(10)
    assert bytes(kept) == b"first\n" + b"x" * (100 << 16)
    assert (taken.trouble, taken.dropped_bytes) == (None, 0)


def test_output_that_does_not_fit_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "WAITING_BYTES", 100)
    monkeypatch.setattr(output, "RETRY_SECONDS", 0.05)
    kept = bytearray()
    open_again = threading.Event()

    def append(data: bytes) -> None:
        if not open_again.is_set():
            raise RuntimeError("a fault of ours")
        kept.extend(data)

    taken = Output(append)
    taken.add(b"a" * 60)
    taken.add(b"b" * 60)
    assert taken.dropped_bytes == 60
    open_again.set()
    taken.close(10)
    assert bytes(kept) == b"a" * 60
    assert taken.last_words(exception=False) == "a" * 60 + "b" * 60


def test_closing_gives_up_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "RETRY_SECONDS", 0.05)
    stop = threading.Event()

    def append(data: bytes) -> None:
        if not stop.is_set():
            raise StoreUnavailable("the place", "it is locked")

    taken = Output(append)
    taken.add(b"lost")
    begun = time.monotonic()
    taken.close(0.3)
    assert time.monotonic() - begun < 3
    assert isinstance(taken.trouble, StoreUnavailable)
    stop.set()


def test_a_pipe_that_somebody_else_holds_is_left() -> None:
    kept = bytearray()
    taken = Output(kept.extend)
    other = os.dup(taken.pipe)
    os.write(taken.pipe, b"said")
    begun = time.monotonic()
    taken.close(10)
    assert time.monotonic() - begun < 3
    assert bytes(kept) == b"said"
    os.close(other)


def test_a_place_that_does_not_answer_is_said() -> None:
    answer = threading.Event()
    taken = Output(lambda data: answer.wait(30))
    taken.add(b"lost")
    taken.close(0.3)
    assert str(taken.trouble) == "the place did not answer within 0.3 s"
    answer.set()


def test_a_disk_that_is_full_when_a_script_ends_costs_neither_its_status_nor_its_outputs(
    source: Path, temporary: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    try:
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
        workspace._opened.tracking.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
