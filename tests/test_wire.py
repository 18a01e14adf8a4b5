"""Errors survive a round trip through JSON."""

from __future__ import annotations

import json
import pickle

import pytest

from bridge import errors
from bridge.errors import BridgeError, InvalidValue, NotFound, ParamChanged, Problem
from bridge.records.wire import dump_error, load_error

ERRORS = [
    errors.InvalidValue("step", 1.5, "must be an integer", (Problem("value", "x", "must be a number"),)),
    errors.NotAuthenticated("http://host"),
    errors.NotAllowed("write to", "/folder", "it can only be read here"),
    errors.NotFound("run", "r1", "the workspace has none"),
    errors.AlreadyExists("experiment", "digits"),
    errors.InvalidState("run", "r1", "deleted", "active"),
    errors.ParamChanged("r1", (("lr", "0.1", "0.2"), ("n", "1", "2"))),
    errors.QuotaExceeded("one file", 1_000, "store a smaller file"),
    errors.SchemaMismatch("/folder/workspace.db", 2, 1),
    errors.SubmitFailed("python train.py", 1, "it was killed"),
    errors.StoreUnavailable("/folder", "the disk is full"),
    errors.TooManyRequests("The server", "it has too much to do"),
]


def test_every_error_has_an_example():
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BridgeError)}
    assert kinds - {BridgeError} == {type(error) for error in ERRORS}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_the_round_trip(error):
    """Its class, sentence and fields are equal after JSON and after pickle."""
    over_json = load_error(json.loads(json.dumps(dump_error(error))))
    over_pickle = pickle.loads(pickle.dumps(error))

    for other in (over_json, over_pickle):
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert other.status == error.status
    assert over_pickle.fields == error.fields


def test_the_shape_of_an_error_is_pinned():
    assert dump_error(NotFound("run", "x")) == {
        "error": {
            "kind": "NotFound",
            "sentence": "There is no run 'x'.",
            "fields": {"kind": "run", "name": "x", "hint": ""},
        }
    }


def test_a_field_that_a_newer_version_adds_to_an_error_is_ignored():
    answer = dump_error(NotFound("run", "x"))
    answer["error"]["fields"]["newer"] = 1
    loaded = load_error(answer)
    assert isinstance(loaded, NotFound) and loaded.name == "x"


def test_an_error_of_a_newer_version_is_a_bridge_error():
    error = load_error({"error": {"kind": "Unknown", "sentence": "Too much.", "fields": {"most": 1}}})
    for other in (error, pickle.loads(pickle.dumps(error))):
        assert type(other) is BridgeError
        assert str(other) == "Too much."


def test_the_sentence_of_another_version_survives_a_pickle():
    dumped = dump_error(NotFound("run", "x"))
    dumped["error"]["sentence"] = "No run is named x."
    assert str(pickle.loads(pickle.dumps(load_error(dumped)))) == "No run is named x."


def test_all_mistakes_survive_the_round_trip():
    error = load_error(json.loads(json.dumps(dump_error(ERRORS[0]))))
    assert isinstance(error, InvalidValue)
    assert [problem.key for problem in error.problems] == ["step", "value"]


def test_changed_params_survive_the_round_trip():
    error = load_error(json.loads(json.dumps(dump_error(ERRORS[6]))))
    assert isinstance(error, ParamChanged)
    assert error.changes == (("lr", "0.1", "0.2"), ("n", "1", "2"))
