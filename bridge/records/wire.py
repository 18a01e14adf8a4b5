"""Converts records and errors to JSON and back, so that they can be sent over a connection.

An error is `{"error": {"kind": "NotFound", "sentence": "There is no run 'x'.", "fields": {"kind": "run", …}}}`.
A record is a JSON object with its fields. JSON has no NaN, so a float is written as a signed integer with the same 64
bits.
"""

from __future__ import annotations

import dataclasses
import inspect
import struct
from collections.abc import Mapping
from typing import Any

from bridge import errors
from bridge.errors import BridgeError
from bridge.records.artifact import ArtifactRecord
from bridge.records.experiment import ExperimentRecord
from bridge.records.run import Dataset, DatasetInput, ModelOutput, RunRecord
from bridge.records.series import Latest


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


def dump_record(record: ExperimentRecord | RunRecord) -> dict[str, Any]:
    """Return a record as JSON."""
    fields = dataclasses.asdict(record)
    if isinstance(record, RunRecord):
        fields["latest"] = {k: [_bits(v.value), v.timestamp, v.step] for k, v in record.latest.items()}
        fields["latest_columns"] = [
            [key, column, _bits(v.value), v.timestamp, v.step] for (key, column), v in record.latest_columns.items()
        ]
    return fields


def load_experiment(fields: Mapping[str, Any]) -> ExperimentRecord:
    """Return the experiment that `dump_record` converted. Fields that this version does not know are ignored."""
    return ExperimentRecord(**_known(ExperimentRecord, fields))


def load_run(fields: Mapping[str, Any]) -> RunRecord:
    """Return the run that `dump_record` converted. Fields that this version does not know are ignored."""
    known = _known(RunRecord, fields)
    known["latest"] = {
        k: Latest(_float(bits), timestamp, step) for k, (bits, timestamp, step) in known["latest"].items()
    }
    known["latest_columns"] = {
        (key, column): Latest(_float(bits), timestamp, step)
        for key, column, bits, timestamp, step in known.get("latest_columns", ())
    }
    known["dataset_inputs"] = tuple(
        DatasetInput(Dataset(**_known(Dataset, used["dataset"])), used["tags"]) for used in known["dataset_inputs"]
    )
    known["model_inputs"] = tuple(known["model_inputs"])
    known["model_outputs"] = tuple(ModelOutput(**_known(ModelOutput, output)) for output in known["model_outputs"])
    known["warnings"] = tuple(known["warnings"])
    return RunRecord(**known)


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


def _bits(value: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", value))[0])


def _float(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<q", bits))[0])
