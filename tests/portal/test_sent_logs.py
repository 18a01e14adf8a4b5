"""Logs are read in parts, by line and by text, however large they are."""

from __future__ import annotations

import os
import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_calls import Api

from bridge.records.run import RunRecord
from bridge.server.portal import log_index
from bridge.server.portal.log_index import LineIndex, TextSearch
from bridge.store.workspace_stores import WorkspaceStores

ROOT, LOG = "0/r/artifacts", "user_logs/std_log.txt"
TEXT = b"".join(b"line %d\n" % number for number in range(1, 3001))


@pytest.fixture(autouse=True)
def run(stores: WorkspaceStores) -> str:
    """A run with a log."""
    stores.tracking.create_runs([RunRecord("r", "0")])
    stores.artifacts.append(ROOT, LOG, TEXT)
    stores.artifacts.put(ROOT, "outputs/other.txt", b"no log")
    return "r"


def test_logs_are_listed(api: Api) -> None:
    assert [(one["path"], one["size"]) for one in api.get("/runs/r/logs").json["logs"]] == [(LOG, len(TEXT))]


@pytest.mark.parametrize(
    "asked, start, end",
    [
        ({}, 0, 65_536),
        ({"from": 10, "to": 20}, 10, 20),
        ({"from": 20_000}, 20_000, 28_893),
        ({"tail": 100}, 28_793, 28_893),
        ({"tail": 10**6}, 0, 28_893),
        ({"from": 99_999}, 28_893, 28_893),
        ({"from": 5, "to": 3}, 5, 5),
        ({"tail": 0}, 28_893, 28_893),
        ({"line": 1, "limit": 7}, 0, 7),
        ({"line": 2000, "limit": 10}, 18_883, 18_893),
        ({"line": 99_999}, 28_893, 28_893),
    ],
)
def test_a_part_of_a_log_is_sent(api: Api, asked: dict[str, int], start: int, end: int) -> None:
    answer = api.get(f"/runs/r/logs/{LOG}", **asked)
    assert answer.body == TEXT[start:end]
    assert (answer.headers["x-from"], answer.headers["x-size"]) == (str(start), str(len(TEXT)))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_line_has_a_number_and_a_number_a_line(api: Api) -> None:
    for number in (1, 2, 999, 3000):
        answer = api.get(f"/runs/r/logs/{LOG}", line=number, limit=20, numbered=1)
        assert answer.body.split(b"\n")[0] == b"line %d" % number
        assert answer.headers["x-line"] == str(number)


def test_a_log_is_followed(stores: WorkspaceStores, api: Api) -> None:
    stores.artifacts.append(ROOT, LOG, b"more\n")
    assert api.get(f"/runs/r/logs/{LOG}", **{"from": len(TEXT)}).body == b"more\n"
    assert api.get(f"/runs/r/logs/{LOG}/search").json["lines"] == 3002


def test_a_text_is_found_in_a_log(stores: WorkspaceStores, api: Api) -> None:
    def search(text: str, place: int = 0) -> tuple[int, int, int | None, int | None]:
        found = api.get(f"/runs/r/logs/{LOG}/search", text=text, **{"from": place}).json
        assert found["complete"] and not found["more"]
        return found["count"], found["at"], found["next"], found["before"]

    first = TEXT.index(b"line 42\n")
    assert search("LINE 42") == (11, 0, first, None)
    assert search("line 42", first + 1) == (11, 1, TEXT.index(b"line 420"), first)
    assert search("none") == (0, 0, None, None)
    assert search("2\nline 3", 10**9)[:2] == (TEXT.count(b"2\nline 3"),) * 2
    stores.artifacts.append(ROOT, LOG, b"line 42 again\n")
    assert search("line 42")[0] == 12
    assert api.get(f"/runs/r/logs/{LOG}/search", text="x" * 1001).status == 400


def test_a_log_that_was_replaced_is_read_anew(stores: WorkspaceStores, api: Api) -> None:
    assert api.get(f"/runs/r/logs/{LOG}/search", text="line").json["count"] == 3000
    stores.artifacts.put(ROOT, LOG, b"other\n" * 5)
    assert api.get(f"/runs/r/logs/{LOG}/search", text="line").json["count"] == 0
    assert api.get(f"/runs/r/logs/{LOG}/search").json["lines"] == 6


def test_a_log_whose_name_is_search_is_read(stores: WorkspaceStores, api: Api) -> None:
    assert api.get("/runs/r/logs/none").status == 404
    assert api.get("/runs/r/logs/user_logs").status == 404


PIECES = st.lists(st.sampled_from([b"", b"\n", b"a", b"ab", b"aab\n", b"\xff\n\n", b"b" * 9]), max_size=12)


@given(PIECES, PIECES, st.integers(1, 9), st.sampled_from([b"a", b"ab", b"aab\nb", b"\n", b"bb"]), st.integers(0, 40))
def test_indexes_of_growing_logs_are_those_of_the_whole_log(
    before: list[bytes], after: list[bytes], block: int, text: bytes, around: int
) -> None:
    """With blocks of a few bytes, and pieces of any size."""
    first, whole = b"".join(before), b"".join(before + after)

    def reads(content: bytes) -> log_index.Read:
        def read(offset: int) -> Iterator[bytes]:
            for at in range(offset, len(content), 4):
                yield content[at : at + 4]

        return read

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_index, "BLOCK_BYTES", block)
        index, search = LineIndex(), TextSearch(text)
        for content in (first, whole):
            assert index.count(reads(content), len(content), 9)
            found = search.search(reads(content), len(content), around, 9)
            places = [match.start() for match in re.finditer(re.escape(text), content)]  # they do not overlap
            assert (found.total, found.complete) == (len(places), True)
            assert found.at == len([at for at in places if at < around])
            assert found.next == next((at for at in places if at >= around), None)
            lines = content.split(b"\n")
            for number in range(1, len(lines) + 1):
                start = len(b"\n".join(lines[: number - 1])) + (number > 1)
                assert index.offset_of(reads(content), number) == start
                assert index.line_at(reads(content), start) == number
            assert index.offset_of(reads(content), len(lines) + 5) == len(content)


def test_a_long_search_goes_on_with_the_next_request(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    search = TextSearch(b"line")
    content = TEXT * 3

    def read(offset: int) -> Iterator[bytes]:
        for at in range(offset, len(content), 1000):
            yield content[at : at + 1000]

    found = search.search(read, len(content), 0, seconds=-1)
    assert (found.complete, 0 < found.total < 9000) == (False, True)
    requests = 1
    while not found.complete:
        found, requests = search.search(read, len(content), 0, seconds=-1), requests + 1
    assert (found.total, requests > 50) == (9000, True)
    monkeypatch.setattr(log_index, "MOST_PLACES", 10)
    some = TextSearch(b"line").search(read, len(content), 0)
    assert (some.total, some.more, some.complete) == (10, True, True)


@pytest.mark.slow
def test_a_log_of_1_gb_is_read_with_little_memory_and_time(stores: WorkspaceStores, api: Api) -> None:
    """The file has holes, so that it needs no space on the disk. Its last MB has lines."""
    size = 1 << 30
    stores.artifacts.append(ROOT, "user_logs/large.txt", b"first\n")
    file = Path(stores.address) / "artifacts" / ROOT / "user_logs/large.txt"
    end = b"".join(b"epoch %d\n" % number for number in range(100_000))
    with open(file, "r+b") as handle:
        handle.seek(size - len(end))
        handle.write(end)
    record = stores.artifacts.stat(ROOT, "user_logs/large.txt")
    assert record is not None
    with_size = type(record)(record.path, size, None, record.time)
    stores.tracking.set_artifacts(ROOT, (with_size,))
    place = "/runs/r/logs/user_logs/large.txt"
    api.get(f"/runs/r/logs/{LOG}", tail=100)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    tail = api.get(place, tail=65_536)
    opened = time.process_time() - begun
    assert tail.body == end[-65_536:]
    assert tail.headers["x-size"] == str(size)
    begun = time.process_time()
    while not (counted := api.get(f"{place}/search").json)["complete"]:
        pass
    assert counted["lines"] == 100_002
    line = api.get(place, line=50_002, limit=50)
    assert line.body.startswith(b"epoch 50000\n")
    while not (found := api.get(f"{place}/search", text="EPOCH 99999", **{"from": 5}).json)["complete"]:
        pass
    read = time.process_time() - begun
    assert (found["count"], found["next"]) == (1, size - len(b"epoch 99999\n"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 60_000
    assert opened < read / 10  # the end of a log is shown without reading the rest
    os.truncate(file, 0)
