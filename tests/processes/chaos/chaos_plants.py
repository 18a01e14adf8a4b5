"""Faults that are planted on purpose, to test that the oracle finds them.

Each fault changes the code of one process: a victim, or the process that reads at the end.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bridge.journal.writer import JournalWriter
from bridge.store.cuts import Cutter
from bridge.store.slices import Slice
from bridge.store.sql import backend, seal
from bridge.store.sql.backend import SqlBackend

COLUMNS = ("series", "times", "timestamps", "steps", "has_step", "values", "ints", "apis", "joined")
SHARE = 0.2
"""The share of the opportunities at which a planted fault happens."""


def unwritten() -> None:
    """A call returns before its points are in the journal, and they are never written."""
    log = JournalWriter.log

    def forget(self: JournalWriter, run_id: str, points: Any, api: int) -> None:
        if random.random() > SHARE:
            log(self, run_id, points, api)

    JournalWriter.log = forget  # type: ignore[method-assign, assignment]


def lost() -> None:
    """A fold omits the last point of a slice."""
    _change_slices(lambda piece: replace(piece, **{name: getattr(piece, name)[:-1] for name in COLUMNS}))


def reordered() -> None:
    """A fold stores a slice's points in reverse order."""
    _change_slices(lambda piece: replace(piece, values=piece.values[::-1].copy()), alike=True)


def doubled() -> None:
    """A fold stores no receipt."""
    finish = backend._finish_append

    def forget(*arguments: Any) -> None:
        if random.random() > SHARE:
            finish(*arguments)

    backend._finish_append = forget  # type: ignore[assignment]


def unended() -> None:
    """Runs of dead processes are not ended."""
    SqlBackend.end_leases = lambda self, *_: []  # type: ignore[method-assign, assignment]


def undeleted() -> None:
    """A purged run still exists."""
    SqlBackend.purge_runs = lambda self, run_ids: None  # type: ignore[method-assign, assignment]


def resealed() -> None:
    """Sealing leaves the blocks that it has compressed."""
    replace_blocks = seal._replace

    def leave(c: Any, part: seal.Part, new: Any) -> None:
        replace_blocks(c, part._replace(blocks=[]) if random.random() < SHARE else part, new)

    seal._replace = leave


def _change_slices(change: Callable[[Slice], Slice], alike: bool = False) -> None:
    """Apply a change to a share of the slices with more than one point; with `alike`, to all with number points of one
    series."""
    cut = Cutter._slice

    def perhaps_change(self: Cutter, *arguments: Any) -> Slice:
        piece = cut(self, *arguments)
        fits = len(piece.series) > 1 and not piece.joined.any()
        if fits and alike:
            fits = not piece.texts and len(piece.definitions) == 1
        # Few slices have points of one series only, so all of these are changed.
        return change(piece) if fits and (alike or random.random() < SHARE) else piece

    Cutter._slice = perhaps_change  # type: ignore[method-assign, assignment]


PLANTS: dict[str, tuple[Callable[[], None], str]] = {
    "unwritten": (unwritten, "lost"),
    "lost": (lost, "lost"),
    "reordered": (reordered, "reordered"),
    "doubled": (doubled, "doubled"),
    "unended": (unended, "running"),
    "undeleted": (undeleted, "deleted"),
    "resealed": (resealed, "doubled"),
}
"""For each fault, the function that plants it, and the kind of fault that the oracle must find."""
