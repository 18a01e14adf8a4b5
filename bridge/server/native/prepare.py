"""Checks the arguments of calls, and sets those that a client must not choose: users, deliveries and clocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from bridge.errors import InvalidValue
from bridge.records.artifact import check_artifact_path, check_artifact_root
from bridge.records.search import ExperimentQuery, RunQuery
from bridge.server.files.locations import check_experiment_location
from bridge.server.files.seen import SeenFiles
from bridge.server.native.received import check_slice
from bridge.server.patterns import MOST_CHARACTERS, pattern_length
from bridge.server.roles import Caller
from bridge.server.workspaces import ServedWorkspace
from bridge.store.http.methods import RemoteMethod
from bridge.store.leases import delivered_leases, delivered_slices
from bridge.store.sql.senders import Sender, check_journals, claim_journals

CLAUSES, LISTED, ORDERS = 64, 1_000, 8
"""The greatest numbers of clauses in a filter, of values in all its lists, and of keys of an order."""

MOST_KEYS, MOST_GROUPS, COLUMNS = 20_000, 1_000, 100
"""The greatest numbers of keys on a page, of groups of runs, and of the columns that form and summarise groups."""

Arguments = dict[str, Any]


def prepared(
    method: RemoteMethod, workspace: ServedWorkspace, caller: Caller, arguments: Mapping[str, Any]
) -> Arguments:
    """Return the arguments of a call as the store gets them.

    Raises:
        InvalidValue: an argument is not accepted from a client.
        NotAllowed: a journal belongs to another client.
    """
    found = dict(arguments)
    if "query" in found:
        _check_query(found["query"])
    prepare = PREPARE.get(method.name)
    if prepare is not None:
        prepare(workspace, caller, found)
    return found


def _create_experiment(workspace: ServedWorkspace, caller: Caller, arguments: Arguments) -> None:
    location = arguments.get("artifact_location")
    address, allowed = workspace.stores.address, workspace.file_rules.allowed
    arguments["artifact_location"] = check_experiment_location(location, address, allowed)


def _create_runs(workspace: ServedWorkspace, caller: Caller, arguments: Arguments) -> None:
    for record in arguments["records"]:
        _check_properties(workspace, caller, record.properties)
    if caller.user is not None and not caller.may("admin"):  # an administrator may copy the runs of others
        arguments["records"] = tuple(replace(record, user=caller.user) for record in arguments["records"])
    leases = arguments.get("leases", ())
    _claim(workspace, caller, (lease.journal_id for lease in leases))
    arguments["leases"] = delivered_leases(leases, _now())


def _update_runs(workspace: ServedWorkspace, caller: Caller, arguments: Arguments) -> None:
    _check_properties(workspace, caller, arguments["changes"].properties)


def _check_properties(workspace: ServedWorkspace, caller: Caller, properties: Mapping[str, str]) -> None:
    if properties and caller.experiment_id is not None:
        SeenFiles.of(workspace).check_properties(caller.experiment_id, properties)


def _claim_run(workspace: ServedWorkspace, caller: Caller, arguments: Arguments) -> None:
    lease = arguments["lease"]
    _claim(workspace, caller, [lease.journal_id])
    arguments["lease"] = lease._replace(delivered=_now())


def _append(workspace: ServedWorkspace, caller: Caller, arguments: Arguments) -> None:
    for piece in arguments["slices"]:
        check_slice(piece)
    _claim(workspace, caller, (piece.journal_id for piece in arguments["slices"]))
    arguments["slices"] = delivered_slices(arguments["slices"], _now())


def _end_unclaimed(workspace: ServedWorkspace, caller: Caller, arguments: Arguments) -> None:
    arguments["now"] = min(arguments["now"], _now())


def _end_leases(workspace: ServedWorkspace, caller: Caller, arguments: Arguments) -> None:
    if not _may_use_all(caller):
        journal_ids = [*arguments["gone"], *arguments.get("silent", ())]
        check_journals(workspace.stores.open_store.sql_database, journal_ids, _sender(caller))


def _set_artifacts(workspace: ServedWorkspace, caller: Caller, arguments: Arguments) -> None:
    arguments["root"] = check_artifact_root(arguments["root"])
    for record in arguments["records"]:
        if check_artifact_path(record.path) != record.path:
            raise InvalidValue("artifact path", record.path, "must be in its normal form")
        if record.size_bytes is None or record.size_bytes < 0 or record.time is None:
            raise InvalidValue("artifact", record.path, "must have a size and a time, because only files are listed")


def _list_keys(workspace: ServedWorkspace, caller: Caller, arguments: Arguments) -> None:
    if "limit" in arguments:
        arguments["limit"] = min(arguments["limit"], MOST_KEYS)  # the page has the token of the next one


def _group_runs(workspace: ServedWorkspace, caller: Caller, arguments: Arguments) -> None:
    for name, count, most in (
        ("by", len(arguments["by"]), COLUMNS),
        ("of", len(arguments["of"]), COLUMNS),
        ("limit", arguments.get("limit", 0), MOST_GROUPS),
    ):
        if count > most:
            what = f"must be at most {most}" if name == "limit" else f"must have at most {most} columns"
            raise InvalidValue(name, count, what)


PREPARE: Mapping[str, Callable[[ServedWorkspace, Caller, Arguments], None]] = {
    "create_experiment": _create_experiment,
    "create_runs": _create_runs,
    "update_runs": _update_runs,
    "claim_run": _claim_run,
    "append": _append,
    "set_artifacts": _set_artifacts,
    "end_unclaimed": _end_unclaimed,
    "end_leases": _end_leases,
    "list_keys": _list_keys,
    "group_runs": _group_runs,
}
"""For some methods, a function that checks and changes the arguments."""


def _claim(workspace: ServedWorkspace, caller: Caller, journal_ids: Iterable[str]) -> None:
    database = workspace.stores.open_store.sql_database
    claim_journals(database, list(dict.fromkeys(journal_ids)), _sender(caller), _may_use_all(caller), _now())


def _may_use_all(caller: Caller) -> bool:
    """Return whether a caller may use the journals of others, whose points may belong to any experiment."""
    return caller.may("admin") and caller.experiment_id is None


def _sender(caller: Caller) -> Sender:
    return Sender(caller.token_id or "", caller.user or "")


def _now() -> int:
    return time.time_ns() // 1_000_000


def _check_query(query: RunQuery | ExperimentQuery) -> None:
    listed = sum(len(clause.operand) for clause in query.filter if isinstance(clause.operand, tuple))
    counts = (
        (len(query.filter), CLAUSES, "clauses"),
        (listed, LISTED, "values"),
        (len(query.order), ORDERS, "orders"),
        (pattern_length(query.filter), MOST_CHARACTERS, "characters in its patterns"),
    )
    for count, most, what in counts:
        if count > most:
            raise InvalidValue("query", count, f"must have at most {most} {what}")
