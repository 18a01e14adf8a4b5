"""Files in the folder `logs` are stored with an open run while they grow."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from capturing import content, wait_until

from bridge import Run
from bridge.capture import capture
from bridge.capture.capture import Capture


@pytest.fixture
def run(experiment, working_folder):
    run = experiment.start_logging(snapshot_directory=None)
    yield run
    run.complete()


@pytest.fixture
def logs(working_folder: Path) -> Path:
    folder = working_folder / "logs"
    folder.mkdir()
    return folder


def has(run: Run, name: str, text: str) -> bool:
    return name in run.get_file_names() and content(run, name) == text


@pytest.fixture
def swept(experiment, logs, monkeypatch):
    """A run whose logs are stored when the test asks for it, and the calls of the store."""
    run = experiment.start_logging(snapshot_directory=None, outputs=False)
    run.complete()
    captured = Capture(run.place, logs=logs)
    calls: list[str] = []
    artifacts = run.place.stores.artifacts
    for verb in ("put", "append"):
        original = getattr(artifacts, verb)

        def call(root, path, data, *more, verb=verb, original=original):
            calls.append(verb)
            return original(root, path, data, *more)

        monkeypatch.setattr(artifacts, verb, call)

    def sweep() -> list[str]:
        calls.clear()
        assert captured.finish() == ()
        return list(calls)

    run.sweep = sweep
    return run


@pytest.mark.slow
def test_a_log_is_visible_while_the_run_continues(run, logs):
    with (logs / "train.txt").open("w") as file:
        for line in range(3):
            file.write(f"line {line}\n")
            file.flush()
            expected = "".join(f"line {number}\n" for number in range(line + 1))
            wait_until(lambda expected=expected: has(run, "logs/train.txt", expected))
    assert run.status == "Running"


def test_the_last_lines_are_stored_at_the_end(experiment, working_folder):
    with experiment.start_logging(snapshot_directory=None) as run:
        (working_folder / "logs" / "deep" / "er").mkdir(parents=True)
        (working_folder / "logs" / "deep" / "er" / "x").write_text("last words")
    assert content(run, "logs/deep/er/x") == "last words"


def test_only_new_bytes_are_appended(swept, logs):
    (logs / "x").write_text("one\n")
    assert swept.sweep() == ["put"]
    assert swept.sweep() == []
    with (logs / "x").open("a") as file:
        file.write("two\n")
    assert swept.sweep() == ["append"]
    assert content(swept, "logs/x") == "one\ntwo\n"


def test_a_replaced_or_truncated_file_is_stored_again(swept, logs):
    (logs / "x").write_text("the first text\n")
    swept.sweep()
    (logs / "y").write_text("another, and a longer text\n")
    os.replace(logs / "y", logs / "x")
    assert swept.sweep() == ["put"]
    (logs / "x").write_text("cut\n")
    assert swept.sweep() == ["put"]
    (logs / "x").write_text("written again in its place, and longer than before\n")
    assert swept.sweep() == ["put"]
    (logs / "x").write_text("written again in its place, and as long as before\n")
    assert swept.sweep() == ["put"]
    assert content(swept, "logs/x") == (logs / "x").read_text()


def test_a_log_that_was_moved_away_stays_stored(swept, logs):
    (logs / "x").write_text("one\n")
    swept.sweep()
    os.replace(logs / "x", logs / "x.1")
    (logs / "x").write_text("two\n")
    swept.sweep()
    (logs / "x").unlink()
    assert swept.sweep() == []
    assert (content(swept, "logs/x"), content(swept, "logs/x.1")) == ("two\n", "one\n")


def test_an_artifact_that_another_process_replaced_is_stored_again(swept, logs):
    (logs / "x").write_text("one\n")
    swept.sweep()
    swept.place.stores.artifacts.put(swept.place.root(), "logs/x", b"something else")
    with (logs / "x").open("a") as file:
        file.write("two\n")
    swept.sweep()
    assert content(swept, "logs/x") == "one\ntwo\n"


def test_the_first_copy_of_a_log_does_not_replace_what_a_forked_child_has_stored_meanwhile(swept, logs, monkeypatch):
    (logs / "x").write_text("one\n")
    artifacts = swept.place.stores.artifacts
    put, of_child = artifacts.put, Capture(swept.place, logs=logs)

    def put_late(*arguments):
        monkeypatch.setattr(artifacts, "put", put)
        with (logs / "x").open("a") as file:
            file.write("two\n")
        assert of_child.finish() == ()
        return put(*arguments)

    monkeypatch.setattr(artifacts, "put", put_late)
    swept.sweep()
    assert content(swept, "logs/x") == "one\ntwo\n"


def test_hidden_files_and_folders_are_skipped(swept, logs):
    (logs / ".hidden").write_text("1")
    (logs / ".folder").mkdir()
    (logs / ".folder" / "x").write_text("1")
    (logs / "tb-logs").mkdir()
    (logs / "tb-logs" / "events.out.tfevents.1").write_bytes(b"\x00\xff")
    swept.sweep()
    assert swept.get_file_names() == ["logs/tb-logs/events.out.tfevents.1"]


@pytest.mark.slow
def test_five_megabytes_written_while_they_are_stored_are_complete(experiment, working_folder, monkeypatch):
    monkeypatch.setattr(capture, "SWEEP_SECONDS", 0.01)
    run = experiment.start_logging(snapshot_directory=None)
    (working_folder / "logs").mkdir()
    line = b"0123456789" * 10 + b"\n"

    def write() -> None:
        with (working_folder / "logs" / "large.txt").open("wb", buffering=0) as file:
            for _ in range(500):
                file.write(line * 100)
                time.sleep(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    sizes = set()
    while writer.is_alive():
        found = run.place.stores.artifacts.stat(run.place.root(), "logs/large.txt")
        if found is not None:
            sizes.add(found.size_bytes)
            read = b"".join(run.place.stores.artifacts.get(run.place.root(), "logs/large.txt"))
            assert read == (line * (len(read) // len(line) + 1))[: len(read)]
    writer.join()
    run.complete()
    assert b"".join(run.place.stores.artifacts.get(run.place.root(), "logs/large.txt")) == line * 50_000
    assert len(sizes) > 1
    assert run.warnings == ()


def test_a_missing_folder_of_logs_causes_no_warning(run, working_folder):
    run.complete()
    assert run.warnings == ()
    assert not (working_folder / "logs").exists()


def test_without_a_new_thread_logs_are_stored_at_the_end_with_a_warning(experiment, logs: Path):
    stack_bytes = threading.stack_size(1 << 46)  # more than the system has, so it refuses each new thread
    try:
        run = experiment.start_logging(snapshot_directory=None)
    finally:
        threading.stack_size(stack_bytes)
    (logs / "a.txt").write_text("line\n")
    run.complete()
    assert run.status == "Completed"
    assert content(run, "logs/a.txt") == "line\n"
    (warning,) = run.warnings
    assert warning == f"The folder {logs} is captured only when the run ends: can't start new thread."
