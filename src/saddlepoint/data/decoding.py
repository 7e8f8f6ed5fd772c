"""One image file of any size and colour mode, decoded to pixels of a given size."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from saddlepoint.data.fitting import Rendering, fitted, in_channels
from saddlepoint.data.pillow_warnings import load, without_pillow_warnings
from saddlepoint.data.reasons import reason_of

EXTENSIONS = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
)
#: The formats, as a message names them.
FORMATS = "PNG, JPEG, WebP, BMP, GIF or TIFF"
# Naming the formats keeps Pillow's many rarer decoders away from files that lie about theirs.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
_ORIENTATION, _WIDTH, _HEIGHT, _PHOTOMETRIC = 0x0112, 0x0100, 0x0101, 0x0106
_FULL = 65535


class UndecodableError(Exception):
    """A file that is not a readable image; the message is the reason."""


@dataclass(frozen=True)
class Header:
    """What the head of a file tells without decoding it; the size is that of the upright image.

    Attributes:
        height: Pixels.
        width: Pixels.
        grey: Whether its mode or palette is grey.
        sixteen_bit: Whether it is grey with 16 bits.
        deep_colour: Whether it has 16 bits in each of several channels, of which 8 are read.
        more_pages: Whether pages follow the first.
    """

    height: int
    width: int
    grey: bool
    sixteen_bit: bool
    deep_colour: bool = False
    more_pages: bool = False


@dataclass(frozen=True)
class Facts:
    """What only the pixels tell.

    Attributes:
        highest: The largest level of a grey 16-bit image; -1 for others.
        upper: The largest upper byte of an image with 16 bits in each of several channels; -1
            for others.
        grey: Whether red, green and blue agree in every pixel.
        transparent: Whether any pixel is not opaque.
    """

    highest: int
    upper: int
    grey: bool
    transparent: bool


def read_header(file: Path | IO[bytes]) -> Header:
    """Read size and colour mode; an image counts as grey by its mode or palette.

    Raises:
        UndecodableError: It is not an image of a known format, or of a kind without black and
            white.
    """
    try:
        with without_pillow_warnings(), Image.open(file, formats=_FORMATS) as image:
            return header_of(image)
    except Exception as error:  # Pillow raises nearly anything on damaged files.
        raise UndecodableError(_reason(error)) from error


def header_of(image: Image.Image) -> Header:
    """What an opened image tells without its pixels; errors as for ``read_header``."""
    _refuse_unscaled(image)
    width, height = image.size
    if _orientation(image) >= 5:
        if image.format == "TIFF":
            # Some versions of Pillow turn the size of a TIFF file by themselves, others do not.
            tags = image.tag_v2  # type: ignore[attr-defined]
            width, height = int(tags[_WIDTH]), int(tags[_HEIGHT])
        width, height = height, width
    if min(width, height) < 1:
        raise UndecodableError("it has no pixels")
    return Header(
        height=height,
        width=width,
        grey=image.mode in ("1", "L", "LA", "La")
        or _is_deep(image)
        or (image.mode in ("P", "PA") and _has_grey_palette(image)),
        sixteen_bit=_is_deep(image),
        deep_colour=_is_deep_colour(image),
        more_pages=image.format == "TIFF" and bool(getattr(image, "is_animated", False)),
    )


def render(source: Path | bytes, rendering: Rendering) -> NDArray[np.uint8]:
    """Decode a file (its path or content) to (height, width, channels).

    Raises:
        UndecodableError: The file is unreadable, damaged, cut off, or too large to be trusted.
    """
    return render_with_facts(source, rendering)[0]


def render_with_facts(
    source: Path | bytes, rendering: Rendering
) -> tuple[NDArray[np.uint8], Facts]:
    """As ``render``, and what the pixels tell."""
    try:
        file = BytesIO(source) if isinstance(source, bytes) else source
        with without_pillow_warnings(), Image.open(file, formats=_FORMATS) as image:
            _refuse_unscaled(image)
            # JPEG can be decoded at 1/2, 1/4 or 1/8; twice the size in question is still left
            # for the antialiased reduction that follows.
            side = 2 * max(rendering.height, rendering.width)
            image.draft(None, (side, side))
            return pixels_of(image, rendering)
    except Exception as error:  # As above.
        raise UndecodableError(_reason(error)) from error


def pixels_of(
    image: Image.Image, rendering: Rendering, header: Header | None = None
) -> tuple[NDArray[np.uint8], Facts]:
    """Bring an opened image to (height, width, channels), and say what its pixels tell.

    Args:
        image: The image.
        rendering: What to make of it.
        header: What it told before it was loaded, if it was loaded already.

    Raises:
        UndecodableError: It is of a kind without black and white; or whatever Pillow raises.
    """
    _refuse_unscaled(image)
    deep_colour = _is_deep_colour(image) if header is None else header.deep_colour
    zero_is_white = _zero_is_white(image)
    load(image)
    upright = _upright(image)
    highest = upper = -1
    if _is_deep(upright):
        plain, highest = _from_deep(upright, rendering.bits, zero_is_white)
    else:
        plain = plain_mode(upright)
    if deep_colour:
        extrema = plain.convert("RGB").getextrema()
        upper = max(int(high) for _, high in extrema)  # type: ignore[misc]
    facts = Facts(highest, upper, _has_grey_pixels(plain), _is_see_through(plain))
    pixels = np.asarray(fitted(in_channels(plain, rendering), rendering))
    return pixels.reshape(rendering.height, rendering.width, rendering.channels), facts


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image that can be read"
    return reason_of(error)


def _refuse_unscaled(image: Image.Image) -> None:
    """Refuse numbers of which nobody says what is black and what is white."""
    if image.mode == "F":
        raise UndecodableError(
            "floating-point values, which have no fixed black and white; convert it to 8 or 16 bits"
        )
    if image.mode == "I" and image.format == "TIFF":
        raise UndecodableError(
            "signed or 32-bit values, which have no fixed black and white; convert it to 8 or 16 "
            "bits"
        )


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


def _is_deep_colour(image: Image.Image) -> bool:
    if _is_deep(image) or not getattr(image, "tile", None):
        return False
    # A tile is (decoder, box, offset, arguments), and the raw mode is the first argument.
    arguments = image.tile[0][3]  # type: ignore[attr-defined]
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return isinstance(raw, str) and ";16" in raw


def _zero_is_white(image: Image.Image) -> bool:
    # Pillow inverts such TIFF files of 1 to 8 bits, but not those of 16.
    if image.format != "TIFF" or not _is_deep(image):
        return False
    return image.tag_v2.get(_PHOTOMETRIC) == 0  # type: ignore[attr-defined]


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


def _has_grey_pixels(plain: Image.Image) -> bool:
    if plain.mode in ("L", "LA"):
        return True
    colours = np.asarray(plain)[..., :3]
    # Nearly every colour image shows itself in a few of its pixels.
    few = colours[::16, ::16]
    return bool(
        (few[..., 1:] == few[..., :1]).all() and (colours[..., 1:] == colours[..., :1]).all()
    )


def _is_see_through(plain: Image.Image) -> bool:
    return plain.mode in ("LA", "RGBA") and plain.getchannel("A").getextrema()[0] != 255


def plain_mode(image: Image.Image) -> Image.Image:
    """Return the image as L, LA, RGB or RGBA."""
    if _is_deep(image):
        return _from_deep(image, 16, zero_is_white=False)[0]
    transparent = _is_transparent(image)
    if image.mode in ("1", "L", "LA", "La"):
        mode = "LA" if transparent else "L"
    else:
        mode = "RGBA" if transparent else "RGB"
    return image if image.mode == mode and not _colour_key(image) else image.convert(mode)


def _from_deep(image: Image.Image, bits: int, zero_is_white: bool) -> tuple[Image.Image, int]:
    """A grey 16-bit image as L or LA, and its largest level."""
    levels = np.asarray(image).astype(np.int64)
    if levels.min() < 0 or levels.max() > _FULL:
        raise UndecodableError(
            f"levels from {levels.min():,} to {levels.max():,}, outside the 0 to {_FULL:,} of 16 "
            "bits"
        )
    seen = None
    if _is_transparent(image):
        seen = (levels != image.info["transparency"]).astype(np.uint8) * np.uint8(255)
    if zero_is_white:
        levels = _FULL - levels
    white = 2**bits - 1
    # All levels onto 255, rounded; dropping the low byte would darken.
    scaled = (np.minimum(levels, white) * 255 + white // 2) // white
    grey = Image.fromarray(scaled.astype(np.uint8))
    if seen is not None:
        grey = Image.merge("LA", (grey, Image.fromarray(seen)))
    return grey, int(levels.max())


def _colour_key(image: Image.Image) -> bool:
    return image.mode in ("L", "RGB") and "transparency" in image.info
