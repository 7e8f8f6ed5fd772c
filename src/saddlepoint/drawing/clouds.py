"""Points: clouds in the plane over a reference, histograms of one coordinate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from saddlepoint.drawing.selection import evenly_spaced
from saddlepoint.drawing.sheets import grid
from saddlepoint.drawing.style import COLOURS, plain_style, rendered
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DRAWN = 8000  # points of a cloud beyond this number add ink and time but no shape


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
