"""The checksums of many records are checked together, with the same result as one after the other."""

from __future__ import annotations

import random
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.journal.checksums import are_intact


def sealed(bodies: list[bytes], seed: int, step: int) -> bytearray:
    sums = [crc32(body, seed + step * number) for number, body in enumerate(bodies)]
    return bytearray(b"".join(own.to_bytes(4, "little") + body for own, body in zip(sums, bodies, strict=True)))


def bodies(count: int, size: int) -> list[bytes]:
    draw = random.Random(count)
    return [draw.randbytes(size) for _ in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 1000])
@pytest.mark.parametrize(("seed", "step"), [(0, 0), (7, 48), (2**32 - 100, 48), (2**40 + 5, 48)])
def test_intact_records_are_intact(count: int, seed: int, step: int) -> None:
    assert are_intact(bytes(sealed(bodies(count, 44), seed, step)), 48, seed, step)


@given(st.integers(1, 33), st.integers(1, 12), st.lists(st.tuples(st.integers(0), st.integers(1, 255)), max_size=3))
def test_damaged_records_are_not_intact(count: int, size: int, changes: list[tuple[int, int]]) -> None:
    intact = sealed(bodies(count, size), 5, 3)
    records = bytearray(intact)
    for at, bits in changes:
        records[at % len(records)] ^= bits
    assert are_intact(bytes(records), size + 4, 5, 3) is (records == intact)


def test_a_record_in_the_place_of_another_is_not_intact() -> None:
    records = sealed(bodies(8, 44), 5, 48)
    records[:48], records[48:96] = records[48:96], records[:48]
    assert not are_intact(bytes(records), 48, 5, 48)
