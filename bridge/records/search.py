"""Queries for runs and experiments.

`bridge.records.search_grammar` parses texts in MLflow's grammar into queries. A store translates queries into SQL.
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
"""The greatest length of a LIKE or ILIKE pattern, in characters. SQLite refuses patterns of more than 50,000 bytes."""

CLAUSES, LISTED = 500, 10_000
"""The greatest number of clauses in a filter, and the greatest number of texts in all its lists together.

SQLite allows expressions of a depth of 1,000, and 32,766 parameters.
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One clause of a filter. It compares a value of a run or experiment with `operand`.

    `operand` is text, a number, a tuple of texts (for IN and NOT IN) or None (for IS NULL and IS NOT NULL).
    If a run does not have the metric, param, tag or attribute, only IS NULL matches; `!=` does not.
    `entity` names the kind of the compared value. `property` means a property of the run.
    `tag` means a tag of the run. If the run has no tag with this key, a property is compared. If the run
    has no such property either, the latest text that was logged under this key is compared. If that is True, False or
    None, it is compared as the text "True", "False" or "None".
    LIKE compares the whole value and is case-sensitive. `%` and `_` also match newlines, and cannot be escaped. ILIKE
    ignores the case of ASCII letters only.
    A metric that is NaN matches only `!=`. ±inf is compared as ±1.797e308. The operand of a metric becomes a float64.
    A clause on a data set matches if at least one data set of the run meets the condition. For `!=`, one data set with
    another value is enough.

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
                f"the entity must be one of {', '.join(get_args(Entity))}; the key of a dataset must be"
                f" {', '.join(DATASET_ATTRIBUTES[:-1])} or {DATASET_ATTRIBUTES[-1]}"
            )
        elif self.comparator in NULL_COMPARATORS:
            rule = "" if operand is None else f"must have None as operand of {self.comparator}"
        elif numeric:
            number = isinstance(operand, (int, float)) and not isinstance(operand, bool)
            valid = number and self.comparator in NUMBER_COMPARATORS
            rule = "" if valid else f"must compare with a number, by one of {', '.join(NUMBER_COMPARATORS)}"
        elif self.comparator in LIST_COMPARATORS:
            listed = isinstance(operand, tuple) and all(isinstance(text, str) for text in operand)
            rule = "" if listed else f"must have a tuple of texts as operand of {self.comparator}"
        elif not isinstance(operand, str) or self.comparator not in TEXT_COMPARATORS:
            rule = f"must compare with a text, by one of {', '.join(TEXT_COMPARATORS + LIST_COMPARATORS)}"
        elif self.comparator in ("LIKE", "ILIKE") and len(operand) > PATTERN_LENGTH:
            rule = f"must have a pattern of at most {PATTERN_LENGTH} characters"
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
    """One key of an order. The entity `tag` has the same meaning as in a `Comparison`. Texts are ordered by code point.

    `ranks` replaces the order by code point for a text attribute, for example for the status. It contains groups of
    values. The values of an earlier group come first, and the order within a group is that of the next key. A value in
    no group counts as missing.
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
                f"the entity must be one of {', '.join(get_args(Entity))}, and UTF-8 must be able to encode the key",
            )
        if self.ranks and (self.entity != "attribute" or self.key in TIMES):
            raise InvalidValue("order", (self.entity, self.key), "must be a text attribute if ranks are given")


@dataclass(frozen=True, slots=True)
class RunQuery:
    """A query for runs, and the order of the results.

    Runs are ordered by the keys in `order`, then by start time, newest first, and then by run id. Runs without a value
    come last, whether the order is ascending or descending. A run whose metric is NaN comes before the runs without a
    value, but after all others.
    If `max_results` is None, all runs are returned.
    If `below` is a run id, only the children of this run match, or with `recursive` all its descendants. The run itself
    never matches. The children of a deleted run match too. If `experiment_ids` is empty, the children in all
    experiments match.
    `of_type` selects the runs whose type, or whose property `azureml.runsource`, is this text.

    Raises:
        InvalidValue: a clause or a key does not exist for runs, or `max_results` is not positive.
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

    @property
    def is_whole(self) -> bool:
        """Whether the query matches all runs of its experiments that have the right lifecycle stage."""
        return not self.filter and self.below is None and self.of_type is None


@dataclass(frozen=True, slots=True)
class ExperimentQuery:
    """A query for experiments, and the order of the results.

    Experiments are ordered by the keys in `order`, and then by descending id. If `order` is empty, they are ordered by
    creation time, newest first, and then by ascending id.

    Raises:
        InvalidValue: a clause or a key does not exist for experiments, or `max_results` is not positive.
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
                rule = "must be attribute or tag, because experiments have no other data"
                raise InvalidValue("clause", clause.entity, rule)
            if clause.key == "experiment_id" and clause.entity == "attribute" and "LIKE" in clause.comparator:
                rule = "must be =, !=, IN or NOT IN, because experiment_id is compared"
                raise InvalidValue("clause", clause.comparator, rule)
        for ordering in self.order:
            if ordering.entity != "attribute":
                rule = "must be attribute, because experiments can only be ordered by attributes"
                raise InvalidValue("order", ordering.entity, rule)
        _check_size(self)


def _check_attributes(parts: Sequence[Comparison | Ordering], known: tuple[str, ...]) -> None:
    for part in parts:
        if part.entity == "attribute" and part.key not in known:
            raise InvalidValue("attribute", part.key, f"must be one of {', '.join(known)}")


def _check_size(query: RunQuery | ExperimentQuery) -> None:
    if query.max_results is not None and query.max_results < 1:
        raise InvalidValue("max_results", query.max_results, "must be positive")
    if len(query.filter) > CLAUSES or len(query.order) > CLAUSES:
        rule = f"the filter and the order must have at most {CLAUSES} clauses each"
        raise InvalidValue("filter", len(query.filter), rule)
    listed = sum(len(clause.operand) for clause in query.filter if isinstance(clause.operand, tuple))
    if listed > LISTED:
        raise InvalidValue("filter", listed, f"must have at most {LISTED} values in its lists")


def _float64(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
