"""Pillow's warnings about pictures that are read here, kept off the user's screen."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

_here = threading.local()
_inserting = threading.Lock()


@final
class _PillowInThisThread:
    """Stands where a filter has its pattern of modules; ``match`` is all that is asked of it.

    Filters belong to the whole process, and ``warnings.catch_warnings`` is not safe where several
    threads decode. This one asks the thread, so the user's own use of Pillow warns as ever.
    """

    def match(self, module: str) -> bool:
        return getattr(_here, "depth", 0) > 0 and module.split(".", 1)[0] == "PIL"


_FILTER: tuple[Any, ...] = ("ignore", None, Warning, _PillowInThisThread(), 0)


@contextmanager
def without_pillow_warnings() -> Iterator[None]:
    """Silence Pillow's warnings in this thread; what they mean is told by our own notes."""
    # A caller's catch_warnings may have taken the filter away together with its list; in front of
    # the others it also holds where warnings are turned into errors.
    if not warnings.filters or warnings.filters[0] is not _FILTER:
        with _inserting:
            if _FILTER in warnings.filters:
                warnings.filters.remove(_FILTER)  # type: ignore[attr-defined]
            warnings.filters.insert(0, _FILTER)  # type: ignore[attr-defined]
    _here.depth = getattr(_here, "depth", 0) + 1
    try:
        yield
    finally:
        _here.depth -= 1
