"""Imports all modules that the launcher, which runs a submitted script, may need after it has become the run's owner.

An upgrade may replace the files of Runbridge while the script runs. A later import would then load another version.
Other code imports these modules when it first needs them, because most processes never need them.
"""

# ruff: noqa: F401
from contextlib import suppress

import bridge.capture.folders
import bridge.journal.reader
import bridge.store.bounds
import bridge.store.chunks
import bridge.store.fold
import bridge.store.folder.artifacts
import bridge.store.place
import bridge.store.sql.artifacts
import bridge.store.sql.facts
import bridge.store.sql.leases
import bridge.store.sql.purge
import bridge.store.sql.seal
import bridge.store.sql.series
from bridge.store.packages import has_package

with suppress(ImportError, MemoryError):  # without NumPy, other processes copy the points to the database
    import numpy
    import numpy.ma  # `numpy.unique` loads this module at its first call

    import bridge.store.frames  # for points that are sent to a server

    if has_package("pcodec"):  # without it, other processes compress the points
        bridge.store.chunks.load()
