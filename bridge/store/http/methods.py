"""The methods of stores that a server offers over HTTP: one table for the client and the server.

Each method has the address `/api/bridge/v1/<name>` below the workspace, and is called with POST. The body contains the
arguments by name, and the answer `{"result": …}`; see `bridge.store.http.codec`. An error is the JSON of
`bridge.records.wire.dump_error`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from bridge.store.backend import Backend
from bridge.store.views import RunViews

PREFIX = "/api/bridge/v1"

PROTOCOL, LEAST_PROTOCOL = 1, 1
"""The version of the addresses and bodies that this module describes, and the least one that is still understood."""

PROTOCOL_HEADER, KEY_HEADER = "Runbridge-Protocol", "Idempotency-Key"

WORKSPACE_HEADER = "Runbridge-Workspace"
"""The header with the id of the workspace that a client has opened. A server with another workspace there refuses."""

BODY_BYTES, POINTS_BYTES = 16 << 20, 64 << 20
"""The greatest body of a request, and of one with points."""

Needs = Literal["reader", "writer", "admin"]
Access = Literal["read", "write"]

Server = Literal["journaled", "inner", "views"]

Scope = Literal["arguments", "result", "journals", "any", "none"]


@dataclass(frozen=True)
class RemoteMethod:
    """A method that can be called over HTTP.

    Attributes:
        function: the method of the interface, whose hints determine the bodies.
        needs: the role that the caller must have.
        access: whether the method only reads.
        store: the object of the server that answers. `journaled` is the store that folds before it reads. `inner` is
            the backend below it, which writes to the database directly. `views` are the views of the journaled store.
        scope: what a caller may do whose role holds only for one experiment. With `arguments`, all experiments and runs
            in the arguments must be in the experiment. With `result`, the result contains only what is in it. With
            `journals`, all runs of the owners of the journals must be in it. `any` is always allowed, and `none` never.
        is_long: whether the method may read much, so that it waits for one of few threads.
        in_steps: whether the method changes the database in several transactions.
        has_points: whether the body may contain many points.
    """

    function: Callable[..., Any]
    needs: Needs = "reader"
    access: Access = "read"
    store: Server = "inner"
    scope: Scope = "arguments"
    is_long: bool = False
    in_steps: bool = False
    has_points: bool = False

    @property
    def name(self) -> str:
        """The name of the method."""
        return self.function.__name__

    @property
    def path(self) -> str:
        """The address below the workspace."""
        return f"{PREFIX}/{self.name}"

    @property
    def is_keyed(self) -> bool:
        """Whether a call has a key, with which the server recognizes its repetition. `append` has receipts instead."""
        return self.access == "write" and self.name != "append"


def _read(function: Callable[..., Any], store: Server = "journaled", scope: Scope = "arguments") -> RemoteMethod:
    return RemoteMethod(function, "reader", "read", store, scope, is_long=store != "inner")


def _write(
    function: Callable[..., Any],
    needs: Needs = "writer",
    store: Server = "journaled",
    scope: Scope = "arguments",
    in_steps: bool = False,
    has_points: bool = False,
) -> RemoteMethod:
    return RemoteMethod(function, needs, "write", store, scope, in_steps=in_steps, has_points=has_points)


METHODS: dict[str, RemoteMethod] = {
    method.name: method
    for method in (
        _write(Backend.create_experiment, scope="none"),
        _read(Backend.get_facts, "inner", scope="any"),
        _read(Backend.get_experiment, "inner"),
        _read(Backend.find_experiment, "inner", scope="result"),
        _read(Backend.search_experiments, scope="result"),
        _write(Backend.rename_experiment),
        _write(Backend.set_experiment_tags),
        _write(Backend.delete_experiment),
        _write(Backend.restore_experiment),
        _write(Backend.purge_experiment, "admin", in_steps=True),
        _write(Backend.create_runs),
        _read(Backend.get_runs),
        _read(Backend.get_active_runs, "inner"),
        RemoteMethod(Backend.check_writable, needs="writer"),
        _write(Backend.update_runs),
        _write(Backend.delete_runs),
        _write(Backend.restore_runs),
        _write(Backend.purge_runs, "admin", in_steps=True),
        _write(Backend.resume_purge, "admin", in_steps=True, scope="none"),
        _read(Backend.search_runs),
        _read(Backend.search_run_ids),
        _read(Backend.search_datasets),
        _write(Backend.log_points, has_points=True),
        _read(Backend.get_series_of),
        # Leases
        _write(Backend.claim_run, store="inner"),
        _write(Backend.end_unclaimed, store="inner", scope="none"),
        _read(Backend.get_leases, "inner", scope="result"),
        _write(Backend.end_leases, store="inner", scope="journals"),
        # Journals
        _write(Backend.append, store="inner", has_points=True),
        _read(Backend.get_receipts, "inner", scope="any"),
        # The index of artifacts. Files are stored through other addresses, which change the index themselves.
        _write(Backend.set_artifacts, "admin", store="inner"),
        _read(Backend.list_artifacts, "inner"),
        _read(Backend.find_artifact, "inner"),
        _write(Backend.delete_artifacts, "admin", store="inner"),
        _read(Backend.find_workspace_id, "inner", scope="any"),
        # Views
        _read(RunViews.get_columns, "views"),
        _read(RunViews.match, "views"),
        _read(RunViews.list_keys, "views"),
        _read(RunViews.count_runs, "views"),
        _read(RunViews.group_runs, "views"),
        _read(RunViews.sample_series, "views"),
        _read(RunViews.list_series, "views"),
        _read(RunViews.get_tail, "views"),
        _read(RunViews.get_history, "views"),
        _read(RunViews.get_changes, "views"),
    )
}
"""The methods by name.

Reads of runs ask the journaled store, because they must see the points in its journals. Purges do so too.
Other changes with a key ask the backend: a change and its answer are stored in one transaction. Points of `append` are
in a journal of the client already. Leases belong to journals of clients too, and the journaled store would look for
them in its own folder.
`log_points` with a key asks the backend too. Without a key, the points go into the journal of the server. This is
faster, but a request that is repeated stores the points twice.
"""
