"""Keeping the memory of a process with many threads flat."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # malloc.h of glibc


def few_arenas(most: int = 2) -> bool:
    """Have all threads take memory from a few places; where the C library is another one, nothing changes.

    By default glibc opens up to eight a core, and what one thread's pictures leave free in its own is not used by the
    others: in `benchmarks/burst.py` memory then grows by some 100 MiB in 100,000 posts.

    Returns:
        Whether the C library took it.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, most))
    except (AttributeError, OSError, TypeError):
        return False
