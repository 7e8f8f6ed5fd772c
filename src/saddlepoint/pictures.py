"""Pictures of samples: grids, scatter plots and animations (torch-free).

Importing this module does not import matplotlib, and drawing leaves the user's matplotlib
settings, figures and backend as they were.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from saddlepoint.errors import BadInput
from saddlepoint.outputs import write_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours of Okabe and Ito, told apart also by readers with a colour vision deficiency.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9")
GAP = 208  # grey between the images of a grid
CHECKS = (255, 228)  # the two greys behind transparent pixels
_CHECK = 8  # pixels a side

_SMALL, _WIDE = 48, 1600  # an image is enlarged to the first, a grid stays within the second
_GIF_WIDTH, _GIF_HEIGHT, _GIF_BYTES = 640, 960, 600_000
_CAPTION = 24  # pixels of the strip below a frame
_DRAWN = 8000  # points of a cloud beyond this number add ink and time but no shape
_style_lock = threading.Lock()


def mosaic(pictures: Sequence[Image.Image], columns: int | None = None) -> Image.Image:
    """Put pictures of one size side by side, in rows of about ``√n``."""
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    width, height = pictures[0].size
    rows = math.ceil(len(pictures) / columns)
    whole = Image.new("RGB", (columns * width, rows * height), "white")
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        whole.paste(picture.convert("RGB"), (column * width, row * height))
    return whole


def captioned(picture: Image.Image, caption: str) -> Image.Image:
    """The picture with a line of text below."""
    return _framed(picture, 1, picture.size, caption)


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
        >>> from saddlepoint.pictures import grid
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


def scatter(
    points: np.ndarray,
    reference: np.ndarray | None = None,
    *,
    title: str = "",
    limits: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """Draw a cloud of points over a reference: the first two coordinates, or a histogram of one.

    Args:
        points: (n, dimensions). Points that are not finite or outside are counted in the legend.
        reference: Real points, drawn in grey below.
        title: Shown above.
        limits: (left, right, bottom, top); by default a square around the reference (without one
            around the points), so that pictures with the same reference can be compared.
    """
    cloud, behind = _rows(points), None if reference is None else _rows(reference)
    source = cloud if behind is None or not len(behind) else behind
    with plain_style():
        from matplotlib.figure import Figure

        # The axes have a fixed place: frames of an animation must not jump with their labels.
        figure = Figure(figsize=(5, 5), dpi=128, facecolor="white")
        axes = figure.add_axes((0.14, 0.1, 0.82, 0.79))
        if cloud.shape[1] == 1:
            _histogram(axes, cloud[:, 0], None if behind is None else behind[:, 0], limits)
        else:
            _cloud(axes, cloud, behind, limits or _square(source))
        figure.text(0.55, 0.975, title, parse_math=False, fontsize=10, ha="center", va="center")
        # Above the axes, where it covers no point.
        options: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 2}
        axes.legend(**options, fontsize=8, frameon=False, markerscale=2)
        axes.tick_params(labelsize=8)
        return rendered(figure)


def _rows(points: np.ndarray) -> np.ndarray:
    values = np.asarray(points, dtype=np.float64)
    if values.ndim == 0 or (values.ndim > 1 and 0 in values.shape[1:]):
        raise BadInput(f"points must have the shape (n, dimensions), not {values.shape}.")
    return values.reshape(len(values), -1) if len(values) else values.reshape(0, 2)


def _square(points: np.ndarray) -> tuple[float, float, float, float]:
    """Limits of a square around the finite ones of ``points``, with a margin."""
    finite = points[np.isfinite(points[:, :2]).all(axis=1), :2]
    if not len(finite):
        return (-1.0, 1.0, -1.0, 1.0)
    low, high = finite.min(axis=0), finite.max(axis=0)
    middle, half = (low + high) / 2, float((high - low).max()) * 0.58
    half = half or max(1.0, float(np.abs(middle).max()) * 0.1)
    (x, y) = (float(value) for value in middle)
    return (x - half, x + half, y - half, y + half)


def _cloud(
    axes: Axes,
    points: np.ndarray,
    reference: np.ndarray | None,
    limits: tuple[float, float, float, float],
) -> None:
    left, right, bottom, top = limits
    if reference is not None:
        shown = reference[evenly_spaced(len(reference), _DRAWN)]
        axes.plot(shown[:, 0], shown[:, 1], ".", color="#a8a8a8", markersize=3, label="real")
    x, y = points[:, 0], points[:, 1]
    inside = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
    shown = points[inside][evenly_spaced(int(inside.sum()), _DRAWN)]
    label = "generated" if reference is not None else "points"
    axes.plot(
        *(shown[:, 0], shown[:, 1], "."),
        color=COLOURS[1],
        markersize=4 if len(shown) < 2000 else 3,
        alpha=0.6,
        markeredgewidth=0,
        label=label + _left_out(inside),
    )
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal", adjustable="box")
    dimensions = points.shape[1]
    of = f" of {dimensions}" if dimensions > 2 else ""
    axes.set_xlabel(f"coordinate 1{of}")
    axes.set_ylabel(f"coordinate 2{of}")


def _histogram(
    axes: Axes,
    points: np.ndarray,
    reference: np.ndarray | None,
    limits: tuple[float, float, float, float] | None,
) -> None:
    source = points if reference is None or not len(reference) else reference
    x = limits or _square(np.stack([source, source], axis=1))
    edges = np.linspace(x[0], x[1], 61)
    peak = 0.0
    if reference is not None:
        heights = _density(reference, edges)
        axes.stairs(heights, edges, fill=True, color="#c4c4c4", label="real")
        peak = float(heights.max())
    inside = (points >= x[0]) & (points <= x[1])
    heights = _density(points, edges)
    label = ("generated" if reference is not None else "points") + _left_out(inside)
    axes.stairs(heights, edges, color=COLOURS[1], linewidth=1.5, label=label)
    # The reference alone decides the height, again so that frames can be compared.
    peak = peak or float(heights.max()) or 1.0
    axes.set_xlim(x[0], x[1])
    axes.set_ylim(*((limits[2], limits[3]) if limits else (0, peak * 1.5)))
    axes.set_xlabel("value")
    axes.set_ylabel("density")


def _density(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Share of the values in each bin over its width; values outside count in the total."""
    counts, _ = np.histogram(values[np.isfinite(values)], edges)
    return counts / max(len(values), 1) / np.diff(edges)


def _left_out(inside: np.ndarray) -> str:
    missing = int(len(inside) - inside.sum())
    return f" ({missing:,} of {len(inside):,} outside)" if missing else ""


def draw(
    samples: np.ndarray, *, images: bool, reference: np.ndarray | None = None, title: str = ""
) -> Image.Image:
    """Draw samples by their kind: a grid of images, or a scatter plot over the reference."""
    if images:
        return grid(samples)
    return scatter(samples, reference, title=title)


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw with matplotlib's own defaults and put the user's settings back afterwards.

    The settings belong to the whole process, hence the lock: two threads would restore each
    other's.
    """
    import matplotlib.style

    with _style_lock, matplotlib.style.context("default"):
        yield


def rendered(figure: Figure) -> Image.Image:
    """Turn a figure that no window knows of into an RGB picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def evenly_spaced(count: int, limit: int) -> list[int]:
    """Pick at most ``limit`` of ``count`` indices, evenly, the first and the last among them."""
    if count <= limit:
        return list(range(count))
    if limit < 2:
        return [count - 1][:limit]
    return [int(index) for index in np.rint(np.linspace(0, count - 1, limit))]


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
        framed = [
            _framed(picture, factor, size, text if captions else None)
            for picture, text in zip(pictures, texts, strict=True)
        ]
        # A handful of frames tells the size of all well enough, and much sooner.
        trial = _gif([framed[index] for index in few], colours, [100] * len(few))
        per_frame = len(trial) / len(few)
        if per_frame * len(framed) <= _GIF_BYTES:
            break
    framed = [framed[i] for i in evenly_spaced(len(framed), max(8, int(_GIF_BYTES / per_frame)))]
    pause = max(20, round(seconds_per_frame * 100) * 10)  # GIF counts in hundredths of a second
    pauses = [pause] * (len(framed) - 1) + [max(5 * pause, 1500)]
    return _gif(framed, colours, pauses)


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


def _framed(
    picture: Image.Image, factor: float, size: tuple[int, int], caption: str | None
) -> Image.Image:
    if factor != 1:
        smaller = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
        picture = picture.resize(smaller, Image.Resampling.LANCZOS)
    strip = 0 if caption is None else _CAPTION
    width = size[0] if caption is None else max(size[0], 120)
    sheet = Image.new("RGB", (width, size[1] + strip), "white")
    sheet.paste(picture, ((width - picture.width) // 2, (size[1] - picture.height) // 2))
    if caption is not None:
        draw = ImageDraw.Draw(sheet)
        font = ImageFont.load_default(size=15)
        draw.text((width / 2, size[1] + strip / 2), caption, "black", font, anchor="mm")
    return sheet


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
