"""Each fault that is planted in the database is found with its code, and repaired where that is safe."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from filled import FIRST, SECOND, THIRD, ask, change, points_of, records_of

from bridge.maintenance.doctor import examine
from bridge.maintenance.repair import repair
from bridge.store.sql.chunks import BLOCK

LOSS = (
    "(SELECT s.id FROM series s JOIN name n ON n.id = s.name JOIN run r ON r.key = s.run"
    f" WHERE r.id = '{FIRST}' AND n.key = 'loss')"
)
COUNT = LOSS.replace("'loss'", "'count'")
NOTE = LOSS.replace("'loss'", "'note'")
OF_LOSS = "(SELECT id FROM name WHERE entity = 3 AND key = 'loss')"
COUNTED = f"run = (SELECT key FROM run WHERE id = '{FIRST}') AND name = {OF_LOSS}"
COLUMNS = ", ".join(BLOCK)


class Planted(NamedTuple):
    """A fault: a statement that plants it, and the codes with which it is found."""

    sql: str
    codes: tuple[str, ...]


REPAIRED = {
    "wrong latest value": Planted(
        f"UPDATE series SET latest_value = 99.0 WHERE id = {LOSS}", ("series.facts", "series.index")
    ),
    "wrong latest step": Planted(f"UPDATE series SET latest_step = 7 WHERE id = {LOSS}", ("series.facts",)),
    "wrong latest text": Planted(
        f"UPDATE series SET latest_text = '\"no\"' WHERE id = {NOTE}", ("series.facts", "series.index")
    ),
    "wrong minimum": Planted(f"UPDATE series SET minimum_value = -5.0 WHERE id = {LOSS}", ("series.facts",)),
    "wrong maximum's step": Planted(f"UPDATE series SET maximum_step = 2 WHERE id = {LOSS}", ("series.facts",)),
    "wrong first value": Planted(f"UPDATE series SET first_value = 2.0 WHERE id = {LOSS}", ("series.facts",)),
    "wrong number of points": Planted(f"UPDATE series SET points = 3 WHERE id = {LOSS}", ("series.facts",)),
    "ints that are none": Planted(f"UPDATE series SET all_ints = 1 WHERE id = {LOSS}", ("series.facts",)),
    "stale index": Planted(f"UPDATE series SET indexed = 5.0 WHERE id = {LOSS}", ("series.index",)),
    "stale index of texts": Planted(f"UPDATE series SET prefix = 'no' WHERE id = {NOTE}", ("series.index",)),
    "wrong number of blocks": Planted(f"UPDATE series SET hot = 9 WHERE id = {LOSS}", ("series.blocks",)),
    "counter too small": Planted(f"UPDATE counter SET points = 3 WHERE {COUNTED}", ("counter.wrong",)),
    "counter too great": Planted(f"UPDATE counter SET points = 9000 WHERE {COUNTED}", ("counter.wrong",)),
    "stepless beyond the points": Planted(f"UPDATE counter SET stepless = 900 WHERE {COUNTED}", ("counter.wrong",)),
    "lost counter": Planted(f"DELETE FROM counter WHERE {COUNTED}", ("counter.missing",)),
    "chunk's minimum": Planted(f"UPDATE chunk SET minimum = -9.0 WHERE series = {COUNT}", ("chunk.facts",)),
    "chunk's first value": Planted(f"UPDATE chunk SET first_value = -9.0 WHERE series = {COUNT}", ("chunk.facts",)),
    "chunk's range of steps": Planted(f"UPDATE chunk SET greatest_step = 500 WHERE series = {LOSS}", ("chunk.facts",)),
    "block's number": Planted(f"UPDATE point_block SET points = 5 WHERE series = {LOSS}", ("block.count",)),
    "label's index": Planted("UPDATE label SET prefix = 'x' WHERE value = 'vis'", ("label.prefix",)),
    "label's number": Planted("UPDATE run SET labels = 1", ("label.number",)),
    "counter of runs": Planted("UPDATE experiment SET runs = 1 WHERE id = 0", ("experiment.counter",)),
    "counter of changes": Planted("UPDATE change SET value = 0", ("change.behind",)),
    "dropped index": Planted("DROP INDEX run_by_start", ("schema.missing",)),
    "dropped index of chunks": Planted("DROP INDEX chunk_by_series", ("schema.missing",)),
    "dropped trigger": Planted("DROP TRIGGER run_has_ended", ("schema.missing",)),
    "dropped table": Planted("DROP TABLE waiting", ("schema.missing",)),
}


def codes_of(path: Path) -> list[str]:
    return sorted({finding.code for finding in examine(path)})


def check_repaired(path: Path, template: Path, codes: tuple[str, ...]) -> None:
    """Check that a fault is found, repaired and gone, and that runs and points are those of before it."""
    assert codes_of(path) == sorted(codes)
    result = repair(path)
    assert sorted({finding.code for finding in result.repaired}) == sorted(codes)
    assert result.left == [] == examine(path)
    assert result.copies is not None and (result.copies / "report.jsonl").is_file()
    assert points_of(path) == points_of(template)


def test_the_workspace_without_a_fault_is_healthy(work: Path) -> None:
    assert examine(work) == []
    result = repair(work)
    assert (result.repaired, result.left, result.copies) == ([], [], None)
    assert not (work / "repairs").exists()


@pytest.mark.parametrize("name", REPAIRED)
def test_a_planted_fault_is_found_and_repaired(work: Path, template: Path, name: str) -> None:
    change(work, REPAIRED[name].sql)
    check_repaired(work, template, REPAIRED[name].codes)
    assert records_of(work) == records_of(template)


def test_the_former_rows_are_kept(work: Path) -> None:
    change(work, f"UPDATE series SET latest_value = 99.0 WHERE id = {LOSS}")
    copies = repair(work).copies
    assert copies is not None
    assert ask(copies, "SELECT latest_value FROM series", file="rows.db") == 99.0


def test_rows_without_a_run_are_moved_away(work: Path, template: Path) -> None:
    """A series whose run does not exist is moved with its chunks."""
    change(
        work,
        "INSERT INTO series SELECT 900, 77, name, all_ints, latest_step, latest_timestamp, latest_value,"
        " latest_bits, latest_text, prefix, points, first_step, first_timestamp, first_value, minimum_step,"
        f" minimum_value, maximum_step, maximum_value, indexed, hot FROM series WHERE id = {LOSS}",
    )
    change(
        work,
        f"INSERT INTO point_block (series, {COLUMNS}) SELECT 900, {COLUMNS} FROM point_block WHERE series = {LOSS}",
    )
    result = repair(work)
    assert [finding.code for finding in result.repaired] == ["row.orphan"]
    assert result.left == [] and result.copies is not None
    assert ask(result.copies, "SELECT count(*) FROM series", file="rows.db") == 1
    assert ask(result.copies, "SELECT count(*) FROM point_block", file="rows.db") == 2
    assert points_of(work) == points_of(template)


def test_points_without_a_series_are_moved_away(work: Path, template: Path) -> None:
    change(work, "UPDATE point_block SET series = 4711 WHERE id = (SELECT max(id) FROM point_block)")
    found = examine(work)
    assert {"row.orphan", "series.facts"} <= {finding.code for finding in found}
    result = repair(work)
    assert result.left == [] and result.copies is not None
    assert ask(result.copies, "SELECT count(*) FROM point_block", file="rows.db") == 1


def test_a_lost_name_gets_a_new_key_and_its_points_stay(work: Path, template: Path) -> None:
    (id,) = {ask(work, "SELECT id FROM name WHERE entity = 3 AND key = 'late'")}
    change(work, "DELETE FROM name WHERE id = ?", id)
    check = repair(work)
    assert "name.missing" in {finding.code for finding in check.repaired}
    assert check.left == []
    before, after = points_of(template), points_of(work)
    assert after[(FIRST, f"recovered-{id}", "", 0, "number")] == before.pop((FIRST, "late", "", 0, "number"))
    assert {key: points for key, points in after.items() if not key[1].startswith("recovered")} == before


def test_a_lost_experiment_is_created_again(work: Path, template: Path) -> None:
    with closing(sqlite3.connect(work / "workspace.db")) as c, c:
        c.execute(
            "INSERT INTO experiment (id, name, stage, creation_time, last_update_time) VALUES (5, 'e', 'active', 0, 0)"
        )
        c.execute("UPDATE run SET experiment = 5 WHERE id = ?", (THIRD,))
        c.execute("UPDATE name SET experiment = 5 WHERE 0")
        c.execute("DELETE FROM experiment WHERE id = 5")
    assert "experiment.missing" in codes_of(work)
    repair(work)
    assert "experiment.missing" not in codes_of(work)
    assert ask(work, "SELECT name FROM experiment WHERE id = 5") == "recovered-5"


def test_an_interrupted_purge_is_finished(work: Path) -> None:
    change(work, "UPDATE run SET experiment = -1, id = ' hidden', parent_id = NULL WHERE id = ?", SECOND)
    change(work, "DELETE FROM label WHERE run = (SELECT key FROM run WHERE experiment = -1)")
    change(work, "DELETE FROM artifact WHERE root LIKE ?", f"0/{SECOND}/%")
    assert codes_of(work) == ["artifact.orphan", "run.hidden"]
    assert repair(work).left == []
    assert ask(work, "SELECT count(*) FROM run WHERE experiment = -1") == 0


def corrupt(path: Path, table: str, column: str, where: str, at: int) -> None:
    """Flip a byte of a blob in the database."""
    blob = bytearray(ask(path, f'SELECT "{column}" FROM {table} WHERE {where}'))
    blob[at] ^= 0x41
    change(path, f'UPDATE {table} SET "{column}" = ? WHERE {where}', bytes(blob))


@pytest.mark.parametrize("at", [3, 20, 200])
def test_a_chunk_with_a_flipped_byte_is_found_and_left(work: Path, template: Path, at: int) -> None:
    """Nothing can repair its points, and the row of the series is not adapted to the damage."""
    where = f"id = (SELECT min(id) FROM chunk WHERE series = {LOSS})"
    corrupt(work, "chunk", "values", where, at)
    before = ask(work, f"SELECT latest_value || ' ' || minimum_value FROM series WHERE id = {LOSS}")
    assert "chunk.damaged" in codes_of(work)
    result = repair(work)
    assert "chunk.damaged" in {finding.code for finding in result.left}
    assert not any(finding.repairable for finding in result.left if finding.code == "chunk.damaged")
    assert ask(work, f"SELECT latest_value || ' ' || minimum_value FROM series WHERE id = {LOSS}") == before


LEFT: dict[str, tuple[Callable[[Path], None], str]] = {
    "a chunk of a newer format": (
        lambda p: change(p, f"UPDATE chunk SET codec = 9 WHERE series = {LOSS}"),
        "chunk.newer",
    ),
    "a block that is too short": (
        lambda p: change(p, f"UPDATE point_block SET steps = x'00' WHERE series = {LOSS}"),
        "block.damaged",
    ),
    "texts that are no JSON": (
        lambda p: change(
            p,
            f"INSERT INTO point_block (series, {COLUMNS})"
            f" VALUES ({NOTE}, 1, zeroblob(8), zeroblob(8), zeroblob(8), '[', zeroblob(1))",
        ),
        "block.damaged",
    ),
    "positions twice": (
        lambda p: change(
            p,
            f"INSERT INTO point_block (series, {COLUMNS})"
            f" SELECT series, {COLUMNS} FROM point_block"
            f" WHERE series = {LOSS} ORDER BY id LIMIT 1",
        ),
        "points.order",
    ),
    "a status that does not exist": (
        lambda p: change(p, "UPDATE run SET status = 'Gone' WHERE id = ?", THIRD),
        "run.status",
    ),
    "a series without points": (lambda p: change(p, f"DELETE FROM chunk WHERE series = {NOTE}"), "series.lost"),
    "a newer schema": (lambda p: change(p, "PRAGMA user_version = 99"), "schema.newer"),
    "a lost table": (lambda p: change(p, "DROP TABLE warning"), "schema.missing"),
    "a changed table": (lambda p: change(p, "ALTER TABLE warning RENAME COLUMN sentence TO words"), "schema.differs"),
    "an unknown table": (lambda p: change(p, "CREATE TABLE other (x)"), "schema.extra"),
    "a name of another entity": (lambda p: change(p, "UPDATE name SET entity = 1 WHERE key = 'late'"), "name.wrong"),
}


@pytest.mark.parametrize("name", LEFT)
def test_a_fault_that_cannot_be_repaired_is_left_with_a_sentence(work: Path, name: str) -> None:
    plant, code = LEFT[name]
    plant(work)
    found = [finding for finding in examine(work) if finding.code == code]
    assert found and not found[0].repairable and found[0].remedy.endswith(".")
    assert code in {finding.code for finding in repair(work).left}


def test_a_sum_that_differs_in_the_last_digits_is_only_noted(work: Path, template: Path) -> None:
    change(work, f"UPDATE chunk SET total = total * (1 + 1e-15) WHERE series = {LOSS}")
    (finding,) = examine(work)
    assert (finding.code, finding.severity) == ("chunk.sum", "note")
    change(work, f"UPDATE series SET latest_step = 1 WHERE id = {LOSS}")
    assert [finding.code for finding in repair(work).left] == ["chunk.sum"]
    assert points_of(work) == points_of(template)
