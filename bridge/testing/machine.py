"""A state machine that compares a tracking store with plain dicts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from bridge.errors import AlreadyExists, InvalidState, NotFound, ParamChanged
from bridge.records.run import RunChanges, RunRecord
from bridge.records.search import RunQuery
from bridge.records.series import MLFLOW, NATIVE, SCALAR, Point
from bridge.store.one_run import create_run, get_run, get_series
from bridge.store.tracking import TrackingStore
from bridge.testing.columns import column_points, tied_columns
from bridge.testing.model import ModelExperiment, ModelRun, compare_latest, compare_series
from bridge.testing.naive import (
    log_naively,
)
from bridge.testing.strategies import TAG_VALUES, apis, flat, kept_files, tied_keys, tied_points, tied_rows

StoreFactory = Callable[[], AbstractContextManager[TrackingStore]]
"""A function that returns a context manager. The context manager opens a new store, and closes it at the end."""

names = st.sampled_from(("Default", "vision", "audio"))
# Unknown ids are rare, so that most calls succeed.
run_ids = st.sampled_from(("r1", "r1", "r1", "r2", "r2", "r3"))
experiment_ids = st.sampled_from(("0", "0", "0", "1", "1", "2"))
batches = st.lists(st.one_of(tied_points, tied_points, tied_rows, kept_files(tied_keys)), min_size=2, max_size=8).map(
    flat
)
times = st.sampled_from((1, 2, None))
small_texts = st.dictionaries(st.sampled_from("ab"), st.sampled_from(("", "1", "2")), max_size=2)
small_tags = st.dictionaries(st.sampled_from("ab"), st.sampled_from(TAG_VALUES), max_size=2)


class TrackingMachine(RuleBasedStateMachine):
    """A state machine that makes the same changes to a store and to plain dicts, in any order.

    After each change, reads of the store must agree with the dicts.
    """

    factory: StoreFactory

    @initialize()
    def open(self) -> None:
        self.opening = self.factory()
        self.store = self.opening.__enter__()
        self.experiments = {"0": ModelExperiment("Default")}
        self.runs: dict[str, ModelRun] = {}
        self.clock = 10
        self.create_experiment("vision", {})
        self.create_run("r1", "0", 1, {}, {})
        self.create_run("r2", "1", None, {"a": "1"}, {"a": "1"})

    def teardown(self) -> None:
        if hasattr(self, "opening"):
            self.opening.__exit__(None, None, None)

    # Experiments

    @rule(name=names, tags=small_tags)
    def create_experiment(self, name: str, tags: dict[str, str | None]) -> None:
        if any(experiment.name == name for experiment in self.experiments.values()):
            with pytest.raises(AlreadyExists):
                self.store.create_experiment(name, self.now(), tags=tags)
        else:
            record = self.store.create_experiment(name, self.now(), tags=tags)
            assert record.id == str(max(map(int, self.experiments), default=0) + 1)
            self.experiments[record.id] = ModelExperiment(name, tags=dict(tags))

    @rule(experiment_id=experiment_ids, name=names)
    def rename_experiment(self, experiment_id: str, name: str) -> None:
        experiment = self.experiments.get(experiment_id)
        taken = any(one.name == name and one is not experiment for one in self.experiments.values())
        if experiment is None:
            error: type[Exception] | None = NotFound
        elif experiment.stage == "deleted":
            error = InvalidState
        else:
            error = AlreadyExists if taken else None
        if self.agreed(error, lambda: self.store.rename_experiment(experiment_id, name, self.now())) and experiment:
            experiment.name = name

    @rule(experiment_id=experiment_ids, tags=small_tags, removed=st.sampled_from(((), ("a",), ("b", "a"))))
    def tag_experiment(self, experiment_id: str, tags: dict[str, str | None], removed: tuple[str, ...]) -> None:
        experiment = self.experiments.get(experiment_id)
        if experiment is None:
            error: type[Exception] | None = NotFound
        elif experiment.stage == "deleted":
            error = InvalidState
        else:
            error = NotFound if set(removed) - set(experiment.tags) else None
        if self.agreed(error, lambda: self.store.set_experiment_tags(experiment_id, tags, removed)) and experiment:
            experiment.tags = {k: v for k, v in experiment.tags.items() if k not in removed} | tags

    @rule(experiment_id=experiment_ids, deleting=st.booleans())
    def move_experiment(self, experiment_id: str, deleting: bool) -> None:
        experiment = self.experiments.get(experiment_id)
        stage, time = ("deleted", self.now()) if deleting else ("active", None)
        move = self.store.delete_experiment if deleting else self.store.restore_experiment
        error = NotFound if experiment is None or experiment.stage == stage else None
        if self.agreed(error, lambda: move(experiment_id, self.clock)) and experiment:
            experiment.stage = stage
            for run in self.runs.values():
                if run.experiment_id == experiment_id and run.stage != stage:
                    run.stage, run.deletion_time = stage, time

    @rule(experiment_id=experiment_ids)
    def purge_experiment(self, experiment_id: str) -> None:
        experiment = self.experiments.get(experiment_id)
        error = NotFound if experiment is None or experiment.stage != "deleted" else None
        if self.agreed(error, lambda: self.store.purge_experiment(experiment_id)):
            del self.experiments[experiment_id]
            self.runs = {run_id: run for run_id, run in self.runs.items() if run.experiment_id != experiment_id}

    # Runs

    @rule(run_id=run_ids, experiment_id=experiment_ids, start_time=times, params=small_texts, tags=small_tags)
    def create_run(
        self,
        run_id: str,
        experiment_id: str,
        start_time: int | None,
        params: dict[str, str],
        tags: dict[str, str | None],
    ) -> None:
        experiment, run = self.experiments.get(experiment_id), self.runs.get(run_id)
        same = run is not None and (run.experiment_id, run.start_time) == (experiment_id, start_time)
        if experiment is None:
            error: type[Exception] | None = NotFound
        elif experiment.stage == "deleted":
            error = InvalidState
        else:
            error = AlreadyExists if run is not None and not same else None
        record = RunRecord(run_id, experiment_id, start_time=start_time, params=params, tags=tags)
        if self.agreed(error, lambda: create_run(self.store, record)) and experiment and run is None:
            experiment.runs += 1
            self.runs[run_id] = ModelRun(
                experiment_id, experiment.runs, start_time, params=dict(params), tags=dict(tags)
            )

    @rule(chosen=st.lists(st.tuples(run_ids, experiment_ids, times), max_size=3))
    def create_runs(self, chosen: list[tuple[str, str, int | None]]) -> None:
        there = {run_id: (run.experiment_id, run.start_time) for run_id, run in self.runs.items()}
        errors: list[type[Exception]] = []
        new: dict[str, tuple[str, int | None]] = {}
        for run_id, experiment_id, start_time in chosen:
            experiment, same = self.experiments.get(experiment_id), (experiment_id, start_time)
            if experiment is None or experiment.stage == "deleted":
                errors.append(NotFound if experiment is None else InvalidState)
            elif {**new, **there}.get(run_id, same) != same:
                errors.append(AlreadyExists)
            elif run_id not in there:
                new[run_id] = same
        records = [RunRecord(run_id, experiment_id, start_time=time) for run_id, experiment_id, time in chosen]
        if self.agreed(tuple(errors), lambda: self.store.create_runs(records)):
            for run_id, (experiment_id, start_time) in new.items():
                self.experiments[experiment_id].runs += 1
                self.runs[run_id] = ModelRun(experiment_id, self.experiments[experiment_id].runs, start_time)

    @rule(run_id=run_ids, parent_id=run_ids)
    def set_parent(self, run_id: str, parent_id: str) -> None:
        run = self.runs.get(run_id)
        if run is None:
            error: type[Exception] | None = NotFound
        else:
            error = InvalidState if run.stage == "deleted" else None
        if self.agreed(error, lambda: self.store.update_runs((run_id,), RunChanges(parent_id=parent_id))) and run:
            run.parent_id = parent_id

    @rule(
        run_id=run_ids,
        status=st.sampled_from((None, "Running", "Completed")),
        params=small_texts,
        tags=small_tags,
        removed=st.sampled_from(((), ("a",))),
        properties=small_texts,
    )
    def update_run(
        self,
        run_id: str,
        status: Any,
        params: dict[str, str],
        tags: dict[str, str | None],
        removed: tuple[str, ...],
        properties: dict[str, str],
    ) -> None:
        run = self.runs.get(run_id)
        changes = RunChanges(status=status, params=params, tags=tags, removed_tags=removed, properties=properties)
        errors: list[type[Exception]] = []
        if run is None:
            errors.append(NotFound)
        elif run.stage == "deleted":
            errors.append(InvalidState)
        else:
            errors += [ParamChanged] if any(run.params.get(k, v) != v for k, v in params.items()) else []
            errors += [InvalidState] if any(run.properties.get(k, v) != v for k, v in properties.items()) else []
            errors += [NotFound] if set(removed) - set(run.tags) else []
        if self.agreed(tuple(errors), lambda: self.store.update_runs((run_id,), changes)) and run:
            run.status = status or run.status
            run.params |= params
            run.properties |= properties
            run.tags = {k: v for k, v in run.tags.items() if k not in removed} | tags

    @rule(run_id=run_ids, deleting=st.booleans())
    def move_run(self, run_id: str, deleting: bool) -> None:
        run = self.runs.get(run_id)
        stage, time = ("deleted", self.now()) if deleting else ("active", None)

        def move() -> None:
            if deleting:
                self.store.delete_runs((run_id,), self.clock)
            else:
                self.store.restore_runs((run_id,))

        if self.agreed(NotFound if run is None else None, move) and run and run.stage != stage:
            run.stage, run.deletion_time = stage, time

    @rule(chosen=st.lists(run_ids, max_size=2))
    def purge_runs(self, chosen: list[str]) -> None:
        self.store.purge_runs(chosen)
        for run_id in chosen:
            self.runs.pop(run_id, None)

    # Points

    @rule(run_id=run_ids, logged=batches, then_read=st.booleans())
    def log_natively(self, run_id: str, logged: list[Point], then_read: bool) -> None:
        self.log(run_id, logged, NATIVE, then_read)

    @rule(run_id=run_ids, logged=batches, then_read=st.booleans())
    def log_through_mlflow(self, run_id: str, logged: list[Point], then_read: bool) -> None:
        self.log(run_id, logged, MLFLOW, then_read)

    @rule(run_id=run_ids, logged=tied_columns, api=apis, then_read=st.booleans())
    def log_columns(self, run_id: str, logged: list[Point], api: int, then_read: bool) -> None:
        self.log(run_id, logged, api, then_read, as_columns=True)

    @rule(run_id=run_ids, point=tied_points, api=apis, then_read=st.booleans())
    def log_one(self, run_id: str, point: Point, api: int, then_read: bool) -> None:
        self.log(run_id, [point], api, then_read)

    def log(self, run_id: str, logged: list[Point], api: int, then_read: bool, as_columns: bool = False) -> None:
        run = self.runs.get(run_id)

        def call() -> None:
            if as_columns:
                self.store.log_points(run_id, column_points(logged), api)
            elif len(logged) == 1 and logged[0].kind == SCALAR:
                key, value, timestamp, step, *_ = logged[0]
                self.store.log(run_id, key, value, timestamp, step, api)
            else:
                self.store.log_points(run_id, logged, api)

        if run is None:
            error: type[Exception] | None = NotFound
        else:
            error = InvalidState if run.stage == "deleted" else None
        if self.agreed(error, call) and run:
            log_naively(run.points, logged, api)
            if then_read:
                self.read_run(run_id)

    # Reads

    @rule(run_id=run_ids)
    def read_run(self, run_id: str) -> None:
        run = self.runs.get(run_id)
        if run is None:
            for read in (get_run, get_series):
                with pytest.raises(NotFound):
                    read(self.store, run_id)
            return
        record = get_run(self.store, run_id)
        facts = (record.experiment_id, record.number, record.start_time, record.lifecycle_stage, record.status)
        assert facts == (run.experiment_id, run.number, run.start_time, run.stage, run.status)
        assert (record.deletion_time, record.parent_id) == (run.deletion_time, run.parent_id)
        assert list(record.params.items()) == list(run.params.items())
        assert list(record.tags.items()) == list(run.tags.items())
        assert list(record.properties.items()) == list(run.properties.items())
        compare_latest(record, run)
        assert {record.key for record in get_series(self.store, run_id)} == set(run.points)
        for key, logged in run.points.items():
            compare_series(get_series(self.store, run_id, [key]), logged)

    @rule(chosen=st.lists(run_ids), keys=st.sampled_from((None, ("loss",), ("loss", "none"))))
    def read_runs(self, chosen: list[str], keys: tuple[str, ...] | None) -> None:
        known = [run_id for run_id in dict.fromkeys(chosen) if run_id in self.runs]
        bare = self.store.get_runs(chosen, latest=False)
        assert list(bare.items()) == [(run_id, get_run(self.store, run_id, latest=False)) for run_id in known]
        for run_id, record in self.store.get_runs(chosen).items():
            compare_latest(record, self.runs[run_id])
        found = self.store.get_series_of(chosen, keys)
        assert list(found) == known
        for run_id, records in found.items():
            logged = {key for key in self.runs[run_id].points if keys is None or key in keys}
            assert {record.key for record in records} == logged
            counts = [sum(len(record.positions) for record in records if record.key == key) for key in logged]
            assert counts == [len(self.runs[run_id].points[key]) for key in logged]

    @rule(run_id=run_ids, recursive=st.booleans())
    def search_below(self, run_id: str, recursive: bool) -> None:
        below: set[str] = set()
        above = {run_id}
        while above:
            above = {child for child, run in self.runs.items() if run.parent_id in above} - below
            below |= above
            if not recursive:
                break
        found = self.store.search_runs(RunQuery((), view="all", below=run_id, recursive=recursive)).items
        assert {record.id for record in found} == below - {run_id}

    @rule(experiment_id=experiment_ids)
    def read_experiment(self, experiment_id: str) -> None:
        experiment = self.experiments.get(experiment_id)
        if experiment is None:
            with pytest.raises(NotFound):
                self.store.get_experiment(experiment_id)
            return
        record = self.store.get_experiment(experiment_id)
        assert (record.name, record.lifecycle_stage) == (experiment.name, experiment.stage)
        assert list(record.tags.items()) == list(experiment.tags.items())
        assert self.store.find_experiment(experiment.name) == record

    @rule(chosen=st.lists(experiment_ids, unique=True), view=st.sampled_from(("active", "deleted", "all")))
    def search(self, chosen: list[str], view: Any) -> None:
        found = self.store.search_runs(RunQuery(tuple(chosen), view=view)).items
        expected = [
            (-(run.start_time or 0), run_id)
            for run_id, run in self.runs.items()
            if run.experiment_id in chosen and view in ("all", run.stage)
        ]
        assert [record.id for record in found] == [run_id for _, run_id in sorted(expected)]

    def now(self) -> int:
        self.clock += 1
        return self.clock

    def agreed(self, error: type[Exception] | tuple[type[Exception], ...] | None, call: Callable[[], object]) -> bool:
        """Call a function, which must raise `error` unless `error` is None. Return whether `error` is None."""
        if not error:
            call()
            return True
        with pytest.raises(error):
            call()
        return False


def check_store(factory: StoreFactory, examples: int = 60, steps: int = 40) -> None:
    """Run the state machine on new stores. If it fails, Hypothesis prints a short sequence of calls that fails.

    Example:
        def test_any_order_of_calls_agrees_with_plain_dicts():
            check_store(new_store)
    """

    class Machine(TrackingMachine):
        pass

    Machine.factory = staticmethod(factory)
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    )
