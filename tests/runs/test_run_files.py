"""Calls that upload or download many files: the files, and their paths."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from bridge import InvalidState, InvalidValue, NotFound, Run


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """Local files by their intended artifact path; each contains that path."""
    files = {}
    for number, name in enumerate(("outputs/a.txt", "outputs/deep/b.txt", "outputs.txt", "outputs2/c.txt")):
        files[name] = tmp_path / f"source{number}"
        files[name].write_text(name)
    return files


@pytest.fixture
def filled(run: Run, sources: dict[str, Path]) -> Run:
    assert run.upload_files(list(sources), [str(file) for file in sources.values()]) is None
    return run


def landed(folder: Path) -> dict[str, str]:
    """Return the files below a folder and their texts."""
    return {file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_files_are_uploaded_together(filled: Run, sources: dict[str, Path]) -> None:
    assert filled.get_file_names() == sorted(sources)


def test_uploading_again_replaces_the_files(filled: Run, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    records = filled.upload_files(["outputs/a.txt"], [tmp_path / "new"], return_artifacts=True, timeout_seconds=1)
    assert records is not None and records["outputs/a.txt"].size_bytes == 3
    filled.download_files("outputs", tmp_path / "there")
    assert landed(tmp_path / "there")["outputs/a.txt"] == "new"


def test_unequal_numbers_of_names_and_paths_are_refused(run: Run, sources: dict[str, Path]) -> None:
    with pytest.raises(InvalidValue, match="numbers of names and paths '1 and 2': must be equal"):
        run.upload_files(["a"], list(sources.values())[:2])
    with pytest.raises(InvalidValue, match="^names 'a': must be a list"):
        run.upload_files("a", list(sources.values())[:1])
    assert run.get_file_names() == []


def test_nothing_is_uploaded_if_a_file_is_missing_or_a_name_is_invalid(run: Run, sources: dict[str, Path]) -> None:
    file = sources["outputs.txt"]
    with pytest.raises(NotFound, match="nothing was uploaded"):
        run.upload_files(["a", "b"], [file, file.with_name("absent")])
    with pytest.raises(InvalidValue, match="artifact path"):
        run.upload_files(["a", "../b"], [file, file])
    assert run.get_file_names() == []


def test_every_call_refuses_a_datastore(run: Run, sources: dict[str, Path], tmp_path: Path) -> None:
    file = sources["outputs.txt"]
    for upload in (
        lambda name: run.upload_file("a", file, datastore_name=name),
        lambda name: run.upload_files(["a"], [file], datastore_name=name),
        lambda name: run.upload_folder("a", tmp_path, datastore_name=name),
    ):
        with pytest.raises(InvalidValue, match="datastore_name 'blob': must be None"):
            upload("blob")
        assert run.get_file_names() == []
    run.upload_file("a", file, datastore_name=None)


def test_a_deleted_run_refuses_files(run: Run, sources: dict[str, Path]) -> None:
    run.place.stores.tracking.delete_runs((run.id,), 1)
    with pytest.raises(InvalidState):
        run.upload_files(["a"], [sources["outputs.txt"]])
    with pytest.raises(InvalidState):
        run.log_image("m", b"GIF89a")
    assert run.get_file_names() == []


def test_all_files_are_downloaded_to_their_paths_below_the_working_folder(
    filled: Run, sources: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    filled.download_files()
    assert landed(tmp_path / "here") == {name: name for name in sources}


@pytest.mark.parametrize("prefix", ["outputs", "outputs/", "./outputs"])
def test_a_prefix_matches_only_the_folder_of_that_name(filled: Run, tmp_path: Path, prefix: str) -> None:
    filled.download_files(prefix, output_directory=tmp_path / "there")
    assert sorted(landed(tmp_path / "there")) == ["outputs/a.txt", "outputs/deep/b.txt"]
    filled.download_files(prefix, str(tmp_path / "cut"), append_prefix=False)
    assert sorted(landed(tmp_path / "cut")) == ["a.txt", "deep/b.txt"]


@pytest.mark.parametrize("prefix", [None, "", "/", "."])
def test_no_prefix_means_all_files(filled: Run, sources: dict[str, Path], tmp_path: Path, prefix: Any) -> None:
    filled.download_files(prefix, tmp_path / "there", append_prefix=False)
    assert landed(tmp_path / "there") == {name: name for name in sources}


def test_a_prefix_can_name_one_file(filled: Run, tmp_path: Path) -> None:
    filled.download_files("outputs/deep/b.txt", tmp_path / "there")
    assert landed(tmp_path / "there") == {"outputs/deep/b.txt": "outputs/deep/b.txt"}
    filled.download_files("outputs/deep/b.txt", tmp_path / "cut", append_prefix=False)
    assert landed(tmp_path / "cut") == {"b.txt": "outputs/deep/b.txt"}


@pytest.mark.parametrize("prefix", ["out", "outputs/dee", "absent"])
def test_a_prefix_without_files_downloads_nothing_with_a_warning(
    filled: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture, prefix: str
) -> None:
    with caplog.at_level(logging.WARNING, logger="bridge"):
        filled.download_files(prefix, tmp_path / "there")
    assert caplog.messages == [f"There is no file to download below {prefix!r}."]
    assert landed(tmp_path / "there") == {}


def test_a_prefix_with_dot_dot_is_refused(filled: Run, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="artifact path"):
        filled.download_files("../other", tmp_path / "there")


def test_files_are_downloaded_to_a_given_folder(filled: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled.download_files("outputs", output_paths=[tmp_path / "x" / "1", str(tmp_path / "2")])
    assert (tmp_path / "x" / "1").read_text() == "outputs/a.txt"
    assert (tmp_path / "2").read_text() == "outputs/deep/b.txt"
    filled.download_files("outputs", tmp_path / "top", ["1", "2"], append_prefix=False)
    assert landed(tmp_path / "top") == {"1": "outputs/a.txt", "2": "outputs/deep/b.txt"}
    with caplog.at_level(logging.WARNING, logger="bridge"):
        filled.download_files("outputs", tmp_path / "there", ["1"])
    assert caplog.messages == ["1 output paths were given for 2 files: the paths are ignored."]
    assert sorted(landed(tmp_path / "there")) == ["outputs/a.txt", "outputs/deep/b.txt"]
