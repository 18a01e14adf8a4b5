"""Converts errors and the records of artifacts to JSON and back, so that they can be sent over a connection.

An error is `{"error": {"kind": "NotFound", "sentence": "There is no run 'x'.", "fields": {"kind": "run", …}}}`.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

from bridge import errors
from bridge.errors import BridgeError
from bridge.records.artifact import ArtifactRecord


def dump_error(error: BridgeError) -> dict[str, Any]:
    """Return an error as JSON. A value that JSON cannot represent is replaced by its `repr`."""
    fields = {name: _plain(value) for name, value in error.fields.items()}
    return {"error": {"kind": type(error).__name__, "sentence": error.sentence, "fields": fields}}


def load_error(answer: Mapping[str, Any]) -> BridgeError:
    """Return the error that `dump_error` converted, with the same sentence.

    If this version of Runbridge does not have the class of the error, return a `BridgeError`. Fields that this version
    does not know are ignored.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: `dump_error` did not create the answer.
    """
    dumped = answer["error"]
    sentence, fields = dumped["sentence"], dumped["fields"]
    if not isinstance(sentence, str):
        raise ValueError("the sentence of an error is not text")
    kind = getattr(errors, dumped["kind"], None)
    if not (isinstance(kind, type) and issubclass(kind, BridgeError)) or kind is BridgeError:
        return BridgeError(sentence)
    known = inspect.signature(kind.__init__).parameters
    error: BridgeError = kind(**{name: value for name, value in fields.items() if name in known})
    error.sentence = sentence
    return error


def dump_artifact(record: ArtifactRecord) -> dict[str, Any]:
    """Return the record of a file or folder as JSON."""
    return dataclasses.asdict(record)


def load_artifact(fields: Mapping[str, Any]) -> ArtifactRecord:
    """Return the record that `dump_artifact` converted. Fields that this version does not know are ignored."""
    return ArtifactRecord(**_known(ArtifactRecord, fields))


def _known(kind: type[Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in fields.items() if name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    return repr(value)
