"""Convert searches of MLflow's API to queries of our stores, with MLflow's error messages.

This module imports MLflow only for the error message of a filter or an order that is not valid.
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

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
from bridge_mlflow.rules import check_max_results
from bridge_mlflow.translate.refusals import Refusal
from bridge_mlflow.translate.shown import ATTRIBUTE_OF_TAG
from bridge_mlflow.translate.statuses import MLFLOW_STATUS, VIEWS, experiment_id_of

before_import: ContextVar[Callable[[], None]] = ContextVar("before MLflow is imported", default=lambda: None)
"""A function that is called before MLflow is imported for an error message. If it raises `ImportError`, MLflow is not
imported, and the message is ours.
"""

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
        Refusal: the view, the page token or the number of results is not valid.
        MlflowException: MLflow's parser refuses the filter or the order.
    """
    if max_results is not None:
        check_max_results(max_results)
    clauses = _parsed(parse_run_filter, filter_string, _parse_run_filter)
    order = _parsed(parse_run_order, order_by or (), _parse_run_order)
    return RunQuery(
        experiment_ids=tuple(dict.fromkeys(experiment_id_of(given) for given in experiment_ids)),
        filter=tuple(_with_our_words(clause) for clause in clauses),
        order=tuple(_ordering(key) for key in order),
        view=_view(view),
        max_results=max_results,
        page_token=token_text(page_token),
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
        Refusal, MlflowException: as for `run_query`.
    """
    check_max_results(max_results)
    return ExperimentQuery(
        filter=_parsed(parse_experiment_filter, filter_string, _parse_experiment_filter),
        order=_parsed(parse_experiment_order, order_by or (), _parse_experiment_order),
        view=_view(view),
        max_results=max_results,
        page_token=token_text(page_token),
    )


def _view(number: int) -> View:
    if number not in VIEWS:
        raise Refusal(f"Invalid view type {number!r}: it must be one of {', '.join(map(str, VIEWS))}.")
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
    with suppress(ValueError, ImportError):
        if "mlflow" not in sys.modules:
            before_import.get()()
        theirs(refused)
    raise Refusal(f"Invalid value {shortened(refused)}: {rule}" if rule == "must be text" else rule)


def _parse_run_filter(refused: str) -> None:
    from mlflow.utils.search_utils import SearchUtils

    SearchUtils.parse_search_filter(refused)


def _parse_experiment_filter(refused: str) -> None:
    from mlflow.utils.search_utils import SearchExperimentsUtils

    SearchExperimentsUtils.parse_search_filter(refused)


def _parse_run_order(refused: str | Sequence[str]) -> None:
    from mlflow.utils.search_utils import SearchUtils

    for clause in [refused] if isinstance(refused, str) else refused:
        SearchUtils.parse_order_by_for_search_runs(clause)


def _parse_experiment_order(refused: str) -> None:
    from mlflow.utils.search_utils import SearchExperimentsUtils

    SearchExperimentsUtils.parse_order_by_for_search_experiments(refused)


def token_text(page_token: str | bytes | None) -> str | None:
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

    Source: MLflow 3.17.2, `SearchUtils.parse_start_offset_from_page_token`.

    Raises:
        Refusal: the token is not valid.
    """
    if not page_token:
        return 0
    try:
        decoded = base64.b64decode(page_token)
    except (TypeError, binascii.Error) as error:
        raise Refusal("Invalid page token, could not base64-decode") from error
    except ValueError as error:  # the token has characters that ASCII does not have
        raise _foreign_token(page_token) from error
    try:
        content = json.loads(decoded)
    except ValueError as error:
        raise Refusal(f"Invalid page token, decoded value={decoded!r}") from error
    except RecursionError as error:
        raise _foreign_token(page_token) from error
    if not isinstance(content, dict):
        raise _foreign_token(page_token)
    if not (offset := content.get("offset")):
        raise Refusal(f"Invalid page token, parsed value={content}")
    try:
        return max(0, int(offset))
    except ValueError as error:
        raise Refusal(f"Invalid page token, not stringable {offset}") from error
    except (TypeError, OverflowError) as error:
        raise _foreign_token(page_token) from error


def offset_token(offset: int) -> bytes:
    """Return the page token of an offset, as MLflow's `SearchUtils.create_page_token` does."""
    return base64.b64encode(json.dumps({"offset": offset}).encode())


def _foreign_token(page_token: object) -> Refusal:
    return Refusal(f"Invalid page token {shortened(page_token)}: pass the token that a page has returned.")
