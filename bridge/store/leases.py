"""The rules of leases: how lease records change the lease of a run, and when a run without an owner is ended.

A lease names the process that owns a run. A slice is a part of a journal, and may contain lease records.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from bridge.records.limits import LEASE_SECONDS
from bridge.records.run import TERMINAL_STATUSES, Lease, RunChanges, Status

if TYPE_CHECKING:
    from bridge.store.slices import LeaseRecord, Slice

OWNER_GONE = "OwnerGone"
"""The error code of a run that was ended because its owner had ended."""

NEVER_STARTED = "NeverStarted"
"""The error code of a run that was ended because no launcher claimed it."""


def lease_records(slices: Iterable[Slice]) -> dict[str, list[tuple[str, LeaseRecord]]]:
    """Return the lease records of each run, sorted by time, each with the id of its journal."""
    found: dict[str, list[tuple[str, LeaseRecord]]] = {}
    for piece in slices:
        for record in piece.leases:
            found.setdefault(record.run_id, []).append((piece.journal_id, record))
    for records in found.values():
        records.sort(key=lambda one: one[1].time)
    return found


class Sign(NamedTuple):
    """A sign of life of a process that owns runs; see `Lease` for the meaning of the times. Unknown times are 0."""

    boot_time: int
    delivered: int

    def after(self, other: Sign | None) -> Sign:
        """Return the sign of a process that has given another sign before this one.

        The clock of a server may be set back, so the newest time of a delivery counts and not the greatest.
        """
        if other is None:
            return self
        return Sign(max(self.boot_time, other.boot_time), self.delivered or other.delivered)


def signs_of_life(slices: Iterable[Slice]) -> tuple[dict[str, Sign], dict[str, Sign]]:
    """Return the signs of life of the processes that wrote slices, by journal id.

    The first dict contains the signs in slices with lease records: a backend stores all of them. The second contains
    those in all other slices: a backend uses them only for journals that it already has a sign of.
    """
    leased: dict[str, Sign] = {}
    others: dict[str, Sign] = {}
    for piece in slices:
        if piece.boot_time or piece.delivered:
            found = leased if piece.leases else others
            found[piece.journal_id] = Sign(piece.boot_time, piece.delivered).after(found.get(piece.journal_id))
    return leased, others


def signs_of_leases(leases: Iterable[Lease]) -> dict[str, Sign]:
    """Return the signs of life in new leases, by journal id."""
    return {
        lease.journal_id: Sign(lease.boot_time, lease.delivered)
        for lease in leases
        if lease.boot_time or lease.delivered
    }


def delivered_slices(slices: Iterable[Slice], now: int) -> list[Slice]:
    """Return slices that a client has sent to a server. `now` is the time in milliseconds since 1970 UTC."""
    return [replace(piece, delivered=now) for piece in slices]


def delivered_leases(leases: Iterable[Lease], now: int) -> list[Lease]:
    """Return leases that a client has sent to a server. `now` is the time in milliseconds since 1970 UTC."""
    return [lease._replace(delivered=now) for lease in leases]


def lease_after(lease: Lease | None, records: Iterable[tuple[str, LeaseRecord]]) -> Lease | None:
    """Return the lease of a run after lease records are applied to it; a released lease has an empty journal id.

    A later "held" record moves the lease to the journal of the record. A "released" record counts only if it comes from
    the journal that holds the lease.
    A released lease keeps the time of its last "held" record, so that an older "held" record changes nothing.
    """
    for journal_id, record in records:
        if record.held and (lease is None or record.time > lease.time):
            lease = Lease(record.run_id, journal_id, record.time)
        elif not record.held and lease is not None and lease.journal_id == journal_id:
            lease = lease._replace(journal_id="")
    return lease


def verdict(
    lease: Lease, status: Status, gone: Mapping[str, int], silent: Collection[str], start_time: int | None = None
) -> RunChanges | None:
    """Return the changes to a run if its owner has ended or is silent, or None if nothing is to be changed.

    Args:
        lease: the lease of the run, which names the owner's journal.
        status: the status of the run.
        gone: the journals whose processes have ended, with the time of their last write.
        silent: the journals whose processes have been silent for longer than `LEASE_SECONDS`.
        start_time: the start of the run. The end of the run is never earlier.
    """
    if status in TERMINAL_STATUSES:
        return None
    if lease.journal_id in gone:
        since = max(gone[lease.journal_id], lease.time)
        # The start may be later than the last write, because a caller may have given any start time.
        return RunChanges(status="Failed", end_time=max(since, start_time or 0), error=_owner_gone(since))
    if status == "Running" and lease.journal_id in silent:
        return RunChanges(status="NotResponding")
    return None


def status_after(before: Lease | None, after: Lease, status: Status, error: str | None) -> Status | None:
    """Return the status of a run after its lease has changed. Return None if the run stays ended.

    If a run was ended because its owner seemed to have ended, a newer lease makes the run Running again.
    """
    if status in TERMINAL_STATUSES:
        comes_back = status == "Failed" and before is not None and after.journal_id and is_owner_gone(error)
        return "Running" if comes_back else None
    return "Running" if status == "NotResponding" and after.journal_id else status


def is_owner_gone(error: str | None) -> bool:
    """Return whether the error of a run states that the run was ended because its owner seemed to have ended."""
    import json

    try:
        found = json.loads(error or "")
    except (ValueError, RecursionError):  # the error may be any text, even JSON with too many levels
        return False
    return isinstance(found, dict) and found.get("code") == OWNER_GONE


def _owner_gone(end_time: int) -> str:
    import json
    from datetime import datetime, timezone

    since = datetime.fromtimestamp(end_time / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    message = (
        f"owner gone since {since}: the process that started the run ended before it could end the run, for example by"
        " a kill or a crash, or it has written nothing for a week. Everything that it logged until then is stored."
        " The output of the process or the log of the system may show why the process ended."
    )
    return json.dumps({"code": OWNER_GONE, "message": message})


# Runs that wait for a launcher


def unclaimed_since(now: int) -> int:
    """Return a time in milliseconds since 1970 UTC. If a run began to wait for a launcher earlier, it is ended."""
    return now - int(LEASE_SECONDS * 1000)


def never_started(now: int) -> RunChanges:
    """Return the changes to a run that no launcher has claimed in time."""
    import json

    message = (
        f"No launcher claimed the run within {LEASE_SECONDS:g} seconds: the launcher was not started, or could not open"
        " the workspace. The output of the launcher or the log of the system may show why."
    )
    error = json.dumps({"code": NEVER_STARTED, "message": message})
    return RunChanges(status="Failed", end_time=now, error=error)
