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


def png(image: Image.Image) -> bytes:
    """A picture in the PNG format."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
