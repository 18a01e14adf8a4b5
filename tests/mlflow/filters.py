"""Filters and orders as somebody may write them: right, odd and broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

KEYS = (
    "a", "a.b", "_a", "1a", "12a", "1", "1e5", "0xf", "in", "order", "desc", "ünï", "漢字", "loss_2", "`a b`", '"a b"',
    "'a b'", "`a`.`b`", "`it's`", "``", "a-b", "a/b", "val/loss", "created", "case", "input",
)  # fmt: skip
TYPES = (
    "metric", "metrics", "param", "params", "parameter", "tag", "tags", "attribute", "attributes", "attr", "run",
    "dataset", "datasets", "`metrics`", "Metrics", "foo",
)  # fmt: skip
ATTRIBUTE_NAMES = (
    "run_id", "run_name", "status", "user_id", "artifact_uri", "start_time", "end_time", "created", "Created",
    "`Run Name`", '"run name"', "`run_id`", "'run_id'", "name", "digest", "context", "experiment_id", "duration",
    "creation_time", "last_update_time", "lifecycle_stage", "key",
)  # fmt: skip
COMPARATORS = (
    "=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE", "like", "iLike", "IN", "in", "NOT IN", "not in", "IS NULL",
    "is null", "IS NOT NULL", "==", "<>", "NOT LIKE", "RLIKE", "IS", "BETWEEN",
)  # fmt: skip
VALUES = (
    "1", "1.", ".5", "1e3", "-1.5e-3", "-1", "1e400", "+1", "0x1", "1_0", "NaN", "inf", "NULL", "'a'", '"a"', "''",
    "'it''s'", "'a%'", "`a`", "foo", "('a')", "('a', \"b\",)", "()", "(1)", "('a' 'b')", "('1')", "'1'", "'٣'",
    "12345678901234567890", "'a\\'", "'%s'", "(a)", "('a', (1))",
)  # fmt: skip
JOINTS = (" AND ", " AND ", " and ", " ", " AND AND ", "\nAND\t", " OR ", ", ", "; ", "")


def compact(parts: tuple[str, str, str]) -> str:
    """A clause without blanks, where words would not run together."""
    return "".join(parts) if parts[1][0] in "<=>!" else " ".join(parts)


def likely(
    types: Sequence[str], comparators: Sequence[str], values: Sequence[str]
) -> st.SearchStrategy[tuple[str, ...]]:
    """Clauses whose parts go together, but for their keys."""
    names = st.builds("{}.{}".format, st.sampled_from(types), st.sampled_from(KEYS))
    return st.tuples(names, st.sampled_from(comparators), st.sampled_from(values))


names = st.sampled_from(ATTRIBUTE_NAMES) | st.builds(
    "{}.{}".format, st.sampled_from(TYPES), st.sampled_from(KEYS + ATTRIBUTE_NAMES)
)
LIKE = ("=", "!=", "LIKE", "ILIKE", "like", "iLike")
TEXTS = ("'a'", '"a"', "''", "'it''s'", "'a%'", "'1'", "'%s'", "'a b'")
NUMBERS = ("1", "1.", ".5", "1e3", "-1.5e-3", "-1", "1e400", "12345678901234567890")
likely_clauses = st.one_of(
    likely(("metric", "metrics", "`metrics`"), COMPARATORS[:6], NUMBERS),
    likely(("param", "parameters", "tag", "tags"), LIKE, TEXTS),
    likely(("params", "tag", "tags"), ("IS NULL", "is not null", "IS NOT  NULL"), ("", "", "'a'")),
    st.tuples(
        st.sampled_from(("start_time", "end_time", "attr.created", "creation_time", "last_update_time")),
        st.sampled_from(COMPARATORS[:6]),
        st.sampled_from(NUMBERS),
    ),
    st.tuples(
        st.sampled_from(("run_id", "attribute.name", "name", "`Run name`", "status", "run.user_id", "dataset.name")),
        st.sampled_from(LIKE),
        st.sampled_from(TEXTS),
    ),
    st.tuples(
        st.sampled_from(("run_id", "dataset.context", "experiment_id", "attribute.experiment_id", "name")),
        st.sampled_from(("IN", "in", "NOT IN", "not  in", "=")),
        st.sampled_from(("('a')", "('1', \"2\",)", "( '1' )", "('\\n')", "('1' '2')", "('it''s')")),
    ),
)
any_clauses = st.tuples(names, st.sampled_from(COMPARATORS), st.sampled_from(VALUES) | st.just(""))


def joined(clauses: st.SearchStrategy[Any], joints: Sequence[str], ends: Sequence[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda clause, more, end: clause + "".join(joint + text for joint, text in more) + end,
        clauses.map(" ".join) | clauses.map(compact),
        st.lists(st.tuples(st.sampled_from(joints), clauses.map(" ".join)), max_size=2),
        st.sampled_from(ends),
    )


likely_filters = joined(likely_clauses, (" AND ", " and ", " ", "\nAND\t"), ("", " AND"))
any_filters = joined(
    likely_clauses | any_clauses,
    (" AND ", " AND AND ", " OR ", ", ", "; ", ""),
    ("", " ", ";", ")", " -- x", " foo", " OR"),
)
soup = st.lists(names | st.sampled_from(COMPARATORS + VALUES + ("AND", "OR", "NOT", "(", ")", ",", ";", "-", "."))).map(
    " ".join
)


orders = st.builds(
    lambda name, direction, before, after: before + name + direction + after,
    names | st.builds("{}.{}".format, st.sampled_from(("metrics", "params", "tag")), st.sampled_from(KEYS)),
    st.sampled_from(("", " DESC", " desc", "  ASC", "\tasc", " foo", " DESC foo", ", metrics.b", " 'asc'")),
    st.sampled_from(("", "", "", " ")),
    st.sampled_from(("", "", "", " ", ";")),
)
