"""A view sends what changes, answers the browser, and ends with its run."""

from __future__ import annotations

import math

import numpy
import pytest
from recorded_view import Clock, MakeView

from bridge import Experiment, Run
from bridge_jupyter import live

READY = {"kind": "ready", "view": "one"}


def test_the_points_of_a_run_are_sent_as_a_frame(run: Run, view: MakeView) -> None:
    found = view(run).series(READY)
    assert (found["what"], found["axis"], found["runs"]) == ("series", "step", [run.id])
    assert found["exact"].tolist() == [1]
    assert found["values"].tolist() == run.get_metrics("loss")["loss"]
    assert found["keys"] == ["loss"]


def test_the_head_names_the_run_and_its_state(run: Run, view: MakeView) -> None:
    run.tag("team", "vision")
    run.log("verdict", "good")
    (state,) = view(run).of_kind("state", READY)
    assert (state["subject"], state["experiment"], state["open"]) == ("run", "digits", True)
    assert (state["run"]["id"], state["run"]["status"], state["run"]["ended"]) == (run.id, "Running", False)
    assert ["verdict", "good"] in state["run"]["values"]
    assert state["link"] == run.get_portal_url()


def test_only_series_with_new_points_are_sent(run: Run, view: MakeView) -> None:
    shown = view(run)
    run.log("accuracy", 0.5)
    shown.take(READY)
    assert shown.take() == []
    run.log("accuracy", 0.6)
    assert shown.series()["keys"] == ["accuracy"]


def test_a_range_is_answered_with_its_exact_points(run: Run, view: MakeView) -> None:
    shown = view(run)
    for step in range(1000):
        run.log("long", math.sin(step), step=step)
    coarse = shown.series(READY)
    assert coarse["exact"][coarse["keys"].index("long")] == 0
    found = shown.series({"kind": "zoom", "low": 100, "high": 120})
    at = found["key"].tolist().index(found["keys"].index("long"))
    exact = slice(found["at"][at], found["at"][at] + found["n"][at])
    numpy.testing.assert_array_equal(found["x"][exact], range(100, 121))
    numpy.testing.assert_array_equal(found["values"][exact], [math.sin(step) for step in range(100, 121)])


def test_another_axis_resets_the_range(run: Run, view: MakeView) -> None:
    shown = view(run)
    shown.take(READY, {"kind": "zoom", "low": 2, "high": 4})
    assert shown.series({"kind": "axis", "x": "relative"})["#points"].tolist() == [10]
    assert shown.take({"kind": "axis", "x": "nonsense"}) == []


def test_only_the_visible_charts_are_updated(run: Run, view: MakeView) -> None:
    shown = view(run)
    run.log("accuracy", 0.5)
    shown.take(READY, {"kind": "keys", "keys": ["loss"]})
    run.log("accuracy", 0.6)
    run.log("loss", 0.1, step=10)
    assert shown.series()["keys"] == ["loss"]


def test_a_view_is_read_at_most_twice_a_second(run: Run, view: MakeView, clock: Clock) -> None:
    shown = view(run)
    shown.take(READY)
    assert shown.live.due == clock.now + 0.5


def test_reads_take_at_most_a_tenth_of_a_processor(run: Run, view: MakeView, clock: Clock) -> None:
    shown = view(run)
    clock.cost = 0.2
    shown.take(READY)
    assert shown.live.due == pytest.approx(clock.now + 2.0)
    clock.cost = 100.0
    shown.take()
    assert shown.live.due == clock.now + live.LONGEST_PAUSE


def test_a_view_ends_with_its_run_and_still_answers(run: Run, view: MakeView) -> None:
    shown = view(run)
    shown.take(READY)
    run.complete()
    (state,) = shown.of_kind("state")
    assert (state["run"]["status"], state["open"]) == ("Completed", False)
    assert shown.live.due == math.inf
    shown.live.request({"kind": "zoom", "low": 2, "high": 4})
    assert shown.live.due == 0.0
    assert shown.series()["#points"].tolist() == [3]
    assert shown.live.due == math.inf


def test_a_closed_view_is_not_read_until_it_is_shown_again(run: Run, view: MakeView) -> None:
    shown = view(run)
    shown.take(READY, {"kind": "ready", "view": "two"})
    shown.take({"kind": "gone", "view": "one"})
    assert shown.live.due < math.inf
    shown.take({"kind": "gone", "view": "two"})
    assert shown.live.due == math.inf
    assert [message["kind"] for message, _ in shown.take(READY)] == ["state", "frame"]


def test_everything_is_repeated_until_the_browser_is_ready(run: Run, view: MakeView, clock: Clock) -> None:
    """A message that is sent before the browser has created the view is lost."""
    shown = view(run)
    for _ in range(2):
        clock.now += live.REPEAT
        assert [message["kind"] for message, _ in shown.take()] == ["state", "frame"]
    shown.take(READY)
    assert shown.take() == []


def test_the_children_of_a_run_are_listed_and_charted(run: Run, experiment: Experiment, view: MakeView) -> None:
    sweep = experiment.start_logging(snapshot_directory=None)
    shown = view(sweep)
    shown.take(READY)
    with sweep.child_run("first") as child:
        child.log_list("mse", [3.0, 2.0])
    (state,) = shown.of_kind("state")
    assert [(row["name"], row["status"], row["values"]) for row in state["rows"]] == [("first", "Completed", [2.0])]
    assert (state["columns"], state["keys"]) == (["mse"], ["mse"])
    child.log("mse", 1.0)
    assert shown.series()["values"].tolist() == [3.0, 2.0, 1.0]
    run.complete()
    assert shown.take() == []  # another run of the experiment


def test_an_experiment_lists_new_runs_and_charts_the_chosen_ones(
    run: Run, experiment: Experiment, view: MakeView, clock: Clock
) -> None:
    shown = view(experiment)
    shown.take(READY)
    other = experiment.start_logging(snapshot_directory=None)
    other.log_list("loss", [5.0, 6.0])
    (state,) = shown.of_kind("state")
    assert (state["total"], {row["id"] for row in state["rows"]}) == (2, {run.id, other.id})
    found = shown.series({"kind": "choose", "runs": [other.id]})
    assert (found["runs"], found["values"].tolist()) == ([other.id], [5.0, 6.0])
    run.complete()
    other.complete()
    shown.take()
    assert shown.live.due == clock.now + live.SLOW_PERIOD  # a run may start later


def test_a_list_of_runs_shows_each_run_once(run: Run, experiment: Experiment, view: MakeView) -> None:
    other = experiment.start_logging(snapshot_directory=None)
    other.log_list("loss", [5.0, 6.0])
    (state,) = view([other, run, other]).of_kind("state", READY)
    assert [row["id"] for row in state["rows"]] == [other.id, run.id]
    assert state["total"] == 2


def test_a_view_of_many_metrics_stays_small(run: Run, view: MakeView) -> None:
    run.log_metrics({f"many/{key}": 1.0 for key in range(3000)})
    shown = view(run)
    messages = shown.take(READY)
    (state,) = [message for message, _ in messages if message["kind"] == "state"]
    assert (len(state["keys"]), state["moreKeys"]) == (200, 2801)
    assert sum(len(frame) for _, frames in messages for frame in frames) < 100_000


def test_the_end_of_the_log_follows_the_run(run: Run, view: MakeView, tmp_path: object) -> None:
    run.upload_file("user_logs/std_log.txt", _file(tmp_path, "x" * 70_000 + "\nlast line\n"))
    shown = view(run)
    (log,) = shown.of_kind("log", READY)
    assert (log["path"], log["text"], log["size"]) == ("user_logs/std_log.txt", "last line\n", 70_011)
    assert shown.of_kind("log") == []
    (log,) = shown.of_kind("log", {"kind": "log", "open": True})
    assert log["text"] == "last line\n"


def test_numbers_that_json_does_not_have_are_texts(run: Run, view: MakeView) -> None:
    run.log("nan", math.nan)
    run.log("infinity", -math.inf)
    (state,) = view(run).of_kind("state", READY)
    assert dict(map(tuple, state["run"]["values"]))["nan"] == "NaN"
    assert dict(map(tuple, state["run"]["values"]))["infinity"] == "-Infinity"


def test_an_error_of_the_store_is_shown_once_and_its_end_too(run: Run, view: MakeView) -> None:
    shown = view(run)
    shown.take(READY)
    tracking = run.place.stores.tracking
    run.complete()
    tracking.delete_runs([run.id], 1)
    tracking.purge_runs([run.id])
    (error,) = shown.of_kind("error")
    assert run.id in error["message"]
    assert shown.of_kind("error") == []


@pytest.mark.parametrize(
    "request_",
    [
        None,
        3,
        {},
        {"kind": "unknown"},
        {"kind": ["zoom"]},
        {"kind": "zoom", "low": "a", "high": math.nan},
        {"kind": "zoom", "low": 3, "high": 1},
        {"kind": "axis", "x": {}},
        {"kind": "keys", "keys": 3},
        {"kind": "choose", "runs": [None, 3]},
        {"kind": "log", "open": "yes"},
    ],
)
def test_odd_requests_do_no_harm(run: Run, view: MakeView, request_: object) -> None:
    shown = view(run)
    shown.take(READY)
    shown.live.request(request_)
    shown.take()
    assert not [message for message, _ in shown.messages if message["kind"] == "error"]
    assert shown.series(READY)["#points"].tolist() == [10]


def test_the_picture_in_the_notebook_is_updated_now_and_then_and_at_the_end(
    run: Run, view: MakeView, clock: Clock
) -> None:
    shown = view(run)
    run.log("loss", 0.2)
    shown.take(READY)
    assert shown.pictures == 1
    run.log("loss", 0.1)
    shown.take()
    assert shown.pictures == 1
    clock.now += live.PICTURE_PERIOD
    shown.take()
    assert shown.pictures == 2
    run.complete()
    shown.take()
    assert shown.pictures == 3


def _file(folder: object, text: str) -> str:
    path = f"{folder}/log.txt"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path
