"""Settings of the Python interpreter for a process that is only a server."""

from __future__ import annotations

import gc
import sys

SWITCH_SECONDS = 0.001
"""How long a thread may compute while another waits. The default is 5 ms, which each answer would wait beside a fold.
"""


def serve_well() -> None:
    """Let the event loop wait less for threads that compute, and spare what lives as long as the server.

    Call it once the modules are imported: the garbage collector then does not look through their objects again.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
