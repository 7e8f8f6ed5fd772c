"""One image file of any size and colour mode, decoded to pixels of a given size."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"})
# Naming the formats keeps Pillow's many rarer decoders away from files that lie about theirs.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_ORIENTATION = 0x0112

Colour = tuple[int, int, int]


class UndecodableError(Exception):
    """A file that is not a readable image; the message is the reason."""


@dataclass(frozen=True)
class Rendering:
    """How every image of a folder is made alike.

    Attributes:
        height: Pixels.
        width: Pixels.
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
        resize: crop, pad or stretch.
        background: RGB colour behind transparent pixels and padding.
    """

    height: int
    width: int
    channels: int
    resize: str
    background: Colour


@dataclass(frozen=True)
class Header:
    """What the head of a file tells without decoding it; the size is that of the upright image."""

    height: int
    width: int
    grey: bool
    transparent: bool
    sixteen_bit: bool


def read_header(path: Path) -> Header:
    """Read size and colour mode; an image counts as grey by its mode or palette.

    Raises:
        UndecodableError: It is not an image of a known format.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            if _orientation(image) >= 5:
                width, height = height, width
            return Header(
                height=height,
                width=width,
                grey=image.mode in ("1", "L", "LA", "La")
                or _is_deep(image)
                or (image.mode in ("P", "PA") and _has_grey_palette(image)),
                transparent=_is_transparent(image),
                sixteen_bit=_is_deep(image),
            )
    except Exception as error:  # Pillow raises nearly anything on damaged files.
        raise UndecodableError(_reason(error)) from error


def render(source: Path | bytes, rendering: Rendering) -> NDArray[np.uint8]:
    """Decode a file (its path or content) to (height, width, channels).

    Raises:
        UndecodableError: The file is unreadable, damaged, cut off, or too large to be trusted.
    """
    try:
        file = BytesIO(source) if isinstance(source, bytes) else source
        with Image.open(file, formats=_FORMATS) as image:
            # JPEG can be decoded at 1/2, 1/4 or 1/8; twice the wanted size is still left for
            # the antialiased reduction that follows.
            side = 2 * max(rendering.height, rendering.width)
            image.draft(None, (side, side))
            image.load()
            plain = plain_mode(_upright(image))
        pixels = np.asarray(_fitted(_in_channels(plain, rendering), rendering))
    except Exception as error:  # As above.
        raise UndecodableError(_reason(error)) from error
    return pixels.reshape(rendering.height, rendering.width, rendering.channels)


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image that can be read"
    return str(error) or type(error).__name__


def _orientation(image: Image.Image) -> int:
    # For a PNG without the entry, getexif would decode the whole image to look behind it.
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # Damaged EXIF data say nothing of the pixels: the image counts as upright.
        return 1


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # As above.
        return image


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I")


def _is_transparent(image: Image.Image) -> bool:
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info


def _has_grey_palette(image: Image.Image) -> bool:
    palette = image.palette
    if palette is None:
        return False
    entry = len(palette.rawmode or palette.mode)
    raw = bytes(palette.palette)
    colours = np.frombuffer(raw[: len(raw) // entry * entry], np.uint8).reshape(-1, entry)
    return bool((colours[:, :3] == colours[:, :1]).all())


def plain_mode(image: Image.Image) -> Image.Image:
    """Return the image as L, LA, RGB or RGBA."""
    transparent = _is_transparent(image)
    if _is_deep(image):
        levels = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        # 65535 levels onto 255, rounded; dropping the low byte would darken.
        grey = Image.fromarray(((levels * 255 + 32767) // 65535).astype(np.uint8))
        if not transparent:
            return grey
        seen = (levels != image.info["transparency"]).astype(np.uint8) * np.uint8(255)
        return Image.merge("LA", (grey, Image.fromarray(seen)))
    if image.mode in ("1", "L", "LA", "La"):
        wanted = "LA" if transparent else "L"
    else:
        wanted = "RGBA" if transparent else "RGB"
    return image if image.mode == wanted and not _colour_key(image) else image.convert(wanted)


def _colour_key(image: Image.Image) -> bool:
    return image.mode in ("L", "RGB") and "transparency" in image.info


def _in_channels(image: Image.Image, rendering: Rendering) -> Image.Image:
    """Return the image in the wanted number of channels; dropped alpha shows the background.

    The background is put behind before any resizing, so that the hidden colour of transparent
    pixels never bleeds into their neighbours.
    """
    if rendering.channels in (2, 4):
        return image.convert("LA" if rendering.channels == 2 else "RGBA")
    if image.mode in ("LA", "RGBA"):
        behind = Image.new("RGBA", image.size, (*rendering.background, 255))
        image = Image.alpha_composite(behind, image.convert("RGBA"))
    return image.convert("L" if rendering.channels == 1 else "RGB")


def _fitted(image: Image.Image, rendering: Rendering) -> Image.Image:
    """Bring the image to the wanted size by the wanted rule."""
    width, height = image.size
    wide, high = rendering.width, rendering.height
    if (width, height) == (wide, high):
        return image
    if rendering.resize == "stretch":
        return _scaled(image, (wide, high), (0.0, 0.0, width, height))
    if rendering.resize == "crop":
        scale = max(wide / width, high / height)
        part_wide, part_high = min(width, wide / scale), min(height, high / scale)
        left, top = (width - part_wide) / 2, (height - part_high) / 2
        box = (left, top, min(width, left + part_wide), min(height, top + part_high))
        return _scaled(image, (wide, high), box)
    scale = min(wide / width, high / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = _scaled(image, inner, (0.0, 0.0, width, height))
    canvas = Image.new(image.mode, (wide, high), _padding(rendering))
    canvas.paste(small, ((wide - inner[0]) // 2, (high - inner[1]) // 2))
    return canvas


def _scaled(
    image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]
) -> Image.Image:
    # Pillow widens the filter when it reduces, which is what antialiasing means, and it
    # premultiplies LA and RGBA by alpha, so that hidden colours do not bleed.
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _padding(rendering: Rendering) -> int | tuple[int, ...]:
    """The colour of padding: the background, and transparent where alpha is kept."""
    if rendering.channels == 3:
        return rendering.background
    if rendering.channels == 4:
        return (*rendering.background, 0)
    grey = Image.new("RGB", (1, 1), rendering.background).convert("L").getpixel((0, 0))
    assert isinstance(grey, int)
    return grey if rendering.channels == 1 else (grey, 0)
