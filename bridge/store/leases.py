"""Leases: who speaks for a run that is under way, and what becomes of the run when nobody does any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bridge.records.limits import LEASE_SECONDS
from bridge.records.run import TERMINAL_STATUSES, Lease, RunChanges, Status

if TYPE_CHECKING:
    from bridge.store.slices import LeaseRecord, Slice

OWNER_GONE = "OwnerGone"
"""The code of the error of a run that was ended because its owner is gone."""


def spoken_leases(slices: Iterable[Slice]) -> dict[str, list[tuple[str, LeaseRecord]]]:
    """What journals say of the lease of each run, by time, each with its journal's id."""
    spoken: dict[str, list[tuple[str, LeaseRecord]]] = {}
    for piece in slices:
        for record in piece.leases:
            spoken.setdefault(record.run_id, []).append((piece.journal_id, record))
    for records in spoken.values():
        records.sort(key=lambda one: one[1].time)
    return spoken


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
    lease: Lease, status: Status, ended: Mapping[str, int], now: int, start_time: int | None = None
) -> RunChanges | None:
    """What is to be changed of a run whose lease this is, or None.

    Args:
        lease: who speaks for the run, and when they last did.
        status: the status that the run has.
        ended: when each journal that is over ended, by its id.
        now: milliseconds since 1970 UTC.
        start_time: when the run began; it does not end before.
    """
    if status in TERMINAL_STATUSES:
        return None
    if lease.journal_id in ended:
        end_time = max(ended[lease.journal_id], lease.time, start_time or 0)
        return RunChanges(status="Failed", end_time=end_time, error=_owner_gone(end_time))
    if status == "Running" and now - lease.time > LEASE_SECONDS * 1000:
        return RunChanges(status="NotResponding")
    return None


def _owner_gone(end_time: int) -> str:
    import json
    from datetime import datetime, timezone

    since = datetime.fromtimestamp(end_time / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    message = (
        f"owner gone since {since}: the process that began the run ended without ending it, as a kill or a crash does;"
        " what it logged until then is kept, its own output or the system's log may say why it ended."
    )
    return json.dumps({"code": OWNER_GONE, "message": message})
