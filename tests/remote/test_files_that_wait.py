"""Captured files and printed output wait while the server is away, and are stored once when it answers again."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from away_server import AwayServer
from submitting import until

from bridge import Experiment, Run, Workspace
from bridge.errors import StoreUnavailable
from bridge.journal.file_lock import FileLock
from bridge.records.run import RunChanges
from bridge.store import background, kept_ends, kept_files, retries
from bridge.store import remote as remote_store
from bridge.store.http.artifacts import HttpArtifacts
from bridge.store.journal_place import journal_folder
from bridge.store.kept_files import KeptFiles

pytestmark = [pytest.mark.slow, pytest.mark.processes]

MODEL = bytes(range(256)) * 12_000
"""The bytes of an output: 3 MB, which are sent in several pieces."""

LOG, PRINTED = "logs/train.txt", "logs/user_log.txt"

TRAINING = """
    import os, signal, sys
    from pathlib import Path
    from bridge import Experiment, Workspace
    from bridge.store import remote
    from bridge.store.http import patience
    patience.EXIT_SECONDS, remote.FLUSH_SECONDS, remote.END_SECONDS, remote.OWN_READ_SECONDS = 2.0, 1.0, 1.0, 1.0
    ws = Workspace.open(sys.argv[1])
    ws.stores.tracking.server.connection.patience_seconds = 1.0
    run = Experiment(ws, "files").start_logging(snapshot_directory=None)

    def say(line):
        sys.__stdout__.write(line + "\\n")
        sys.__stdout__.flush()
        sys.stdin.readline()

    Path("logs").mkdir()
    with run:
        print("before")
        Path("logs/train.txt").write_text("one\\n")
        say(run.id)
        print("while away")
        with open("logs/train.txt", "a") as log:
            log.write("two\\n")
        Path("outputs/model.bin").write_bytes(bytes(range(256)) * 12_000)
        Path("outputs/empty").touch()
        if sys.argv[2] != "nothing":
            run.log("point", 1)
        if sys.argv[2] == "raise":
            raise ValueError("it diverged")
    say("ended")
"""


class Training:
    """A process with a run that captures outputs, logs and printed output. It waits for a line, and then ends."""

    def __init__(self, server: AwayServer, folder: Path, way: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        script = folder / "training.py"
        script.write_text(textwrap.dedent(TRAINING), encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, str(script), server.address, way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=dict(os.environ),
        )
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline().strip() for _ in range(2)]
        assert "before" in lines, self.process.communicate()
        (self.run_id,) = (line for line in lines if line != "before")

    def end(self) -> str:
        """Let the process end, and return what it has written to standard error."""
        return self.process.communicate("\n\n", timeout=120)[1]


def content(local: Workspace, run: Run, path: str) -> bytes:
    try:
        return b"".join(local.stores.artifacts.get(run.place.root(), path))
    except LookupError:
        return b""


def waiting(workspace: Workspace) -> list[Path]:
    endings = kept_files.SUFFIX, kept_files.CONTENT_SUFFIX, kept_files.LOCK_SUFFIX, kept_ends.SUFFIX
    return [file for file in journal_folder(workspace.id).iterdir() if file.name.endswith(endings)]


def check_files(local: Workspace, run: Run) -> None:
    assert content(local, run, "outputs/model.bin") == MODEL
    record = local.stores.artifacts.stat(run.place.root(), "outputs/model.bin")
    assert record is not None and record.sha256 == hashlib.sha256(MODEL).hexdigest()
    assert local.stores.artifacts.stat(run.place.root(), "outputs/empty") is not None
    assert content(local, run, LOG) == b"one\ntwo\n"
    assert content(local, run, PRINTED) == b"before\nwhile away\n"


def check_delivery(server: AwayServer, local: Workspace, run: Run, status: str) -> None:
    """Let another process deliver everything, and check that it arrived once and in order."""
    with Workspace.open(server.address) as other:
        until(lambda: run.status != "Running")
        check_files(local, run)  # the files are delivered before the end
        assert run.status == status
        until(lambda: not waiting(other))


@pytest.mark.parametrize(("way", "status"), [("complete", "Completed"), ("nothing", "Completed"), ("raise", "Failed")])
def test_files_of_a_run_whose_server_was_killed_are_delivered_by_the_next_process(server, local, tmp_path, way, status):
    training = Training(server, tmp_path / "work", way)
    run = local.get_run(training.run_id)
    until(lambda: content(local, run, PRINTED) == b"before\n" and content(local, run, LOG) == b"one\n")
    server.kill()
    errors = training.end()
    assert "captured files or pieces of logs wait in" in errors
    assert run.status == "Running"
    assert waiting(local)
    server.start()
    check_delivery(server, local, run, status)
    assert run.place.record().warnings == ()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for a server that is away."""
    monkeypatch.setattr(background, "FOLD_SECONDS", 0.1)
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.3)
    for name in ("FLUSH_SECONDS", "END_SECONDS", "OWN_READ_SECONDS"):
        monkeypatch.setattr(remote_store, name, 0.5)


@pytest.fixture
def started(remote: Workspace, impatient: None, tmp_path: Path) -> Callable[[str], Run]:
    """Return a function that starts a run of this process with a folder of outputs."""

    def start(name: str) -> Run:
        return Experiment(remote, "files").start_logging(outputs=tmp_path / name, snapshot_directory=None)

    return start


def test_two_runs_that_end_one_after_the_other_while_the_server_is_away(started, local, remote, server, tmp_path):
    runs = {name: started(name) for name in ("first", "second")}
    server.proxy.fail("refuse")
    for name, run in runs.items():
        (tmp_path / name / "file.txt").write_text(name)
        run.complete()
        (tmp_path / name / "file.txt").write_text("changed after the end of the run")
    assert len(waiting(remote)) == 2 * 3  # of each file a description and a content, and the end of the run
    server.proxy.fail("none")
    for name, run in runs.items():
        until(lambda run=run: local.get_run(run.id).status == "Completed")
        assert content(local, run, "outputs/file.txt") == name.encode()
    until(lambda: not waiting(remote))


def test_a_second_end_stores_the_newest_files(started, local, remote, server, tmp_path):
    run = started("outputs")
    server.proxy.fail("refuse")
    run.log("point", 1)
    for text in ("old", "newest"):
        (tmp_path / "outputs" / "file.txt").write_text(text)
        with pytest.raises(StoreUnavailable):
            run.complete()
    server.proxy.fail("none")
    until(lambda: local.get_run(run.id).status == "Completed")
    assert content(local, run, "outputs/file.txt") == b"newest"


def cut_answers_after_sizes(server: AwayServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the proxy cut the answer to each request that follows a request for the size of a log."""
    size_of = HttpArtifacts.size_of

    def size_and_cut(self: HttpArtifacts, root: str, path: str) -> int:
        size = size_of(self, root, path)
        server.proxy.fail("cut")
        return size

    monkeypatch.setattr(HttpArtifacts, "size_of", size_and_cut)


def test_output_whose_answer_was_lost_is_not_stored_twice(started, local, remote, server):
    run = started("outputs")
    with pytest.MonkeyPatch.context() as patch:
        with run:
            print("before")
            until(lambda: content(local, run, PRINTED) == b"before\n")
            cut_answers_after_sizes(server, patch)
            print("lost answer")
            until(lambda: content(local, run, PRINTED) == b"before\nlost answer\n")
        assert waiting(remote)
    server.proxy.fail("none")
    until(lambda: local.get_run(run.id).status == "Completed")
    assert content(local, run, PRINTED) == b"before\nlost answer\n"


def test_output_whose_delivery_was_cut_is_not_stored_twice(started, local, remote, server, monkeypatch):
    """The process that delivers is killed before it knows whether it has succeeded."""
    run = started("outputs")
    tracking = remote.stores.tracking
    place = run.place.root(), PRINTED
    local.stores.artifacts.append(*place, b"before\n")
    for number in range(3):
        tracking._files.keep_append("gone", *place, b"same\n", None)
        with monkeypatch.context() as patch:
            cut_answers_after_sizes(server, patch)
            with pytest.raises(StoreUnavailable):
                KeptFiles(tracking._folder, tracking.server).deliver("gone")
        assert content(local, run, PRINTED) == b"before\n" + (number + 1) * b"same\n"
        server.proxy.fail("none")
        KeptFiles(tracking._folder, tracking.server).deliver("gone")
        assert content(local, run, PRINTED) == b"before\n" + (number + 1) * b"same\n"


def test_a_file_without_space_on_the_disk_becomes_a_warning(started, local, server, tmp_path, monkeypatch):
    monkeypatch.setattr(kept_files, "FREE_BYTES", 1 << 60)
    run = started("outputs")
    server.proxy.fail("refuse")
    (tmp_path / "outputs" / "file.txt").write_text("text")
    run.complete()
    server.proxy.fail("none")
    found = local.get_run(run.id)
    until(lambda: found.status == "Completed")
    (warning,) = found.place.record().warnings
    assert warning.startswith(f"The file {tmp_path / 'outputs' / 'file.txt'} was not stored: ")
    assert "the disk has too little space for a copy of the file" in warning


def test_files_of_a_deleted_run_are_dropped(started, local, remote, server, tmp_path, caplog):
    run = started("outputs")
    server.proxy.fail("refuse")
    (tmp_path / "outputs" / "file.txt").write_text("text")
    run.complete()
    local.stores.tracking.delete_runs((run.id,), 1)
    local.stores.tracking.purge_runs((run.id,))
    server.proxy.fail("none")
    until(lambda: not waiting(remote))
    assert any("A file in" in text and "is dropped: " in text for text in caplog.messages)


def test_a_file_that_a_quota_refuses_waits_and_does_not_stop_the_end(started, local, remote, server, tmp_path, caplog):
    run = started("outputs")
    server.kill()
    (tmp_path / "outputs" / "small.txt").write_text("text")
    (tmp_path / "outputs" / "large.txt").write_text("text" * 1_000)
    run.complete()
    server._options = (*server._options, "--upload-bytes", "1000")
    server.start()
    until(lambda: local.get_run(run.id).status == "Completed")
    assert content(local, run, "outputs/small.txt") == b"text"
    assert any("is not sent: " in text for text in caplog.messages)
    assert len(waiting(remote)) == 2
    server.end()
    server._options = server._options[:-2]
    server.start()
    tracking = remote.stores.tracking
    KeptFiles(tracking._folder, tracking.server).deliver(tracking._writer.journal_id)
    assert content(local, run, "outputs/large.txt") == b"text" * 1_000


@pytest.mark.parametrize("durability", ["process", "power"])
def test_what_waits_is_on_the_disk_if_the_workspace_survives_a_power_failure(
    remote, server, monkeypatch, tmp_path, durability
):
    synced: list[str] = []
    real = os.fsync

    def sync(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        real(fd)

    with Workspace.open(server.address, durability=durability) as workspace:
        run = Experiment(workspace, "files").start_logging(outputs=False, snapshot_directory=None)
        store = workspace.stores.tracking
        assert isinstance(store, remote_store.RemoteStore)
        tracking: remote_store.RemoteStore = store
        server.proxy.fail("refuse")
        for keep, ending in (
            (lambda: tracking.keep_file(run.place.root(), "x", io.BytesIO(b"x")), kept_files.CONTENT_SUFFIX),
            (lambda: tracking.keep_end(run.id, RunChanges(status="Completed")), ".part"),
        ):
            synced.clear()
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", sync)
                keep()
            parts = [path for path in synced if path.endswith(ending)]
            assert bool(parts) == (durability == "power")
            assert not parts or str(tracking._folder) in synced[synced.index(parts[0]) :]
        server.proxy.fail("none")
        run.complete()


def test_only_one_process_delivers_the_files_of_a_journal(started, local, remote):
    tracking, root = remote.stores.tracking, started("outputs").place.root()
    for path in ("a.txt", "b.txt"):
        tracking._files.keep_put("gone", root, path, io.BytesIO(path.encode()))
    folder = journal_folder(remote.id)
    rest, new = (folder / f"{name}.0{kept_files.CONTENT_SUFFIX}" for name in ("killed", "writing"))
    for file in (rest, new):
        file.write_bytes(b"a part of a file")
    os.utime(rest, (0, 0))
    other = KeptFiles(folder, tracking.server)
    with FileLock(folder / f"gone{kept_files.LOCK_SUFFIX}", 0o600):
        with pytest.raises(StoreUnavailable, match="another process delivers"):
            other.deliver("")
        assert local.stores.artifacts.list(root) == []
    other.deliver("")
    assert [record.path for record in local.stores.artifacts.list(root)] == ["a.txt", "b.txt"]
    assert waiting(remote) == [new]
