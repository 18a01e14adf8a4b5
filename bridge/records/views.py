"""Records of the interface `RunViews`: chosen values of many runs, as numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

from bridge.errors import InvalidValue
from bridge.records.series import ValueType
from bridge.records.text import is_encodable

if TYPE_CHECKING:
    import numpy

    Array: TypeAlias = numpy.ndarray[Any, Any]

ColumnEntity = Literal["attribute", "metric", "param", "tag", "property"]
KeyEntity = Literal["metric", "param", "property", "tag"]
Statistic = Literal["last", "first", "min", "max", "count", "step", "min_step", "max_step"]

AXES = ("step", "time", "relative")
METRIC_AXIS = "metric:"
"""The start of the name of an axis that is another metric, for example `metric:epoch`."""

TEXT_ATTRIBUTES = (
    "run_id", "display_name", "status", "lifecycle_stage", "user", "parent_id", "description", "type", "experiment_id",
)  # fmt: skip
NUMBER_ATTRIBUTES = ("number", "start_time", "end_time", "deletion_time", "duration")

WORDS, WORD_LENGTH = 50, 63
"""The greatest number of words in a `KeyRecord`, and the greatest length of a word in characters."""

FIRST_IDS = 50
"""The greatest number of run ids in a `RunGroup`."""


@dataclass(frozen=True, slots=True)
class Column:
    """A value that every run of a table may have.

    `entity` and `key` have the same meaning as in `bridge.records.search.Comparison`. So the metric `loss.x` is the
    metric with this key, or the column `x` of the table `loss`. If a run has several series of this name, the one with
    the greatest latest point counts. The entity `tag` means a tag, otherwise a property, otherwise a logged text.
    `column`, if not empty, names a column of the table `key`, and no other series counts.
    Only number series are metrics.
    The attribute `duration` is the end time minus the start time, in milliseconds. `number` is the run number.

    `statistic` chooses a value of a metric. NaN is skipped by `first`, `min`, `max` and their steps, and ±inf is not.

    - `last`: the value of the latest point.
    - `step`: the step of the latest point.
    - `first`: the value with the least (step, timestamp), or the first logged of several such values.
    - `min`, `max`: the least and the greatest value.
    - `min_step`, `max_step`: the step of this value, or of the first logged of several such values.
    - `count`: the number of stored points. A point that MLflow's API logged twice counts twice.

    Raises:
        InvalidValue: the entity, the attribute or the statistic does not exist, or it does not fit the entity.
    """

    entity: ColumnEntity
    key: str
    statistic: Statistic = "last"
    column: str = ""

    def __post_init__(self) -> None:
        rule = ""
        if self.entity not in get_args(ColumnEntity):
            rule = f"the entity must be one of {', '.join(get_args(ColumnEntity))}"
        elif self.entity == "attribute" and self.key not in (*TEXT_ATTRIBUTES, *NUMBER_ATTRIBUTES):
            rule = f"the attribute must be one of {', '.join((*TEXT_ATTRIBUTES, *NUMBER_ATTRIBUTES))}"
        elif self.statistic not in get_args(Statistic):
            rule = f"the statistic must be one of {', '.join(get_args(Statistic))}"
        elif self.entity != "metric" and (self.statistic != "last" or self.column):
            rule = "only a metric has a statistic and a column"
        elif not is_encodable(self.key, self.column):
            rule = "UTF-8 must be able to encode the key"
        if rule:
            raise InvalidValue("column", (self.entity, self.key, self.statistic, self.column), rule)

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers. Otherwise they are texts."""
        return self.entity == "metric" or (self.entity == "attribute" and self.key in NUMBER_ATTRIBUTES)


class Numbers(NamedTuple):
    """The numbers of a column, one for each run.

    `values` is a float64 array. An integer beyond ±2**53 is rounded to the nearest float64, and -0.0 may be 0.0.
    `present` is a bool array. It is False for a run without a value, whose number is NaN. A run that logged NaN has
    the number NaN too, but `present` is True. That also holds for `first`, `min`, `max` and the steps of the extremes
    if all values are NaN.
    """

    values: Array
    present: Array


class Texts(NamedTuple):
    """The texts of a column, one for each run.

    `words` contains each distinct text once, in any order. A tag without a value has the word None.
    `codes` is a uint32 array with the index in `words`.
    `present` is a bool array. It is False for a run without a value, whose code is 0.
    """

    codes: Array
    words: tuple[str | None, ...]
    present: Array


@dataclass(frozen=True, slots=True, eq=False)
class RunColumns:
    """Columns of runs, in the order of the query.

    `ids` are the run ids, and `numbers` are the run numbers as an int64 array.
    `total` is the number of runs that match the query, of which these are a part.
    `columns` contains one entry for each requested column, in the same order.
    """

    ids: tuple[str, ...]
    numbers: Array
    total: int
    columns: tuple[Numbers | Texts, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RunMatches:
    """The runs that match a query, in the order of the query: their ids, and their run numbers as an int64 array."""

    ids: tuple[str, ...]
    numbers: Array


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key that runs use: a metric, a column of a table, a param, a tag or a property.

    For a metric, `column`, `kind` and `value_type` are those of its series. They are empty, 0 and `text` otherwise.
    `runs` is the number of runs that have the key, active and deleted ones.
    `minimum` and `maximum` are the least and the greatest latest value of a number series, over these runs. NaN is
    skipped, and ±inf counts as ±1.797e308. They are None if there is no such value.
    `words` contains distinct values with the number of runs that have each value: the first `WORDS` values in the order
    of their code points. Only values of at most `WORD_LENGTH` characters are included, and no None. A metric has words
    only if it is a text that was logged with `log`, and then the length of its JSON counts.
    """

    entity: KeyEntity
    key: str
    column: str
    kind: int
    value_type: ValueType
    runs: int
    minimum: float | None = None
    maximum: float | None = None
    words: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """Facts about a series of a run, such as its latest value, without its points.

    `points` is the number of stored points. `last`, `step` and `timestamp` are those of the latest point, which is the
    one with the greatest (step, timestamp); see `bridge.records.series.Latest`.
    `minimum` and `maximum` are the least and the greatest number of all points. They skip NaN, but not ±inf. They are
    NaN if all values are NaN, or if the series has texts.
    """

    key: str
    column: str
    kind: int
    value_type: ValueType
    points: int
    last: float | str | bool | None
    step: int
    timestamp: int
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Spread:
    """The distribution of a column of numbers in a group of runs. Missing values and NaN are skipped.

    `deviation` is the sample standard deviation. It is NaN for fewer than two values, and the other numbers are NaN
    for no value.
    """

    count: int
    mean: float
    deviation: float
    minimum: float
    maximum: float
    median: float


@dataclass(frozen=True, slots=True)
class RunGroup:
    """The runs that have the same values in some columns.

    `values` are these values, in the order of the columns: a text, a number, or None if the runs have no value.
    `runs` is the number of runs, and `ids` are the ids of the first of them, at most `FIRST_IDS`.
    `spreads` contains one entry for each summarised column.
    """

    values: tuple[str | float | None, ...]
    runs: int
    ids: tuple[str, ...]
    spreads: tuple[Spread, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of a store since a cursor.

    `cursor` is the position of this answer. The next call passes it to get later changes.
    `is_complete` is False if the store does not know all changes since the cursor, for example because the cursor is
    very old. The caller must then read everything again, and the other fields are empty.
    `created` and `runs` are the ids of runs that are new, and of other runs that have changed. A run has changed if a
    field of its record, one of its series or the index of its files was written, even if it got the same value.
    `files` are the ids of the runs in `created` and `runs` whose index of files may have changed.
    `removed` are the ids of runs that were purged. A run that was purged and created again is in `removed` and in
    `created`, so a caller first drops the removed runs and then reads the others.
    `experiments` are the ids of experiments that were created, changed or purged.
    All ids are sorted as texts.
    """

    cursor: str
    is_complete: bool = True
    runs: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """The points of a series in equal ranges of x, as arrays with one value for each bucket.

    `count` is int64, the number of points, also of those that are NaN. The other arrays are float64, and NaN where a
    bucket has no such value.
    `minimum` and `maximum` skip NaN, but not ±inf. `mean` is the mean of the finite values. `last` is the value of the
    last point.
    In a group of runs, these are statistics over the means of the runs in a bucket: `count` is the number of runs that
    have a mean, `deviation` is their sample standard deviation, and `last` is None. Otherwise `deviation` is None.
    """

    count: Array
    minimum: Array
    maximum: Array
    mean: Array
    last: Array | None = None
    deviation: Array | None = None


class SeriesFacts(NamedTuple):
    """Exact facts about the points of a series in a range of x.

    `points` is the number of points, `nans` of those that are NaN, and `infinities` of those that are ±inf.
    `first` and `last` are the values of the first and the last point. `minimum` and `maximum` are the least and the
    greatest value. They skip NaN, but not ±inf, and are NaN if all values are NaN.
    In a group of runs, `first` and `last` are NaN.
    """

    points: int
    nans: int
    infinities: int
    first: float
    last: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True, eq=False)
class SampledSeries:
    """The points of a metric of one run, or of a group of runs, in a form for a chart of limited width.

    `name` is the run id or the name of the group, and `key` is the requested key.
    `edges` is a float64 array with the bounds of the buckets. It is the same for all series of a key, so that charts of
    several runs can be compared. A bucket contains the points from its lower bound up to, but without, its upper bound.
    The last bucket also contains the points at its upper bound.
    If the run has at most as many points as buckets, `x` and `values` contain all points as float64 arrays, and
    `buckets` is None. Otherwise `x` and `values` are None.
    `position` is the position of the last stored point of the series, for `RunViews.get_tail`. It is -1 for a group.
    Points are ordered by (step, timestamp, position). If x is a time, they are ordered by (timestamp, step, position),
    and if x is another metric, by x first. As for native readers, a point that MLflow's API logged is excluded if an
    earlier point has the same step, timestamp and value.
    """

    name: str
    key: str
    edges: Array
    facts: SeriesFacts
    buckets: Buckets | None = None
    x: Array | None = None
    values: Array | None = None
    position: int = -1
