"""Repairs the rows of runs: series, chunks, blocks, counters and labels, from the points that are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.maintenance.checks.pieces import differences, read_chunk
from bridge.maintenance.checks.series import Expected, Row, check_series, read_rows
from bridge.maintenance.findings import Finding
from bridge.maintenance.fixes.repair import Repair, portions
from bridge.store.chunks import ChunkFacts, facts_of
from bridge.store.sql import names
from bridge.store.sql.changes import note_runs
from bridge.store.sql.chunks import read_chunks
from bridge.store.sql.connection import Connection
from bridge.store.sql.labels import prefix_of
from bridge.store.sql.states import POINTS, STATE, UNCOUNTED, groups_of
from bridge.store.sql.waiting import VALUE

TRIES = 3
"""How often the states of series are computed before the write transaction. Then they are computed in it."""

LAST_BLOCK = "SELECT positions FROM point_block WHERE series = ? ORDER BY id DESC LIMIT 1"
LAST_CHUNK = "SELECT max(last_position) FROM chunk WHERE series = ?"
OF_KEY = (
    "SELECT s.id, s.latest_step FROM series s JOIN name n ON n.id = s.name"
    f" WHERE s.run = ? AND n.entity = {names.SERIES} AND n.key = ?"
)


def correct_series(repair: Repair, findings: Sequence[Finding]) -> None:
    """Compute the rows of series again from their points.

    The points are read before the write transaction, so that other writers do not wait. If a fold changes one of the
    series in between, the points are read again.
    """
    for some in portions(findings):
        ids = [finding.target[0] for finding in some]
        for attempt in range(TRIES + 1):
            before = None if attempt == TRIES else repair.examined.read(lambda c, ids=ids: _computed(c, ids))  # type: ignore[misc]
            if _store_states(repair, ids, before):
                break


def _computed(c: Connection, ids: Sequence[int]) -> tuple[list[Row], Expected | None]:
    rows = read_rows(c, ids)
    return rows, check_series(c, rows)[1]


def _store_states(repair: Repair, ids: Sequence[int], before: tuple[list[Row], Expected | None] | None) -> bool:
    """Store states, and return True; return False if the series have changed since the states were computed."""
    with repair.database.write() as c:
        rows, expected = _computed(c, ids) if before is None else before
        if before is not None and read_rows(c, ids) != rows:
            return False
        if expected is not None:
            _update(repair, c, expected)
    return True


def _update(repair: Repair, c: Connection, expected: Expected) -> None:
    for row in expected.rows:
        repair.copies.rows(c, "series", "id = ?", (row.id,))
    counted = [row.state[POINTS] is not None for row in expected.rows]
    states = expected.states
    for at, row in enumerate(expected.rows):
        states.all_ints[at] &= bool(row.state[0])  # only the journal knew whether whole numbers were logged as ints
        if not counted[at]:
            states.points[at] = UNCOUNTED
    for group in groups_of(states):
        for number, *values in zip(group.series.tolist(), *group.values, strict=True):
            if expected.whole[number]:
                _update_row(c, expected.rows[number].id, dict(zip(group.columns, values, strict=True)))
    for row, blocks in zip(expected.rows, expected.blocks, strict=True):
        c.execute("UPDATE series SET hot = ? WHERE id = ?", (blocks, row.id))
        indexed = "NULL" if row.is_text else VALUE.format("")
        c.execute(f"UPDATE series SET indexed = {indexed} WHERE id = ?", (row.id,))
    note_runs(c, list({row.run for row in expected.rows}))


def _update_row(c: Connection, id: int, values: dict[str, Any]) -> None:
    """Set the state of a series. The columns without a value become NULL."""
    columns = [*STATE, "prefix"]
    settings = ", ".join(f"{column} = ?" for column in columns)
    c.execute(f"UPDATE series SET {settings} WHERE id = ?", (*(values.get(column) for column in columns), id))


def correct_chunks(repair: Repair, findings: Sequence[Finding]) -> None:
    """Compute the facts of chunks again from their points. The compressed points are not changed."""
    settings = ", ".join(f"{name} = ?" for name in ChunkFacts._fields)
    for some in portions(findings):
        with repair.database.write() as c:
            for finding in some:
                series, id = finding.target
                for _, _, chunk in read_chunks(c, [id]):
                    columns = read_chunk(id, chunk, series)
                    if all(one.repairable for one in differences(id, chunk, columns, series)):
                        repair.copies.rows(c, "chunk", "id = ?", (id,))
                        c.execute(f"UPDATE chunk SET {settings} WHERE id = ?", (*facts_of(columns), id))


def correct_blocks(repair: Repair, findings: Sequence[Finding]) -> None:
    """Set the number of points of blocks to that of their columns."""
    for some in portions(findings):
        with repair.database.write() as c:
            for finding in some:
                id, points = finding.target
                repair.copies.rows(c, "point_block", "id = ?", (id,))
                sql = "UPDATE point_block SET points = ? WHERE id = ? AND length(positions) = 8 * ?"
                c.execute(sql, (points, id, points))


def correct_counters(repair: Repair, findings: Sequence[Finding]) -> None:
    """Set the counters of keys to the position after the last stored point."""
    for some in portions(findings):
        with repair.database.write() as c:
            for finding in some:
                run, name, _ = finding.target
                row = c.execute("SELECT key FROM name WHERE id = ?", (name,)).fetchone()
                if row is not None:
                    points, _ = _counted(c, run, row[0])
                    repair.copies.rows(c, "counter", "run = ? AND name = ?", (run, name))
                    sql = (
                        "UPDATE counter SET points = ?, stepless = max(0, min(stepless, ?)) WHERE run = ? AND name = ?"
                    )
                    c.execute(sql, (points, points, run, name))


def create_counters(repair: Repair, findings: Sequence[Finding]) -> None:
    """Create missing counters from the last stored points."""
    for some in portions(findings):
        with repair.database.write() as c:
            for finding in some:
                run, key = finding.target
                (experiment,) = c.execute("SELECT experiment FROM run WHERE key = ?", (run,)).fetchone()
                name = names.key_name(experiment, key)
                id = names.find_or_insert(c, [name])[name]
                points, is_stepless = _counted(c, run, key)
                sql = "INSERT INTO counter (run, name, points, stepless) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
                c.execute(sql, (run, id, points, points if is_stepless else 0))


def _counted(c: Connection, run: int, key: str) -> tuple[int, bool]:
    """Return the position after the last point of a key, and whether its points seem to be logged without steps."""
    last, latest_step = -1, 0
    for id, step in c.execute(OF_KEY, (run, key)).fetchall():
        block = c.execute(LAST_BLOCK, (id,)).fetchone()
        (chunk,) = c.execute(LAST_CHUNK, (id,)).fetchone()
        of_block = -1 if block is None else int.from_bytes(block[0][-8:], "little", signed=True)
        last, latest_step = max(last, of_block, -1 if chunk is None else chunk), max(latest_step, step)
    return last + 1, latest_step == last


def correct_prefixes(repair: Repair, findings: Sequence[Finding]) -> None:
    """Compute the indexed beginnings of labels again."""
    for some in portions(findings):
        with repair.database.write() as c:
            for finding in some:
                where = "run = ? AND name = ?"
                row = c.execute(f"SELECT value FROM label WHERE {where}", finding.target).fetchone()
                if row is not None:
                    repair.copies.rows(c, "label", where, finding.target)
                    prefix = None if row[0] is None else prefix_of(row[0])
                    c.execute(f"UPDATE label SET prefix = ? WHERE {where}", (prefix, *finding.target))


def number_labels(repair: Repair, findings: Sequence[Finding]) -> None:
    """Number the labels of runs again, in the order of their former numbers."""
    for some in portions(findings):
        with repair.database.write() as c:
            for finding in some:
                (run,) = finding.target
                repair.copies.rows(c, "label", "run = ?", (run,))
                rows = c.execute("SELECT name FROM label WHERE run = ? ORDER BY number, name", (run,)).fetchall()
                sql = "UPDATE label SET number = ? WHERE run = ? AND name = ?"
                c.executemany(sql, [(number, run, name) for number, (name,) in enumerate(rows)])
                c.execute("UPDATE run SET labels = ? WHERE key = ?", (len(rows), run))
