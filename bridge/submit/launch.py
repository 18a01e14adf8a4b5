"""The launcher under its former name, for processes and schedulers that were set up before an upgrade.

This name is removed in the next release; use `bridge.launch.launcher`.
"""

from __future__ import annotations

import sys

from bridge.launch.launcher import main, run_command

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(run_command())
