"""Checks the journals of a workspace: their headers, their records, their receipts, and whether their writers run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from bridge.errors import SchemaMismatch
from bridge.journal.folder import DAMAGED, JournalFolder, Lock
from bridge.journal.format import HEADER_SIZE, RECORDS_AT, SUFFIX, Header, decode_header, same_id
from bridge.journal.reader import READ_BYTES, JournalReader
from bridge.maintenance.examined import Examined
from bridge.maintenance.findings import Finding, found
from bridge.store.owners import Owner, is_writer_running, owner_of, this_place
from bridge.store.sql.statements import in_chunks

GRACE_SECONDS = 60.0
"""How long after its last write a journal of a process that has ended may wait for the next fold."""

RUNNING = "Its process still runs: end it, or wait until it has ended, and run the repair again."
READ_RECEIPTS = "SELECT journal_id, stored FROM receipt WHERE journal_id IN ({})"


class Journal(NamedTuple):
    """The state of a journal.

    `size` is the size in bytes when it was read, and `receipt` the offset up to which its points are stored.
    `owner` states whether its process runs, and `age` how many seconds ago the file was written.
    `damages` are pairs: the offset of damaged bytes, and a description. `end` is the offset at which the readable
    records end, and `is_closed` states whether the closing record follows there.
    `is_boundary` states whether a record begins at the receipt.
    """

    id: str
    size: int
    receipt: int
    owner: Owner
    age: float
    damages: list[tuple[int, str]]
    end: int
    is_closed: bool
    unknown: int
    is_boundary: bool

    @property
    def has_ended(self) -> bool:
        """Whether nothing is appended to the journal any more."""
        return self.is_closed or self.owner == "gone"


def check_journals(examined: Examined) -> Iterator[Finding]:
    """Check all journals of the workspace, and the damaged ones that were kept."""
    if not examined.journals.is_dir():
        return
    for path in sorted(examined.journals.glob(f"*{DAMAGED}")):
        if not path.with_suffix(SUFFIX).exists():
            yield found("journal.kept", f"journal/{path.name}", "A damaged journal was kept.", path.name)
    folder = JournalFolder(examined.journals)
    folder.look()
    try:
        ids = sorted(folder.sizes())
        for number, journal_id in enumerate(ids):
            examined.progress("journals", number, len(ids))
            yield from confirmed(examined, folder, journal_id)
        examined.progress("journals", len(ids), len(ids))
    finally:
        folder.close()


def confirmed(examined: Examined, folder: JournalFolder, journal_id: str) -> list[Finding]:
    """Check one journal. A fault that a second look does not see was a write in progress."""
    first = list(check_journal(examined, folder, journal_id))
    if not first:
        return []
    time.sleep(0.05)
    second = {(finding.code, finding.target) for finding in check_journal(examined, folder, journal_id)}
    return [finding for finding in first if (finding.code, finding.target) in second]


def check_journal(examined: Examined, folder: JournalFolder, journal_id: str) -> Iterator[Finding]:
    """Check one journal. Nothing is found if it was folded and removed in the meantime."""
    subject = f"journal/{journal_id}{SUFFIX}"
    try:
        # The receipt is read before the size. A healthy journal is never shorter than its receipt then.
        receipt = read_receipts(examined, [journal_id]).get(journal_id, 0)
        journal = look(folder, journal_id, receipt)
        headers = _headers(folder, journal_id)
    except SchemaMismatch as error:
        yield found("journal.newer", subject, error.sentence)
    except FileNotFoundError:
        return
    except PermissionError as error:
        yield found("journal.unreadable", subject, f"It cannot be opened: {(error.strerror or '').lower()}.")
    else:
        yield from _faults(examined, subject, journal, headers)


def _faults(examined: Examined, subject: str, journal: Journal, headers: list[Header | None]) -> Iterator[Finding]:
    header = headers[0] or headers[1]
    otherwise = "" if journal.has_ended else RUNNING
    if header is not None and header.workspace_id and not same_id(header.workspace_id, examined.facts.get("id", "")):
        yield found("journal.foreign", subject, f"Its header names the workspace {header.workspace_id}.")
        return
    if header is None:
        if journal.has_ended or journal.age > GRACE_SECONDS:
            yield _without_header(subject, journal, otherwise)
        return
    if None in headers:
        yield found("journal.copy", subject, "One of the two copies of its header is damaged.", otherwise=otherwise)
    if journal.unknown:
        problem = f"The record at offset {journal.end} has the unknown type {journal.unknown}."
        yield found("journal.newer", subject, problem)
    if journal.damages:
        yield _damaged(subject, journal, otherwise)
    yield from _of_receipt(subject, journal)
    yield from _of_end(subject, journal)


def _without_header(subject: str, journal: Journal, otherwise: str) -> Finding:
    if journal.size == 0:
        return found("journal.empty", subject, "The journal is empty.", otherwise=otherwise)
    return found("journal.header", subject, "Both copies of its header are damaged.", otherwise=otherwise)


def _damaged(subject: str, journal: Journal, otherwise: str) -> Finding:
    offset, what = journal.damages[0]
    more = f", and {len(journal.damages) - 1} more places" if len(journal.damages) > 1 else ""
    problem = f"{what} at offset {offset} are damaged{more}."
    return found("journal.damaged", subject, problem, offset, otherwise=otherwise)


def _of_receipt(subject: str, journal: Journal) -> Iterator[Finding]:
    if journal.receipt > journal.size:
        problem = f"The receipt is {journal.receipt}, but the journal has only {journal.size} bytes."
        yield found("receipt.wrong", subject, problem, journal.id)
    elif not journal.is_boundary:
        problem = f"The receipt is {journal.receipt}, at which no record begins."
        yield found("receipt.wrong", subject, problem, journal.id)


def _of_end(subject: str, journal: Journal) -> Iterator[Finding]:
    """Yield what is wrong with the end of a journal whose process has ended."""
    if not journal.has_ended or journal.unknown:
        return
    if journal.end < journal.size and not journal.is_closed:
        problem = f"Its last {journal.size - journal.end} bytes are not a complete record."
        yield found("journal.torn", subject, problem, journal.id)
    elif journal.age > GRACE_SECONDS:
        left = max(0, journal.end - max(journal.receipt, RECORDS_AT))
        yield found("journal.unfolded", subject, f"{left} bytes of it are not folded yet.", journal.id)


def look(folder: JournalFolder, journal_id: str, receipt: int) -> Journal:
    """Read a journal, and return its state.

    Raises:
        FileNotFoundError: the journal does not exist any more.
        SchemaMismatch: a newer version has written it.
    """
    reader = JournalReader(folder, journal_id)
    size = folder.size_of(journal_id)
    age = time.time() - folder.written_at(journal_id) / 1e9
    with folder.lock_of(journal_id) as lock:
        owner = owner_of_journal(None if reader.header_damaged else reader.header, lock, age)
    damages: list[tuple[int, str]] = []
    at, unknown = _read(reader, reader.records_at, min(receipt, size), damages)
    is_boundary = bool(unknown) or at >= min(receipt, size) or _begins_record(reader, receipt, size)
    if is_boundary and at < min(receipt, size) and not unknown:
        damages.append((at, f"{receipt - at} bytes"))
        at = receipt
    if not unknown:
        at, unknown = _read(reader, at, size, damages)
    is_closed = reader.closed_at is not None
    return Journal(journal_id, size, receipt, owner, age, damages, at, is_closed, unknown, is_boundary)


def _begins_record(reader: JournalReader, receipt: int, size: int) -> bool:
    """Return whether a record begins at a receipt, or the journal ends there."""
    if receipt >= size:
        return True
    stretch = reader.read(receipt, size, READ_BYTES)
    return stretch.end > receipt and all(offset != receipt for offset, _ in stretch.damages)


def _read(reader: JournalReader, at: int, limit: int, damages: list[tuple[int, str]]) -> tuple[int, int]:
    """Read a part of a journal. Return the offset at which its readable records end, and an unknown type or 0."""
    while at < limit:
        stretch = reader.read(at, limit, READ_BYTES)
        damages += stretch.damages
        at = max(at, stretch.end)
        if stretch.closed or stretch.torn or stretch.unknown or stretch.end <= stretch.start:
            closing = limit - at if stretch.closed else 0
            return at + closing, stretch.unknown
    return at, 0


def owner_of_journal(header: Header | None, lock: Lock, age: float) -> Owner:
    """Return whether the process that writes a journal runs. `age` is the age of its last write in seconds."""
    here = this_place()
    return owner_of(header, lock, is_writer_running(header, here), here, lambda: age)


def _headers(folder: JournalFolder, journal_id: str) -> list[Header | None]:
    """Return both copies of a header; None for a damaged copy. A journal of the first format has only one copy."""
    data = folder.read(journal_id, folder.identity(journal_id), 0, RECORDS_AT)
    copies = [decode_header(data[:HEADER_SIZE]), decode_header(data[HEADER_SIZE:])]
    if copies[0] is not None and copies[0][0] < 2:
        copies[1] = copies[0]
    return [None if copy is None else copy[1] for copy in copies]


def read_receipts(examined: Examined, journal_ids: list[str]) -> dict[str, int]:
    """Return the receipts of journals."""
    return examined.read(lambda c: dict(in_chunks(c, READ_RECEIPTS, journal_ids)))
