"""The memory that the C library keeps after large answers."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # malloc.h of glibc
_BLOCK_BYTES = 1 << 20

LARGE_BYTES = 1 << 20
"""After an answer of this size, unused memory is returned to the system."""

_trim: Callable[[int], int] | None = None


def return_large_blocks() -> None:
    """Make this process return the memory of large answers to the system.

    glibc keeps freed blocks of up to 32 MB for later use, in each thread separately. This function has no effect with
    other C libraries.

    Source: the manual pages mallopt(3) and malloc_trim(3).
    """
    global _trim
    if sys.platform != "linux":
        return
    try:
        library = ctypes.CDLL(None)
        mallopt, _trim = library.mallopt, library.malloc_trim
    except (OSError, AttributeError):  # another C library
        return
    for option, value in ((_MMAP_THRESHOLD, _BLOCK_BYTES), (_TRIM_THRESHOLD, _BLOCK_BYTES), (_ARENA_MAX, 2)):
        mallopt(option, value)


def after_answer(size: int) -> None:
    """Return unused memory to the system if an answer of this many bytes was large, and `return_large_blocks` ran."""
    if _trim is not None and size >= LARGE_BYTES:
        _trim(0)
