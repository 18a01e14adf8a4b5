"""A backend on a SQL database. Each method opens a transaction and calls functions that run SQL in this transaction.

A backend stores experiments, runs, points, leases (which process owns which run), receipts (up to which byte the points
of a journal are in the database) and the index of artifacts.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.errors import NotAllowed
from bridge.records.run import TERMINAL_STATUSES
from bridge.records.series import NATIVE
from bridge.records.storable import check_changes, check_experiment, check_run
from bridge.store.backend import Backend
from bridge.store.points import check_points
from bridge.store.sql import experiments, runs
from bridge.store.sql.changes import note_experiment, note_runs
from bridge.store.sql.database import Database
from bridge.store.sql.database_file import NO_ACCESS
from bridge.store.sql.statements import in_chunks, insert, state_of
from bridge.store.sql.waiting import index_ended

if TYPE_CHECKING:
    from bridge.records.artifact import ArtifactRecord
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.page import Page
    from bridge.records.run import Lease, RunChanges, RunRecord
    from bridge.records.search import ExperimentQuery, RunQuery
    from bridge.records.series import Point, SeriesRecord
    from bridge.store.slices import Slice
    from bridge.store.sql.seal import Sealer
    from bridge.store.views import RunViews


TRIES = 3
"""The number of times that `append` prepares its rows without the lock for writing.

A try fails if another process changes the same series or receipts during the try. If all tries fail, `append` takes the
lock and then prepares the rows.
"""


class SqlBackend(Backend):
    """A backend that stores everything in one SQL database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._made_sealer: Sealer | None = None

    # Experiments

    def create_experiment(
        self,
        name: str,
        creation_time: int,
        artifact_location: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> ExperimentRecord:
        check_experiment(creation_time, artifact_location, tags)
        with self.database.write() as c:
            number = experiments.create(c, name, creation_time, artifact_location, tags or {})
            return experiments.read(c, [number])[0]

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        with self.database.read() as c:
            return experiments.read(c, [experiments.existing_id(c, experiment_id)])[0]

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        with self.database.read() as c:
            number = experiments.find_id(c, name)
            return None if number is None else experiments.read(c, [number])[0]

    def search_experiments(self, query: ExperimentQuery) -> Page[ExperimentRecord]:
        from bridge.records.page import Page
        from bridge.store.sql.search.experiments import search_experiment_ids

        with self.database.read() as c:
            numbers, token = search_experiment_ids(c, query)
            return Page(tuple(experiments.read(c, numbers)), token)

    def rename_experiment(self, experiment_id: str, name: str, time: int) -> None:
        with self.database.write() as c:
            experiments.rename(c, experiment_id, name, time)

    def set_experiment_tags(
        self, experiment_id: str, tags: Mapping[str, str | None], removed: Sequence[str] = ()
    ) -> None:
        check_experiment(tags=tags, removed=removed)
        with self.database.write() as c:
            number = experiments.active_id(c, experiment_id)
            experiments.remove_tags(c, number, removed)
            experiments.set_tags(c, number, tags)
            note_experiment(c, number)

    def delete_experiment(self, experiment_id: str, time: int) -> None:
        with self.database.write() as c:
            experiments.set_stage(c, experiment_id, "deleted", time)

    def restore_experiment(self, experiment_id: str, time: int) -> None:
        with self.database.write() as c:
            experiments.set_stage(c, experiment_id, "active", time)

    def purge_experiment(self, experiment_id: str) -> None:
        from bridge.store.sql import purge

        purge.remove_experiment(self.database, experiment_id)
        purge.finish(self.database)

    # Runs

    def create_runs(self, records: Sequence[RunRecord], leases: Sequence[Lease] = ()) -> list[RunRecord]:
        records = [check_run(record) for record in records]
        with self.database.write() as c:
            return runs.read(c, runs.create(c, records, leases))

    def get_runs(self, run_ids: Sequence[str], latest: bool = True) -> dict[str, RunRecord]:
        with self.database.read() as c:
            keys = runs.keys_of(c, run_ids)
            return dict(zip(keys, runs.read(c, list(keys.values()), latest), strict=True))

    def get_active_runs(self, run_ids: Sequence[str]) -> set[str]:
        with self.database.read() as c:
            return runs.active_ids(c, run_ids)

    def check_writable(self, run_id: str) -> None:
        if self.database.read_only:
            raise NotAllowed("write to", str(self.database.path), NO_ACCESS)
        with self.database.read() as c:
            runs.active_key(c, run_id)

    def update_runs(self, run_ids: Sequence[str], changes: RunChanges) -> None:
        changes = check_changes(changes)
        with self.database.write() as c:
            changed = [runs.update(c, run_id, changes) for run_id in dict.fromkeys(run_ids)]
            note_runs(c, changed)
            if changes.status in TERMINAL_STATUSES:
                index_ended(c, changed)

    def delete_runs(self, run_ids: Sequence[str], time: int) -> None:
        with self.database.write() as c:
            runs.set_stage(c, run_ids, "deleted", time)

    def restore_runs(self, run_ids: Sequence[str]) -> None:
        with self.database.write() as c:
            runs.set_stage(c, run_ids, "active", None)

    def purge_runs(self, run_ids: Sequence[str]) -> None:
        from bridge.store.sql import purge

        purge.hide_runs(self.database, run_ids)
        purge.finish(self.database)

    def resume_purge(self) -> None:
        from bridge.store.sql import purge

        purge.finish(self.database)

    def search_runs(self, query: RunQuery) -> Page[RunRecord]:
        from bridge.records.page import Page
        from bridge.store.sql.search.runs import search_run_keys

        with self.database.read() as c:
            c.prepare_for_searches()
            keys, token = search_run_keys(c, query)
            return Page(tuple(runs.read(c, keys)), token)

    def search_run_ids(self, query: RunQuery) -> Page[str]:
        from bridge.records.page import Page
        from bridge.store.sql.search.runs import search_run_ids

        with self.database.read() as c:
            c.prepare_for_searches()
            ids, token = search_run_ids(c, query)
            return Page(tuple(ids), token)

    def search_datasets(self, experiment_ids: Sequence[str]) -> list[tuple[str, str, str, str | None]]:
        with self.database.read() as c:
            return runs.search_datasets(c, experiment_ids)

    # Leases

    def claim_run(self, run_id: str, lease: Lease) -> None:
        from bridge.store.sql import leases

        with self.database.write() as c:
            leases.claim(c, run_id, lease)

    def end_unclaimed(self, now: int) -> list[str]:
        from bridge.store.sql import leases

        with self.database.read() as c:
            if not leases.unclaimed(c, now):
                return []
        with self.database.write() as c:
            return leases.end_unclaimed(c, now)

    def get_leases(self) -> list[Lease]:
        from bridge.store.sql import leases

        with self.database.read() as c:
            return leases.read(c)

    def end_leases(self, gone: Mapping[str, int], silent: Collection[str] = ()) -> list[str]:
        from bridge.store.sql import leases

        with self.database.read() as c:
            if not leases.verdicts(c, gone, silent):
                return []
        with self.database.write() as c:
            return leases.end(c, gone, silent)

    # Points

    def log_points(self, run_id: str, points: Sequence[Point], api: int = NATIVE) -> None:
        checked = check_points(points)
        self.check_writable(run_id)
        if checked:
            from bridge.store.place import join, slice_of
            from bridge.store.sql import series

            piece = slice_of(run_id, checked, api)
            joined = join([piece])
            with self.database.write() as c:
                runs.active_key(c, run_id)
                series.store(c, joined, piece.warnings)

    def get_series_of(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, list[SeriesRecord]]:
        from bridge.store.sql import series

        with self.database.read() as c:
            run_keys = runs.keys_of(c, run_ids)
            found = series.read(c, list(run_keys.values()), keys)
            return {run_id: found[key] for run_id, key in run_keys.items()}

    def append(self, slices: Sequence[Slice]) -> dict[str, int]:
        from bridge.store.place import fresh_slices, join
        from bridge.store.sql import series
        from bridge.store.sql.known import keep, look_up

        journal_ids = list(dict.fromkeys(piece.journal_id for piece in slices))
        for _ in range(TRIES):
            # Preparing the rows (`join`, `prepare`) is slow, so it is done before the lock for writing is taken.
            with self.database.read() as c:
                before = _receipts(c, journal_ids)
            fresh, ends = fresh_slices(slices, before)
            if not fresh:
                return ends
            points, warnings = join(fresh), series.warnings_of(fresh)
            with self.database.read() as c:
                state, known = state_of(c), look_up(c, points.definitions, warnings)
            rows = series.prepare(points, warnings, known)
            with self.database.write() as c:
                _check_workspace(c, fresh)
                unchanged = (
                    state_of(c) == state or look_up(c, points.definitions, warnings).content() == known.content()
                )
                unchanged = unchanged and _receipts(c, journal_ids) == before
                if unchanged:
                    series.write(c, rows)
                    _finish_append(c, fresh, ends)
                    self._sealer.add(rows.known.ids, rows.known.hot, [block[1] for block in rows.blocks])
                    remember = keep(c, rows.definitions, rows.known)
            if unchanged:
                remember()
                return ends
        # Every try has failed, because other processes changed the same rows. So the rows are prepared under the lock.
        with self.database.write() as c:
            _check_workspace(c, slices)
            fresh, ends = fresh_slices(slices, _receipts(c, journal_ids))
            if fresh:
                series.store(c, join(fresh), series.warnings_of(fresh))
                _finish_append(c, fresh, ends)
            return ends

    def tidy(self) -> bool:
        from bridge.store.packages import has_package
        from bridge.store.sql.facts import fill_some
        from bridge.store.sql.waiting import index_some

        if self.database.read_only:
            return False
        if index_some(self.database, time.time_ns() // 1_000_000) or fill_some(self.database):
            return True
        return has_package("pcodec") and self._sealer.step()

    @property
    def _sealer(self) -> Sealer:
        """The object that compresses points. It is created when first needed: most processes need none."""
        if self._made_sealer is None:
            from bridge.store.sql.seal import Sealer

            self._made_sealer = Sealer(self.database)
        return self._made_sealer

    def get_receipts(self, journal_ids: Sequence[str]) -> dict[str, int]:
        with self.database.read() as c:
            return _receipts(c, journal_ids)

    # The index of artifacts

    def set_artifacts(self, root: str, records: Sequence[ArtifactRecord]) -> None:
        from bridge.store.sql import artifacts

        with self.database.write() as c:
            artifacts.set_artifacts(c, root, records)

    def list_artifacts(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        from bridge.store.sql import artifacts

        with self.database.read() as c:
            return artifacts.list_artifacts(c, root, folder, recursive)

    def find_artifact(self, root: str, path: str) -> ArtifactRecord | None:
        from bridge.store.sql import artifacts

        with self.database.read() as c:
            return artifacts.find_artifact(c, root, path)

    def delete_artifacts(self, root: str, path: str = "") -> list[str]:
        from bridge.store.sql import artifacts

        with self.database.write() as c:
            return artifacts.delete_artifacts(c, root, path)

    def find_workspace_id(self) -> str:
        with self.database.read() as c:
            row = c.execute("SELECT value FROM workspace WHERE name = 'id'").fetchone()
            return "" if row is None else str(row[0])

    def get_facts(self) -> dict[str, str]:
        with self.database.read() as c:
            return dict(c.execute("SELECT name, value FROM workspace").fetchall())

    @property
    def views(self) -> RunViews:
        from bridge.store.sql.views.views import SqlViews

        return SqlViews(self.database)

    def close(self) -> None:
        self.database.close()

    def after_fork(self) -> None:
        self.database.forget()


def _check_workspace(c: sqlite3.Connection, slices: Sequence[Slice]) -> None:
    """Raise an error if slices belong to another workspace than the database. The database could have been replaced."""
    from bridge.errors import StoreUnavailable
    from bridge.journal.format import same_id

    named = [piece for piece in slices if piece.workspace_id]
    if not named:
        return
    row = c.execute("SELECT value FROM workspace WHERE name = 'id'").fetchone()
    for piece in named:
        if row is not None and not same_id(piece.workspace_id, row[0]):
            raise StoreUnavailable(f"journal {piece.journal_id}", "its workspace was replaced by another workspace")


def _receipts(c: sqlite3.Connection, journal_ids: Sequence[str]) -> dict[str, int]:
    return dict(in_chunks(c, "SELECT journal_id, stored FROM receipt WHERE journal_id IN ({})", journal_ids))


def _finish_append(c: sqlite3.Connection, fresh: Sequence[Slice], ends: Mapping[str, int]) -> None:
    """Store the lease records of slices, and the new receipts of the journals of these slices."""
    from bridge.store.sql import leases

    leases.store(c, fresh)
    stored = [(journal_id, ends[journal_id]) for journal_id in dict.fromkeys(piece.journal_id for piece in fresh)]
    insert(
        c, "receipt", ("journal_id", "stored"), stored,
        "ON CONFLICT (journal_id) DO UPDATE SET stored = excluded.stored",
    )  # fmt: skip
