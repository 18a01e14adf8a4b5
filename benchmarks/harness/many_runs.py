"""Many runs with 20 params, 20 metrics and 10 tags each, written by SQL: a million calls of an API would take hours.

The rows are those that the store would write. Each metric has one latest value; its points are not written.
The values of a run depend only on its number and on the number of runs, so two databases can have the same runs.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from bridge.store.sql.names import PARAM, PROPERTY, SERIES, TAG

METRICS = tuple("val.loss" if number == 10 else f"m{number:02}" for number in range(20))
PARAMS = tuple(f"p{number:02}" for number in range(20))
TAGS = tuple(f"t{number:02}" for number in range(10))
START = 1_700_000_000_000
PRIME = 2**31 - 1
SERIES_ID = "run * 21 + {}"
"""The SQL of the id of a series. A run has at most 21 series."""


def uniform(seed: int) -> str:
    """Return the SQL of a number in [0, 1) that looks random. Another seed gives an independent number."""
    first, second = pow(48271, seed + 2, PRIME), pow(16807, seed + 3, PRIME)
    return f"((x.n + 1) * {first} % {PRIME} * {second} % {PRIME} / {PRIME}.0)"


def choice(word: str, count: int, seed: int) -> str:
    return f"'{word}' || CAST({count} * {uniform(seed)} AS INTEGER)"


def metric_values(runs: int) -> list[str]:
    """Return the SQL of the value of each metric for run `x.n` of `runs` runs. NULL means NaN."""
    values = [uniform(number) for number in range(20)]
    is_adverse = f"{uniform(4)} < 0.3 AND {uniform(104)} >= 0.3 AND {uniform(104)} < 0.4"
    values[3] = f"0.9 * {values[3]} + ({is_adverse})"  # orders the runs last that match "adverse"
    values[5] = f"CAST({values[5]} < 0.5 AS REAL)"
    values[7] = f"0.9 * {values[7]} + ({uniform(6)} < 0.5 AND {uniform(106)} < 0.5)"  # the same for "both broad"
    values[8] = f"CASE WHEN x.n % 10 THEN {values[8]} END"
    return values


def label_values(runs: int) -> list[str]:
    """Return the SQL of the value of each param and tag for run `x.n`."""
    values = [choice("value-", 1000, 100 + number) for number in range(20)]
    values[0], values[4] = choice("v", 10, 100), choice("v", 10, 104)
    values[1] = f"'r' || (x.n % {max(1, runs // 1000)})"
    values[2] = choice("x", 100, 102)
    values[6] = choice("a", 2, 106)
    return values + [choice("tag-", 50, 200 + number) for number in range(10)]


def fill(database: Path, experiments: dict[int, int]) -> None:
    """Write runs to a workspace's database that no process has open. `experiments` has the numbers of runs by id."""
    with closing(sqlite3.connect(database, isolation_level=None)) as c:
        for pragma in ("journal_mode=DELETE", "journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
            c.execute(f"PRAGMA {pragma}").fetchone()
        indexes = c.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('label', 'series', 'run')"
            " AND sql IS NOT NULL"
        ).fetchall()
        _execute(c, [f"DROP INDEX {name}" for name, _ in indexes])
        c.execute("BEGIN")
        _fill(c, experiments)
        c.execute("COMMIT")
        _execute(c, [sql for _, sql in indexes])  # creating an index of many rows is faster than adding to it
        c.execute("PRAGMA journal_mode=WAL").fetchone()


def _execute(c: sqlite3.Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        c.execute(statement)


def _fill(c: sqlite3.Connection, experiments: dict[int, int]) -> None:
    made = random.Random(1)
    for experiment, runs in experiments.items():
        first = c.execute("SELECT coalesce(max(key), 0) + 1 FROM run").fetchone()[0]
        c.executemany(
            "INSERT INTO run (key, id, experiment, number, display_name, status, stage, start_time, end_time, user)"
            " VALUES (?, ?, ?, ?, ?, 'Completed', 'active', ?, ?, 'ada')",
            (
                (first + n, f"{made.getrandbits(128):032x}", experiment, n + 1, f"run-{n}", START + n, START + n + 9)
                for n in range(runs)
            ),
        )
        c.execute("UPDATE experiment SET runs = ? WHERE id = ?", (runs, experiment))
        source = f"(SELECT key AS run, key - {first} AS n FROM run WHERE experiment = {experiment} ORDER BY key) x"
        _fill_labels(c, experiment, runs, source)
        _fill_metrics(c, experiment, runs, source)


def _names(c: sqlite3.Connection, experiment: int, entity: int, keys: Sequence[str], value_type: str = "") -> list[int]:
    sql = "INSERT INTO name (experiment, entity, key, value_type) VALUES (?, ?, ?, ?)"
    return [int(c.execute(sql, (experiment, entity, key, value_type)).lastrowid or 0) for key in keys]


def _cells(columns: str, source: str, names: Sequence[object], values: Sequence[str], where: str = "1") -> str:
    """Return a query with one row for each run and name, and its value as `value`."""
    numbered = ", ".join(f"({at}, {name!r})" for at, name in enumerate(names))
    cases = " ".join(f"WHEN {at} THEN {value}" for at, value in enumerate(values))
    return (
        f"SELECT {columns} FROM"
        f" (SELECT x.*, y.column1 AS number, y.column2 AS name, CASE y.column1 {cases} END AS value"
        f" FROM {source} CROSS JOIN (VALUES {numbered}) y WHERE {where})"
    )


def _fill_labels(c: sqlite3.Connection, experiment: int, runs: int, source: str) -> None:
    """Write params and tags. The first tag is a property of every tenth run, and a logged text of every hundredth."""
    names = _names(c, experiment, PARAM, PARAMS) + _names(c, experiment, TAG, TAGS)
    (a_property,) = _names(c, experiment, PROPERTY, TAGS[:1])
    (text,) = _names(c, experiment, SERIES, TAGS[:1], "text")
    (key,) = _names(c, experiment, SERIES, TAGS[:1], "number")  # the counters of a key refer to this name
    name = f"CASE WHEN number = 20 AND n % 10 = 3 THEN {a_property} ELSE name END"
    where = "y.column1 != 20 OR x.n % 100 != 7"
    cells = _cells(f"run, {name}, number, value, value", source, names, label_values(runs), where)
    c.execute(f"INSERT INTO label (run, name, number, value, prefix) {cells}")
    c.execute(f"UPDATE run SET labels = {len(names)} WHERE experiment = {experiment}")
    word = f"'\"' || {label_values(runs)[20]} || '\"'"
    c.execute(
        "INSERT INTO series (id, run, name, all_ints, latest_step, latest_timestamp, latest_text, prefix, points)"
        f" SELECT {SERIES_ID.format(20)}, run, {text}, 0, 0, {START}, x.word, x.word, 1"
        f" FROM (SELECT x.*, {word} AS word FROM {source}) x WHERE x.n % 100 = 7"
    )
    c.execute(f"INSERT INTO counter SELECT run, {key}, 1, 1 FROM {source} WHERE x.n % 100 = 7")


def _fill_metrics(c: sqlite3.Connection, experiment: int, runs: int, source: str) -> None:
    """Write latest values. One run of a hundred has the metric m09, and a tenth of the values of m08 is NaN."""
    where, values = "y.column1 != 9 OR x.n % 100 = 5", metric_values(runs)
    names = _names(c, experiment, SERIES, METRICS, "number")
    nan = "CASE WHEN value IS NULL THEN 9221120237041090560 END"  # the 64 bits of NaN
    selected = f"{SERIES_ID.format('number')}, run, name, 0, 0, {START}, value, {nan}, coalesce(value, 9e999), 1"
    cells = _cells(selected, source, names, values, where)
    columns = "id, run, name, all_ints, latest_step, latest_timestamp, latest_value, latest_bits, indexed, points"
    c.execute(f"INSERT INTO series ({columns}) {cells}")
    counters = _cells("run, name, 1, 1", source, names, ["1"], where)
    c.execute(f"INSERT INTO counter (run, name, points, stepless) {counters}")


def fill_mlflow(database: Path, experiment: int, runs: int) -> None:
    """Write the same runs to a SQLite database of MLflow."""
    made = random.Random(1)
    with closing(sqlite3.connect(database, isolation_level=None)) as c:
        c.execute("BEGIN")
        c.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage,"
            " artifact_uri, experiment_id) VALUES (?, ?, 'LOCAL', 'ada', 'FINISHED', ?, ?, 'active', '', ?)",
            ((f"{made.getrandbits(128):032x}", f"run-{n}", START + n, START + n + 9, experiment) for n in range(runs)),
        )
        source, labels = "(SELECT run_uuid AS run, rowid - 1 AS n FROM runs) x", label_values(runs)
        for table, keys, values in ("params", PARAMS, labels[:20]), ("tags", TAGS, labels[20:]):
            c.execute(f"INSERT INTO {table} (run_uuid, key, value) {_cells('run, name, value', source, keys, values)}")
        cells = _cells(
            f"run, name, coalesce(value, 0), {START}, 0, value IS NULL", source, METRICS, metric_values(runs),
            "y.column1 != 9 OR x.n % 100 = 5",
        )  # fmt: skip
        c.execute(f"INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) {cells}")
        c.execute("COMMIT")
