"""Folders that cannot be written, or not any more, cause one clear error and no incomplete file."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_disk import filled, mounted_disk

from bridge import Experiment, InvalidValue, NotAllowed, NotFound, Run, StoreUnavailable, Workspace
from bridge.store import background

pytestmark = pytest.mark.processes

NOBODY = 65534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    with mounted_disk(tmp_path / "disk", 1) as disk:
        yield disk


def become_nobody(function):
    """Become another user, and call a function."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    function()


def as_nobody(fork, function):
    """Call a function in a child that has become another user, and return its output."""

    child = fork(lambda say: become_nobody(lambda: function(say)))
    lines = child.rest()
    assert child.wait() == 0
    return lines


def names_in(folder: Path) -> list[str]:
    """Return the names of all files below a folder, without SQLite's temporary files."""
    return sorted(path.name for path in folder.rglob("*") if not path.name.startswith("workspace.db-"))


def preload() -> None:
    """Make the calls of the child once, because it becomes a user who cannot read the interpreter's files."""
    with tempfile.TemporaryDirectory() as folder:
        run = Experiment(Workspace.create("preload", path=folder), "preload").start_logging(outputs=f"{folder}/outputs")
        run.log("point", 1)
        Path(folder, "outputs", "output.txt").write_text("kept")
        run.upload_file("a.txt", __file__)
        list(run.experiment.get_runs())
        run.get_metrics()
        run.complete()


def test_another_user_reads_a_workspace_that_no_process_has_open(fork, open_folder):
    """The database is read although there is no -wal file, and SQLite cannot create one."""
    preload()

    def make(say):
        run = Experiment(Workspace.create("work", path=open_folder / "work"), "shared").start_logging()
        run.log("loss", 0.5)
        run.upload_file("a.txt", __file__)
        run.get_metrics()
        run.complete()
        say(run.id)
        Workspace.open(open_folder / "work").stores.tracking.close()

    maker = fork(make)
    run_id = maker.line()
    assert maker.wait() == 0
    reader = Workspace.open(open_folder / "work")
    Run.get(reader, run_id).get_metrics()  # this read folds, and removes the journal
    reader.stores.tracking.close()
    assert not list((open_folder / "work").glob("*-wal"))

    def read(say):
        run = Run.get(Workspace.open(open_folder / "work"), run_id)
        say(repr((run.status, run.get_metrics(), run.get_file_names())))

    assert as_nobody(fork, read) == [repr(("Completed", {"loss": 0.5}, ["a.txt"]))]


def test_another_user_reads_while_a_process_logs_and_gets_the_number_of_unfolded_bytes(fork, open_folder, caplog):
    preload()
    workspace = Workspace.create("work", path=open_folder / "work")
    run = Experiment(workspace, "shared").start_logging()
    run.log("loss", 0.5)
    run.get_metrics()
    background.background.remove(run.place.stores.tracking)  # or it may fold before the other user reads
    run.log("loss", 0.25)

    def read(say):
        import logging

        class Say(logging.Handler):
            def emit(self, record):
                say(record.getMessage())

        logging.getLogger("bridge").addHandler(Say())
        other = Run.get(Workspace.open(workspace.path), run.id)
        say(repr(other.get_metrics()))
        say(str(other.experiment.workspace.unfolded_bytes))

    warning, metrics, unfolded = as_nobody(fork, read)
    assert metrics == repr({"loss": 0.5})
    assert "48 bytes of points" in warning and "not in the database yet" in warning
    assert unfolded == "48"
    run.complete()


def test_writing_to_a_read_only_folder_raises_at_once(fork, open_folder):
    preload()
    workspace = Workspace.create("work", path=open_folder / "work")
    run = Experiment(workspace, "shared").start_logging()
    background.background.remove(run.place.stores.tracking)  # its first fold creates a lock file
    before = names_in(workspace.path)

    def write(say):
        other = Run.get(Workspace.open(workspace.path), run.id)
        calls = [
            lambda: other.log("loss", 1.0),
            lambda: other.tag("a", "b"),
            lambda: other.complete(),
            lambda: other.upload_file("a.txt", __file__),
            lambda: Experiment(other.experiment.workspace, "new"),
            lambda: other.experiment.start_logging(),
            lambda: Workspace.create("inside", path=workspace.path / "inside"),
        ]
        for call in calls:
            try:
                call()
                say("nothing raised")
            except NotAllowed as error:
                say(str(error))

    for sentence in as_nobody(fork, write):
        assert sentence.endswith(".") and "\n" not in sentence
        assert sentence.startswith("Cannot "), sentence
    assert names_in(workspace.path) == before
    run.complete()


def test_a_read_only_file_system_can_be_read(tmp_path):
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "shared").start_logging()
    run.log("loss", 0.5)
    run.get_metrics()
    run.complete()
    workspace.stores.tracking.close()
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    subprocess.run(["mount", "--bind", str(workspace.path), str(mounted)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(mounted)], check=True)
        other = Run.get(Workspace.open(mounted), run.id)

        assert other.get_metrics() == {"loss": 0.5}
        with pytest.raises(NotAllowed):
            other.tag("a", "b")
        other.experiment.workspace.stores.tracking.close()
    finally:
        subprocess.run(["umount", "-l", str(mounted)], check=True)


def test_a_workspace_on_a_full_disk_states_the_reason_when_it_is_opened(full_disk):
    """SQLite needs space for the file `-shm`, and reports its absence as an error of the disk."""
    workspace = Workspace.create("work", path=full_disk / "work")
    workspace.close()
    with filled(full_disk), pytest.raises(StoreUnavailable, match="the disk is full; remove files from it"):
        Workspace.open(workspace.path)
    with Workspace.open(workspace.path) as again:
        assert again.id == workspace.id


def test_a_full_disk_never_stops_a_training_and_is_reported_at_its_end(full_disk, caplog):
    """`flush` and `complete` raise for metrics, other calls immediately. With space again, everything is stored."""
    workspace = Workspace.create("work", path=full_disk / "work")
    run = Experiment(workspace, "full").start_logging()
    run.log("loss", 0)
    with filled(full_disk):
        for number in range(1, 2_000):
            run.log("loss", number)
        with pytest.raises(StoreUnavailable, match="No space left on device; .* points are not written") as caught:
            run.flush()
        assert "\n" not in str(caught.value)
        with pytest.raises(StoreUnavailable):
            run.complete()
        assert run.status == "Running"
        with pytest.raises(StoreUnavailable):
            run.upload_file("big.bin", Path(__file__))
        with pytest.raises(StoreUnavailable):
            for number in range(200):
                run.tag(f"tag{number}", "x" * 4_000)
        assert [record.message for record in caplog.records if "Cannot write to" in record.message]
        assert len([record for record in caplog.records if "Cannot write to" in record.message]) == 1

    run.complete()
    journal = workspace.path / "journal"
    assert run.warnings == (f"Points were buffered in memory because {journal} could not be written.",)
    assert run.get_metrics()["loss"] == list(range(2_000))
    assert run.get_file_names() == []
    run.upload_file("small.txt", Path(__file__))
    assert run.get_file_names() == ["small.txt"]
    workspace.stores.tracking.close()


def test_a_path_that_is_not_a_workspace_is_named(tmp_path):
    with pytest.raises(NotFound, match=r"There is no workspace '.*nowhere': there is no such folder\."):
        Workspace.open(tmp_path / "nowhere")
    with pytest.raises(NotFound, match=r"has no workspace\.db; make a workspace there with Workspace\.create"):
        Workspace.open(tmp_path)
    (tmp_path / "file").write_text("text")
    with pytest.raises(NotFound):
        Workspace.open(tmp_path / "file")
    with pytest.raises(InvalidValue, match="must be a folder"):
        Workspace.create("work", path=tmp_path / "file")
    with pytest.raises(InvalidValue, match="must be a folder"):
        Workspace.create("work", path=tmp_path / "file" / "below")
    with pytest.raises(InvalidValue, match="must be a folder"):
        Workspace.open("postgresql://somewhere/db")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "workspace.db").write_text("this is no database, but long enough to look like a file of one")
    with pytest.raises(StoreUnavailable, match="not a database"):
        Workspace.open(tmp_path / "odd")


def test_the_background_thread_continues_after_a_time_without_free_descriptors(fork, workspace, run):
    """Logging needs no descriptor. When descriptors are free again, points are folded as before."""

    def write(say):
        import resource

        own = Run.get(Workspace.open(workspace.path), run.id)
        own.log("point", 0)
        time.sleep(1.5)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 3, most))
        taken = []
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        own.log("point", 1)
        time.sleep(1.5)
        with pytest.raises(StoreUnavailable, match="Too many open files"):
            own.get_metrics()
        for fd in taken:
            os.close(fd)
        say("bridge-fold" if "bridge-fold" in [thread.name for thread in threading.enumerate()] else "it has ended")

    child = fork(write)
    assert child.line() == "bridge-fold"
    assert child.wait() == 0
    assert run.get_metrics() == {"point": [0, 1]}


def test_the_background_thread_writes_waiting_points_when_the_disk_has_space_again(full_disk):
    """No further log call or flush is needed."""
    workspace = Workspace.create("work", path=full_disk / "work")
    run = Experiment(workspace, "full").start_logging()
    run.log("loss", 0)
    with filled(full_disk):
        for number in range(1, 500):
            run.log("loss", number)
    deadline = time.monotonic() + 30
    while run.get_metrics("loss")["loss"] != list(range(500)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    run.complete()
    workspace.stores.tracking.close()


def test_a_read_only_reader_sees_concurrent_writes(fork, open_folder):
    """The reader started when no process had the database open, and continues while one has."""
    preload()
    workspace = Workspace.create("work", path=open_folder / "work")
    run = Experiment(workspace, "shared").start_logging()
    run.complete()
    workspace.stores.tracking.close()

    def read(say):
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        other = Run.get(Workspace.open(workspace.path), run.id)
        say(repr(other.get_tags()))
        deadline = time.monotonic() + 30
        while not other.get_tags() and time.monotonic() < deadline:
            time.sleep(0.05)
        say(repr(other.get_tags()))

    child = fork(read)
    assert child.line() == "{}"
    run.tag("a", "b")
    assert child.line() == repr({"a": "b"})


def test_a_reader_that_cannot_lock_reports_a_concurrent_write(fork, open_folder):
    """No process has the database open when the read starts, and the reader cannot create a lock file beside it."""
    preload()
    workspace = Workspace.create("work", path=open_folder / "work")
    run = Experiment(workspace, "shared").start_logging()
    run.complete()
    workspace.stores.tracking.close()
    begun, written = os.pipe(), os.pipe()

    def read(say):
        database = Workspace.open(workspace.path).stores.tracking.inner.database  # type: ignore[attr-defined]
        try:
            with database.read() as connection:
                connection.execute("SELECT * FROM run").fetchone()
                os.write(begun[1], b"x")
                os.read(written[0], 1)
        except StoreUnavailable as error:
            say(str(error))
        with database.read() as connection:
            say(str(connection.execute("SELECT count(*) FROM run").fetchone()[0]))

    child = fork(lambda say: become_nobody(lambda: read(say)))
    assert os.read(begun[0], 1) == b"x"
    Run.get(Workspace.open(workspace.path), run.id).tag("a", "b")
    workspace.stores.tracking.close()  # this writes the -wal file into the database
    os.write(written[1], b"x")
    file = workspace.path / "workspace.db"
    assert child.rest() == [
        f"{file} is not available: another process wrote to it during the read: try the call again.",
        "1",
    ]
    for end in (*begun, *written):
        os.close(end)


def test_a_download_to_a_read_only_folder_is_refused(fork, open_folder):
    preload()
    run = Experiment(Workspace.create("work", path=open_folder / "work"), "shared").start_logging()
    run.upload_file("a.txt", __file__)
    (open_folder / "closed").mkdir(mode=0o755)

    def download(say):
        other = Run.get(Workspace.open(open_folder / "work"), run.id)
        for target in (open_folder / "closed", open_folder / "closed" / "below" / "b.txt"):
            try:
                other.download_file("a.txt", target)
            except NotAllowed as error:
                say(str(error))

    assert as_nobody(fork, download) == [
        f"Cannot write {open_folder}/closed/a.txt: permission denied.",
        f"Cannot write {open_folder}/closed/below/b.txt: permission denied.",
    ]
