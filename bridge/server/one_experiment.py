"""The rights of a caller whose role holds only for one experiment.

The attribute `scope` of a method names the rule. With `arguments`, this module finds the experiments and runs in the
arguments, and all of them must belong to the experiment. Runs that do not exist are ignored, as the stores do.
With `journals`, all runs that the owners of the journals hold must belong to the experiment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import signature
from typing import Any

from bridge.errors import NotAllowed
from bridge.records.run import RunChanges, RunRecord
from bridge.records.search import Comparison, ExperimentQuery, RunQuery
from bridge.store.backend import Backend
from bridge.store.http.methods import METHODS, RemoteMethod


@dataclass
class Named:
    """The experiments and runs that the arguments of a call name. `is_open` is True if they name all experiments."""

    experiments: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    is_open: bool = False


def _query(named: Named, query: RunQuery) -> None:
    named.experiments |= set(query.experiment_ids)
    named.runs |= {query.below} if query.below else set()
    named.is_open |= not query.experiment_ids and query.below is None


def _records(named: Named, records: Iterable[Any]) -> None:
    runs = [record for record in records if isinstance(record, RunRecord)]
    named.experiments |= {record.experiment_id for record in runs}
    named.runs |= {record.parent_id for record in runs if record.parent_id}


def _changes(named: Named, changes: RunChanges) -> None:
    named.runs |= {changes.parent_id} if changes.parent_id else set()


def _slices(named: Named, slices: Iterable[Any]) -> None:
    for piece in slices:
        named.runs |= {definition.run_id for definition in piece.definitions.values()}
        named.runs |= {run_id for run_id, _ in piece.warnings} | {lease.run_id for lease in piece.leases}


def _root(named: Named, root: str) -> None:
    named.experiments.add(root.partition("/")[0])


FINDERS: Mapping[str, Callable[[Named, Any], None]] = {
    "experiment_id": lambda named, value: named.experiments.add(value),
    "experiment_ids": lambda named, value: named.experiments.update(value),
    "run_id": lambda named, value: named.runs.add(value),
    "run_ids": lambda named, value: named.runs.update(value),
    "series": lambda named, value: named.runs.update(run_id for run_id, _ in value),
    "query": _query,
    "records": _records,
    "changes": _changes,
    "slices": _slices,
    "root": _root,
}
"""For each argument that names experiments or runs, the function that finds them."""


def named_in(arguments: Mapping[str, Any]) -> Named:
    """Return the experiments and runs that the arguments of a call name."""
    named = Named()
    for name, value in arguments.items():
        if name in FINDERS:
            FINDERS[name](named, value)
    return named


def scoped(method: RemoteMethod, arguments: Mapping[str, Any], experiment_id: str, store: Backend) -> dict[str, Any]:
    """Check that a caller whose role holds for one experiment may call a method, and return the arguments for it.

    A search for experiments, or for children in any experiment, is limited to the experiment.

    Raises:
        NotAllowed: the call is about something else.
    """
    if method.scope == "arguments":
        named = named_in(arguments)
        found = store.get_runs(sorted(named.runs), latest=False).values() if named.runs else ()
        experiments = named.experiments | {record.experiment_id for record in found}
        is_about_nothing = not named.experiments and not named.runs
        if named.is_open or experiments - {experiment_id} or (is_about_nothing and method.name == "get_changes"):
            raise _refused(method, experiment_id)
    elif method.scope == "journals":
        journals = {*arguments.get("gone", ()), *arguments.get("silent", ())}
        held = [lease.run_id for lease in store.get_leases() if lease.journal_id in journals]
        runs = store.get_runs(held, latest=False).values()
        if any(record.experiment_id != experiment_id for record in runs):
            raise _refused(method, experiment_id)
    elif method.scope == "none":
        raise _refused(method, experiment_id)
    query = arguments.get("query")
    if isinstance(query, ExperimentQuery):
        clause = Comparison("attribute", "experiment_id", "=", experiment_id)
        return {**arguments, "query": replace(query, filter=(*query.filter, clause))}
    if isinstance(query, RunQuery) and not query.experiment_ids:
        return {**arguments, "query": replace(query, experiment_ids=(experiment_id,))}
    return dict(arguments)


def _refused(method: RemoteMethod, experiment_id: str) -> NotAllowed:
    return NotAllowed("call", method.name, f"your token is only for experiment {experiment_id}")


def narrowed(method: RemoteMethod, result: Any, experiment_id: str, store: Backend) -> Any:
    """Return the part of a result that is in the experiment, if the method has the scope `result`."""
    if method.scope != "result":
        return result
    if method.name == "find_experiment":
        return result if result is not None and result.id == experiment_id else None
    if method.name == "search_experiments":
        return result  # `scoped` has limited the search
    runs = store.get_runs([lease.run_id for lease in result], latest=False)
    inside = {record.id for record in runs.values() if record.experiment_id == experiment_id}
    return [lease for lease in result if lease.run_id in inside]


class OneExperiment:
    """A store, or its views, as a caller sees them whose role holds only for one experiment.

    It has the methods in the table of `bridge.store.http.methods`, with the same rules as over HTTP.

    Args:
        store: the store or the views.
        experiment_id: the experiment.
        backend: finds the experiments of runs.
    """

    def __init__(self, store: Any, experiment_id: str, backend: Backend) -> None:
        self._store, self._experiment_id, self._backend = store, experiment_id, backend

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in METHODS:
            raise AttributeError(name)
        return partial(self._call, METHODS[name])

    @property
    def views(self) -> OneExperiment:
        """The views of the store."""
        return OneExperiment(self._store.views, self._experiment_id, self._backend)

    def _call(self, method: RemoteMethod, *given: Any, **named: Any) -> Any:
        arguments = dict(signature(method.function).bind(self, *given, **named).arguments)
        del arguments["self"]
        checked = scoped(method, arguments, self._experiment_id, self._backend)
        result = getattr(self._store, method.name)(**checked)
        return narrowed(method, result, self._experiment_id, self._backend)
