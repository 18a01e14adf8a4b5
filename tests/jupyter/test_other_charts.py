"""Tables, matrices, curves and images of a run are sent to its view."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from recorded_view import MakeView

from bridge import Run
from bridge_jupyter import other_charts

READY = {"kind": "ready", "view": "one"}


def log_matrix(run: Run, right: int) -> None:
    data = {"class_labels": ["cat", "dog"], "matrix": [[right, 2], [1, 9]]}
    run.log_confusion_matrix("pets", {"schema_type": "confusion_matrix", "schema_version": "1.0.0", "data": data})


def values_of(found: list[tuple[dict[str, Any], list[bytes]]]) -> dict[str, tuple[dict[str, Any], list[bytes]]]:
    return {message["id"]: (message["value"], buffers) for message, buffers in found if message["kind"] == "value"}


def test_tables_and_matrices_are_sent_once_and_after_each_change(run: Run, view: MakeView) -> None:
    run.log_row("wave", x=0.5, y=math.nan)
    log_matrix(run, 8)
    shown = view(run)
    found = shown.take(READY)
    state = next(message for message, _ in found if message["kind"] == "state")
    assert (state["keys"], state["others"]) == (["loss"], [["wave", "table", 1], ["pets", "confusion_matrix", 1]])
    sent = values_of(found)
    assert sent["table wave"][0] == {"columns": {"x": [0.5], "y": ["NaN"]}, "steps": [0], "total": 1}
    assert sent["confusion_matrix pets"][0]["data"]["matrix"] == [[8, 2], [1, 9]]
    assert values_of(shown.take()) == {}
    log_matrix(run, 5)
    (changed,) = values_of(shown.take()).items()
    assert changed[0] == "confusion_matrix pets"
    assert (changed[1][0]["step"], changed[1][0]["data"]["matrix"][0]) == (1, [5, 2])


def test_texts_are_sent_in_the_order_of_their_steps(run: Run, view: MakeView) -> None:
    run.log("phase", "train", step=2)
    run.log("phase", "warm-up", step=1)
    run.log("done", False)
    found = view(run).take(READY)
    state = next(message for message, _ in found if message["kind"] == "state")
    assert state["others"] == [["phase", "bands", 2]]
    assert values_of(found)["bands phase"][0] == {"steps": [1, 2], "words": ["warm-up", "train"]}


def test_only_the_visible_charts_are_sent(run: Run, view: MakeView) -> None:
    for number in range(8):
        run.log_row(f"table{number}", x=1)
    shown = view(run)
    assert len(values_of(shown.take(READY))) == 4
    assert list(values_of(shown.take({"kind": "keys", "keys": [], "others": ["table table7"]}))) == ["table table7"]


def test_an_image_is_sent_as_its_bytes(run: Run, view: MakeView, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    run.log_image("food", path=str(picture))
    value, buffers = values_of(view(run).take(READY))["image food"]
    assert (value, buffers) == ({"step": 0, "media": "image/png"}, [picture.read_bytes()])


def test_a_chart_that_cannot_be_read_has_a_sentence(run: Run, view: MakeView, monkeypatch: Any) -> None:
    log_matrix(run, 8)
    monkeypatch.setattr(other_charts, "LARGEST", 10)
    value, _ = values_of(view(run).take(READY))["confusion_matrix pets"]
    assert "too large" in value["problem"]
