"""The requests of MLflow's REST API, as tables of their fields.

Source: MLflow 3.17.2, `mlflow/protos/service.proto`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

Kind = Literal["string", "int64", "int32", "double", "enum", "message"]

RUN_STATUSES = {"RUNNING": 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}
VIEW_TYPES = {"ACTIVE_ONLY": 1, "DELETED_ONLY": 2, "ALL": 3}


class Field:
    """A field of a message.

    Attributes:
        name: the name.
        json_name: the other name that JSON may use, for example `runId` for `run_id`.
        kind: the type of the value.
        is_repeated: whether the value is a list of such values.
        message: the message, if the kind is `message`.
        numbers: the number of each name, if the kind is `enum`.
    """

    __slots__ = ("is_repeated", "json_name", "kind", "message", "name", "numbers")

    def __init__(
        self,
        name: str,
        kind: Kind = "string",
        is_repeated: bool = False,
        message: Message | None = None,
        numbers: Mapping[str, int] | None = None,
    ) -> None:
        first, *others = name.split("_")
        self.name, self.json_name = name, first + "".join(map(str.capitalize, others))
        self.kind: Kind = kind
        self.is_repeated, self.message, self.numbers = is_repeated, message, numbers or {}


class Message:
    """The fields of a message in their order, and by both of their names."""

    def __init__(self, *fields: Field) -> None:
        self.fields = fields
        self.by_name = {name: field for field in fields for name in (field.name, field.json_name)}


def texts(names: str) -> Iterable[Field]:
    """Return fields of text, given their names."""
    return map(Field, names.split())


def listed(name: str, message: Message) -> Field:
    """Return a field with a list of messages."""
    return Field(name, "message", True, message)


LABEL = Message(*texts("key value"))
METRIC = Message(
    Field("key"),
    Field("value", "double"),
    Field("timestamp", "int64"),
    Field("step", "int64"),
    *texts("dataset_name dataset_digest model_id run_id"),
)
DATASET = Message(*texts("name digest source_type source schema profile"))
DATASET_INPUT = Message(listed("tags", LABEL), Field("dataset", "message", message=DATASET))
MODEL_INPUT = Message(Field("model_id"))
MODEL_OUTPUT = Message(Field("model_id"), Field("step", "int64"))

CREATE_EXPERIMENT = Message(*texts("name artifact_location"), listed("tags", LABEL))
EXPERIMENT_ID = Message(Field("experiment_id"))
EXPERIMENT_NAME = Message(Field("experiment_name"))
UPDATE_EXPERIMENT = Message(*texts("experiment_id new_name"))
EXPERIMENT_TAG = Message(*texts("experiment_id key value"))
EXPERIMENT_TAG_KEY = Message(*texts("experiment_id key"))
SEARCH_EXPERIMENTS = Message(
    Field("max_results", "int64"),
    *texts("page_token filter"),
    Field("order_by", is_repeated=True),
    Field("view_type", "enum", numbers=VIEW_TYPES),
)
EXPERIMENT_IDS = Message(Field("experiment_ids", is_repeated=True))

CREATE_RUN = Message(*texts("experiment_id user_id run_name"), Field("start_time", "int64"), listed("tags", LABEL))
RUN_ID = Message(Field("run_id"))
GET_RUN = Message(*texts("run_id run_uuid"))
UPDATE_RUN = Message(
    *texts("run_id run_uuid"),
    Field("status", "enum", numbers=RUN_STATUSES),
    Field("end_time", "int64"),
    Field("run_name"),
)
SEARCH_RUNS = Message(
    Field("experiment_ids", is_repeated=True),
    Field("filter"),
    Field("run_view_type", "enum", numbers=VIEW_TYPES),
    Field("max_results", "int32"),
    Field("order_by", is_repeated=True),
    Field("page_token"),
)
LOG_METRIC = Message(
    *texts("run_id run_uuid key"),
    Field("value", "double"),
    Field("timestamp", "int64"),
    Field("step", "int64"),
    *texts("model_id dataset_name dataset_digest"),
)
LOG_BATCH = Message(Field("run_id"), listed("metrics", METRIC), listed("params", LABEL), listed("tags", LABEL))
RUN_LABEL = Message(*texts("run_id run_uuid key value"))
RUN_LABEL_KEY = Message(*texts("run_id key"))
LOG_INPUTS = Message(Field("run_id"), listed("datasets", DATASET_INPUT), listed("models", MODEL_INPUT))
LOG_OUTPUTS = Message(Field("run_id"), listed("models", MODEL_OUTPUT))

HISTORY = Message(*texts("run_id run_uuid metric_key page_token"), Field("max_results", "int32"))
INTERVAL = Message(
    Field("run_ids", is_repeated=True),
    Field("metric_key"),
    Field("start_step", "int32"),
    Field("end_step", "int32"),
    Field("max_results", "int32"),
)
