"""Queries for runs and experiments.

`bridge.records.search_grammar` parses queries from text in MLflow's grammar, and a backend compiles them to SQL.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from bridge.errors import InvalidValue
from bridge.records.text import RULE, is_encodable

Entity = Literal["attribute", "metric", "param", "tag", "property", "dataset"]
Comparator = Literal["=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"]
Operand: TypeAlias = "str | float | int | tuple[str, ...] | None"
View = Literal["active", "deleted", "all"]

RUN_ATTRIBUTES = (
    "run_id", "display_name", "status", "user", "start_time", "end_time", "deletion_time", "parent_id",
    "description", "type",
)  # fmt: skip
EXPERIMENT_ATTRIBUTES = ("experiment_id", "name", "creation_time", "last_update_time")
DATASET_ATTRIBUTES = ("name", "digest", "context")
TIMES = ("start_time", "end_time", "deletion_time", "creation_time", "last_update_time")

NUMBER_COMPARATORS = ("=", "!=", "<", "<=", ">", ">=")
TEXT_COMPARATORS = ("=", "!=", "LIKE", "ILIKE")
LIST_COMPARATORS = ("IN", "NOT IN")
NULL_COMPARATORS = ("IS NULL", "IS NOT NULL")

PATTERN_LENGTH = 12_000
"""The length of the longest LIKE or ILIKE pattern, in characters: SQLite refuses patterns of more than 50,000 bytes."""

CLAUSES, LISTED = 500, 10_000
"""The greatest number of clauses in a filter, and of texts in all its lists: SQLite has limits of 1,000 and 32,766."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One clause: `operand` is text, a number, a tuple of texts (IN, NOT IN) or None (IS NULL, IS NOT NULL).

    A clause on a metric, param, tag or attribute that a run does not have matches only if it is IS NULL; `!=` does not.
    `property` means the run's properties.
    `tag` means the run's tags. If the run has no such tag, it means the run's properties. If the run has no such
    property, it means the latest value of the text series with this key (True, False and None are compared as these
    words).
    LIKE matches the whole value and is case-sensitive. `%` and `_` also match newlines, and cannot be escaped. ILIKE
    ignores the case of ASCII letters only.
    NaN matches only `!=`, and ±inf compares as ±1.797e308. The operand of a metric becomes a float64.
    A clause on a data set, also one with `!=`, matches if at least one data set of the run meets it.

    Source: MLflow 3.17.2, `SqlAlchemyStore._search_runs`.

    Raises:
        InvalidValue: the comparator or the operand does not fit the entity.
    """

    entity: Entity
    key: str
    comparator: Comparator
    operand: Operand = None

    def __post_init__(self) -> None:
        numeric = self.entity == "metric" or (self.entity == "attribute" and self.key in TIMES)
        operand = self.operand
        if self.entity not in get_args(Entity) or (self.entity == "dataset" and self.key not in DATASET_ATTRIBUTES):
            rule = (
                f"must be about one of {', '.join(get_args(Entity))}; a clause on a dataset must use"
                f" {', '.join(DATASET_ATTRIBUTES[:-1])} or {DATASET_ATTRIBUTES[-1]}"
            )
        elif self.comparator in NULL_COMPARATORS:
            rule = "" if operand is None else f"{self.comparator} takes no value"
        elif numeric:
            number = isinstance(operand, (int, float)) and not isinstance(operand, bool)
            rule = "" if number and self.comparator in NUMBER_COMPARATORS else "must compare a number with a number"
        elif self.comparator in LIST_COMPARATORS:
            listed = isinstance(operand, tuple) and all(isinstance(text, str) for text in operand)
            rule = "" if listed else f"{self.comparator} takes a tuple of texts"
        elif not isinstance(operand, str) or self.comparator not in TEXT_COMPARATORS:
            rule = f"must compare a text with a text, by one of {', '.join(TEXT_COMPARATORS + LIST_COMPARATORS)}"
        elif self.comparator in ("LIKE", "ILIKE") and len(operand) > PATTERN_LENGTH:
            rule = f"a pattern must have at most {PATTERN_LENGTH} characters"
        else:
            rule = ""
        texts = operand if isinstance(operand, tuple) else (operand,) if isinstance(operand, str) else ()
        if not rule and not is_encodable(self.key, *texts):
            rule = RULE
        if self.entity == "metric" and isinstance(operand, int):
            object.__setattr__(self, "operand", _float64(operand))
        if rule:
            raise InvalidValue("clause", (self.entity, self.key, self.comparator, operand), rule)


@dataclass(frozen=True, slots=True)
class Ordering:
    """One key of an order; `tag` has the same meaning as in a `Comparison`, and texts are ordered by code point.

    `ranks` is a list of groups of values of a text attribute. A value is ordered by the position of the first group
    that contains it. Values of one group are equal, and a value that is in no group counts as missing.
    """

    entity: Entity
    key: str
    ascending: bool = True
    ranks: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.entity not in get_args(Entity) or not is_encodable(self.key):
            raise InvalidValue(
                "order",
                (self.entity, self.key),
                f"must be about one of {', '.join(get_args(Entity))}, with a key that UTF-8 can encode",
            )
        if self.ranks and (self.entity != "attribute" or self.key in TIMES):
            raise InvalidValue("order", (self.entity, self.key), "only text attributes have ranks")


@dataclass(frozen=True, slots=True)
class RunQuery:
    """A query for runs, with their order.

    Runs are ordered by the given keys, then by start time descending unless it was given, then by run id ascending.
    Metrics are ordered as values, NaN, missing, in both directions. All other keys have missing values last.
    `max_results` None means all.
    With `below`, only the children of that run match; with `recursive`, all its descendants. The run itself never
    matches. Without `experiment_ids` they may be in any experiment. Children of a deleted run match too.
    `of_type` selects the runs whose type, or whose property `azureml.runsource`, is this text.

    Raises:
        InvalidValue: a clause or key is not about runs, or `max_results` is not positive.
    """

    experiment_ids: tuple[str, ...]
    filter: tuple[Comparison, ...] = ()
    order: tuple[Ordering, ...] = ()
    view: View = "active"
    max_results: int | None = None
    page_token: str | None = None
    below: str | None = None
    recursive: bool = False
    of_type: str | None = None

    def __post_init__(self) -> None:
        _check_attributes((*self.filter, *self.order), RUN_ATTRIBUTES)
        if any(ordering.entity == "dataset" for ordering in self.order):
            raise InvalidValue(
                "order", "dataset", "runs cannot be ordered by a data set, because a run may have several"
            )
        _check_size(self)


@dataclass(frozen=True, slots=True)
class ExperimentQuery:
    """A query for experiments, with their order.

    Experiments are ordered by the given keys, then by id descending. Without keys they are ordered by creation time
    descending, then by id ascending.

    Raises:
        InvalidValue: a clause or key is not about experiments, or `max_results` is not positive.
    """

    filter: tuple[Comparison, ...] = ()
    order: tuple[Ordering, ...] = ()
    view: View = "active"
    max_results: int | None = None
    page_token: str | None = None

    def __post_init__(self) -> None:
        _check_attributes((*self.filter, *self.order), EXPERIMENT_ATTRIBUTES)
        for clause in self.filter:
            if clause.entity not in ("attribute", "tag"):
                raise InvalidValue("clause", clause.entity, "experiments have attributes and tags")
            if clause.key == "experiment_id" and clause.entity == "attribute" and "LIKE" in clause.comparator:
                raise InvalidValue("clause", clause.comparator, "experiment ids are compared by =, !=, IN and NOT IN")
        for ordering in self.order:
            if ordering.entity != "attribute":
                raise InvalidValue("order", ordering.entity, "experiments are ordered by attributes")
        _check_size(self)


def _check_attributes(parts: Sequence[Comparison | Ordering], known: tuple[str, ...]) -> None:
    for part in parts:
        if part.entity == "attribute" and part.key not in known:
            raise InvalidValue("attribute", part.key, f"must be one of {', '.join(known)}")


def _check_size(query: RunQuery | ExperimentQuery) -> None:
    if query.max_results is not None and query.max_results < 1:
        raise InvalidValue("max_results", query.max_results, "must be positive")
    if len(query.filter) > CLAUSES or len(query.order) > CLAUSES:
        raise InvalidValue("filter", len(query.filter), f"a filter or an order can have at most {CLAUSES} clauses")
    listed = sum(len(clause.operand) for clause in query.filter if isinstance(clause.operand, tuple))
    if listed > LISTED:
        raise InvalidValue("filter", listed, f"must have at most {LISTED} values in its lists")


def _float64(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
