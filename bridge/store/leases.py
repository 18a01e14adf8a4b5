"""Leases: who speaks for a run that is under way, and what becomes of the run when nobody does any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from bridge.records.limits import LEASE_SECONDS
from bridge.records.run import TERMINAL_STATUSES, Lease, RunChanges, Status

if TYPE_CHECKING:
    from bridge.store.slices import LeaseRecord, Slice

OWNER_GONE = "OwnerGone"
"""The code of the error of a run that was ended because its owner is gone."""

NEVER_STARTED = "NeverStarted"
"""The code of the error of a run that was ended because no launcher claimed it."""


def spoken_leases(slices: Iterable[Slice]) -> dict[str, list[tuple[str, LeaseRecord]]]:
    """What journals say of the lease of each run, by time, each with its journal's id."""
    spoken: dict[str, list[tuple[str, LeaseRecord]]] = {}
    for piece in slices:
        for record in piece.leases:
            spoken.setdefault(record.run_id, []).append((piece.journal_id, record))
    for records in spoken.values():
        records.sort(key=lambda one: one[1].time)
    return spoken


def signs_of_life(slices: Iterable[Slice]) -> tuple[dict[str, int], dict[str, int]]:
    """Return when processes last wrote to their journals, by their boot clocks: those with leases here, and others."""
    leased: dict[str, int] = {}
    others: dict[str, int] = {}
    for piece in slices:
        if piece.boot_time:
            found = leased if piece.leases else others
            found[piece.journal_id] = max(piece.boot_time, found.get(piece.journal_id, 0))
    return leased, others


def lease_after(lease: Lease | None, spoken: Iterable[tuple[str, LeaseRecord]]) -> Lease | None:
    """The lease of a run after what journals said of it; one that was let go of has an empty journal id.

    A later record takes a lease over; only who has it lets it go.
    One that was let go of keeps the time at which it was last held, so that an older record changes nothing.
    """
    for journal_id, record in spoken:
        if record.held and (lease is None or record.time > lease.time):
            lease = Lease(record.run_id, journal_id, record.time)
        elif not record.held and lease is not None and lease.journal_id == journal_id:
            lease = lease._replace(journal_id="")
    return lease


def verdict(
    lease: Lease, status: Status, gone: Mapping[str, int], silent: Collection[str], start_time: int | None = None
) -> RunChanges | None:
    """Return what is to be changed of a run whose lease this is, or None.

    Args:
        lease: which journal's process owns the run.
        status: the status that the run has.
        gone: when each journal whose process is gone was last written to, by its id.
        silent: the journals whose processes have been silent for longer than a lease.
        start_time: when the run began; it does not end before.
    """
    if status in TERMINAL_STATUSES:
        return None
    if lease.journal_id in gone:
        since = max(gone[lease.journal_id], lease.time)
        # A start time that a caller gave may be of any year.
        return RunChanges(status="Failed", end_time=max(since, start_time or 0), error=_owner_gone(since))
    if status == "Running" and lease.journal_id in silent:
        return RunChanges(status="NotResponding")
    return None


def status_after(before: Lease | None, after: Lease, status: Status, error: str | None) -> Status | None:
    """Return the status of a run after its lease has changed; None if the change does not count, as the run has ended.

    A run that was ended because its owner seemed gone is Running again when that owner, or a later one, holds a lease
    that is later than all before.
    """
    if status in TERMINAL_STATUSES:
        comes_back = status == "Failed" and before is not None and after.journal_id and is_owner_gone(error)
        return "Running" if comes_back else None
    return "Running" if status == "NotResponding" and after.journal_id else status


def is_owner_gone(error: str | None) -> bool:
    """Return whether the error of a run says that it was ended because its owner seemed gone."""
    import json

    try:
        found = json.loads(error or "")
    except ValueError:  # MLflow's API stores any text
        return False
    return isinstance(found, dict) and found.get("code") == OWNER_GONE


def _owner_gone(end_time: int) -> str:
    import json
    from datetime import datetime, timezone

    since = datetime.fromtimestamp(end_time / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    message = (
        f"owner gone since {since}: the process that began the run ended without ending it, as a kill or a crash does,"
        " or nothing was heard of it for a week; what it logged until then is kept, its own output or the system's log"
        " may say why it ended."
    )
    return json.dumps({"code": OWNER_GONE, "message": message})


# Runs that wait for a launcher


def unclaimed_since(now: int) -> int:
    """Return the time since when a run must have waited for a launcher to be ended as never started.

    Times are milliseconds since 1970 UTC.
    """
    return now - int(LEASE_SECONDS * 1000)


def never_started(now: int) -> RunChanges:
    """Return what changes of a run that no launcher claimed within the lease."""
    import json

    message = (
        f"No launcher took the run within {LEASE_SECONDS:g} seconds: it was not started, or could not open the"
        " workspace; its own output or the system's log may say why."
    )
    error = json.dumps({"code": NEVER_STARTED, "message": message})
    return RunChanges(status="Failed", end_time=now, error=error)
