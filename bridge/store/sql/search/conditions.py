"""The conditions of a search for runs, and the keys of its order, as SQL about one run `r` with the key `j.value`.

They decide exactly whether a run matches, and where it belongs. Everything else in this package only chooses the runs
for which they are evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bridge.records.run import SOURCE_PROPERTY
from bridge.records.search import Comparison, Ordering, RunQuery
from bridge.store.sql.names import PARAM, PROPERTY, TAG
from bridge.store.sql.search.names import Named, Names
from bridge.store.sql.search.pieces import Sql, among, column_clause, compared, exists, joined, labelled

COLUMNS = {
    "run_id": "r.id",
    "display_name": "r.display_name",
    "status": "r.status",
    "user": 'r."user"',
    "start_time": "r.start_time",
    "end_time": "r.end_time",
    "deletion_time": "r.deletion_time",
    "parent_id": "r.parent_id",
    "description": "r.description",
    "type": "r.type",
}
DATASET_COLUMNS = {"name": "d.name", "digest": "d.digest", "context": "i.context"}
DATASET = Sql("FROM dataset_input i JOIN dataset d ON d.id = i.dataset WHERE i.run = j.value")

CHILDREN = "SELECT child.id FROM run child WHERE child.parent_id = ?"
BELOW = (  # UNION visits each run only once, even if runs are each other's parents; UNION ALL would not end
    f"WITH RECURSIVE below (id) AS ({CHILDREN}"
    " UNION SELECT child.id FROM below JOIN run child ON child.parent_id = below.id) SELECT id FROM below"
)

_MARKED = r"replace(replace(replace(s.latest_text, '\\', 'é'), '\u0000', '\ud800'), 'é', '\\')"
"""SQL of the JSON of a logged text with a surrogate for each NUL. The JSON is ASCII, and no text has surrogates."""

SHOWN_TEXT = (
    "CASE s.latest_text WHEN 'true' THEN 'True' WHEN 'false' THEN 'False' WHEN 'null' THEN 'None'"
    r" ELSE CASE instr(s.latest_text, '\u0000') WHEN 0 THEN json_extract(s.latest_text, '$')"
    f" ELSE replace(json_extract({_MARKED}, '$'), CAST(x'EDA080' AS TEXT), char(0)) END END"
)
"""SQL of a logged text. SQLite's `json_extract` ends at a NUL, so the text is extracted with surrogates."""


class OrderKey(NamedTuple):
    """A value by which runs are ordered, as SQL. Runs for which it is NULL come last in both directions."""

    value: Sql
    ascending: bool = True


def scope_conditions(query: RunQuery, experiments: Sequence[int], names: Names) -> list[Sql]:
    """Return the conditions of a query that are not in its filter: on experiments, stage, parent and type."""
    where = []
    if query.below is not None:
        where.append(Sql(f"r.id != ? AND r.id IN ({BELOW if query.recursive else CHILDREN})", (query.below,) * 2))
    if query.of_type is not None:
        source = _label(names.labels(PROPERTY, SOURCE_PROPERTY))
        found = Sql(f"EXISTS (SELECT 1 {source.text} AND l.value = ?)", (*source.values, query.of_type))
        where.append(Sql(f"(r.type = ? OR {found.text})", (query.of_type, *found.values)))
    if query.below is None or query.experiment_ids:
        where.append(among("r.experiment", experiments))
    if query.view != "all":
        where.append(Sql("r.stage = ?", (query.view,)))
    return where


def condition(clause: Comparison, names: Names) -> Sql:
    """Return the condition of one clause of a filter."""
    if clause.entity == "attribute":
        return column_clause(COLUMNS[clause.key], clause)
    if clause.entity == "metric":
        return _metric_condition(clause, names)
    if clause.entity == "dataset":
        return _dataset_condition(clause)
    places = label_places(clause.entity, clause.key, names)
    return labelled(clause, _shown(clause.entity, places), places)


def _metric_condition(clause: Comparison, names: Names) -> Sql:
    metric = _metric(names.numbers(clause.key))
    if clause.operand is None:
        found = exists(metric)
        return Sql(f"{'NOT ' if clause.comparator == 'IS NULL' else ''}{found.text}", found.values)
    met = compared(Sql("s.latest_value"), clause)
    if clause.comparator == "!=":  # NaN is unequal to every number; the database contains NULL for NaN
        met = Sql(f"(s.latest_value IS NULL OR {met.text})", met.values)
    return exists(joined(" AND ", [metric, met]))


def _dataset_condition(clause: Comparison) -> Sql:
    column = DATASET_COLUMNS[clause.key]
    if clause.operand is None:
        found = exists(joined(" AND ", [DATASET, Sql(f"{column} IS NOT NULL")]))
        return Sql(f"{'NOT ' if clause.comparator == 'IS NULL' else ''}{found.text}")
    return exists(joined(" AND ", [DATASET, compared(Sql(column), clause)]))


def _metric(named: Named) -> Sql:
    """Return SQL that selects the latest value of a metric as `s.latest_value`; no row if a run lacks the metric.

    If several series of a run have this name, their latest points are compared, and the greatest one is selected.
    """
    if named.is_one:
        return Sql(f"FROM series s WHERE s.run = j.value AND s.name IN {named.sql.text}", named.sql.values)
    return Sql(
        "FROM (SELECT s.latest_value FROM series s JOIN name m ON m.id = s.name"
        f" WHERE s.run = j.value AND s.name IN {named.sql.text}"
        " ORDER BY s.latest_step DESC, s.latest_timestamp DESC, COALESCE(s.latest_value, 0) DESC, m.kind, s.id"
        " LIMIT 1) s WHERE 1 = 1",
        named.sql.values,
    )


def label_places(entity: str, key: str, names: Names) -> list[Sql]:
    """Return the SQL of each table that may contain a label, beginning with FROM, in the order of precedence.

    A tag may be a tag, a property or a logged text. Places that no run of the experiments uses are left out, except
    that there is always one.
    """
    if entity != "tag":
        return [_label(names.labels(PARAM if entity == "param" else PROPERTY, key))]
    tags, properties, texts = names.labels(TAG, key), names.labels(PROPERTY, key), names.texts(key)
    places = [_label(named) for named in (tags, properties) if named.ids]
    if texts.ids:
        places.append(Sql(f"FROM series s WHERE s.run = j.value AND s.name IN {texts.sql.text}", texts.sql.values))
    return places or [_label(tags)]


def _label(named: Named) -> Sql:
    return Sql(f"FROM label l WHERE l.run = j.value AND l.name IN {named.sql.text}", named.sql.values)


def _shown(entity: str, places: Sequence[Sql]) -> Sql:
    """Return the SQL of a label's value. A tag without a value hides a property of its key."""
    values = [Sql(f"(SELECT {_value_of(place)} {place.text})", place.values) for place in places]
    if len(values) == 1:
        return values[0]
    cases = [
        Sql(f"WHEN {found.text} THEN {value.text}", (*found.values, *value.values))
        for found, value in zip(map(exists, places), values, strict=True)
    ]
    shown = joined(" ", cases)
    return Sql(f"CASE {shown.text} END", shown.values)


def _value_of(place: Sql) -> str:
    return SHOWN_TEXT if place.text.startswith("FROM series") else "l.value"


def order_keys(query: RunQuery, names: Names) -> list[OrderKey]:
    """Return the keys of a query's order, which end with the run's id. One of them is the start time."""
    order = list(query.order)
    if not any(given.entity == "attribute" and given.key == "start_time" for given in order):
        order.append(Ordering("attribute", "start_time", ascending=False))
    return [*(_order_key(ordering, names) for ordering in order), OrderKey(Sql("r.id"))]


def _order_key(ordering: Ordering, names: Names) -> OrderKey:
    if ordering.entity == "attribute":
        column = COLUMNS[ordering.key]
        ranks = [(text, rank) for rank, texts in enumerate(ordering.ranks) for text in texts]
        cases = " ".join(f"WHEN ? THEN {rank}" for _, rank in ranks)
        value = Sql(f"CASE {column} {cases} END", tuple(text for text, _ in ranks)) if ranks else Sql(column)
        return OrderKey(value, ordering.ascending)
    if ordering.entity == "metric":
        # Runs whose value is NaN come after all values, and before runs without the metric, in both directions.
        metric = _metric(names.numbers(ordering.key))
        shown = f"COALESCE(s.latest_value, {nan_rank(ordering.ascending)})"
        return OrderKey(Sql(f"(SELECT {shown} {metric.text})", metric.values), ordering.ascending)
    return OrderKey(_shown(ordering.entity, label_places(ordering.entity, ordering.key, names)), ordering.ascending)


def nan_rank(ascending: bool) -> str:
    """Return the SQL of the number as which NaN is ordered: an infinity, which is never a latest value."""
    return "9e999" if ascending else "-9e999"
