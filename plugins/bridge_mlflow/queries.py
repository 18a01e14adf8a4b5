"""Convert searches of MLflow's API to queries of our stores, with MLflow's error messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from mlflow.store.tracking import SEARCH_MAX_RESULTS_THRESHOLD
from mlflow.utils.search_utils import SearchExperimentsUtils, SearchUtils

from bridge.errors import InvalidValue, shortened
from bridge.records.comparators import COMPARE
from bridge.records.page import AFTER, decode_token, encode_token, token_content
from bridge.records.search import Comparison, ExperimentQuery, Ordering, RunQuery, View
from bridge.records.search_grammar import (
    parse_experiment_filter,
    parse_experiment_order,
    parse_run_filter,
    parse_run_order,
)
from bridge_mlflow.translate.entities import ATTRIBUTE_OF_TAG
from bridge_mlflow.translate.errors import invalid
from bridge_mlflow.translate.statuses import MLFLOW_STATUS, VIEWS, experiment_id_of

STATUS_RANKS = tuple(
    tuple(status for status, word in MLFLOW_STATUS.items() if word == shown)
    for shown in sorted(set(MLFLOW_STATUS.values()))
)
"""Our statuses, grouped by MLflow's name for them, in the alphabetical order of these names."""


def run_query(
    experiment_ids: Iterable[str | int],
    filter_string: str | None,
    view: int,
    max_results: int | None,
    order_by: Sequence[str] | None,
    page_token: str | bytes | None,
) -> RunQuery:
    """Return the query of a call of `search_runs`.

    Raises:
        MlflowException: the filter, the order, the page token or the number of results is not valid.
    """
    if max_results is not None:
        _check_max_results(max_results)
    clauses = _parsed(parse_run_filter, filter_string, SearchUtils.parse_search_filter)
    order = _parsed(parse_run_order, order_by or (), _parse_run_order)
    return RunQuery(
        experiment_ids=tuple(dict.fromkeys(experiment_id_of(given) for given in experiment_ids)),
        filter=tuple(_with_our_words(clause) for clause in clauses),
        order=tuple(_ordering(key) for key in order),
        view=_view(view),
        max_results=max_results,
        page_token=_token_text(page_token),
    )


def experiment_query(
    view: int,
    max_results: int | None,
    filter_string: str | None,
    order_by: Sequence[str] | None,
    page_token: str | bytes | None,
) -> ExperimentQuery:
    """Return the query of a call of `search_experiments`.

    Raises:
        MlflowException: as for `run_query`.
    """
    _check_max_results(max_results)
    return ExperimentQuery(
        filter=_parsed(parse_experiment_filter, filter_string, SearchExperimentsUtils.parse_search_filter),
        order=_parsed(parse_experiment_order, order_by or (), _parse_experiment_order),
        view=_view(view),
        max_results=max_results,
        page_token=_token_text(page_token),
    )


def token(next_token: str | None) -> bytes | None:
    """Return a page token as bytes, as MLflow's own store does."""
    return None if next_token is None else next_token.encode()


def _view(number: int) -> View:
    if number not in VIEWS:
        raise invalid(f"Invalid view type {number!r}: it must be one of {', '.join(map(str, VIEWS))}.")
    return VIEWS[number]


def _with_our_words(clause: Comparison) -> Comparison:
    """Return a clause with MLflow's key and values replaced by ours."""
    if clause.entity == "tag" and clause.key in ATTRIBUTE_OF_TAG:
        return replace(clause, entity="attribute", key=ATTRIBUTE_OF_TAG[clause.key])
    if clause.entity == "attribute" and clause.key == "status":
        matches = COMPARE[clause.comparator]
        native = tuple(status for status, word in MLFLOW_STATUS.items() if matches(word, clause.operand))
        return Comparison("attribute", "status", "IN", native)
    return clause


def _ordering(key: Ordering) -> Ordering:
    if key.entity == "attribute" and key.key == "status":
        return replace(key, ranks=STATUS_RANKS)
    if key.entity == "tag" and key.key in ATTRIBUTE_OF_TAG:
        return replace(key, entity="attribute", key=ATTRIBUTE_OF_TAG[key.key])
    return key


def _parsed(ours: Callable[[Any], Any], given: Any, theirs: Callable[[Any], Any]) -> Any:
    """Parse a text with our parser; if it refuses the text, call MLflow's parser, which raises MLflow's error.

    The error of our parser is raised in two cases: MLflow's parser accepts the text, or it fails with a ValueError. It
    fails with a ValueError if the text contains a list that is not valid Python, such as `(a)`.
    """
    try:
        return ours(given)
    except InvalidValue as error:
        refused, rule = error.value, error.rule
    except TypeError:  # `given` is not text
        refused, rule = given, "must be text"
    with suppress(ValueError):
        theirs(refused)
    raise invalid(f"Invalid value {shortened(refused)}: {rule}" if rule == "must be text" else rule)


def _parse_run_order(refused: str | Sequence[str]) -> None:
    for clause in [refused] if isinstance(refused, str) else refused:
        SearchUtils.parse_order_by_for_search_runs(clause)


def _parse_experiment_order(refused: str) -> None:
    SearchExperimentsUtils.parse_order_by_for_search_experiments(refused)


def _check_max_results(max_results: int | None) -> None:
    """Check the number of results as MLflow does.

    Source: MLflow 3.17.2, `SqlAlchemyStore._validate_max_results_param`.
    """
    rule = ""
    if max_results is None or max_results < 1:
        rule = "It must be a positive integer"
    elif max_results > SEARCH_MAX_RESULTS_THRESHOLD:
        rule = f"It must be at most {SEARCH_MAX_RESULTS_THRESHOLD}"
    if rule:
        raise invalid(f"Invalid value {max_results} for parameter 'max_results' supplied. {rule}")


def _token_text(page_token: str | bytes | None) -> str | None:
    """Return a page token that our stores accept.

    MLflow accepts some tokens that our stores refuse. A refused token is replaced by one of ours with the same offset.
    """
    if not page_token:
        return None
    text = page_token.decode("latin-1") if isinstance(page_token, bytes) else page_token
    try:
        if AFTER not in token_content(text):
            decode_token(text)
    except InvalidValue:
        return encode_token(start_of(page_token))
    return text


def start_of(page_token: str | bytes | None) -> int:
    """Return the offset that MLflow reads from a page token.

    Raises:
        MlflowException: INVALID_PARAMETER_VALUE, also if MLflow's own parser fails with another error.
    """
    try:
        start: int = SearchUtils.parse_start_offset_from_page_token(page_token)
    except (AttributeError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise invalid(
            f"Invalid page token {shortened(page_token)}: pass the token that a page has returned."
        ) from error
    return max(0, start)
