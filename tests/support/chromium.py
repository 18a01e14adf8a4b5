"""Finds Debian's Chromium, so that Playwright need not download one."""

from __future__ import annotations

import shutil

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
"""The programs, the best one first. The first one has no window, so a new page needs a third of the processor time."""


def find_chromium() -> str | None:
    """Return the path of a Chromium, or None if none is installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)
