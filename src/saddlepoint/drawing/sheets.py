"""Images on one sheet: grids, and pictures side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from saddlepoint.errors import BadInput

GAP = 208  # grey between the images of a grid
CHECKS = (255, 228)  # the two greys behind transparent pixels
_CHECK = 8  # pixels a side
_SMALL, _WIDE = 48, 1600  # an image is enlarged to the first, a grid stays within the second
CAPTION = 24  # pixels of a line of text below a frame
NARROWEST = 120  # pixels of a sheet with text


def mosaic(pictures: Sequence[Image.Image], columns: int | None = None) -> Image.Image:
    """Put pictures side by side, in rows of about ``√n``; each has the room of the largest."""
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    width = max(picture.width for picture in pictures)
    height = max(picture.height for picture in pictures)
    rows = math.ceil(len(pictures) / columns)
    whole = Image.new("RGB", (columns * width, rows * height), "white")
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        whole.paste(picture.convert("RGB"), (column * width, row * height))
    return whole


def captioned(picture: Image.Image, caption: str) -> Image.Image:
    """The picture with text below, in as many lines as its width needs."""
    width, lines = max(picture.width, NARROWEST), [""]
    for word in caption.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _font().getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return framed(picture, 1, picture.size, "\n".join(lines))


def levels(images: Sequence[np.ndarray], columns: int | None = None) -> Image.Image:
    """Images at several sizes as grids of one size below each other, pixels repeated to the last.

    Args:
        images: (n, channels, height, width) of each size, the largest last; as for ``grid``.
        columns: Images in a row; by default as for ``grid``.
    """
    *_, height, width = images[-1].shape
    grids = []
    for each in images:
        *_, high, wide = each.shape
        down = (2 * np.arange(height) + 1) * high // (2 * height)  # the pixel of each centre
        across = (2 * np.arange(width) + 1) * wide // (2 * width)
        grids.append(grid(each[..., down[:, None], across], columns))
    return mosaic(grids, columns=1)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Map floats in [-1, 1] to bytes, clipped and rounded; bytes are returned as they are.

    The inverse of ``x / 127.5 - 1``. NaN becomes 0.
    """
    values = np.asarray(images)
    if values.dtype == np.uint8:
        return values
    if not np.issubdtype(values.dtype, np.floating):
        raise BadInput(f"images must be uint8 or floats in [-1, 1], not {values.dtype}.")
    clipped = np.clip(np.nan_to_num(values.astype(np.float32), nan=-1.0), -1, 1)
    return np.rint(clipped * 127.5 + 127.5).astype(np.uint8)


def picture(image: np.ndarray) -> Image.Image:
    """One image as it is, its transparency kept: of mode L, LA, RGB or RGBA.

    Args:
        image: (channels, height, width) with 1 to 4 channels, as for ``grid``.
    """
    pixels = to_uint8(image).transpose(1, 2, 0)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def grid(
    images: np.ndarray, columns: int | None = None, *, padding: int = 2, scale: int | None = None
) -> Image.Image:
    """Arrange images row by row in one picture.

    Image i stands in row i // columns and column i % columns; its upper left pixel lies at
    x = padding + column · (width · scale + padding), and y likewise.

    Args:
        images: (n, channels, height, width), floats in [-1, 1] or uint8. Channels: 1 grey, 2 grey
            and alpha, 3 RGB, 4 RGBA; transparent pixels show a light checkerboard.
        columns: Images in a row; by default such that the picture is nearly square and no wider
            than 1600 pixels.
        padding: Pixels between and around the images.
        scale: Whole factor of enlargement, each pixel repeated; by default such that the larger
            side of an image has at least 48 pixels, as far as the picture's width allows.

    Returns:
        A picture of mode L (1 or 2 channels) or RGB.

    Example:
        >>> import numpy as np
        >>> from saddlepoint.drawing import grid
        >>> images = np.random.default_rng(0).uniform(-1, 1, size=(6, 3, 16, 16))
        >>> picture = grid(images, columns=3, scale=1)
        >>> picture.size, picture.mode
        ((56, 38), 'RGB')
    """
    pixels = to_uint8(images)
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 2, 3, 4) or 0 in pixels.shape:
        raise BadInput(
            "a grid needs images of shape (n, channels, height, width) with 1 to 4 channels, "
            f"not {pixels.shape}."
        )
    count, channels, height, width = pixels.shape
    if padding < 0 or (columns is not None and columns < 1) or (scale is not None and scale < 1):
        raise BadInput("columns and scale must be at least 1 and padding at least 0.")
    if columns is None:
        square = math.ceil(math.sqrt(count * height / width))
        columns = max(1, min(square, count, (_WIDE - padding) // (width + padding)))
    if scale is None:
        scale = math.ceil(_SMALL / max(height, width))
        room = ((_WIDE - padding) // columns - padding) // width
        scale = max(1, min(scale, room))

    pixels = pixels.transpose(0, 2, 3, 1).repeat(scale, axis=1).repeat(scale, axis=2)
    if channels in (2, 4):
        pixels = _over_checks(pixels)
    height, width, rows = height * scale, width * scale, math.ceil(count / columns)
    size = rows * (height + padding) + padding, columns * (width + padding) + padding
    sheet = np.full((*size, pixels.shape[-1]), GAP, dtype=np.uint8)
    for index, image in enumerate(pixels):
        y = padding + index // columns * (height + padding)
        x = padding + index % columns * (width + padding)
        sheet[y : y + height, x : x + width] = image
    return Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet)


def _over_checks(pixels: np.ndarray) -> np.ndarray:
    """Lay (n, height, width, colours + alpha) over a checkerboard; returns the colours."""
    rows, columns = (np.arange(size) // _CHECK for size in pixels.shape[1:3])
    checks = np.where((rows[:, None] + columns) % 2, CHECKS[1], CHECKS[0])[..., None]
    alpha = pixels[..., -1:].astype(np.float32) / 255
    mixed = pixels[..., :-1] * alpha + checks * (1 - alpha)
    return np.rint(mixed).astype(np.uint8)


def framed(
    picture: Image.Image, factor: float, size: tuple[int, int], caption: str | None
) -> Image.Image:
    """A picture made smaller by ``factor``, in the middle of a sheet, with text below.

    Args:
        picture: What is framed.
        factor: At most 1.
        size: Of the sheet without the text.
        caption: The text, of one or more lines; None: no strip for it.
    """
    if factor != 1:
        smaller = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
        picture = picture.resize(smaller, Image.Resampling.LANCZOS)
    strip = 0 if caption is None else CAPTION * (1 + caption.count("\n"))
    width = size[0] if caption is None else max(size[0], NARROWEST)
    sheet = Image.new("RGB", (width, size[1] + strip), "white")
    sheet.paste(picture, ((width - picture.width) // 2, (size[1] - picture.height) // 2))
    if caption is not None:
        draw = ImageDraw.Draw(sheet)
        for number, line in enumerate(caption.split("\n")):
            middle = width / 2, size[1] + (number + 0.5) * CAPTION
            draw.text(middle, line, "black", _font(), anchor="mm")
    return sheet


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=15)
