"""Leases: who speaks for a run that is under way, and what becomes of the run when nobody does any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bridge.records.limits import LEASE_SECONDS
from bridge.records.run import TERMINAL_STATUSES, Lease, RunChanges, Status

if TYPE_CHECKING:
    from bridge.store.tracking import LeaseRecord, Slice

OWNER_GONE = "OwnerGone"
"""The code of the error of a run that was ended because its owner is gone."""


def newest_leases(slices: Iterable[Slice]) -> dict[str, tuple[str, LeaseRecord]]:
    """The journal and the newest lease record of each run that journals speak of."""
    newest: dict[str, tuple[str, LeaseRecord]] = {}
    for piece in slices:
        for record in piece.leases:
            known = newest.get(record.run_id)
            if known is None or record.time > known[1].time:
                newest[record.run_id] = piece.journal_id, record
    return newest


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
