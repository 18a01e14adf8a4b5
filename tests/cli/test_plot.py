"""`runbridge plot` draws metrics in the terminal, or as a picture."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_workspace import DIGITS, run_named
from terminal import completions, in_pipe, in_terminal, output_of, shown_in_terminal

from bridge import Experiment, Workspace
from bridge.cli.braille import Canvas

pytestmark = pytest.mark.slow


def log(workspace: Workspace, name: str, values: Sequence[float], first_step: int = 0) -> str:
    """Log a metric `m` in a new run."""
    run = Experiment(workspace, DIGITS).start_logging(display_name=name, snapshot_directory=None)
    for step, value in enumerate(values, first_step):
        run.log("m", value, step=step)
    run.complete()
    return run.id


def has_dots(line: str) -> bool:
    return any("\u2800" < character <= "\u28ff" for character in line)


def test_a_chart_shows_the_exact_extremes_and_fits_the_terminal(workspace: Workspace) -> None:
    values = [float(number % 100) for number in range(20_000)]
    values[7_777], values[8_888] = 512.25, -77.5
    log(workspace, "spiky", values)
    lines = shown_in_terminal("plot", "spiky", "m", columns=80).splitlines()
    assert lines[0] == "m  over steps"
    assert lines[1].lstrip().startswith("512.25 ┤") and has_dots(lines[1])
    assert lines[16].lstrip().startswith("-77.5 ┤") and has_dots(lines[16])
    assert lines[18].split() == ["0", "10000", "19999"]
    assert "least -77.5  greatest 512.25  20,000 points" in lines[19]
    assert all(len(line) <= 80 for line in lines)


def test_several_runs_have_their_colours_in_one_chart_of_each_metric(workspace: Workspace) -> None:
    log(workspace, "one", [1, 2])
    log(workspace, "two", [3, 4])
    with in_terminal("plot", "one", "m", "--run", "two", "--height", "4") as terminal:
        assert terminal.end() == 0
    assert terminal.text.count("over steps") == 1
    assert b"\x1b[36m" in terminal.raw and b"\x1b[33m" in terminal.raw


def test_runs_have_charts_of_their_own_without_colours(workspace: Workspace) -> None:
    log(workspace, "one", [1, 2])
    log(workspace, "two", [3, 4])
    with in_terminal("plot", "one", "m", "-r", "two", "--height", "4", NO_COLOR="1") as terminal:
        assert terminal.end() == 0
    assert terminal.text.count("over steps") == 2
    assert b"\x1b[3" not in terminal.raw


def test_a_logarithmic_axis_is_sharp_at_both_ends(workspace: Workspace) -> None:
    """One of the first points and one of the last are seen, although the buckets of a linear axis are far wider."""
    values = [1.0] * 100_000
    values[3], values[-1] = 1_000.0, 0.001
    log(workspace, "long", values, first_step=1)
    lines = shown_in_terminal("plot", "long", "m", "--log", "--log-x", columns=80).splitlines()
    assert lines[18].split()[0::2] == ["1", "100000"]
    top, bottom = lines[1].index("┤"), lines[16].index("┤")
    assert 1 < next(at for at, one in enumerate(lines[1][top:]) if has_dots(one)) < 12
    assert has_dots(lines[16][bottom + 60 :])


def test_values_that_no_chart_shows_are_counted(workspace: Workspace) -> None:
    log(workspace, "odd", [1.0, float("nan"), 2.0, float("inf"), -3.0])
    shown = shown_in_terminal("plot", "odd", "m")
    assert "5 points  1 NaN  1 ±inf" in shown
    assert "least -3  greatest inf" in shown
    log(workspace, "none", [float("nan"), -1.0])
    shown = shown_in_terminal("plot", "none", "m", "--log")
    assert "2 points  1 NaN" in shown and "No point is on these axes." in shown


@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0], [1e308, -1e308], [0.0, 0.0]])
@pytest.mark.parametrize("options", [(), ("--log", "--log-x"), ("--x", "time"), ("--x", "relative", "--log-x")])
def test_odd_series_have_a_chart(workspace: Workspace, values: list[float], options: tuple[str, ...]) -> None:
    log(workspace, "odd", values)
    assert f"{len(values)} point" in shown_in_terminal("plot", "odd", "m", *options, columns=80)


def test_a_pipe_gets_the_points(workspace: Workspace) -> None:
    id = log(workspace, "few", [1.5, float("nan"), 2.5])
    lines = [line.split("\t") for line in output_of("plot", "few", "m").splitlines()]
    assert lines == [
        ["RUN", "METRIC", "X", "LEAST", "GREATEST", "MEAN"],
        [id, "m", "0.0", "1.5", "1.5", "1.5"],
        [id, "m", "2.0", "2.5", "2.5", "2.5"],
    ]


def test_json_has_the_curves_and_their_facts(workspace: Workspace) -> None:
    id = log(workspace, "many", [float(number) for number in range(5_000)])
    (found,) = [json.loads(line) for line in output_of("plot", "many", "m", "--json").splitlines()]
    assert (found["kind"], found["run"], found["metric"], found["axis"]) == ("curve", id, "m", "step")
    assert (found["points"], found["minimum"], found["maximum"], found["last"]) == (5_000, 0, 4_999, 4_999)
    assert len(found["x"]) == len(found["mean"]) == 500
    assert (min(found["least"]), max(found["greatest"])) == (0, 4_999)


def test_a_picture_is_written(workspace: Workspace, tmp_path: Path) -> None:
    from PIL import Image

    file = tmp_path / "loss.png"
    assert output_of("plot", "brave-fox", "loss", "-r", "calm-owl", "--png", file) == ""
    with Image.open(file) as image:
        image.load()
        assert image.format == "PNG" and image.width > image.height
        assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 50


def test_a_picture_without_matplotlib_is_one_sentence(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "matplotlib.py").write_text("raise ImportError('not here')")
    path = f"{tmp_path / 'hidden'}:{':'.join(sys.path)}"
    done = in_pipe("plot", "brave-fox", "loss", "--png", tmp_path / "loss.png", PYTHONPATH=path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "pip install matplotlib" in done.stderr


def test_an_unknown_metric_is_one_sentence_with_the_known_ones(workspace: Workspace) -> None:
    done = in_pipe("plot", "brave-fox", "nope")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "runbridge: There is no metric 'nope': the metrics are loss.\n"


def test_the_metrics_of_the_run_are_completed_in_the_shell(workspace: Workspace) -> None:
    run_named(workspace, "quick-elk").log_row("table", lr=0.1, text="x")
    run_named(workspace, "quick-elk").flush()
    assert completions("plot", "quick-elk", "") == ["loss", "table.lr"]
    assert completions("plot", "quick-elk", "ta") == ["table.lr"]


def test_a_canvas_sets_the_dots_of_a_line() -> None:
    canvas = Canvas(2, 1)
    canvas.draw_line((0, 0), (1, 1), "red")
    assert canvas.line(0) == [("⡠⠊", "red")]
    canvas.set(0, 3, "blue")
    assert canvas.line(0) == [("⡡", "blue"), ("⠊", "red")]
