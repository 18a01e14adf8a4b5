"""Makes a launcher, which is the process that runs a submitted script, the owner of the run."""

from __future__ import annotations

import logging
import socket
import sys
import time
from contextlib import suppress

from bridge.errors import InvalidState, StoreUnavailable
from bridge.records.run import SCRIPT_RUN, TERMINAL_STATUSES, RunRecord, check_claimable
from bridge.store.one_run import get_run
from bridge.store.workspace_stores import WorkspaceStores

logger = logging.getLogger("bridge")

CLAIM_SECONDS = 30.0
"""How long a launcher tries to claim its run while the store is not available."""
RETRY_SECONDS = 1.0
READY = b"\n"
"""The byte that the launcher sends to the submitting process when it has started, and again when it owns the run."""


def take_over(opened: WorkspaceStores, run_id: str, caller: int) -> RunRecord | None:
    """Claim a run as soon as the submitting process has released it.

    Args:
        opened: the workspace.
        run_id: the run.
        caller: the file descriptor of a socket to the submitting process.

    Returns:
        The run; None if another process owns the run, or if the run has ended.
    """
    with socket.socket(fileno=caller) as other:
        with suppress(OSError):  # the submitting process has ended
            other.sendall(READY)
            other.recv(1)  # wait until the submitting process closes its end; it sends no byte
        record = claim(opened, run_id)
        if record is not None:
            with suppress(OSError):
                other.sendall(READY)
        return record


def claim(opened: WorkspaceStores, run_id: str) -> RunRecord | None:
    """Become the owner of a run. If this is not possible, print the reason to stderr.

    Returns:
        The run; None if another process owns the run, or if the run has ended.

    Raises:
        StoreUnavailable: the store was not available for 30 seconds.
    """
    end = time.monotonic() + CLAIM_SECONDS
    while True:
        try:
            return _claim(opened, run_id)
        except StoreUnavailable as error:
            if time.monotonic() > end:
                raise
            logger.debug("The run is claimed later: %s", error)
            time.sleep(RETRY_SECONDS)


def _claim(opened: WorkspaceStores, run_id: str) -> RunRecord | None:
    record = get_run(opened.tracking, run_id, latest=False)
    try:
        # `claim_run` makes the same check, but only after it has started a journal.
        check_claimable(run_id, record.type, record.status, record.end_time)
        opened.tracking.claim_run(run_id)
    except InvalidState:
        record = get_run(opened.tracking, run_id, latest=False)
        report(f"This launcher does not start the run {run_id!r}: {_why_not(record)}.")
        return None
    return get_run(opened.tracking, run_id, latest=False)


def _why_not(record: RunRecord) -> str:
    if record.type != SCRIPT_RUN:
        return "the run has no script, because it was not submitted"
    if record.lifecycle_stage == "deleted":
        return "the run is deleted"
    ended = record.status in TERMINAL_STATUSES or record.end_time is not None
    return f"the run is {record.status}, and has {'ended' if ended else 'a launcher'}"


def report(sentence: str) -> None:
    """Print a sentence on stderr. The parent process may have closed stderr."""
    with suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)
