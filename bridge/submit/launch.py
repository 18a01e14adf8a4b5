"""The former name of `bridge.launch.launcher`. Commands that an earlier version has created still use this name.

The next release removes this module. Use `python -m bridge.launch.launcher` instead.
"""

from __future__ import annotations

import sys

from bridge.launch.launcher import main, run_command

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(run_command())
