"""A path of an artifact has one spelling, and stays below its root."""

from __future__ import annotations

import posixpath
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import InvalidValue
from bridge.records.artifact import ArtifactRecord, check_artifact_path, check_artifact_root, folders_above
from bridge.testing.artifact_paths import BAD_PATHS, ODD_PATHS, SEGMENTS

anything = st.one_of(st.text(), st.lists(st.sampled_from(SEGMENTS), max_size=5).map("/".join))


@pytest.mark.parametrize("path", ODD_PATHS, ids=lambda path: ascii(path)[:40])
def test_an_unusual_path_is_not_changed(path: str) -> None:
    assert check_artifact_path(path) == path


@pytest.mark.parametrize("path", (*BAD_PATHS, "", None, 3, b"x"), ids=lambda path: ascii(path)[:40])
def test_an_invalid_path_is_refused_with_its_rule(path: object) -> None:
    with pytest.raises(InvalidValue) as caught:
        check_artifact_path(path)
    assert caught.value.key == "artifact path"
    assert caught.value.value == path
    assert len(str(caught.value)) < 400


@given(anything)
def test_an_accepted_path_stays_below_any_root(path: str) -> None:
    try:
        checked = check_artifact_path(path)
    except InvalidValue:
        return
    assert check_artifact_path(checked) == checked == posixpath.normpath(path)
    assert posixpath.normpath("/top/" + checked) == "/top/" + checked
    assert not any(ord(character) < 32 for character in checked)


@given(anything)
def test_a_root_follows_the_rules_of_a_path(root: str) -> None:
    try:
        checked = check_artifact_root(root)
    except InvalidValue as error:
        assert error.key == "artifact root"
    else:
        assert checked == check_artifact_path(root)
        assert not checked.startswith(".")


@pytest.mark.parametrize("root", ("0/abc/artifacts", "1/models/m-1/artifacts", "1/traces/tr-1/artifacts"))
def test_the_roots_of_runs_models_and_traces_are_accepted(root: str) -> None:
    assert check_artifact_root(root) == root


def test_leading_dots_are_dropped() -> None:
    assert check_artifact_path("./a") == check_artifact_path("././a") == "a"
    assert check_artifact_path(".a") == ".a"
    assert check_artifact_path("..a") == "..a"


def test_a_path_at_the_limit_is_accepted_and_a_longer_one_is_not() -> None:
    longest = ("a" * 249 + "/") * 20
    assert check_artifact_path(longest[:-1] + "b") == longest[:-1] + "b"
    with pytest.raises(InvalidValue, match="5000"):
        check_artifact_path(longest + "b")


def test_an_extremely_long_path_is_refused_at_once() -> None:
    path = "./" * 5_000_000
    begin = time.process_time()
    with pytest.raises(InvalidValue):
        check_artifact_path(path)
    assert time.process_time() - begin < 1


def test_the_folders_of_a_path_are_listed_from_the_outside() -> None:
    assert list(folders_above("a/b/c")) == ["a", "a/b"]
    assert list(folders_above("a")) == []


def test_a_record_without_a_size_is_a_folder() -> None:
    assert ArtifactRecord("a").is_folder
    assert not ArtifactRecord("a", 0).is_folder
