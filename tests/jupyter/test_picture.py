"""The static picture shows the state of runs without a script, in any viewer, and stays small."""

from __future__ import annotations

import base64
import math
import re
from xml.etree import ElementTree

import pytest

from bridge import Experiment, Run
from bridge.errors import InvalidValue
from bridge.server import vendor
from bridge_jupyter import lines
from bridge_jupyter.picture import LONGEST, duration_text, picture_of, text_of
from bridge_jupyter.subject import Subject

SVG = "{http://www.w3.org/2000/svg}"
MARKUP = "<img src=x onerror=alert(1)>\"'&"


def picture(target: object) -> str:
    subject = Subject(target)  # type: ignore[arg-type]
    subject.refresh()
    return picture_of(subject)


def charts(html: str) -> ElementTree.Element:
    """Return the SVG in a picture."""
    (encoded,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    return ElementTree.fromstring(base64.b64decode(encoded))


def test_a_run_shows_its_charts_and_latest_values(run: Run) -> None:
    run.log("verdict", "good")
    html = picture(run)
    assert run.display_name in html and "digits" in html and "Running" in html
    assert "<td" in html and ">loss</td>" in html and ">0.1</td>" in html and ">good</td>" in html
    (title,) = [text.text for text in charts(html).iter(f"{SVG}text") if text.get("class") == "title"]
    assert title == "loss"


def test_the_lines_go_through_the_logged_points(experiment: Experiment) -> None:
    with experiment.start_logging(snapshot_directory=None) as run:
        run.log_list("rising", [0.0, 1.0, 4.0])
        run.log_list("gaps", [0.0, math.nan, 1.0, 2.0, math.inf])
    paths = [path.get("d") or "" for path in charts(picture(run)).iter(f"{SVG}path") if path.get("class") != "axis"]
    x_and_y = [tuple(map(float, point.split())) for point in paths[0].strip("M").split("L")]
    assert [x for x, _ in x_and_y] == sorted(x for x, _ in x_and_y)
    heights = [y for _, y in x_and_y]
    assert (heights[0] - heights[1]) * 4 == pytest.approx(heights[0] - heights[2], abs=0.5)
    assert paths[1].count("M") == 2


def test_the_extremes_of_a_long_series_are_in_the_picture(experiment: Experiment) -> None:
    with experiment.start_logging(snapshot_directory=None) as run:
        run.log_list("long", [7.0 if at == 777 else 0.5 for at in range(2000)])
    texts = [text.text for text in charts(picture(run)).iter(f"{SVG}text")]
    assert {"7", "0.5"} <= set(texts)


def test_the_picture_has_the_colours_of_the_page() -> None:
    module = (vendor.STATIC / "lib/colour.js").read_text(encoding="utf-8")
    for name, colours in (("LIGHT", lines.LIGHT), ("DARK", lines.DARK)):
        assert f'const {name} = "{" ".join(colours)}"' in module
    light, dark = lines.STYLE.replace("#fff}", "#ffffff}").split("@media")
    for theme, style in (("light", light), ("dark", dark)):
        (listed,) = re.findall(rf"^  {theme}: \{{ (.*) \}},$", module, re.MULTILINE)
        neutral = dict(re.findall(r'(\w+): "(#\w+)"', listed))
        found = re.findall(r"(?:^text|text\{fill|\.title|\.axis|\.ground)[^#]*(#\w+)", style)
        assert found == [neutral[name] for name in ("soft", "ink", "line", "panel")]


def test_children_are_a_table(run: Run) -> None:
    run.child_run("first").fail("no disk")
    html = picture(run)
    assert ">first</td>" in html and "✕ Failed" in html


def test_a_failed_run_shows_its_error(run: Run) -> None:
    run.fail(f"disk {MARKUP}")
    assert "disk &lt;img" in picture(run)


def test_names_and_values_are_text(experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None, display_name=MARKUP)
    run.log_list(MARKUP, [1, 2])
    run.log("text", MARKUP)
    run.child_run(MARKUP)
    html = picture(run)
    assert "<img src=x" not in html and html.count("<img") == 1
    assert any(MARKUP[:20] in (text.text or "") for text in charts(html).iter(f"{SVG}text"))


@pytest.mark.parametrize("runs", [1, 30])
def test_the_picture_is_small_however_much_is_logged(experiment: Experiment, runs: int) -> None:
    for _ in range(runs):
        with experiment.start_logging(snapshot_directory=None, display_name="n" * 255) as run:
            for key in range(40):
                run.log_list(f"{key:03}" + "k" * 200, [math.sin(key * at) for at in range(100)])
                run.log(f"text {key:03}" + "k" * 200, "<" * 1000)
    html = picture(run if runs == 1 else experiment)
    assert 10_000 < len(html) <= LONGEST
    assert charts(html) is not None


def test_an_experiment_and_a_list_show_their_runs(run: Run, experiment: Experiment) -> None:
    assert "1 run" in picture(experiment) and run.display_name in picture(experiment)
    assert run.display_name in picture([run])
    subject = Subject(experiment)
    subject.refresh()
    assert text_of(subject) == "Experiment digits: 1 run"


def test_a_run_without_metrics_has_a_picture(experiment: Experiment) -> None:
    assert "<svg" not in picture(experiment.start_logging(snapshot_directory=None))


def test_a_negative_duration_is_a_question_mark() -> None:
    assert [duration_text(5000, end, 9000) for end in (1000, 7000, None)] == ["?", "2 s", "4 s"]
    assert duration_text(0, 3_700_000, 0) == "1 h 1 min"


@pytest.mark.parametrize("target", [None, [], [1], "run", object()])
def test_other_objects_are_refused(target: object) -> None:
    with pytest.raises(InvalidValue, match="a run, an experiment, or a list of runs"):
        Subject(target)  # type: ignore[arg-type]
