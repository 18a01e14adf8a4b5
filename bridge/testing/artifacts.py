"""The conformance suite of `bridge.store.artifacts.ArtifactStore`."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import AlreadyExists, InvalidState, InvalidValue, NotFound
from bridge.records.artifact import ArtifactRecord
from bridge.store.artifacts import ArtifactStore
from bridge.testing.artifact_paths import BAD_PATHS, ODD_PATHS, SEGMENTS

ROOT = "1/0123456789abcdef0123456789abcdef/artifacts"
OTHER_ROOT = "1/models/m-0123456789abcdef0123456789abcdef/artifacts"


class ArtifactStoreTests:
    """All tests of an artifact store. A subclass overrides the fixture `artifacts` with an empty store."""

    def test_stored_bytes_are_read_back(self, artifacts: ArtifactStore) -> None:
        record = artifacts.put(ROOT, "a/b.txt", b"content")
        assert record.path == "a/b.txt"
        assert record.size_bytes == 7
        assert record.sha256 == hashlib.sha256(b"content").hexdigest()
        assert record.time is not None and record.time > 1_600_000_000_000
        assert _content(artifacts, "a/b.txt") == b"content"
        assert artifacts.stat(ROOT, "a/b.txt") == record

    def test_bytes_files_and_streams_are_sources(self, artifacts: ArtifactStore, tmp_path: Path) -> None:
        content = bytes(range(256)) * 10_000
        file = tmp_path / "source"
        file.write_bytes(content)
        sources: tuple[Path | bytes | BinaryIO, ...] = (content, file, io.BytesIO(content))
        records = [artifacts.put(ROOT, f"{number}", source) for number, source in enumerate(sources)]
        assert {record.sha256 for record in records} == {hashlib.sha256(content).hexdigest()}
        assert [_content(artifacts, record.path) for record in records] == [content] * 3
        assert file.read_bytes() == content

    def test_an_empty_file_is_a_file(self, artifacts: ArtifactStore) -> None:
        assert artifacts.put(ROOT, "empty", b"").size_bytes == 0
        assert _content(artifacts, "empty") == b""
        assert [record.is_folder for record in artifacts.list(ROOT)] == [False]

    def test_a_file_that_exists_is_kept_if_it_must_not_be_replaced(self, artifacts: ArtifactStore) -> None:
        first = artifacts.put(ROOT, "x", b"first", replace=False)
        for source in (b"second", io.BytesIO(b"second"), b"first"):
            with pytest.raises(AlreadyExists, match="artifact 'x'"):
                artifacts.put(ROOT, "x", source, replace=False)
        assert (artifacts.stat(ROOT, "x"), _content(artifacts, "x")) == (first, b"first")
        assert artifacts.put(OTHER_ROOT, "x", b"other", replace=False).size_bytes == 5

    def test_one_of_many_callers_that_must_not_replace_stores_the_file(self, artifacts: ArtifactStore) -> None:
        def put(number: int) -> int | None:
            try:
                artifacts.put(ROOT, "x", str(number).encode(), replace=False)
            except AlreadyExists:
                return None
            return number

        with ThreadPoolExecutor(8) as pool:
            (winner,) = {number for number in pool.map(put, range(8)) if number is not None}
        assert _content(artifacts, "x") == str(winner).encode()

    def test_a_check_sees_size_and_hash_before_the_file_is_visible(self, artifacts: ArtifactStore) -> None:
        seen: list[tuple[int, str]] = []

        def refuse(size_bytes: int, sha256: str) -> None:
            seen.append((size_bytes, sha256))
            raise InvalidValue("content", size_bytes, "is refused by the test")

        artifacts.put(ROOT, "x", b"before", check=lambda size_bytes, sha256: None)
        for path in ("x", "new/y"):
            for source in (b"after", io.BytesIO(b"after")):
                with pytest.raises(InvalidValue, match="refused by the test"):
                    artifacts.put(ROOT, path, source, check=refuse)
        assert set(seen) == {(5, hashlib.sha256(b"after").hexdigest())}
        assert [record.path for record in artifacts.list(ROOT, recursive=True)] == ["x"]
        assert _content(artifacts, "x") == b"before"

    def test_putting_replaces(self, artifacts: ArtifactStore) -> None:
        artifacts.put(ROOT, "x", b"the first, which is longer")
        second = artifacts.put(ROOT, "x", b"second")
        assert artifacts.put(ROOT, "x", b"second").sha256 == second.sha256
        assert _content(artifacts, "x") == b"second"
        assert [record.size_bytes for record in artifacts.list(ROOT)] == [6]

    def test_a_reader_during_a_replacement_gets_the_old_or_the_new_file(self, artifacts: ArtifactStore) -> None:
        first, second = b"a" * 3_000_000, b"b" * 3_000_000
        artifacts.put(ROOT, "x", first)
        pieces = artifacts.get(ROOT, "x")
        artifacts.put(ROOT, "x", second)
        assert b"".join(pieces) in (first, second)

    def test_a_leading_dot_in_a_path_is_ignored(self, artifacts: ArtifactStore) -> None:
        assert artifacts.put(ROOT, "./a/b", b"1").path == "a/b"
        assert _content(artifacts, "././a/b") == b"1"
        assert artifacts.list(ROOT, "./a") == artifacts.list(ROOT, "a")

    def test_roots_do_not_share_files(self, artifacts: ArtifactStore) -> None:
        artifacts.put(ROOT, "x", b"1")
        artifacts.put(OTHER_ROOT, "x", b"22")
        artifacts.delete(ROOT)
        assert artifacts.list(ROOT, recursive=True) == []
        assert _content(artifacts, "x", OTHER_ROOT) == b"22"

    # Appending

    def test_appended_bytes_can_be_read_immediately(self, artifacts: ArtifactStore) -> None:
        first = artifacts.append(ROOT, "logs/x.txt", b"one\n")
        assert (first.path, first.size_bytes, first.sha256) == ("logs/x.txt", 4, None)
        assert first.time is not None and first.time > 1_600_000_000_000
        pieces = [b"one\n", b"\xc3", b"", b"\xa4" * 2_000_000, b"end"]
        for number, piece in enumerate(pieces[1:], 2):
            record = artifacts.append(ROOT, "./logs/x.txt", piece)
            assert record.size_bytes == len(b"".join(pieces[:number]))
            assert artifacts.stat(ROOT, "logs/x.txt") == record
            assert artifacts.list(ROOT, "logs") == [record]
            assert _content(artifacts, "logs/x.txt") == b"".join(pieces[:number])

    def test_an_append_of_nothing_makes_an_empty_file(self, artifacts: ArtifactStore) -> None:
        assert artifacts.append(ROOT, "x", b"").size_bytes == 0
        assert _content(artifacts, "x") == b""
        assert artifacts.append(ROOT, "x", b"").size_bytes == 0

    def test_an_append_at_another_offset_than_the_end_changes_nothing(self, artifacts: ArtifactStore) -> None:
        assert artifacts.append(ROOT, "x", b"one", offset=0).size_bytes == 3
        assert artifacts.append(ROOT, "x", b"two", offset=3).size_bytes == 6
        for path, offset, size in (("x", 0, 6), ("x", 3, 6), ("x", 7, 6), ("new/y", 1, 0)):
            with pytest.raises(InvalidState, match=f"{size} bytes long"):
                artifacts.append(ROOT, path, b"two", offset=offset)
        assert _content(artifacts, "x") == b"onetwo"
        assert [record.path for record in artifacts.list(ROOT, recursive=True)] == ["x"]

    def test_a_file_is_read_from_an_offset(self, artifacts: ArtifactStore) -> None:
        content = bytes(range(251)) * 10_000
        artifacts.put(ROOT, "put", content)
        artifacts.append(ROOT, "grown", content[:1_000])
        artifacts.append(ROOT, "grown", content[1_000:])
        for path in ("put", "grown"):
            for start in (0, 1, 999, 1_048_577, len(content) - 1, len(content), len(content) + 5):
                assert b"".join(artifacts.get(ROOT, path, start)) == content[start:]
            with pytest.raises(InvalidValue, match="start"):
                artifacts.get(ROOT, path, -1)

    def test_a_reader_gets_at_least_the_bytes_that_the_file_had_at_open(self, artifacts: ArtifactStore) -> None:
        content = b"a" * 3_000_000
        artifacts.append(ROOT, "x", content)
        pieces = artifacts.get(ROOT, "x")
        read = next(pieces)
        artifacts.append(ROOT, "x", b"b" * 100)
        read += b"".join(pieces)
        assert (content + b"b" * 100).startswith(read) and len(read) >= len(content)

    def test_putting_and_appending_take_turns(self, artifacts: ArtifactStore) -> None:
        artifacts.append(ROOT, "x", b"a growing file, which is longer")
        put = artifacts.put(ROOT, "x", b"put")
        assert put.sha256 == hashlib.sha256(b"put").hexdigest()
        assert _content(artifacts, "x") == b"put"
        grown = artifacts.append(ROOT, "x", b" and grown")
        assert (grown.size_bytes, grown.sha256) == (13, None)
        assert _content(artifacts, "x") == b"put and grown"
        artifacts.delete(ROOT, "x")
        artifacts.append(ROOT, "x", b"new")
        assert _content(artifacts, "x") == b"new"

    def test_only_bytes_are_appended_and_only_to_a_file(self, artifacts: ArtifactStore) -> None:
        artifacts.append(ROOT, "a/b", b"1")
        for path in ("a/b/c", "a"):
            with pytest.raises(InvalidValue, match="file|folder"):
                artifacts.append(ROOT, path, b"2")
        with pytest.raises(InvalidValue, match="bytes"):
            artifacts.append(ROOT, "a/b", cast(bytes, "text"))
        assert [record.path for record in artifacts.list(ROOT, recursive=True)] == ["a/b"]
        assert _content(artifacts, "a/b") == b"1"

    def test_appends_of_many_threads_are_each_whole(self, artifacts: ArtifactStore) -> None:
        def append(letter: str) -> None:
            for number in range(20):
                artifacts.append(ROOT, "x", f"{letter}{number}\n".encode())

        with ThreadPoolExecutor() as threads:
            list(threads.map(append, "abcd"))
        lines = _content(artifacts, "x").decode().splitlines()
        for letter in "abcd":
            assert [line for line in lines if line[0] == letter] == [f"{letter}{number}" for number in range(20)]
        assert len(lines) == 80

    # Missing files

    def test_the_error_for_a_missing_file_names_its_path(self, artifacts: ArtifactStore) -> None:
        artifacts.put(ROOT, "folder/x", b"1")
        for path in ("y", "folder", "folder/y", "folder/x/y"):
            with pytest.raises(NotFound, match=path):
                artifacts.get(ROOT, path)
        assert artifacts.stat(ROOT, "y") is None
        assert artifacts.stat(ROOT, "folder/x/y") is None

    def test_a_missing_source_leaves_nothing(self, artifacts: ArtifactStore, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="nothing-here"):
            artifacts.put(ROOT, "a/x", tmp_path / "nothing-here")
        with pytest.raises(InvalidValue, match="folder"):
            artifacts.put(ROOT, "a/x", tmp_path)
        assert artifacts.list(ROOT) == []

    def test_a_failing_source_leaves_the_file_before(self, artifacts: ArtifactStore) -> None:
        artifacts.put(ROOT, "x", b"before")
        for path in ("x", "new/y"):
            with pytest.raises(ZeroDivisionError):
                artifacts.put(ROOT, path, cast(BinaryIO, _Failing()))
            with pytest.raises(InvalidValue, match="binary"):
                artifacts.put(ROOT, path, cast(BinaryIO, io.StringIO("text")))
        assert [record.path for record in artifacts.list(ROOT, recursive=True)] == ["x"]
        assert _content(artifacts, "x") == b"before"

    # Listing

    def test_a_listing_is_one_folder_deep_and_by_path(self, artifacts: ArtifactStore) -> None:
        for path in ("b", "a/y/deep", "a/x", "a.txt", "a!", "Z", "ä"):
            artifacts.put(ROOT, path, b"123")
        found = [(record.path, record.size_bytes) for record in artifacts.list(ROOT)]
        assert found == [("Z", 3), ("a", None), ("a!", 3), ("a.txt", 3), ("b", 3), ("ä", 3)]
        assert artifacts.list(ROOT)[1] == ArtifactRecord("a")
        assert [record.path for record in artifacts.list(ROOT, "a")] == ["a/x", "a/y"]

    def test_a_recursive_listing_has_files_only(self, artifacts: ArtifactStore) -> None:
        for path in ("b", "a/y/deep", "a/x", "a.txt"):
            artifacts.put(ROOT, path, b"1")
        assert [r.path for r in artifacts.list(ROOT, recursive=True)] == ["a.txt", "a/x", "a/y/deep", "b"]
        assert [r.path for r in artifacts.list(ROOT, "a", recursive=True)] == ["a/x", "a/y/deep"]

    def test_a_folder_is_not_a_prefix(self, artifacts: ArtifactStore) -> None:
        for path in ("model/x", "model2/x", "model.txt", "modem/x"):
            artifacts.put(ROOT, path, b"1")
        assert [record.path for record in artifacts.list(ROOT, "model")] == ["model/x"]
        assert [record.path for record in artifacts.list(ROOT, "model", recursive=True)] == ["model/x"]
        assert artifacts.list(ROOT, "mode") == []
        artifacts.delete(ROOT, "model")
        assert [r.path for r in artifacts.list(ROOT, recursive=True)] == ["model.txt", "model2/x", "modem/x"]

    def test_wildcards_are_plain_names(self, artifacts: ArtifactStore) -> None:
        for path in ("a%/x", "ab/x", "a_/x", "a*/x", "[ab]/x"):
            artifacts.put(ROOT, path, b"1")
        for folder in ("a%", "a_", "a*", "[ab]"):
            assert [record.path for record in artifacts.list(ROOT, folder)] == [f"{folder}/x"]

    def test_a_file_and_a_missing_folder_list_as_nothing(self, artifacts: ArtifactStore) -> None:
        artifacts.put(ROOT, "x", b"1")
        assert artifacts.list(ROOT, "x") == []
        assert artifacts.list(ROOT, "y") == []
        assert artifacts.list(OTHER_ROOT) == []

    def test_a_folder_is_known_by_its_files(self, artifacts: ArtifactStore) -> None:
        artifacts.put(ROOT, "a/b/c", b"1")
        assert artifacts.stat(ROOT, "a/b") == ArtifactRecord("a/b")
        artifacts.delete(ROOT, "a/b/c")
        assert artifacts.stat(ROOT, "a/b") is None
        assert artifacts.list(ROOT) == []

    # A path cannot be both a file and a folder

    def test_a_file_is_not_a_folder(self, artifacts: ArtifactStore) -> None:
        artifacts.put(ROOT, "a/b", b"1")
        for path in ("a/b/c", "a/b/c/d"):
            with pytest.raises(InvalidValue, match="a/b"):
                artifacts.put(ROOT, path, b"2")
        with pytest.raises(InvalidValue, match="folder"):
            artifacts.put(ROOT, "a", b"2")
        assert [record.path for record in artifacts.list(ROOT, recursive=True)] == ["a/b"]
        assert _content(artifacts, "a/b") == b"1"

    def test_a_deleted_file_makes_room_for_a_folder(self, artifacts: ArtifactStore) -> None:
        artifacts.put(ROOT, "a", b"1")
        artifacts.delete(ROOT, "a")
        artifacts.put(ROOT, "a/b/c", b"2")
        artifacts.delete(ROOT, "a")
        artifacts.put(ROOT, "a", b"3")
        assert _content(artifacts, "a") == b"3"

    # Deleting

    def test_a_file_a_folder_and_a_root_are_deleted(self, artifacts: ArtifactStore) -> None:
        for path in ("a/x", "a/y/z", "b/x", "b/y", "c"):
            artifacts.put(ROOT, path, b"1")
        artifacts.delete(ROOT, "b/x")
        artifacts.delete(ROOT, "a")
        assert [record.path for record in artifacts.list(ROOT, recursive=True)] == ["b/y", "c"]
        with pytest.raises(NotFound):
            artifacts.get(ROOT, "a/x")
        artifacts.delete(ROOT)
        assert artifacts.list(ROOT, recursive=True) == []

    def test_deleting_an_absent_path_is_no_error(self, artifacts: ArtifactStore) -> None:
        artifacts.delete(ROOT)
        artifacts.delete(ROOT, "a/b")
        artifacts.put(ROOT, "x", b"1")
        artifacts.delete(ROOT, "x/y")
        artifacts.delete(ROOT, "y")
        assert _content(artifacts, "x") == b"1"

    # Downloads

    def test_a_download_is_whole_or_not_at_all(self, artifacts: ArtifactStore, tmp_path: Path) -> None:
        artifacts.put(ROOT, "x", b"content")
        target = tmp_path / "made" / ("😀" * 60)
        artifacts.download(ROOT, "x", target)
        assert target.read_bytes() == b"content"
        with pytest.raises(NotFound):
            artifacts.download(ROOT, "y", target)
        assert target.read_bytes() == b"content"
        with pytest.raises(NotFound):
            artifacts.download(ROOT, "y", tmp_path / "other" / "y")
        assert [path.name for path in tmp_path.iterdir()] == ["made"]
        assert list((tmp_path / "made").iterdir()) == [target]

    # Paths

    @pytest.mark.parametrize("path", ODD_PATHS, ids=lambda path: ascii(path)[:40])
    def test_an_odd_path_works_exactly(self, artifacts: ArtifactStore, path: str) -> None:
        assert artifacts.put(ROOT, path, b"content").path == path
        assert [record.path for record in artifacts.list(ROOT, recursive=True)] == [path]
        assert _content(artifacts, path) == b"content"
        folder, slash, _ = path.rpartition("/")
        assert [record.path for record in artifacts.list(ROOT, folder if slash else "")] == [path]
        artifacts.delete(ROOT, path)
        assert artifacts.list(ROOT, recursive=True) == []

    @pytest.mark.parametrize("path", BAD_PATHS, ids=lambda path: ascii(path)[:40])
    def test_a_bad_path_is_refused_by_every_method(self, artifacts: ArtifactStore, path: str) -> None:
        artifacts.put(ROOT, "a/b", b"1")
        for refused in _calls(artifacts, ROOT, path):
            with pytest.raises(InvalidValue, match="artifact path"):
                refused()
        assert [record.path for record in artifacts.list(ROOT, recursive=True)] == ["a/b"]

    @pytest.mark.parametrize("root", (*BAD_PATHS, "", ".x", "1/../2"), ids=lambda root: ascii(root)[:40])
    def test_a_bad_root_is_refused_by_every_method(self, artifacts: ArtifactStore, root: str) -> None:
        for refused in _calls(artifacts, root, "x"):
            with pytest.raises(InvalidValue, match="artifact root"):
                refused()
        if root:  # `list` accepts the empty root, and lists the folders that contain roots
            with pytest.raises(InvalidValue, match="artifact root"):
                artifacts.list(root)

    def test_a_path_is_refused_or_is_the_only_one_touched(self, artifacts: ArtifactStore) -> None:
        artifacts.put(ROOT, "kept/file", b"kept")

        @settings(max_examples=200, deadline=None)
        @given(st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4).map("/".join).filter(bool))
        def check(path: str) -> None:
            try:
                put = artifacts.put(ROOT, path, b"1")
            except InvalidValue:
                for refused in _calls(artifacts, ROOT, path):
                    with pytest.raises(InvalidValue):
                        refused()
            else:
                assert ".." not in put.path.split("/")
                found = [record.path for record in artifacts.list(ROOT, recursive=True)]
                assert found == sorted((put.path, "kept/file"))
                assert _content(artifacts, path) == b"1"
                artifacts.delete(ROOT, path)
            assert [record.path for record in artifacts.list(ROOT, recursive=True)] == ["kept/file"]

        check()


class _Failing:
    """A stream whose first three reads return bytes. The next read raises an error."""

    def __init__(self) -> None:
        self._reads = 0

    def read(self, size: int) -> bytes:
        self._reads += 1
        if self._reads > 3:
            raise ZeroDivisionError
        return b"x" * size


def _content(artifacts: ArtifactStore, path: str, root: str = ROOT) -> bytes:
    return b"".join(artifacts.get(root, path))


def _calls(artifacts: ArtifactStore, root: str, path: str) -> tuple[Callable[[], object], ...]:
    return (
        lambda: artifacts.put(root, path, b"1"),
        lambda: artifacts.append(root, path, b"1"),
        lambda: artifacts.get(root, path),
        lambda: artifacts.list(root, path, recursive=True),
        lambda: artifacts.stat(root, path),
        lambda: artifacts.delete(root, path),
    )
