"""Functions on the plane: densities, value surfaces, critics with the arrows of their gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saddlepoint.drawing.panels import TEXT, Palette, Panel, legend
from saddlepoint.drawing.selection import evenly_spaced
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Limits = tuple[float, float, float, float]
Array = NDArray[np.float64]
#: From points (n, 2) to numbers (n,).
Function = Callable[[Array], ArrayLike]
FINE, COARSE = 201, 21  # places of a surface and arrows of a field, along each axis
SHOWN = 1000  # points of a cloud


def lattice(limits: Limits, places: int) -> tuple[Array, Array, Array]:
    """The coordinates of a lattice (places,) twice, and its points (places², 2), row by row."""
    left, right, bottom, top = limits
    x, y = np.linspace(left, right, places), np.linspace(bottom, top, places)
    across, up = np.meshgrid(x, y)
    return x, y, np.stack([across.ravel(), up.ravel()], axis=1)


def surface(
    function: Function,
    limits: Limits,
    *,
    title: str = "",
    kind: Literal["density", "value"] = "value",
    arrows: bool = False,
    clouds: Mapping[str, ArrayLike] | None = None,
    x_label: str = "x₁",
    y_label: str = "x₂",
) -> Panel:
    """A function on the plane as a map of colours with lines of equal height.

    Args:
        function: From points (n, 2) to numbers (n,): a density, a critic's scores.
        limits: Left, right, bottom, top.
        title: Above.
        kind: ``density``: from none to many; ``value``: around zero, with one colour for each sign.
        arrows: Draw the direction in which the function rises, longer where it is steeper.
        clouds: Points (n, 2) by name, drawn on top: ``real`` and ``generated`` have their own
            colours.
        x_label: The horizontal axis.
        y_label: The vertical axis.

    Raises:
        BadInput: The function gives no number for some point, or clouds are not (n, 2).
    """
    x, y, points = lattice(limits, FINE)
    values = _values(function, points, title).reshape(FINE, FINE)
    shown = {name: _points(name, cloud) for name, cloud in (clouds or {}).items()}

    def draw(axes: Axes, palette: Palette) -> None:
        if kind == "density":
            low, high, colours = 0.0, float(values.max()) or 1.0, palette.density
        else:
            high = float(np.abs(values).max()) or 1.0
            low, colours = -high, palette.signed
        axes.pcolormesh(x, y, values, vmin=low, vmax=high, cmap=colours, rasterized=True)
        if values.max() > values.min():
            lines = axes.contour(
                x, y, values, levels=7, colors=palette.ink, linewidths=0.9, alpha=0.7
            )
            if kind == "value":
                axes.clabel(lines, fontsize=TEXT - 3, fmt="%.3g")
        if arrows:
            _arrows(axes, palette, function, limits)
        for number, (name, cloud) in enumerate(shown.items()):
            colour = {"real": palette.real, "generated": palette.fake}.get(
                name, palette.series[(2 + number) % len(palette.series)]
            )
            few = cloud[evenly_spaced(len(cloud), SHOWN)]
            axes.plot(
                few[:, 0],
                few[:, 1],
                "o^s"[number % 3],
                color=colour,
                markersize=5,
                markeredgecolor=palette.paper,
                markeredgewidth=0.4,
                label=name,
            )
        axes.set_xlim(limits[0], limits[1])
        axes.set_ylim(limits[2], limits[3])
        legend(axes, palette, "upper right")

    return Panel(title, draw, x_label, y_label, square=True)


def interpolated(values: ArrayLike, limits: Limits) -> Function:
    """A function on the plane that is known on a lattice alone, linear between its places.

    What a critic says of a lattice can so be kept in a file and drawn when the critic is gone.

    Args:
        values: (places, places) in the order of ``lattice``: rows from bottom to top.
        limits: Left, right, bottom, top of the lattice; the function is not known outside.

    Raises:
        BadInput: The values are no square of numbers; of the function: a point is outside.

    Example:
        >>> from saddlepoint.drawing import interpolated
        >>> height = interpolated([[0.0, 1.0], [2.0, 3.0]], (0, 1, 0, 1))
        >>> height([[0.5, 0.0], [1.0, 1.0]]).tolist()
        [0.5, 3.0]
    """
    from scipy.interpolate import RegularGridInterpolator

    heights = np.asarray(values, dtype=float)
    if heights.ndim != 2 or heights.shape[0] != heights.shape[1] or len(heights) < 2:
        raise BadInput(f"values on a lattice should be a square, not {heights.shape}.")
    x, y, _ = lattice(limits, len(heights))
    between = RegularGridInterpolator((y, x), heights, bounds_error=False, fill_value=np.nan)

    def function(points: ArrayLike) -> Array:
        found = np.asarray(between(np.asarray(points, dtype=float)[:, ::-1]))
        if not np.isfinite(found).all():
            raise BadInput(f"the function is known within {limits} alone, and a point is outside.")
        return found

    return function


def _arrows(axes: Axes, palette: Palette, function: Function, limits: Limits) -> None:
    """The gradient by central differences, where a critic would push what it judges."""
    _, _, points = lattice(limits, COARSE)
    step = 1e-3 * max(limits[1] - limits[0], limits[3] - limits[2])
    slopes = []
    for axis in np.eye(2):
        ahead, behind = (_values(function, points + way * step * axis, "") for way in (1, -1))
        slopes.append((ahead - behind) / (2 * step))
    across, up = slopes
    length = np.hypot(across, up)
    longest = float(length.max())
    if longest > 0:
        # by the root of the length: steep places would hide all others
        shrink = 1 / np.sqrt(np.where(length > 0, length, 1.0) * longest)
        axes.quiver(
            points[:, 0],
            points[:, 1],
            across * shrink,
            up * shrink,
            color=palette.ink,
            scale=COARSE * 0.9,
            width=0.004,
        )


def _values(function: Function, points: Array, title: str) -> Array:
    values = np.asarray(function(points), dtype=float)
    if values.shape != (len(points),) or not np.isfinite(values).all():
        raise BadInput(
            f"the function of the panel '{title}' should give one finite number for each of "
            f"{len(points)} points, and gave the shape {values.shape}"
            f"{'' if np.isfinite(values).all() else ', with values that are not finite'}."
        )
    return values


def _points(name: str, given: ArrayLike) -> Array:
    cloud = np.asarray(given, dtype=float)
    if cloud.ndim != 2 or cloud.shape[1] != 2:
        raise BadInput(f"the cloud '{name}' should have the shape (n, 2), not {cloud.shape}.")
    return cloud


def densities(
    functions: Mapping[str, Function],
    limits: tuple[float, float],
    *,
    title: str = "",
    x_label: str = "x",
    y_label: str = "density",
) -> Panel:
    """Densities on a line, filled; each function takes points (n,) and gives numbers (n,)."""
    x = np.linspace(*limits, 801)
    heights = {name: _values(f, x, title) for name, f in functions.items()}

    def draw(axes: Axes, palette: Palette) -> None:
        colours = [palette.real, palette.fake, *palette.series[2:]]
        for number, (name, height) in enumerate(heights.items()):
            colour = colours[number % len(colours)]
            style = "-" if number == 0 else "--"
            axes.plot(x, height, style, color=colour, linewidth=2.5, label=name)
            axes.fill_between(x, height, color=colour, alpha=0.18, linewidth=0)
        axes.set_xlim(*limits)
        axes.set_ylim(bottom=0)
        legend(axes, palette)

    return Panel(title, draw, x_label, y_label)
