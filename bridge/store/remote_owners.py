"""The owners of runs on other computers, which deliver their journals to a server.

The journal of a client is on the client's computer. The server sees neither the file nor its lock, and it cannot
compare the client's clocks with its own. It only sees when the client delivers. A client that owns a run delivers a
lease record about every `RENEW_SECONDS`.

The rule of leases whose `delivered` is not 0 is:

- The owner is silent if it has delivered nothing for `LEASE_SECONDS`. Its Running runs become NotResponding. The time
  is measured by the process that judges, from the moment at which this process first saw the newest delivery. So the
  time during which no server ran does not count, and no clock is compared.
- The owner is gone if it is silent, and its last delivery was more than `ABSENT_SECONDS` ago by the wall clock. Its
  runs become Failed.
- An owner that delivers a newer lease record is alive: a NotResponding run, and a run that became Failed because its
  owner seemed to be gone, is Running again.
- The computer of the client knows more. If the process was killed, the next process of the same user on this computer
  delivers the rest of the journal and ends its runs. A client judges only the journals on its own computer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from bridge.records.limits import ABSENT_SECONDS, LEASE_SECONDS
from bridge.records.run import Lease


class Judged(NamedTuple):
    """Owners that are gone, with the time of their last delivery in milliseconds, and owners that are silent.

    Both are given by the ids of their journals. An owner that is gone is not silent.
    """

    gone: dict[str, int]
    silent: set[str]


class RemoteOwners:
    """Judges the owners of leases whose journals are on other computers. The caller must hold a lock."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[int, float]] = {}  # the newest delivery, and when this process first saw it
        self._reported = Judged({}, set())

    def judge(self, leases: Iterable[Lease]) -> Judged:
        """Return the owners that are gone or silent. Leases whose journal is in the workspace's folder are ignored."""
        delivered = {lease.journal_id: lease.delivered for lease in leases if lease.delivered}
        monotonic, now = time.monotonic(), time.time_ns() // 1_000_000
        heard = {}
        gone, silent = {}, set()
        for journal_id, at in delivered.items():
            before, since = self._heard.get(journal_id, (0, monotonic))
            heard[journal_id] = (at, since if at == before else monotonic)
            if monotonic - heard[journal_id][1] <= LEASE_SECONDS:
                continue
            if now - at > ABSENT_SECONDS * 1000:
                gone[journal_id] = at
            else:
                silent.add(journal_id)
        self._heard = heard
        reported = self._reported
        self._reported = Judged({one: gone[one] for one in gone if one in reported.gone}, reported.silent & silent)
        return Judged(gone, silent)

    def is_news(self, judged: Judged) -> bool:
        """Return whether a judgement names an owner that the last reported one does not name in the same way."""
        return bool(judged.gone.keys() - self._reported.gone.keys() or judged.silent - self._reported.silent)

    def report(self, judged: Judged) -> None:
        """Record that the statuses of the runs have been changed according to a judgement."""
        self._reported = judged
