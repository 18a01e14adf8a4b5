"""A request to the portal as its handlers see it: the workspace, the parameters, and what they may not exceed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast, get_args

from bridge.errors import InvalidValue, NotFound
from bridge.records.search import Comparison, RunQuery, View
from bridge.records.search_grammar import parse_run_filter
from bridge.server.one_experiment import OneExperiment
from bridge.server.patterns import MOST_CHARACTERS, pattern_length
from bridge.server.roles import Caller, Role

if TYPE_CHECKING:
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.run import RunRecord
    from bridge.server.portal.served import Served
    from bridge.store.artifacts import ArtifactStore
    from bridge.store.backend import Backend
    from bridge.store.views import RunViews

FILTER_BYTES, CLAUSES, LISTED = 16_000, 64, 1_000
"""Limits of a filter: its bytes, its clauses, and the values in all its lists."""

MOST_RUNS = 10_000
"""The greatest number of runs that a request may name."""


@dataclass(frozen=True)
class Ask:
    """A request.

    `path` contains the parts of the address that the route names, and `query` the parameters behind the `?`.
    `headers` has names in lower case. `body` is empty unless the request changes something or has a long list.
    `caller` is the sender, if it is known.
    """

    served: Served
    role: Role = "reader"
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    caller: Caller | None = None

    @property
    def tracking(self) -> Backend:
        """The store of experiments and runs, as the sender sees it."""
        store = self.served.stores.tracking
        if not self.only:
            return store
        return cast("Backend", OneExperiment(store, self.only[0], store.inner))

    @property
    def views(self) -> RunViews:
        """The reads for tables and charts, as the sender sees them."""
        return self.tracking.views

    @property
    def only(self) -> tuple[str, ...]:
        """The experiment to which the role of the sender is limited; empty if it holds for the whole workspace."""
        limited = self.caller.experiment_id if self.caller else None
        return () if limited is None else (limited,)

    def sees(self, experiment_id: str) -> bool:
        """Return whether the sender may see an experiment."""
        return not self.only or experiment_id in self.only

    @property
    def artifacts(self) -> ArtifactStore:
        """The store of files."""
        return self.served.stores.artifacts

    def run(self, latest: bool = False) -> RunRecord:
        """Return the run that the address names.

        Raises:
            NotFound: the run does not exist.
        """
        return self.run_of(self.path["run"], latest)

    def run_of(self, run_id: str, latest: bool = False) -> RunRecord:
        """Return a run.

        Raises:
            NotFound: the run does not exist.
        """
        record = self.tracking.get_runs([run_id], latest=latest).get(run_id)
        if record is None:
            raise NotFound("run", run_id)
        return record

    def experiment(self) -> ExperimentRecord:
        """Return the experiment that the address names.

        Raises:
            NotFound: the experiment does not exist.
        """
        return self.tracking.get_experiment(self.path["experiment"])

    def number(self, name: str, default: int, least: int = 0, most: int = 2**53) -> int:
        """Return a parameter that is a whole number.

        Raises:
            InvalidValue: the parameter is not a number, or beyond its limits.
        """
        text = self.query.get(name, "")
        if not text:
            return default
        try:
            value = int(text) if len(text) < 20 and text.isascii() else None
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise InvalidValue(name, text, f"must be a whole number from {least} to {most}")
        return value

    def words(self, name: str, most: int = MOST_RUNS) -> list[str]:
        """Return a parameter that is a list with commas.

        Raises:
            InvalidValue: the list is too long.
        """
        listed = [word for word in self.query.get(name, "").split(",") if word]
        if len(listed) > most:
            raise InvalidValue(name, len(listed), f"must have at most {most} entries")
        return listed

    def json(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object.

        Raises:
            InvalidValue: the body is something else.
        """
        try:
            found = json.loads(self.body or b"{}")
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise InvalidValue("body", f"{len(self.body)} bytes", "must be a JSON object")
        return found

    def runs_query(self, order: Sequence[Any] = ()) -> RunQuery:
        """Return the query of the parameters `q`, `view`, `ids`, `below` and `recursive` in the experiment of the path.

        With `below`, the children of a run are meant, in all experiments.

        Raises:
            NotFound: the experiment does not exist.
            InvalidValue: a parameter is not valid.
        """
        view = self.query.get("view") or "active"
        if view not in get_args(View):
            raise InvalidValue("view", view, f"must be one of {', '.join(get_args(View))}")
        below = self.query.get("below") or None
        experiments = () if below else (self.experiment().id,)
        clauses = filter_of(self.query.get("q", ""))
        if "ids" in self.query:
            clauses = (*clauses, Comparison("attribute", "run_id", "IN", tuple(self.words("ids", LISTED))))
        return RunQuery(
            experiments,
            clauses,
            tuple(order),
            cast(View, view),
            below=below,
            recursive=bool(self.query.get("recursive")),
        )


def filter_of(text: str) -> tuple[Comparison, ...]:
    """Return the clauses of a filter that is within the limits of a server.

    Raises:
        InvalidValue: the filter is not valid, or beyond the limits.
    """
    if len(text.encode(errors="replace")) > FILTER_BYTES:
        raise InvalidValue("filter", f"{len(text)} characters", f"must have at most {FILTER_BYTES} bytes")
    clauses = parse_run_filter(text)
    if len(clauses) > CLAUSES:
        raise InvalidValue("filter", f"{len(clauses)} clauses", f"must have at most {CLAUSES} clauses")
    listed = sum(len(clause.operand) for clause in clauses if isinstance(clause.operand, tuple))
    if listed > LISTED:
        raise InvalidValue("filter", f"{listed} values", f"must have at most {LISTED} values in its lists")
    if (length := pattern_length(clauses)) > MOST_CHARACTERS:
        raise InvalidValue("filter", f"{length} characters", f"must have at most {MOST_CHARACTERS} in its patterns")
    return clauses
