"""The limits of the hosted service do not apply. Real limits raise an error, and nothing is dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import Experiment, InvalidValue, Run, Workspace
from bridge.records.limits import KEY_LENGTH, SERVICE_LIMITS, TEXT_VALUE_LENGTH


@pytest.fixture
def run(tmp_path: Path) -> Run:
    workspace = Workspace.create("limits", path=tmp_path / "limits")
    return Experiment(workspace, "limits").start_logging(snapshot_directory=None, outputs=False)


def again(run: Run) -> Run:
    """Return the run as another process reads it."""
    return Run.get(Workspace.open(run.experiment.workspace.path), run.id)


def test_a_run_can_have_more_metrics_than_the_service_allows(run: Run) -> None:
    names = [f"metric {number}" for number in range(SERVICE_LIMITS["metric names"] + 1)]
    for number, name in enumerate(names):
        run.log(name, number)
    assert again(run).get_metrics() == {name: number for number, name in enumerate(names)}


def test_a_row_can_have_more_columns_with_longer_names_than_the_service_allows(run: Run) -> None:
    row = {f"column {number}": number for number in range(SERVICE_LIMITS["metric columns"] + 1)}
    run.log_row("wide", **row)  # type: ignore[arg-type]
    assert again(run).get_metrics() == {"wide": row}


def test_a_list_can_have_more_rows_than_the_service_accepts_at_once(run: Run) -> None:
    values = list(range(SERVICE_LIMITS["rows of one upload"] + 1))
    run.log_list("long", values)
    assert again(run).get_metrics() == {"long": values}


def test_a_text_can_be_longer_than_the_service_allows(run: Run) -> None:
    text = "x" * (SERVICE_LIMITS["text value"] + 1)
    run.log("text", text)
    assert again(run).get_metrics() == {"text": text}


@pytest.mark.parametrize("what", ["tag", "property"])
def test_labels_can_be_more_and_longer_than_the_service_allows(run: Run, what: str) -> None:
    count = SERVICE_LIMITS["tags" if what == "tag" else "properties"] + 1
    labels = {f"label {number}": str(number) for number in range(count)}
    labels["k" * (SERVICE_LIMITS[f"{what} key"] + 1)] = "v" * (SERVICE_LIMITS[f"{what} value"] + 1)
    if what == "tag":
        run.set_tags(labels)
        assert again(run).get_tags() == labels
    else:
        run.add_properties(labels)
        found = again(run).get_properties()
        assert {key: found[key] for key in labels} == labels


def test_names_and_sentences_can_be_longer_than_the_service_allows(run: Run) -> None:
    run.display_name = "n" * (SERVICE_LIMITS["display name"] + 1)
    run.description = "d" * (SERVICE_LIMITS["description"] + 1)
    message = "e" * (SERVICE_LIMITS["error message"] + 1)
    run.fail(message)
    found = again(run)
    assert len(found.display_name) == SERVICE_LIMITS["display name"] + 1
    assert len(found.description or "") == SERVICE_LIMITS["description"] + 1
    assert found.error is not None and found.error["message"] == message


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("k" * (KEY_LENGTH + 1), 1.0, f"1 to {KEY_LENGTH} characters"),
        ("text", "x" * (TEXT_VALUE_LENGTH + 1), f"at most {TEXT_VALUE_LENGTH} characters"),
    ],
)
def test_a_real_limit_raises_an_error(run: Run, name: str, value: object, sentence: str) -> None:
    with pytest.raises(InvalidValue, match=sentence):
        run.log(name, value)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match=sentence):
        run.log_row("row", **{"column": value} if name == "text" else {name: value})  # type: ignore[arg-type]
    assert again(run).get_metrics() == {}
