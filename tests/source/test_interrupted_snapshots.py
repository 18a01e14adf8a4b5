"""An exception of a signal handler ends a snapshot, whatever its type. It is not mistaken for a failure to read."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from interrupting import Own, each_interrupt

from bridge import Run
from bridge.source import recorded_environment
from bridge.source.keep import keep_source
from bridge.store.artifacts import ArtifactStore

FILES = ("/source/", "/store/walk.py", "/journal/whole_file.py")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with files, a link and an ignore file."""
    folder = tmp_path / "source"
    (folder / "package").mkdir(parents=True)
    (folder / "train.py").write_text("print('hello')")
    (folder / "package" / "model.py").write_text("class Model: pass")
    (folder / "link.py").symlink_to("train.py")
    (folder / ".amlignore").write_text("*.csv\n")
    return folder


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # between `open` and `with`
@pytest.mark.usefixtures("garbage_collected")
@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError,
        *(pytest.param(error, marks=pytest.mark.slow) for error in (TimeoutError, PermissionError, ValueError, Own)),
    ],
)
def test_an_exception_of_a_signal_handler_is_raised_at_any_place(
    artifacts: ArtifactStore, run: Run, source: Path, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = source.with_name("packages")
    (packages / "one-1.0.dist-info").mkdir(parents=True)
    few = SimpleNamespace(path=[str(packages)], executable=sys.executable)
    monkeypatch.setattr(recorded_environment, "sys", few)  # each package has as many places as the others
    root = run.place.root()

    def keep() -> str | None:
        (source / "train.py").write_text("print('hello')")  # a new time, so that the file is read again
        kept = keep_source(artifacts, root, source)
        assert kept.warnings == ()
        return kept.snapshot_id

    whole = keep()
    places = list(each_interrupt(FILES, keep, error, step=3))
    assert [where for where, left in places if type(left) is not error] == []
    assert len(places) > 33
    assert keep() == whole
