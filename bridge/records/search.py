"""Questions about runs and experiments: one grammar (MLflow's), parsed into a tree of comparisons.

`parse_filter` and `parse_order` turn text into the tuples below; a store compiles them, `matches` evaluates them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Entity = Literal["attribute", "metric", "param", "tag", "dataset"]
Comparator = Literal[
    "=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"
]
Operand: TypeAlias = "str | float | int | tuple[str, ...] | None"
View = Literal["active", "deleted", "all"]

RUN_ATTRIBUTES = (
    "run_id", "display_name", "status", "user", "start_time", "end_time", "parent_id", "description",
)  # fmt: skip
EXPERIMENT_ATTRIBUTES = ("experiment_id", "name", "creation_time", "last_update_time")
DATASET_ATTRIBUTES = ("name", "digest", "context")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One clause: `operand` is text, a number, a tuple of texts (IN, NOT IN) or None (IS NULL, IS NOT NULL).

    A clause on a metric, param, tag or attribute that a run does not have never matches, `!=` neither;
    IS NULL does.
    """

    entity: Entity
    key: str
    comparator: Comparator
    operand: Operand


@dataclass(frozen=True, slots=True)
class Ordering:
    """One key of an order."""

    entity: Entity
    key: str
    ascending: bool = True


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs, in which order.

    Given keys come first, then start time descending unless it was given, then run id ascending.
    Metrics order as values, NaN, missing in both directions; everything else has missing last in both.
    `max_results` None means all.
    """

    experiment_ids: tuple[str, ...]
    filter: tuple[Comparison, ...] = ()
    order: tuple[Ordering, ...] = ()
    view: View = "active"
    max_results: int | None = None
    page_token: str | None = None


@dataclass(frozen=True, slots=True)
class ExperimentQuery:
    """Which experiments, in which order.

    Given keys come first (default: creation time descending), then id: descending after given keys, else ascending.
    """

    filter: tuple[Comparison, ...] = ()
    order: tuple[Ordering, ...] = ()
    view: View = "active"
    max_results: int | None = None
    page_token: str | None = None
