"""Cuts journals into slices, the parts of journals that a fold stores in one transaction.

A fold copies points from journals into the database. A receipt is the byte offset up to which a journal is stored.
A stretch is the records of a journal between two byte offsets, as a reader returns them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bridge.journal.columns import distinct
from bridge.journal.format import API_SHIFT, HAS_STEP, Header
from bridge.journal.process import boot_id, time_namespace
from bridge.journal.system import is_of_handler
from bridge.records.point_columns import IMPRECISE, IS_INT
from bridge.records.series import imprecise_warning
from bridge.store.bounds import last_moment
from bridge.store.journal_readers import JournalReaders
from bridge.store.slices import LeaseRecord, Slice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.journal.reader import JournalReader
    from bridge.journal.stretch import Stretch

logger = logging.getLogger("bridge")

FOLD_BYTES, LEAST_BYTES = 8 << 20, 1 << 20
"""About how many bytes of all journals one transaction stores, and the least number of bytes of each journal."""


@dataclass
class FoldProgress:
    """The progress of one fold.

    Args:
        left: by journal id, the size up to which this fold stores the journal. Journals that are stored up to this size
            are removed.
        listed: the ids of all journals in the folder when the fold began.
        until: a time of the boot-time clock, in nanoseconds. Points that were logged later are left to a later fold.

    `rests` has the stretches that were read and are not stored yet, each with its reader.
    """

    left: dict[str, int]
    listed: frozenset[str]
    until: int
    rests: dict[str, tuple[JournalReader, Stretch]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.journal_ids = tuple(self.left)


class Cut(NamedTuple):
    """The next stretch of a journal.

    The stretch begins at the byte offset `start`, the receipt of the journal.
    If `clock` is added to the record times of the journal, they can be compared with those of other journals.
    """

    reader: JournalReader
    start: int
    stretch: Stretch
    clock: int


class Cutter:
    """Cuts the journals of a folder into slices. Only one thread may use it at a time.

    `seen` has, for each journal, the size up to which all points are stored.
    `damages` has, for each journal of the last cut, one sentence for each damaged part.
    `kept` has the journals with records of a newer version of Runbridge. These journals are never removed.

    Args:
        readers: the readers of the journals.
        folder: the path of the folder, for messages.
    """

    def __init__(self, readers: JournalReaders, folder: str) -> None:
        self._readers, self._folder = readers, folder
        self.seen: dict[str, int] = {}
        self.damages: dict[str, list[str]] = {}
        self.kept: set[str] = set()
        self._clocks: dict[tuple[str, int], int] = {}
        self._warned_of_clocks = False

    def cut(self, progress: FoldProgress, receipts: Mapping[str, int]) -> list[Slice]:
        """Return the next slice of each journal. Remove journals from `progress.left` if this fold has stored them.

        All slices end at the same record time, so that no later transaction stores a point that was logged earlier.
        """
        self.damages = {}
        size_of = dict(progress.left)
        cuts, horizon = self._next_cuts(progress, receipts)
        # A stretch without points has no record time. For example, it contains only the definitions of a wide row. The
        # next point of its journal may be older than the points of other journals. So stretches without points are
        # stored first.
        unknown = [cut for cut in cuts if cut.stretch.end < size_of[cut.reader.id] and not len(cut.stretch.rows)]
        if unknown:
            stored = {cut.reader.id for cut in unknown}
            later = [cut for cut in cuts if cut.reader.id not in stored]
            progress.rests.update({cut.reader.id: (cut.reader, cut.stretch) for cut in later})
            return [self._slice(cut) for cut in unknown]
        self._warn_of_clocks(cuts)
        rows = [cut.stretch.rows for cut in cuts]
        times = [own["time"] + cut.clock for own, cut in zip(rows, cuts, strict=True)]
        bound = last_moment(times, [own["series"] for own in rows])
        if bound is not None:
            horizon = bound if horizon is None else min(horizon, bound)
        for cut in cuts:
            rest = None if horizon is None else cut.stretch.cut(horizon - cut.clock)
            if rest is not None:
                progress.rests[cut.reader.id] = cut.reader, rest
        return [self._slice(cut) for cut in cuts if cut.stretch.end > cut.start]

    def _next_cuts(self, progress: FoldProgress, receipts: Mapping[str, int]) -> tuple[list[Cut], int | None]:
        """Return the next stretch of each journal, and the record time up to which all journals were read.

        The time is None if all journals were read to their end.
        """
        left = progress.left
        share = max(LEAST_BYTES, FOLD_BYTES // len(left))
        cuts: list[Cut] = []
        horizon: int | None = None
        for journal_id, size in list(left.items()):
            start = receipts.get(journal_id, 0)
            cut = self._cut(progress, journal_id, start, share)
            if cut is None or cut.stretch.end <= start:
                # This fold has stored the journal. If points are left, they were logged after the fold began.
                if cut is None:
                    self.seen[journal_id] = size
                del left[journal_id]
                continue
            cuts.append(cut)
            # Later points of this journal are not older than the last point of the stretch. But they may be older than
            # points of other journals that were logged after this last point, so no slice goes beyond its time.
            # A journal with a closing record has no later points. Its process wrote this record after its last point.
            if cut.stretch.end < size and len(cut.stretch.rows) and not cut.stretch.closed:
                last = int(cut.stretch.rows["time"][-1]) + cut.clock
                horizon = last if horizon is None else min(horizon, last)
        return cuts, horizon

    def _cut(self, progress: FoldProgress, journal_id: str, start: int, share: int) -> Cut | None:
        """Return the next stretch of a journal, of about `share` bytes, or None if nothing more can be read."""
        size = progress.left[journal_id]
        found = self._read_some(progress, journal_id, start, size, share)
        if found is None:
            return None
        reader, stretch = found
        if stretch.unknown and journal_id not in self.kept:
            self.kept.add(journal_id)
            logger.warning(
                "Journal %s has a record of type %d at offset %d, which this version of Runbridge cannot read. "
                "The journal is kept for a newer version.",
                reader.path,
                stretch.unknown,
                stretch.end,
            )
        if stretch.end <= start:
            return None
        if _has_our_clock(reader.header):
            stretch.cut(progress.until)
        return Cut(reader, start, stretch, self._clock_of(reader.header))

    def _read_some(
        self, progress: FoldProgress, journal_id: str, start: int, size: int, share: int
    ) -> tuple[JournalReader, Stretch] | None:
        """Return the reader of a journal and its next stretch, or None if there is nothing to read."""
        for _ in range(2):
            try:
                reader = self._readers.get(journal_id)
                if start >= size or reader is None:
                    return None
                of_reader, stretch = progress.rests.pop(journal_id, (None, None))
                # A stretch is used only with the reader that read it: a new reader lacks the earlier definitions.
                if of_reader is reader and stretch is not None and stretch.start == max(start, reader.records_at):
                    return reader, stretch
                stretch = reader.read(start, size, share)
                if start == 0 and reader.header_damaged:
                    stretch.damages.insert(0, (0, "its header"))
                return reader, stretch
            except FileNotFoundError as error:
                if is_of_handler(error):
                    raise
                # The writer may have put the removed journal back as a new file with the same name. Read that file.
                self._readers.forget(journal_id)
        return None

    def _clock_of(self, header: Header) -> int:
        """Return the difference between the wall clock and the boot-time clock of a journal, in nanoseconds.

        Record times of several journals can be compared after it is added. The wall clock may have been set between the
        starts of two journals. So all journals with the same boot-time clock get the difference of the first one.
        """
        distance = header.wall_time - header.boot_time
        if not header.boot_id:
            return distance
        return self._clocks.setdefault((header.boot_id, header.time_namespace), distance)

    def _slice(self, cut: Cut) -> Slice:
        """Return a stretch as a slice, which is the form that a backend stores."""
        reader, stretch = cut.reader, cut.stretch
        rows, flags = stretch.rows, stretch.rows["flags"]
        return Slice(
            journal_id=reader.path.stem,
            start=cut.start,
            end=stretch.end,
            definitions={number: reader.definitions[number] for number in distinct(rows["series"])},
            series=rows["series"],
            times=rows["time"] + cut.clock,
            timestamps=rows["timestamp"],
            steps=rows["step"],
            has_step=(flags & HAS_STEP) != 0,
            values=rows["value"],
            ints=(flags & IS_INT) != 0,
            apis=(flags >> API_SHIFT) & 3,
            joined=stretch.joined,
            texts=stretch.texts,
            warnings=tuple(self._warnings_of(reader, stretch)),
            leases=tuple(LeaseRecord(run_id, time, held) for _, run_id, time, _, held in stretch.leases),
            boot_time=_last_boot_time(stretch),
            workspace_id=reader.header.workspace_id if self._readers.workspace_id else "",
        )

    def _warnings_of(self, reader: JournalReader, stretch: Stretch) -> list[tuple[str, str]]:
        """Return the warnings of runs as pairs (run id, sentence), and describe the damage in `damages`."""
        damages = [
            f"Journal {reader.path} is damaged at offset {offset}: {what} cannot be read."
            for offset, what in stretch.damages
        ]
        self.damages[reader.path.stem] = damages
        runs = {definition.run_id for definition in reader.definitions.values()} if damages else ()
        warnings = [(run_id, sentence) for sentence in damages for run_id in sorted(runs)]
        imprecise = (stretch.rows["flags"] & IMPRECISE) != 0
        if imprecise.any():
            for number in distinct(stretch.rows["series"][imprecise]):
                definition = reader.definitions[number]
                warnings.append((definition.run_id, imprecise_warning(definition.key)))
        return warnings

    def _warn_of_clocks(self, cuts: Sequence[Cut]) -> None:
        """Warn once if the points of several processes must be ordered by the wall clock."""
        headers = [cut.reader.header for cut in cuts if len(cut.stretch.rows)]
        clocks = {(h.boot_id, h.time_namespace) if h.boot_id else (h.journal_id, -1) for h in headers}
        if len(clocks) > 1 and not self._warned_of_clocks:
            self._warned_of_clocks = True
            logger.warning(
                "%s has journals of processes that do not share a clock, for example of two machines: "
                "their points are ordered by the wall clocks of the machines.",
                self._folder,
            )


def _has_our_clock(header: Header) -> bool:
    """Return whether a journal and this process have the same boot-time clock."""
    ours = boot_id(), time_namespace()
    return all(ours) and (header.boot_id, header.time_namespace) == ours


def _last_boot_time(stretch: Stretch) -> int:
    """Return the time of the last write in a stretch, by the boot-time clock of its process; 0 if it is unknown."""
    latest = max((boot_time for _, _, _, boot_time, _ in stretch.leases), default=0)
    return max(latest, int(stretch.rows["time"].max())) if len(stretch.rows) else latest
