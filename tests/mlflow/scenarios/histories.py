"""Random histories of calls on MLflow's own store and ours; a machine compares every answer and everything stored.

All values are drawn from small pools, so that calls meet the results of earlier calls.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from longer import LONG
from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
)
from pair import START, Pair, Side

MOST_EXPERIMENTS, MOST_RUNS = 3, 4
BIG = 1.7976931348623157e308
UNKNOWN_RUN = "f" * 32

pick = st.sampled_from
apis = pick(("store", "client"))
indexes = st.integers(0, MOST_RUNS - 1)
METRIC_KEYS = ("a", "b", "a b/c")
MANY = "many"
"""A metric with more steps than a sample has."""
SAMPLES = (1, 2, 25_000)
"""The sizes of samples that are equal in both stores: one or two points, or all of them."""
keys = pick(("a", "a", "a", *METRIC_KEYS, MANY))
odd_keys = pick(("", ".", "/a", "a//b", "a@b", "ü", "k" * 250, "k" * 251, None))
sample_sizes = pick(SAMPLES)
tag_keys = pick(("a", "b", "mlflow.runName", "mlflow.note.content", "mlflow.parentRunId", "mlflow.user"))
values = pick((0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, BIG, 5e-324, 2))
odd_values = pick((True, "1", "x", None))
steps = pick((0, 0, 1, 2, -1, -(2**63), 2**63 - 1))
times = pick((0, 1, 1, 2, START, START + 1, 2**63 - 1))
odd_times = pick((-1, None, "1"))
texts = pick(("1", "2", "", " ", "a\nb", "ü%_"))
odd_texts = pick((None, 5, "x" * 6_000, "x" * 6_001, "x" * 8_001))
names = pick(("one", "two", "Two", "", "  ", None))


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw the usual value nine times out of ten, otherwise the unusual one."""
    return st.integers(0, 9).flatmap(lambda drawn: odd if drawn == 9 else usual)


good_metrics = st.builds(Metric, keys, values, times, steps)
metrics = mostly(
    good_metrics,
    st.builds(Metric, keys | odd_keys, values | odd_values, times | odd_times, steps | pick((None, "1", "x"))),
)
params = st.builds(Param, mostly(pick(("p", "q")), odd_keys), mostly(texts, odd_texts))


def is_compared(tag: RunTag) -> bool:
    """Return whether a tag causes none of the accepted differences "empty note" and "empty parent" of `runs`."""
    return bool(tag.value) or tag.key not in ("mlflow.note.content", "mlflow.parentRunId")


tags = st.builds(RunTag, mostly(tag_keys, odd_keys), mostly(texts, odd_texts)).filter(is_compared)
datasets = st.builds(
    lambda name, digest, source, context: DatasetInput(
        Dataset(name, digest, "local", source),
        [InputTag("mlflow.data.context", context)] if context != "none" else [],
    ),
    mostly(pick(("d", "e")), pick((None, "d" * 500, "d" * 501))),
    pick(("1", "2")),
    mostly(pick(("here", "there")), pick((None,))),
    mostly(pick(("train", "test", "none")), pick(("t" * 500, "t" * 501))),
)

RUN_FILTERS = (
    None, "", "metrics.a > 0", "metrics.a != 1", "metrics.b <= 1", "metrics.`a b/c` = 0", "metrics.a < 1e400",
    "params.p = '1'", "params.p != '1' AND metrics.a >= -1", "params.q LIKE '%'", "params.q IS NULL",
    "tags.a = '1'", "tags.a != '1'", "tags.b ILIKE 'Ü%'", "tags.b IS NOT NULL", "tags.mlflow.runName = 'two'",
    "tags.`mlflow.note.content` != '1'", "tags.mlflow.note.content IS NULL", "tags.mlflow.parentRunId IS NOT NULL",
    "tags.mlflow.user = '1'", "run_name = 'one'", "run_name ILIKE 'TWO'", "status = 'FINISHED'", "status != 'RUNNING'",
    "user_id = 'ada'", "start_time > 1", "start_time = 0", "end_time < 3", "end_time != 1", "dataset.name = 'd'",
    "dataset.name != 'd'", "dataset.digest IN ('1')", "dataset.context = 'train'",
    "dataset.context NOT IN ('train') AND dataset.name LIKE 'd%'", f"run_id != '{UNKNOWN_RUN}'", "metrics.a = 'x'",
    "params.p = 1", "nothing = 1", "metrics.a > 0 OR metrics.a < 0", "run_id IN ()",
)  # fmt: skip
RUN_ORDERS: tuple[list[str], ...] = (
    [], ["metrics.a"], ["metrics.a DESC"], ["params.p"], ["tags.a DESC", "metrics.b"], ["start_time"], ["end_time"],
    ["run_name DESC"], ["tags.mlflow.runName"], ["user_id", "run_id DESC"], ["tags.mlflow.note.content DESC"],
    ["created DESC"], ["metrics.never"], ["metrics.a up"], ["nothing"],
)  # fmt: skip
EXPERIMENT_FILTERS = (
    "", "name LIKE '%two'", "name ILIKE '%TWO'", "name != 'x'", "tags.a = '1'", "tags.a != '1'", "tags.b IS NULL",
    "tag.b IS NOT NULL", "tags.a ILIKE '%'", f"creation_time >= {START}", "last_update_time = 5", "experiment_id = '1'",
    "experiment_id NOT IN ('1', '2')", "name IN ('x')", "lifecycle_stage = 'active'", "name like 'x'",
)  # fmt: skip
EXPERIMENT_ORDERS: tuple[list[str], ...] = (
    [], ["name"], ["name DESC"], ["creation_time", "name"], ["last_update_time DESC"], ["experiment_id"], ["tags.a"],
)  # fmt: skip
views = pick((1, 1, 2, 3, 3))
sizes = mostly(pick((1, 2, 3, 1000)), pick((0, -1, 50_001, None)))


class Histories(RuleBasedStateMachine):
    """One history; it has experiments of its own in the two shared stores."""

    pair: Pair
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.chance = self.pair.same_chance()
        self.prefix = f"history {next(self.numbers)}"
        self.experiments: list[str] = []
        self.runs: list[str] = []
        self.last = ""
        self.has_only_read = False
        """Whether the previous call changed nothing."""
        self.outputs: set[tuple[str, str]] = set()
        self.new_experiment("one", "", [])
        self.create_run(0, "ada", START, [], "one", "store")

    @initialize(metrics=st.lists(good_metrics, min_size=6, max_size=20), count=pick((11, 17, 24)))
    def first_points(self, metrics: list[Metric], count: int) -> None:
        many = [Metric(MANY, float(step % 5), START + step // 2, step) for step in range(count)]
        self.log_batch(0, metrics + many, [], [], "store", False)

    def teardown(self) -> None:
        self.chance.close()

    def both(self, what: str, call: Callable[[Side], Any], known: str | None = None) -> Any:
        return self.pair.both(what, call, known)

    def experiment(self, index: int) -> str:
        return self.experiments[index % len(self.experiments)]

    def run_id(self, index: int) -> str:
        self.last = self.runs[index % len(self.runs)]
        return self.last

    def full_name(self, name: Any) -> Any:
        return f"{self.prefix} {name}" if isinstance(name, str) and name.strip() else name

    # Experiments

    @precondition(lambda self: len(self.experiments) < MOST_EXPERIMENTS)
    @rule(
        name=mostly(pick(("one", "two", "Two")), pick(("", None, 5, "x" * 501))),
        place=mostly(pick(("", "s3://bucket/x?y=1#z", "folder")), pick(("s3://" + "x" * 2050,))),
        given=st.lists(st.tuples(mostly(pick(("a", "b")), odd_keys), mostly(texts, odd_texts)), max_size=2),
    )
    def new_experiment(self, name: Any, place: str, given: list[tuple[Any, Any]]) -> None:
        tags = [ExperimentTag(key, value) for key, value in given]
        twice = len({key for key, _ in given}) < len(given)
        made = self.both(
            f"create_experiment {name!r} {place[:50]!r} {given}",
            lambda side: side.store.create_experiment(self.full_name(name), place, tags),
            "experiments/two equal tags" if twice else None,
        )
        if made is not None:
            self.experiments.append(made)

    @rule(index=indexes, name=mostly(pick(("one", "two", "Three")), pick(("", None, 5, "x" * 501))), api=apis)
    def rename_experiment(self, index: int, name: Any, api: str) -> None:
        one = self.experiment(index)
        self.both(
            f"rename_experiment {one} {name!r}",
            lambda at: getattr(at, api).rename_experiment(one, self.full_name(name)),
            "experiments/rename to taken" if self.is_taken(self.full_name(name), one) else None,
        )

    def is_taken(self, name: Any, by_other_than: str) -> bool:
        found = self.pair.theirs.store.get_experiment_by_name(name) if isinstance(name, str) else None
        return found is not None and found.experiment_id != by_other_than

    @rule(index=indexes, restored=pick((True, True, False)))
    def change_stage_of_experiment(self, index: int, restored: bool) -> None:
        one = self.experiment(index)
        verb = "restore_experiment" if restored else "delete_experiment"
        self.both(f"{verb} {one}", lambda at: getattr(at.store, verb)(one))

    @rule(index=indexes, key=mostly(pick(("a", "b")), odd_keys), value=mostly(texts, odd_texts), api=apis)
    def tag_experiment(self, index: int, key: Any, value: Any, api: str) -> None:
        one = self.experiment(index)
        self.both(
            f"set_experiment_tag {one} {key!r} {value!r} by the {api}",
            lambda at: (
                at.client.set_experiment_tag(one, key, value)
                if api == "client"
                else at.store.set_experiment_tag(one, ExperimentTag(key, value))
            ),
        )

    @rule(index=indexes, key=mostly(pick(("a", "b")), odd_keys))
    def untag_experiment(self, index: int, key: Any) -> None:
        one = self.experiment(index)
        self.both(f"delete_experiment_tag {one} {key!r}", lambda at: at.store.delete_experiment_tag(one, key))

    @rule(given=pick(("", None, "abc", "1.0", "99999", 99999, " 1 ", "٣")), name=pick(("one", "two", "never")))
    def look_for_experiments(self, given: Any, name: str) -> None:
        self.has_only_read = True
        self.both(f"get_experiment {given!r}", lambda at: at.store.get_experiment(given).experiment_id)
        self.both(f"by name {name}", lambda at: at.store.get_experiment_by_name(self.full_name(name)))

    @rule(
        filter_string=pick(EXPERIMENT_FILTERS),
        order=pick(EXPERIMENT_ORDERS),
        view=views,
        size=sizes,
        name=pick(("%", "%two", "%_n%")),
    )
    def search_experiments(self, filter_string: str, order: list[str], view: int, size: Any, name: str) -> None:
        self.has_only_read = True
        joined = " AND ".join(part for part in (f"name LIKE '{self.prefix} {name}'", filter_string) if part)
        token = None
        for page in range(3):
            found = self.both(
                f"search_experiments {joined!r} {order} view {view} size {size} page {page}",
                lambda at, token=token: at.store.search_experiments(view, size, joined, order, token),
            )
            token = found.token if found else None
            if token is None:
                break

    # Runs

    @precondition(lambda self: len(self.runs) < MOST_RUNS)
    @rule(
        index=indexes,
        user=mostly(pick(("ada", "eve")), pick((None, ""))),
        start=mostly(times, pick((None, -5))),
        given=st.lists(tags.filter(lambda tag: not isinstance(tag.value, int)), max_size=2),
        name=names,
        api=apis,
    )
    def create_run(self, index: int, user: Any, start: Any, given: list[RunTag], name: Any, api: str) -> None:
        one = self.experiment(index)
        if any(tag.key == "mlflow.runName" and not tag.value for tag in given):
            return  # an accepted difference of `runs`: "empty name tag"
        known = None
        if len({tag.key for tag in given}) < len(given):
            known = "runs/two equal tags"
        elif any(tag.key is None for tag in given):
            known = "runs/tag without a key"
        made = self.both(
            f"create_run {one} {user!r} {start!r} {given} {name!r} by the {api}",
            lambda at: (
                at.client.create_run(one, start, {tag.key: tag.value for tag in given}, name)
                if api == "client"
                else at.store.create_run(one, user, start, given, name)
            ),
            known,
        )
        if made is not None:
            self.runs.append(made.info.run_id)

    @rule(
        index=indexes,
        status=mostly(pick((None, 1, 2, 3, 4, 5)), pick((0, 7))),
        end=mostly(pick((None, 0, 1, 3)), pick((-1,))),
        name=names,
    )
    def update_run_info(self, index: int, status: Any, end: Any, name: Any) -> None:
        run = self.run_id(index)
        self.both(
            f"update_run_info {run} {status} {end} {name!r}",
            lambda at: at.store.update_run_info(run, status, end, name),
        )

    @rule(index=indexes, status=pick((None, "RUNNING", "FINISHED", "KILLED", "finished", "SCHEDULED")), end=times)
    def set_terminated(self, index: int, status: Any, end: int) -> None:
        run = self.run_id(index)
        self.both(f"set_terminated {run} {status} {end}", lambda at: at.client.set_terminated(run, status, end))

    @rule(index=indexes, status=pick((None, "RUNNING", "FAILED", "x")), name=names)
    def update_run(self, index: int, status: Any, name: Any) -> None:
        run = self.run_id(index)
        self.both(f"update_run {run} {status} {name!r}", lambda at: at.client.update_run(run, status, name))

    @rule(index=indexes, restored=pick((True, True, False)))
    def change_stage_of_run(self, index: int, restored: bool) -> None:
        run = self.run_id(index)
        verb = "restore_run" if restored else "delete_run"
        self.both(f"{verb} {run}", lambda at: getattr(at.store, verb)(run))

    @rule(index=indexes, age=pick((0, 0, 2, 3_600_000)), anyway=pick((False, False, False, True)))
    def purge_run(self, index: int, age: int, anyway: bool) -> None:
        run = self.run_id(index)
        deleted = self.both(f"_get_deleted_runs {age}", lambda at: sorted(at.store._get_deleted_runs(age)))
        if anyway or run in deleted:
            self.both(f"_hard_delete_run {run}", lambda at: at.store._hard_delete_run(run))
            self.runs = [one for one in self.runs if one != run] or self.runs

    @precondition(lambda self: len(self.experiments) > 1)
    @rule(index=indexes, anyway=pick((False, False, True)))
    def purge_experiment(self, index: int, anyway: bool) -> None:
        one = self.experiment(index)
        found = self.both(f"get_experiment {one}", lambda at: at.store.get_experiment(one))
        if anyway or (found and found.lifecycle_stage == "deleted"):
            self.both(f"_hard_delete_experiment {one}", lambda at: at.store._hard_delete_experiment(one))
            self.experiments.remove(one)

    @rule(given=pick((UNKNOWN_RUN, "no", "a b", "")), verb=pick(("get_run", "delete_run", "restore_run")), api=apis)
    def look_for_unknown_run(self, given: str, verb: str, api: str) -> None:
        self.both(f"{verb} {given!r}", lambda at: getattr(getattr(at, api), verb)(given))

    # Logging

    @rule(index=indexes, metric=metrics, api=apis)
    def log_metric(self, index: int, metric: Metric, api: str) -> None:
        run = self.run_id(index)
        self.both(
            f"log_metric {run} {vars(metric)} by the {api}",
            lambda at: (
                at.client.log_metric(run, metric.key, metric.value, metric.timestamp, metric.step)
                if api == "client"
                else at.store.log_metric(run, metric)
            ),
        )

    @rule(index=indexes, key=keys, value=values)
    def log_metric_beside_the_latest(self, index: int, key: str, value: float) -> None:
        run = self.run_id(index)
        points = self.pair.theirs.store.get_metric_history_bulk([run], key, 25_000)
        if points:
            latest = max(points, key=lambda point: (point.step, point.timestamp))
            metric = Metric(key, value, latest.timestamp, latest.step)
            self.both(f"log_metric {run} {vars(metric)}", lambda at: at.store.log_metric(run, metric))

    @rule(index=indexes, param=params, api=apis)
    def log_param(self, index: int, param: Param, api: str) -> None:
        run = self.run_id(index)
        self.both(
            f"log_param {run} {param} by the {api}",
            lambda at: (
                at.client.log_param(run, param.key, param.value) if api == "client" else at.store.log_param(run, param)
            ),
            "params/no value" if param.value is None else None,
        )

    @rule(index=indexes, tag=tags, api=apis)
    def set_tag(self, index: int, tag: RunTag, api: str) -> None:
        run = self.run_id(index)
        self.both(
            f"set_tag {run} {tag} by the {api}",
            lambda at: at.client.set_tag(run, tag.key, tag.value) if api == "client" else at.store.set_tag(run, tag),
        )

    @rule(index=indexes, key=mostly(tag_keys.filter(lambda key: key != "mlflow.runName"), odd_keys), api=apis)
    def delete_tag(self, index: int, key: Any, api: str) -> None:
        run = self.run_id(index)
        self.both(f"delete_tag {run} {key!r}", lambda at: getattr(at, api).delete_tag(run, key))

    @rule(
        index=indexes,
        metrics=mostly(st.lists(good_metrics, max_size=12), st.lists(metrics, max_size=4)),
        params=st.just([]) | st.lists(params, max_size=2),
        tags=st.just([]) | st.lists(tags, max_size=3),
        api=apis,
        twice=st.booleans(),
    )
    def log_batch(
        self, index: int, metrics: list[Metric], params: list[Param], tags: list[RunTag], api: str, twice: bool
    ) -> None:
        run = self.run_id(index)
        what = f"log_batch {run} {[vars(one) for one in metrics]} {params} {tags} by the {api}"
        for _ in range(1 + twice):
            self.both(
                what,
                lambda at: getattr(at, api).log_batch(run, metrics, params, tags),
                "params/no value in a batch" if any(param.value is None for param in params) else None,
            )

    @rule(
        index=indexes,
        counts=pick(((1000, 0, 0), (1001, 0, 0), (0, 100, 0), (0, 101, 0), (0, 0, 101), (901, 99, 1), (801, 100, 100))),
        api=apis,
    )
    def log_large_batch(self, index: int, counts: tuple[int, int, int], api: str) -> None:
        run = self.run_id(index)
        metrics = [Metric("a", float(i % 7), i % 5, i % 3) for i in range(counts[0])]
        params = [Param(f"p{i}", "1") for i in range(counts[1])]
        tags = [RunTag(f"t{i}", "1") for i in range(counts[2])]
        self.both(
            f"log_batch {run} of {counts} by the {api}",
            lambda at: getattr(at, api).log_batch(run, metrics, params, tags),
        )

    @rule(
        index=indexes,
        given=st.none() | st.lists(datasets, max_size=3),
        models=st.none() | st.lists(pick(("m-1", "m-2")), max_size=2),
    )
    def log_inputs(self, index: int, given: Any, models: Any) -> None:
        run = self.run_id(index)
        used = None if models is None else [LoggedModelInput(model) for model in models]
        self.both(
            f"log_inputs {run} {[one.to_dictionary() for one in given or ()]} {models}",
            lambda at: at.store.log_inputs(run, given, used),
        )

    @rule(index=indexes, models=st.lists(pick(("m-1", "m-2", "m-3")), max_size=2, unique=True), step=pick((0, 1, 7)))
    def log_outputs(self, index: int, models: list[str], step: int) -> None:
        run = self.run_id(index)
        if any((run, model) in self.outputs for model in models):
            return  # the accepted difference of `inputs`: "outputs again"
        made = [LoggedModelOutput(model, step) for model in models]
        self.both(f"log_outputs {run} {models} {step}", lambda at: at.store.log_outputs(run, made))
        self.outputs |= {(run, model) for model in models}

    # Reading

    @rule(index=indexes, key=mostly(keys, odd_keys), size=pick((1, 2, 3, 1000)))
    def read_pages(self, index: int, key: Any, size: int) -> None:
        self.has_only_read = True
        run, token = self.run_id(index), None
        for page in range(4):
            found = self.both(
                f"get_metric_history {run} {key!r} by {size}, page {page}",
                lambda at, token=token: at.store.get_metric_history(run, key, size, token),
            )
            token = found.token if found else None
            if token is None:
                break

    @rule(
        indexes=st.lists(mostly(indexes, st.just(-1)), min_size=1, max_size=4),
        key=mostly(keys, odd_keys),
        size=pick((1, 2, 3, 4, 5, 7)),
        most=sample_sizes,
        bounds=mostly(pick(((None, None), (0, 1), (0, 1), (-1, 2))), pick(((1, 0), (0, None), (-(2**63), 2**63 - 1)))),
        listed=st.lists(steps, max_size=3),
    )
    def read_many(
        self, indexes: list[int], key: Any, size: int, most: int, bounds: tuple[Any, Any], listed: list[int]
    ) -> None:
        self.has_only_read = True
        runs = [UNKNOWN_RUN if index < 0 else self.run_id(index) for index in indexes]
        self.both(
            f"get_metric_history_bulk {runs} {key!r} {size}",
            lambda at: at.store.get_metric_history_bulk(runs, key, size),
        )
        self.both(
            f"get_metric_history_bulk_interval {runs} {key!r} {most} {bounds}",
            lambda at: at.store.get_metric_history_bulk_interval(runs, key, most, *bounds),
        )
        for run in runs[:1]:
            self.both(
                f"get_metric_history_bulk_interval_from_steps {run} {key!r} {listed} {size}",
                lambda at, run=run: at.store.get_metric_history_bulk_interval_from_steps(run, key, listed, size),
            )

    @rule(
        filter_string=pick(RUN_FILTERS),
        order=pick(RUN_ORDERS),
        view=views,
        size=sizes,
        indexes=st.lists(indexes, min_size=1, max_size=2),
        api=apis,
    )
    def search_runs(
        self, filter_string: Any, order: list[str], view: int, size: Any, indexes: list[int], api: str
    ) -> None:
        self.has_only_read = True
        within = [self.experiment(index) for index in indexes]
        for page in range(3):

            def call(at: Any, page: int = page) -> Any:
                token = self.pair.token_for(at) if page else None
                return getattr(at, api).search_runs(within, filter_string, view, size, order, token)

            name = f"search_runs {within} {filter_string!r} {order} view {view} size {size} page {page}"
            found = self.both(name, call)
            if not found or found.token is None:
                break

    # Everything that is stored

    @invariant()
    def all_that_is_kept_is_the_same(self) -> None:
        """Compare the changed run; after every third call, or with RUNBRIDGE_LONG after each, compare everything."""
        self.pair.steps += 1
        if LONG or self.pair.steps % 3 == 0:
            self.compare_everything()
        if not self.has_only_read:
            self.compare_the_last()
        self.has_only_read = False

    def compare_everything(self) -> None:
        prefix = f"name LIKE '{self.prefix} %'"
        self.both("experiments", lambda at: at.store.search_experiments(3, 1000, prefix, ["experiment_id"]))
        self.both("runs", lambda at: at.store.search_runs(self.experiments, "", 3, 1000))
        self.both("data sets", lambda at: sorted(map(str, map(vars, at.store._search_datasets(self.experiments)))))
        for key in METRIC_KEYS:
            self.both(f"history of {key}", lambda at, key=key: at.store.get_metric_history_bulk(self.runs, key, 25_000))

    def compare_the_last(self) -> None:
        turn = self.pair.steps // 2
        if self.pair.steps % 2:
            key, most, part = "a", SAMPLES[turn % 3], ((None, None), (0, 1), (-1, 2), (1, 2**63 - 1))[turn % 4]
        else:
            key, most, part = MANY, SAMPLES[turn % 3], ((None, None), (1, 9), (3, 2**63 - 1))[turn % 3]
        self.both(
            f"at most {most} of {key} in {part}",
            lambda at: at.store.get_metric_history_bulk_interval(self.runs, key, most, *part),
        )
        if self.last:
            self.both(f"get_run {self.last}", lambda at: at.store.get_run(self.last))
