"""MLflow's rules for keys, values and batches, with its error messages. This module does not import MLflow.

Source: MLflow 3.17.2, `mlflow.utils.validation`.
"""

from __future__ import annotations

import json
import logging
import numbers
import os
import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import Any

from bridge.records.run import RUN_ID
from bridge_mlflow.translate.given import Label, Labelled, MeasuredMetric
from bridge_mlflow.translate.refusals import Refusal

logger = logging.getLogger(__name__)

KEY_LENGTH = 250
PARAM_LENGTH, TAG_LENGTH, EXPERIMENT_TAG_LENGTH = 6000, 8000, 20_000
EXPERIMENT_NAME_LENGTH = 500
LOCATION_LENGTH, LOCATION_VARIABLE = 2048, "MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH"
CUT_VARIABLE = "MLFLOW_TRUNCATE_LONG_VALUES"
BATCH_METRICS, BATCH_LABELS, BATCH_ITEMS = 1000, 100, 1000
MOST_RESULTS = 50_000
DATASET_LENGTHS = {"name": 500, "digest": 36, "source": 65_535, "schema": 1_048_575, "profile": 16_777_215}
INPUT_TAG_LENGTHS = {"key": 255, "value": 500}

KEY = re.compile(r"^[/\w.\- :]*$")
RUN_ID_LINE = re.compile(f"{RUN_ID.pattern}$")
ALLOWED = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and "
    "slashes (/)."
)
MISSING_KEY = "A key name must be provided."

TAGS_OF_TRACES = frozenset({"mlflow.trace.archivalRetention", "mlflow.trace.archiveNow"})
"""Tags of experiments whose values MLflow checks. Source: `mlflow.tracing.constant.TraceExperimentTagKey`."""


def invalid_value(path: str, value: Any, message: str = "") -> str:
    """Return MLflow's sentence about a value that is not valid."""
    shown = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"Invalid value {shown} for parameter '{path}' supplied" + (f": {message}" if message else ".")


def missing_value(path: str) -> str:
    """Return MLflow's sentence about a missing parameter."""
    return f"Missing value for required parameter '{path}'."


def path_of(path: str, name: str) -> str:
    """Return the path of a field in a request, for example `metrics[3].key`."""
    return f"{path}.{name}" if path else name


def _check_name(name: Any, path: str) -> None:
    if not KEY.match(name):
        raise Refusal(invalid_value(path, name, ALLOWED))
    resolved = posixpath.normpath(name)
    if resolved != str(name) or resolved == "." or resolved.startswith(("..", "/")):
        raise Refusal(
            invalid_value(
                path,
                name,
                "Names may be treated as files in certain cases, and must not resolve to other names"
                f" when treated as such. This name would resolve to {resolved!r}",
            )
        )


def limited(what: str, limit: int, value: Any, cut: bool = False) -> Any:
    """Return a text that is not too long; None is returned unchanged.

    Args:
        what: the name of the text in the error message.
        limit: the greatest number of characters.
        value: the text.
        cut: whether a longer text is cut, unless the environment variable `CUT_VARIABLE` is false.
    """
    if value is None or len(value) <= limit:
        return value
    if cut and os.environ.get(CUT_VARIABLE, "true").lower() not in ("false", "0"):
        logger.warning(
            "%s '%s...' (%d characters) is cut to %d characters, the greatest length.",
            what,
            value[:100],
            len(value),
            limit,
        )
        return value[:limit]
    raise Refusal(f"'{what}' exceeds the maximum length of {limit} characters")


def check_metric(key: Any, value: Any, timestamp: Any, step: Any, path: str = "") -> None:
    """Check a point of a metric. `path` is its path in the request.

    Raises:
        Refusal: the point is not valid.
    """
    where = path_of(path, "name")
    if key is None:
        raise Refusal(invalid_value(where, key, f"Metric name cannot be None. {MISSING_KEY}"))
    _check_name(key, where)
    if value is None:
        raise Refusal(missing_value(path_of(path, "value")))
    if isinstance(value, bool) or not isinstance(value, numbers.Number):
        advice = f"(timestamp={timestamp}). Please specify value as a valid double (64-bit floating point)"
        raise Refusal(invalid_value(path_of(path, "value"), value, advice))
    of_metric = f"metric '{key}' (value={value}). "
    if not isinstance(timestamp, numbers.Number) or timestamp < 0:  # type: ignore[operator]  # numbers can be compared
        advice = "Timestamp must be a nonnegative long (64-bit integer) "
        raise Refusal(invalid_value(path_of(path, "timestamp"), timestamp, of_metric + advice))
    if not isinstance(step, numbers.Number):
        advice = "Step must be a valid long (64-bit integer)."
        raise Refusal(invalid_value(path_of(path, "step"), step, of_metric + advice))
    limited("Metric name", KEY_LENGTH, key)


def checked_param(key: Any, value: Any, path: str = "") -> Label:
    """Return a param, with its value cut to the greatest length.

    Raises:
        Refusal: the param is not valid.
    """
    where = path_of(path, "key")
    if key is None:
        raise Refusal(invalid_value(where, "", MISSING_KEY))
    _check_name(key, where)
    return Label(limited("Param key", KEY_LENGTH, key), limited("Param value", PARAM_LENGTH, value, cut=True))


def checked_tag(key: Any, value: Any, path: str = "") -> Label:
    """Return a tag of a run, with its value cut to the greatest length.

    Raises:
        Refusal: the tag is not valid.
    """
    where = path_of(path, "key")
    _check_tag_key(key, where)
    return Label(limited(where, KEY_LENGTH, key), limited(path_of(path, "value"), TAG_LENGTH, value, cut=True))


def _check_tag_key(key: Any, where: str) -> None:
    if key is None:
        raise Refusal(missing_value(where))
    _check_name(key, where)


def check_experiment_tag(key: Any, value: Any) -> None:
    """Check a tag of an experiment.

    Raises:
        Refusal: the tag is not valid.
        MlflowException: MLflow itself refuses the value of one of `TAGS_OF_TRACES`.
    """
    _check_tag_key(key, "key")
    limited("key", KEY_LENGTH, key)
    limited("value", EXPERIMENT_TAG_LENGTH, value)
    if key in TAGS_OF_TRACES:
        from bridge_mlflow.mlflow_private import check_experiment_tag  # imports MLflow, which knows their form

        check_experiment_tag(key, value)


def check_experiment_name(name: Any) -> None:
    """Check the name of an experiment.

    Raises:
        Refusal: the name is not valid.
    """
    if name == "" or name is None:
        raise Refusal(f"Invalid experiment name: '{name}'")
    if not isinstance(name, str):
        raise Refusal(f"Invalid experiment name: {name}. Expects a string.")
    limited("name", EXPERIMENT_NAME_LENGTH, name)


def check_location_length(location: str) -> None:
    """Check the length of an artifact location.

    Raises:
        Refusal: the location is too long.
    """
    limit = int(os.environ.get(LOCATION_VARIABLE, LOCATION_LENGTH))
    if len(location) > limit:
        raise Refusal(
            "Invalid artifact path length. The length of the artifact path cannot be greater than "
            f"{limit} characters. To configure this limit, please set the {LOCATION_VARIABLE} environment variable."
        )


def check_run_id(run_id: str) -> None:
    """Check the form of a run id.

    Raises:
        Refusal: the run id does not follow MLflow's rule.
    """
    if RUN_ID_LINE.match(run_id) is None:
        raise Refusal(invalid_value("run_id", run_id))


def check_metrics(metrics: Iterable[MeasuredMetric]) -> None:
    """Check the points of a batch."""
    for index, metric in enumerate(metrics):
        check_metric(metric.key, metric.value, metric.timestamp, metric.step, f"metrics[{index}]")


def checked_params(params: Iterable[Labelled]) -> list[Label]:
    """Return the params of a batch as `checked_param` does."""
    return [checked_param(param.key, param.value, f"params[{index}]") for index, param in enumerate(params)]


def checked_tags(tags: Iterable[Labelled]) -> list[Label]:
    """Return the tags of a batch as `checked_tag` does."""
    return [checked_tag(tag.key, tag.value, f"tags[{index}]") for index, tag in enumerate(tags)]


def check_batch_limits(metrics: int, params: int, tags: int) -> None:
    """Check the numbers of metrics, params and tags in a batch.

    Raises:
        Refusal: there are too many.
    """
    for what, limit, count in (
        ("metrics", BATCH_METRICS, metrics),
        ("params", BATCH_LABELS, params),
        ("tags", BATCH_LABELS, tags),
        ("metrics, params, and tags", BATCH_ITEMS, metrics + params + tags),
    ):
        if count > limit:
            raise Refusal(
                f"A batch logging request can contain at most {limit} {what}. Got {count} {what}. "
                f"Please split up {what} across multiple requests and try again."
            )


def check_param_keys_unique(params: Sequence[Labelled]) -> None:
    """Check that no two params of a batch have the same key.

    Raises:
        Refusal: a key is repeated.
    """
    seen: set[str] = set()
    twice = []
    for param in params:
        if param.key in seen:
            twice.append(param.key)
        seen.add(param.key)
    if twice:
        raise Refusal(
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure "
            "the request contains only one param value per param key."
        )


def check_dataset_inputs(given: Iterable[Any]) -> None:
    """Check the data sets that a run used.

    Raises:
        Refusal: a field is missing or too long.
    """
    for one in given:
        data = one.dataset
        if data is None:
            raise Refusal("Dataset cannot be None")
        for name in ("name", "digest", "source_type", "source"):
            if getattr(data, name) is None:
                raise Refusal(f"Dataset {name} cannot be None")
        for name, limit in DATASET_LENGTHS.items():
            limited(name, limit, getattr(data, name))
        for tag in one.tags:
            _check_input_tag(tag)


def _check_input_tag(tag: Any) -> None:
    if tag is None:
        raise Refusal("InputTag cannot be None")
    for name in INPUT_TAG_LENGTHS:
        if getattr(tag, name) is None:
            raise Refusal(f"InputTag {name} cannot be None")
    for name, limit in INPUT_TAG_LENGTHS.items():
        limited(name, limit, getattr(tag, name))


def check_max_results(max_results: int | None) -> None:
    """Check the greatest number of results of a search.

    Source: MLflow 3.17.2, `SqlAlchemyStore._validate_max_results_param`.

    Raises:
        Refusal: the number is not valid.
    """
    rule = ""
    if max_results is None or max_results < 1:
        rule = "It must be a positive integer"
    elif max_results > MOST_RESULTS:
        rule = f"It must be at most {MOST_RESULTS}"
    if rule:
        raise Refusal(f"Invalid value {max_results} for parameter 'max_results' supplied. {rule}")
