"""Searches with random filters, orders and pages, over fixed runs and experiments in MLflow's own store and ours."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

from filters import SQL_IN_ORDER, any_filters, likely_filters, orders, soup
from hypothesis import strategies as st
from mlflow.entities import Dataset, DatasetInput, ExperimentTag, InputTag, Metric, Param, RunTag
from mlflow.utils.search_utils import SearchUtils
from pair import Pair

KEYS = ("a", "a.b", "_a", "1a", "12a", "1", "in", "order", "ünï", "loss_2", "a b", "val/loss", "a-b", "created", "case",
        "a.", ".a", "漢字", "type")  # fmt: skip
TEXTS = (
    "a",
    "A",
    "",
    "it''s",
    "a%",
    "1",
    "%s",
    "a b",
    "a\nb",
    "ab",
    "a\\%",
    "[a]",
    "a*",
    "?",
    "Ü",
    "ü",
    "A]b",
    "'a",
    "٣",
)
NUMBERS = (1.0, 0.5, -1.0, 1000.0, -0.0015, 0.0, math.nan, math.inf, 12345678901234567890.0)
RUNS = 12


def fill(pair: Pair) -> tuple[list[str], list[str]]:
    """Create the runs and experiments, and return their ids."""
    numbers, texts = itertools.cycle(NUMBERS), itertools.cycle(TEXTS)
    experiments = [
        pair.both(
            f"experiment {name!r}",
            lambda at, name=name, given=given: at.store.create_experiment(
                name, "", [ExperimentTag(key, value) for key, value in given.items()]
            ),
        )
        for name, given in (("a", {"a": "a"}), ("A", {"a.b": "a%", "1a": ""}), ("a%", {"in": "it''s"}), ("1", {}))
    ]
    runs = [_run(pair, number, experiments[(0, 1, 0, 1, 3)[number % 5]], numbers, texts) for number in range(RUNS)]
    pair.both("delete_experiment", lambda at: at.store.delete_experiment(experiments[3]))
    for run in runs[-3:]:
        pair.both("delete_run", lambda at, run=run: at.store.delete_run(run))
    return runs, experiments


def _run(pair: Pair, number: int, experiment: str, numbers: Any, texts: Any) -> str:
    name, user = ("a", "A", "1", "a b")[number % 4], ("a", "a%", "1")[number % 3]
    start = (1, 1, 1000, -1, 12)[number % 5]
    run: str = pair.both("create_run", lambda at: at.store.create_run(experiment, user, start, [], name)).info.run_id
    kept = [key for index, key in enumerate(KEYS) if (index + number) % 3]
    metrics = [Metric(key, next(numbers), 1, 0) for key in kept]
    params = [Param("every", TEXTS[number]), *(Param(key, next(texts)) for key in kept[:-2])]
    tags = [RunTag("every", TEXTS[-1 - number]), *(RunTag(key, next(texts)) for key in kept[2:])]
    pair.both("log_batch", lambda at: at.store.log_batch(run, metrics, params, tags))
    status, end = number % 5 + 1, (None, 1, 1000, None)[number % 4]
    pair.both("update_run_info", lambda at: at.store.update_run_info(run, status, end, None))
    inputs = [
        DatasetInput(Dataset(text, digest, "local", "here"), [InputTag("mlflow.data.context", text)] if text else [])
        for text, digest in zip(TEXTS[number % 4 : number % 4 + 2], ("a", "1"), strict=True)
    ]
    pair.both("log_inputs", lambda at: at.store.log_inputs(run, inputs if number % 2 else inputs[:1]))
    return run


def clauses(*parts: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]) -> st.SearchStrategy[str]:
    """Draw valid clauses of a name, a comparator and a value."""
    return st.one_of([st.tuples(*map(st.sampled_from, part)).map(" ".join) for part in parts])


def named(kind: str, *keys: str) -> tuple[str, ...]:
    return tuple(f"{kind}.{key}" for key in keys)


BARE = (
    "a",
    "a.b",
    "_a",
    "order",
    "ünï",
    "loss_2",
    "`a b`",
    '"val/loss"',
    "`a-b`",
    "`1`",
    "never",
    "a.",
    ".a",
    "`漢字`",
    "type",
)
COMPARED = ("=", "!=", "<", "<=", ">", ">=")
LIKE = ("=", "!=", "LIKE", "ILIKE", "ilike")
PATTERNS = (
    "'a'", '"A"', "''", "'it''s'", "'a%'", "'A_'", "'%'", "'_'", "'%b'", "'100%'", "'%s'", "'ü%'", "'a\\%'", "'a\\\\%'",
    "'[a]'", "'[%'", "'a*'", "'*'", "'?'", "'%]b'", "'Ü'", "'%\n_'", "'__'", '"\'a"',
)  # fmt: skip
LISTS = (
    "('a', 'A')",
    "('')",
    '("it\'s",)',
    "('a', 'a','a')",
    "('a', '1', 'ab', 'A', 'a b', '')",
    "( 'a%' )",
    "('[a]',)",
    "(a)",
)
WHOLE = ("1", "0", "-1", "1000", "12", "1.5", "1e3", "-0", "1E3", "12.", "-1.0")
run_clauses = clauses(
    (named("metrics", *BARE), COMPARED, (*WHOLE, ".5", "-0.0015", "1e400", "-1e400", "12345678901234567890")),
    (named("params", *BARE), LIKE, PATTERNS),
    (named("tags", *BARE, "mlflow.runName"), LIKE, PATTERNS),
    (named("params", *BARE) + named("tag", *BARE), ("IS NULL", "IS NOT NULL"), ("",)),
    (("start_time", "attributes.end_time", "created"), COMPARED, WHOLE),
    (("run_name", "attr.user_id", "user_id", "`Run name`"), LIKE, PATTERNS),
    (("status",), LIKE, ("'RUNNING'", "'FINISHED'", "'F%'", "'running'", "'_'")),
    (("dataset.name", "datasets.digest", "dataset.context", "dataset.`name`", 'datasets."context"'), LIKE, PATTERNS),
    (("dataset.name", "datasets.digest", "dataset.context"), ("IN", "not in", "Not  In"), LISTS),
    (
        ("run_id", "attributes.run_id", "run.`run_id`"),
        ("IN", "NOT IN", "in"),
        ("('RUN0')", "('RUN1', \"RUN2\",)", "('x')", "('RUN3', 'RUN3')", "('RUN9','RUN8' , 'RUN7', 'RUN4', 'x')"),
    ),
    (("run_id",), LIKE, ("'RUN3'", "'%'", "'x'", "'RUN9'")),
    (("run_name", "status", "start_time", "dataset.name", "metrics.a"), ("IS NULL", "IS NOT NULL"), ("",)),
)
experiment_clauses = clauses(
    (("name", "attribute.name"), LIKE[:4], PATTERNS),
    (("experiment_id",), ("=", "!="), ("'1'", "'2'", "'٣'")),
    (("experiment_id",), ("IN", "NOT IN"), ("('1', '2')", "('0')", "('2','2')", "(1)", "(a)", "('x')")),
    (("creation_time", "last_update_time"), COMPARED, ("1", "1700000000001", "1700000000002", "-1")),
    (named("tags", *BARE[:3], "in", "1a"), LIKE[:4], PATTERNS),
    (named("tag", *BARE[:3], '"a"', "`a.b`"), ("IS NULL", "IS NOT NULL", "is  not null"), ("",)),
    (("name", "creation_time", "experiment_id"), ("IS NULL", "IS NOT NULL"), ("",)),
)


def joined(clauses: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(clauses, min_size=1, max_size=3).map(" AND ".join)


def ordered(*names: str) -> st.SearchStrategy[list[str]]:
    return st.lists(clauses((names, ("", "ASC", "DESC", "desc", " Asc"), ("",))).map(str.strip), max_size=3)


odd_filters = likely_filters | any_filters | soup
run_filters = st.one_of(joined(run_clauses), joined(run_clauses), odd_filters, st.sampled_from(("", None)))
experiment_filters = st.one_of(joined(experiment_clauses), odd_filters, st.sampled_from(("", None)))
run_orders = st.one_of(
    ordered(
        *named("metrics", *BARE), *named("params", *BARE), *named("tags", *BARE, "mlflow.runName"),
        "start_time", "end_time", "run_name", "user_id", "status", "run_id", "created",
    ),
    st.lists(orders, min_size=1, max_size=2),
)  # fmt: skip
experiment_orders = ordered("name", "experiment_id", "creation_time", "last_update_time") | st.lists(orders, max_size=2)
run_searches = st.tuples(st.just("search_runs"), run_filters, run_orders)
experiment_searches = st.tuples(st.just("search_experiments"), experiment_filters, experiment_orders)
places = st.sampled_from(((0, 1), (0, 1), (0, 1), (0, 1), (1,), (0, 0), (3, 0), (0, 1, 2, 3), (7,), ()))
searches = st.tuples(
    st.one_of(run_searches, run_searches, experiment_searches),
    st.sampled_from((1, 1, 2, 3, 3)),
    st.sampled_from((1, 2, 5, 1000, 1000)),
    places,
).map(lambda drawn: (*drawn[0], *drawn[1:]))


Search = tuple[str, Any, list[str], int, int, tuple[int, ...]]
"""Draw a method, a filter, an order, a view type, a page size and the experiments to search."""


def search(pair: Pair, runs: list[str], experiments: list[str], drawn: Search) -> int:
    """Make one search on both stores up to its last page, and return the number of results."""
    verb, text, order, view, size, places = drawn
    within = [experiments[place] if place < len(experiments) else "99999" for place in places]
    text = re.sub(r"RUN(\d)", lambda found: runs[int(found[1])], text or "") or text
    count = page = 0
    while True:

        def call(at: Any, page: int = page) -> Any:
            token = pair.token_for(at) if page else None
            if verb == "search_runs":
                return at.store.search_runs(within, text, view, size, order, token)
            return at.store.search_experiments(view, size, text, order, token)

        found = pair.both(f"{drawn}", call, lambda theirs, ours: known(drawn, theirs, ours))
        count += len(found or ())
        page += 1
        if not found or found.token is None:
            return count


PATTERN_SEARCHES: list[Search] = [
    ("search_runs", f"{key}.every {comparator} {pattern}", [], 3, 1000, (0, 1, 3))
    for key in ("params", "tags")
    for comparator in ("LIKE", "ILIKE")
    for pattern in PATTERNS
]
"""Search for each pattern, over params and tags that contain each of TEXTS."""

KNOWN_SENTENCES = {
    "for a list of values: use IN or NOT IN": "list compared by =",
    "ill-formed list": "list that Python reads otherwise",
    "artifact_uri cannot be used in a filter or order": "artifact_uri",
    "contains duplicate fields": "field twice in an order",
}
"""The line of deviations.toml for each of our errors where MLflow's store has no error or another one."""

KNOWN_EXAMPLES: dict[str, Search] = {
    "list compared by =": ("search_runs", "run_id = ('RUN0')", [], 1, 5, (0, 1)),
    "list that Python reads otherwise": ("search_runs", "run_id IN ('RUN' '0')", [], 1, 5, (0, 1)),
    "artifact_uri": ("search_runs", "artifact_uri LIKE '%'", [], 1, 5, (0, 1)),
    "field twice in an order": ("search_runs", "", ["metrics.a", "metric.a DESC"], 1, 5, (0, 1)),
    "number beyond 64 bits": ("search_runs", "start_time < 12345678901234567890", [], 1, 5, (0, 1)),
    "parameters.1": ("search_runs", "parameters.1a = 'a'", [], 1, 5, (0, 1)),
    "key named as an alias": ("search_runs", "metrics.created != -5", [], 1, 5, (0, 1)),
    "SQL in an order": ("search_runs", "", ["metrics.a::int"], 1, 5, (0, 1)),
    "order by a number": ("search_runs", "", ["metrics.1 DESC"], 1, 5, (0, 1)),
    "no AND before IS NULL": ("search_runs", "params.a = 'a' tags.never IS NULL", [], 1, 5, (0, 1)),
}
"""A search for each line, so that the test fails if the line no longer differs."""


def known(drawn: Search, theirs: Any, ours: Any) -> str | None:
    """Return the line of deviations.toml that accepts the difference of two answers."""
    line = _known_refusal(drawn, theirs, ours)
    if line is None and not sentence_of(theirs) and not sentence_of(ours):
        line = _known_result(drawn)
    return f"searches/{line}" if line else None


def _known_refusal(drawn: Search, theirs: Any, ours: Any) -> str | None:
    _, text, order, *_ = drawn
    for sentence, line in KNOWN_SENTENCES.items():
        if sentence in sentence_of(ours):
            return line
    if "malformed node or string" in sentence_of(theirs):
        return "list that Python reads otherwise"
    if "too large to convert to SQLite INTEGER" in sentence_of(theirs):
        return "number beyond 64 bits"
    if re.search(r"parameters?\.\d", text or "") and "parameter" in sentence_of(theirs):
        return "parameters.1"
    if re.search(r"Invalid clause.*, '?is'?, '?(not )?null", sentence_of(ours), re.IGNORECASE):
        return "no AND before IS NULL"
    if "order_by" in sentence_of(ours) and any(SQL_IN_ORDER.search(clause.strip()) for clause in order):
        return "SQL in an order"
    if any(re.search(r"\.\d\w*\s", clause) for clause in order) and "order_by" in sentence_of(ours):
        return "order by a number"
    return None


def _known_result(drawn: Search) -> str | None:
    _, text, order, *_ = drawn
    orders = [SearchUtils.parse_order_by_for_search_runs(clause)[:2] for clause in order]
    keys = [(clause["type"], clause["key"]) for clause in SearchUtils.parse_search_filter(text)]
    aliases = (SearchUtils.translate_key_alias(key) != key for kind, key in keys + orders if kind != "attribute")
    return "key named as an alias" if any(aliases) else None


def sentence_of(answer: Any) -> str:
    """Return the message of an answer that is an error."""
    return str(answer["message"]) if isinstance(answer, dict) and "error" in answer else ""
