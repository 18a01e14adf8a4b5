"""Valid, unusual and invalid filters and orders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

KEYS = (
    "a", "a.b", "_a", "1a", "12a", "1", "1e5", "0xf", "in", "order", "desc", "ünï", "漢字", "loss_2", "`a b`", '"a b"',
    "'a b'", "`a`.`b`", "`it's`", "``", "a-b", "a/b", "val/loss", "created", "case", "input", '"it""s"', "`a``b`",
    "a:b", "a$", "@a", "key", "type", "end", "timestamp", "date", "count", "select", "group", "Run name", "*", "", "a.",
    ".a",
)  # fmt: skip
TYPES = (
    "metric", "metrics", "param", "params", "parameter", "tag", "tags", "attribute", "attributes", "attr", "run",
    "dataset", "datasets", "`metrics`", "Metrics", "PARAMS", '"tags"', "`attr`", "model", "foo", "",
)  # fmt: skip
ATTRIBUTE_NAMES = (
    "run_id", "run_name", "status", "user_id", "artifact_uri", "start_time", "end_time", "created", "Created",
    "`Run Name`", '"run name"', "`run_id`", "'run_id'", "name", "digest", "context", "experiment_id", "duration",
    "creation_time", "last_update_time", "lifecycle_stage", "key", "`name`", '"digest"', "STATUS", "`created`",
    "source", "run name", "attributes.`Run Name`", "run.`start_time`", "datasets.`context`", "timestamp", "type",
    "null", "*",
)  # fmt: skip
COMPARATORS = (
    "=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE", "like", "iLike", "IN", "in", "NOT IN", "not in", "IS NULL",
    "is null", "IS NOT NULL", "==", "<>", "NOT LIKE", "RLIKE", "IS", "BETWEEN", "=>", "=<", "! =", "!<", "~", "!~*",
    "<=>", ":=", "^=", "NOT  ILIKE", "not rlike", "REGEXP", "SIMILAR TO", "GLOB", "NOT\tIN", "is  Null", "ISNULL",
    "IS NOT", "NOTNULL", "LIKE BINARY", "MATCH",
)  # fmt: skip
VALUES = (
    "1", "1.", ".5", "1e3", "-1.5e-3", "-1", "1e400", "+1", "0x1", "1_0", "NaN", "inf", "NULL", "'a'", '"a"', "''",
    "'it''s'", "'a%'", "`a`", "foo", "('a')", "('a', \"b\",)", "()", "(1)", "('a' 'b')", "('1')", "'1'", "'٣'",
    "12345678901234567890", "'a\\'", "'%s'", "(a)", "('a', (1))", "'a\\\\'", "'a\\''", "'a\\%'", "'a_'", '"a""b"', "-0",
    "+0", "1E5", "1e+5", "1.e2", "-.5", "--1", "- 1", "1.2.3", "1a", "-inf", "Infinity", "TRUE", "?", ":a", "$1",
    "N'a'", "'a' COLLATE x", "'a'::text", "('a', 'a')", "('a' , 'b' ,'a')", "(('a'))", "('a',,'b')", "(,)", "(NULL)",
    "[1]", "1/2", "lower('a')", "'a\nb'", "'漢字'", "'a", '"a', "`a", "a.b", "1 + 1", "('a'", "'a')", "CURRENT_DATE",
    "'a' ESCAPE '!'",
)  # fmt: skip


def compact(parts: tuple[str, str, str]) -> str:
    """Return a clause without blanks between its parts if the words stay separate."""
    return "".join(parts) if parts[1][0] in "<=>!" else " ".join(parts)


def likely(
    types: Sequence[str], comparators: Sequence[str], values: Sequence[str]
) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw clauses whose parts fit together, except for their keys."""
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


def joined(
    clauses: st.SearchStrategy[Any], joints: Sequence[str], ends: Sequence[str], starts: Sequence[str] = ("",)
) -> st.SearchStrategy[str]:
    return st.builds(
        lambda start, clause, more, end: start + clause + "".join(joint + text for joint, text in more) + end,
        st.sampled_from(starts),
        clauses.map(" ".join) | clauses.map(compact),
        st.lists(st.tuples(st.sampled_from(joints), clauses.map(" ".join)), max_size=2),
        st.sampled_from(ends),
    )


JOINTS = (
    " AND ", " AND AND ", " OR ", ", ", "; ", "", " And\n", " && ", " AND NOT ", " -- x\n", "/* AND */ ", " XOR ",
    "AND",
)  # fmt: skip
ENDS = (
    "", "", " ", ";", " ; ", ")", " -- x", " foo", " OR", " # x", "/* x */", " LIMIT 1", " AND (", "\0", " ORDER BY a",
)  # fmt: skip
STARTS = ("", "", "", " ", "AND ", "(", "NOT ", "-- x\n", "/* x */", ";", "WHERE ", "'", "\ufeff")
likely_filters = joined(likely_clauses, (" AND ", " and ", " ", "\nAND\t"), ("", " AND", "\n", " and  "), ("", "", " "))
any_filters = joined(likely_clauses | any_clauses, JOINTS, ENDS, STARTS)
soup = st.lists(names | st.sampled_from(COMPARATORS + VALUES + ("AND", "OR", "NOT", "(", ")", ",", ";", "-", "."))).map(
    " ".join
)

DIRECTIONS = (
    "", "", " DESC", " DESC", " desc", " Desc", " aSc", "  ASC", "\tasc", "\nDESC", " foo", " DESC foo", ", metrics.b",
    " 'asc'", " `desc`", ' "ASC"', " DESC NULLS LAST", " ASC NULLS FIRST", " ASC DESC", "DESC", " = 1",
    " COLLATE NOCASE", " AS a", " a DESC", "::int", "()", " + 1", "'",
)  # fmt: skip
orders = st.builds(
    lambda name, direction, before, after: before + name + direction + after,
    names | st.builds("{}.{}".format, st.sampled_from(("metrics", "params", "tag")), st.sampled_from(KEYS)),
    st.sampled_from(DIRECTIONS),
    st.sampled_from(("", "", "", "", "", " ", "\t", "-- x\n", "/* x */", "-")),
    st.sampled_from(("", "", "", "", "", " ", ";", " -- x", "/* x */", "\n")),
)
SQL_IN_ORDER = re.compile(r"::|\(\)|[`'\"*\d]DESC|[`'\"]$")
"""Draw casts, calls, and directions in quotes or without a blank before them."""
