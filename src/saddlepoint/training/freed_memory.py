"""Freed memory kept by the process, so that the next step need not ask the system for it again."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_MOST = 2**30
_USUAL = {_MMAP_THRESHOLD: 2**25, _TRIM_THRESHOLD: 2**26}  # where glibc's own growth ends


@contextmanager
def keeping_freed_memory() -> Iterator[None]:
    """Let the C library keep what is freed, until the end, when all of it is given back.

    A step of convolutions makes and frees tensors of up to tens of megabytes, one of many small
    networks side by side tensors of about a megabyte. glibc would return such blocks to the system
    and fetch them again, page by page; what that costs is in `docs/benchmarks.md`. Does nothing
    where there is no glibc, or where the user tuned it.
    """
    tuned = "GLIBC_TUNABLES" in os.environ or any(n.startswith("MALLOC_") for n in os.environ)
    if not sys.platform.startswith("linux") or tuned:
        yield
        return
    library = ctypes.CDLL(None)
    try:
        settle, trim = library.mallopt, library.malloc_trim
    except AttributeError:  # another C library
        yield
        return
    for option in _USUAL:
        settle(option, _MOST)
    try:
        yield
    finally:
        for option, value in _USUAL.items():
            settle(option, value)
        trim(0)
