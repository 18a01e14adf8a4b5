"""Stores the warnings of a journal's writer with the runs."""

from __future__ import annotations

import logging

from bridge.errors import InvalidState, NotFound, StoreUnavailable
from bridge.journal.writer import JournalWriter
from bridge.records.run import RunChanges
from bridge.store.tracking import TrackingStore

logger = logging.getLogger("bridge")


def store_warnings(store: TrackingStore, writer: JournalWriter) -> None:
    """Store the warnings of a writer with their runs.

    If the store is not available, the writer keeps the remaining warnings, and a later call stores them.
    """
    for run_id, sentence in list(writer.warnings.items()):
        try:
            store.update_runs((run_id,), RunChanges(warnings=(sentence,)))
        except StoreUnavailable as error:
            logger.debug("A warning of run %s cannot be stored now, and is stored later: %s", run_id, error)
            return
        except (NotFound, InvalidState) as error:  # the run was deleted or purged
            logger.debug("A warning of run %s is dropped, because it cannot be stored: %s", run_id, error)
        writer.warnings.pop(run_id, None)
