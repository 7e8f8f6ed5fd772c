"""What Pillow and its libtiff write of damaged pictures read here, kept off the user's screen."""

from __future__ import annotations

import ctypes
import functools
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import final

from PIL import Image

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


def _not_here(record: logging.LogRecord) -> bool:
    """A filter of log records; without handlers, errors among them would be printed too."""
    return getattr(_here, "depth", 0) == 0


logging.getLogger("PIL.TiffImagePlugin").addFilter(_not_here)
_FILTER: tuple[object, ...] = ("ignore", None, Warning, _PillowInThisThread(), 0)


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


def load(image: Image.Image) -> None:
    """Decode an image; of TIFF also what libtiff only prints counts as damage.

    Its lines come from C, past every filter of Python, in the middle of a progress bar; and a
    picture of which some rows were lost would count as whole.

    Raises:
        OSError: libtiff found damage; for other damage Pillow raises nearly anything.
    """
    if image.format != "TIFF":
        image.load()
        return
    _listen_to_libtiff()
    _here.damaged = False
    image.load()
    if _here.damaged:
        raise OSError("damaged compressed data")


# The two arguments after the first are a format and its values, which nobody needs here.
_Handler = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


@_Handler
def _note_damage(module: object, form: object, values: object) -> None:
    # Called in the thread that decodes.
    _here.damaged = True


@functools.cache
def _listen_to_libtiff() -> None:
    with suppress(Exception):  # another build of Pillow may not show these two functions
        library = ctypes.CDLL(Image.core.__file__)
        for name, handler in (
            ("TIFFSetErrorHandler", ctypes.cast(_note_damage, ctypes.c_void_p)),
            ("TIFFSetWarningHandler", None),
        ):
            function = getattr(library, name)
            function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
            function(handler)
