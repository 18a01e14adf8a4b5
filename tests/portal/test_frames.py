"""A frame has the same columns in Python and in JavaScript."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.store.frames import TYPES, Frame, read_frame, texts_of

LIB = Path(__file__).parents[2] / "bridge/server/static/lib/frame.js"

NUMBERS = {
    "f8": st.sampled_from([0.0, -0.0, 1.5, -1e308, 5e-324, math.nan, math.inf, -math.inf, 2.0**53]),
    "i8": st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63)]),
    "i4": st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31)]),
    "u4": st.sampled_from([0, 1, 2**32 - 1]),
    "u1": st.sampled_from([0, 1, 255]),
    "b1": st.sampled_from([0, 1]),
}
NAMES = st.sampled_from(["", "a", "metrics.loss:min", "#id", "é", "𝄞", '"', "\\", "__proto__", "x" * 300])
COLUMN = st.sampled_from(sorted(NUMBERS)).flatmap(lambda type: st.tuples(st.just(type), st.lists(NUMBERS[type])))
WORDS = st.lists(st.sampled_from([None, "", "a", "é\n", "\u2028", "<img>", "𝄞" * 9]), min_size=1, unique=True)
CONTENT = st.tuples(st.dictionaries(NAMES, COLUMN, max_size=5), WORDS, st.sampled_from(["", "x" * 90, "é" * 997]))


def frame_of(columns: dict[str, tuple[str, list[float]]], words: list[str | None], fact: str) -> bytes:
    frame = Frame(fact=fact)
    for name, (type, values) in columns.items():
        frame.add(name, type, values)
    frame.add_texts("words", numpy.arange(len(words)), words)
    return frame.to_bytes()


@given(CONTENT)
def test_a_frame_is_read_as_it_was_written(
    content: tuple[dict[str, tuple[str, list[float]]], list[str | None], str],
) -> None:
    columns, words, fact = content
    written = frame_of(*content)
    head, read = read_frame(written)
    assert head["fact"] == fact
    assert texts_of(head, read, "words") == words
    assert len(written) % 8 == 0
    for about in head["columns"]:
        assert about["at"] % 8 == 0
    for name, (type, values) in columns.items():
        expected = numpy.array(values, TYPES[type])
        assert read[name].tobytes() == expected.tobytes() and read[name].dtype == expected.dtype


@pytest.mark.skipif(not (shutil.which("node") and LIB.exists()), reason="Node.js is not installed")
def test_a_browser_reads_the_frames_that_python_writes(tmp_path: Path) -> None:
    contents: list[tuple[dict[str, tuple[str, list[float]]], list[str | None], str]] = []

    @settings(max_examples=60)
    @given(CONTENT)
    def collect(content: tuple[dict[str, tuple[str, list[float]]], list[str | None], str]) -> None:
        contents.append(content)

    collect()
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.frame").write_bytes(frame_of(*content))
    script = f"""
        import {{ readFrame }} from {json.dumps(LIB.as_uri())};
        import {{ readFileSync }} from "node:fs";
        const found = [];
        for (let i = 0; i < {len(contents)}; i++) {{
            const bytes = readFileSync(`${{i}}.frame`);
            const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
            const {{ head, columns, words }} = readFrame(own);
            const shown = {{}};
            for (const name of Object.keys(columns)) {{
                const texts = Array.from(columns[name], (value) => Object.is(value, -0) ? "-0" : String(value));
                shown["$" + name] = [columns[name].constructor.name, texts];
            }}
            found.push([head.fact, shown, words]);
        }}
        console.log(JSON.stringify(found));
    """
    (tmp_path / "read.mjs").write_text(script)
    done = subprocess.run(["node", "read.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    names = {"f8": "Float64Array", "i8": "BigInt64Array", "i4": "Int32Array", "u4": "Uint32Array"}
    for (columns, words, fact), (read_fact, shown, read_words) in zip(contents, json.loads(done.stdout), strict=True):
        assert read_fact == fact
        assert read_words == {"words": words}
        for name, (type, values) in columns.items():
            kind, texts = shown["$" + name]
            assert kind == names.get(type, "Uint8Array")
            # A float is not exact enough for 64 bits.
            numbers = [int(text) if type == "i8" else float(text) for text in texts]
            read = numpy.array(numbers, TYPES[type])
            assert [repr(value) for value in read.tolist()] == [
                repr(value) for value in numpy.array(values, TYPES[type]).tolist()
            ]
