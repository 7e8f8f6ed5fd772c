"""Pictures one after the other."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from saddlepoint.drawing.selection import evenly_spaced
from saddlepoint.drawing.sheets import framed
from saddlepoint.errors import BadInput
from saddlepoint.outputs import write_aside

_GIF_WIDTH, _GIF_HEIGHT, _GIF_BYTES = 640, 960, 600_000


def animate(
    frames: list[Path],
    out: Path,
    captions: list[str] | None = None,
    seconds_per_frame: float = 0.3,
    limit: int = 60,
) -> None:
    """Write ``animation`` to ``out``, whole or not at all; missing folders are made."""
    out = Path(out)
    data = animation(frames, captions, seconds_per_frame, limit)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_aside(out, data)


def animation(
    frames: list[Path],
    captions: list[str] | None = None,
    seconds_per_frame: float = 0.3,
    limit: int = 60,
) -> bytes:
    """An endlessly repeated GIF of pictures, as bytes; the last one is held longer.

    Pictures of different sizes are padded with white. Size and colours are reduced until the file
    has a few hundred kilobytes: at most 640 pixels wide and 64 colours; if that is not enough,
    frames are left out evenly.

    Args:
        frames: Paths of the pictures, in order; unreadable ones are left out.
        captions: One text for each frame, shown below it.
        seconds_per_frame: How long each frame is shown.
        limit: Of more frames than this, evenly spaced ones are taken, always first and last.
    """
    if captions is not None and len(captions) != len(frames):
        raise BadInput(f"{len(frames)} frames need as many captions, not {len(captions)}.")
    pictures, texts = [], []
    for index in evenly_spaced(len(frames), limit):
        try:
            with Image.open(frames[index]) as image:
                pictures.append(_shrunk(_flat(image)))
        except (OSError, ValueError, SyntaxError):
            continue
        texts.append(captions[index] if captions else "")
    if not pictures:
        raise BadInput("an animation needs at least one readable frame.")
    width = max(picture.width for picture in pictures)
    height = max(picture.height for picture in pictures)
    few = evenly_spaced(len(pictures), 4)
    for factor, colours in ((1, 64), (1, 32), (0.75, 32), (0.5, 32), (0.5, 16), (0.375, 16)):
        size = max(1, round(width * factor)), max(1, round(height * factor))
        sheets = [
            framed(picture, factor, size, text if captions else None)
            for picture, text in zip(pictures, texts, strict=True)
        ]
        # A handful of frames tells the size of all well enough, and much sooner.
        trial = _gif([sheets[index] for index in few], colours, [100] * len(few))
        per_frame = len(trial) / len(few)
        if per_frame * len(sheets) <= _GIF_BYTES:
            break
    sheets = [sheets[i] for i in evenly_spaced(len(sheets), max(8, int(_GIF_BYTES / per_frame)))]
    pause = max(20, round(seconds_per_frame * 100) * 10)  # GIF counts in hundredths of a second
    pauses = [pause] * (len(sheets) - 1) + [max(5 * pause, 1500)]
    return _gif(sheets, colours, pauses)


def _flat(image: Image.Image) -> Image.Image:
    """RGB, with white behind transparent pixels."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


def _shrunk(picture: Image.Image) -> Image.Image:
    factor = min(1, _GIF_WIDTH / picture.width, _GIF_HEIGHT / picture.height)
    size = max(1, int(picture.width * factor)), max(1, int(picture.height * factor))
    return picture if factor == 1 else picture.resize(size, Image.Resampling.LANCZOS)


def _gif(frames: Sequence[Image.Image], colours: int, pauses: Sequence[int]) -> bytes:
    # One palette for all frames: with one each, still parts would flicker.
    few = [frames[index] for index in evenly_spaced(len(frames), 6)]
    montage = Image.new("RGB", (few[0].width, few[0].height * len(few)))
    for index, frame in enumerate(few):
        montage.paste(frame, (0, index * frame.height))
    palette = montage.quantize(colours)
    plain = Image.Dither.NONE
    reduced = [frame.quantize(palette=palette, dither=plain) for frame in frames]
    options: dict[str, Any] = {"duration": list(pauses), "loop": 0, "optimize": False}
    buffer = io.BytesIO()
    reduced[0].save(buffer, "GIF", save_all=True, append_images=reduced[1:], **options)
    return buffer.getvalue()
