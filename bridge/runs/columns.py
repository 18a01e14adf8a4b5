"""The names of columns in addresses, such as `name`, `metrics.val/loss:min` or `params.lr`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, cast, get_args

from bridge.errors import InvalidValue
from bridge.records.search import RUN_ATTRIBUTES, Entity, Ordering
from bridge.records.views import NUMBER_ATTRIBUTES, TEXT_ATTRIBUTES, Column, ColumnEntity, Statistic

ENTITIES: dict[str, ColumnEntity] = {
    "metrics": "metric", "metric": "metric", "params": "param", "param": "param", "tags": "tag", "tag": "tag",
    "properties": "property", "property": "property", "attributes": "attribute", "attribute": "attribute",
}  # fmt: skip
ALIASES = {"name": "display_name", "run_name": "display_name", "id": "run_id", "created": "start_time"}
ATTRIBUTES = frozenset((*TEXT_ATTRIBUTES, *NUMBER_ATTRIBUTES))

PART = re.compile(r"(?:[^\\,]|\\.)+", re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)

AT_STEP = re.compile(r"@-?[0-9]{1,16}")

MOST_COLUMNS, MOST_ORDERS = 200, 8


class StepColumn(NamedTuple):
    """The value of a metric at a step, which no `Column` is. If several values have the step, the last one counts."""

    key: str
    step: int


class Sort(NamedTuple):
    """One key of an order of the table: a column, and whether it ascends."""

    column: Column | StepColumn
    ascending: bool

    @property
    def ordering(self) -> Ordering | None:
        """The key as a store understands it; None if a store cannot order by this column."""
        column = self.column
        if isinstance(column, StepColumn):
            return None
        if column.statistic != "last" or (column.entity == "attribute" and column.key not in RUN_ATTRIBUTES):
            return None
        return Ordering(cast(Entity, column.entity), column.key, self.ascending)


def parts_of(text: str) -> list[str]:
    r"""Split a list at its commas. `\,` is a comma in a name, and `\\` is a backslash."""
    return [ESCAPED.sub(r"\1", part) for part in PART.findall(text)]


def column_of(name: str) -> Column | StepColumn:
    """Return the column with a name, such as `params.lr`, `metrics.loss:min` or `metrics.loss:@100`.

    Raises:
        InvalidValue: no column has the name.
    """
    attribute = ALIASES.get(name, name)
    if attribute in ATTRIBUTES:
        return Column("attribute", attribute)
    kind, _, key = name.partition(".")
    entity = ENTITIES.get(kind)
    if entity is None or not key:
        rule = "must be an attribute of runs, or metrics.KEY, params.KEY, tags.KEY or properties.KEY"
        raise InvalidValue("column", name, rule)
    if entity == "attribute":
        return Column(entity, ALIASES.get(key, key))
    stem, colon, statistic = key.rpartition(":")
    if entity == "metric" and colon and stem:
        if statistic in get_args(Statistic):
            return Column(entity, stem, cast(Statistic, statistic))
        if AT_STEP.fullmatch(statistic):
            return StepColumn(stem, int(statistic[1:]))
    return Column(entity, key)


def columns_of(text: str) -> dict[str, Column | StepColumn]:
    """Return the columns of a list of names, by name.

    Raises:
        InvalidValue: a name is not valid, or the list is too long.
    """
    names = parts_of(text)
    if len(names) > MOST_COLUMNS:
        raise InvalidValue("cols", len(names), f"must have at most {MOST_COLUMNS} columns")
    return {name: column_of(name) for name in names}


def stored_columns_of(text: str) -> dict[str, Column]:
    """Return the columns of a list of names that a store can group by and summarise.

    Raises:
        InvalidValue: a name is not valid, the list is too long, or a column is the value at a step.
    """
    found: dict[str, Column] = {}
    for name, column in columns_of(text).items():
        if isinstance(column, StepColumn):
            raise InvalidValue("column", name, "cannot be grouped or summarised, because it is the value at a step")
        found[name] = column
    return found


def sorts_of(text: str) -> Sequence[Sort]:
    """Return an order, such as `-metrics.val/loss,params.lr`; `-` means descending.

    Raises:
        InvalidValue: a name is not valid, or the order has too many keys.
    """
    names = parts_of(text)
    if len(names) > MOST_ORDERS:
        raise InvalidValue("sort", len(names), f"must have at most {MOST_ORDERS} keys")
    return [Sort(column_of(name.removeprefix("-")), not name.startswith("-")) for name in names]
