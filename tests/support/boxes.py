"""Reads where an element of a page is."""

from __future__ import annotations

import time

from playwright.sync_api import FloatRect, Locator

SECONDS = 60.0
"""How long a page may take to show an element. A busy machine needs most of it."""


def box_of(element: Locator) -> FloatRect:
    """Return the position and size of an element, in pixels of the window, as soon as the page shows it.

    A page that draws an element again removes the former one. `Locator.bounding_box` returns None if this happens
    between the search for the element and the measurement, so this function asks again.

    Raises:
        AssertionError: the page has not shown the element within `SECONDS`.
    """
    end = time.monotonic() + SECONDS
    while (box := element.bounding_box(timeout=SECONDS * 1000)) is None:
        assert time.monotonic() < end, f"{element} has no position on the page"
        element.page.wait_for_timeout(20)
    return box
