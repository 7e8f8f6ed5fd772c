"""Pictures as PNG."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from saddlepoint.outputs import write_aside


def save_png(image: Image.Image, path: Path) -> None:
    """Save a picture as PNG, whole or not at all; missing folders are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path, png(image))


def png(image: Image.Image, colours: int | None = None) -> bytes:
    """A picture in the PNG format.

    Args:
        image: The picture.
        colours: So many at most, those that are nearest: with 256, figures with maps of colours
            take a third of the space and look the same. None: all.
    """
    buffer = io.BytesIO()
    if colours is not None and image.getcolors(colours) is None:
        image = image.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    image.save(buffer, "PNG", optimize=colours is not None)
    return buffer.getvalue()
