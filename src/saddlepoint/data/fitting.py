"""A picture brought to the channels and the size that all others of its source have."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Rendering:
    """How every image of a source is made alike.

    Attributes:
        height: Pixels.
        width: Pixels.
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
        resize: crop, pad or stretch.
        background: RGB colour behind transparent pixels and padding.
        bits: Of the levels 0..65535 of a grey 16-bit image, 0..2^bits - 1 become black..white.
    """

    height: int
    width: int
    channels: int
    resize: str
    background: Colour
    bits: int = 16


def in_channels(image: Image.Image, rendering: Rendering) -> Image.Image:
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


def fitted(image: Image.Image, rendering: Rendering) -> Image.Image:
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
