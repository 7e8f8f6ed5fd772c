"""Phase portraits of games: where the players move from each point, and some of their orbits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from saddlepoint.drawing.panels import Palette, Panel, legend
from saddlepoint.drawing.surfaces import Array, Limits, lattice
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLACES = 41


def phase_portrait(
    field: Callable[[Array], ArrayLike],
    limits: Limits,
    *,
    orbits: Mapping[str, ArrayLike] | None = None,
    solution: tuple[float, float] | None = None,
    title: str = "",
    x_label: str = "generator θ",
    y_label: str = "critic ψ",
) -> Panel:
    """Stream lines of a field, with orbits from their starts (a ring) to their ends (a dot).

    Args:
        field: From points (n, 2) to velocities (n, 2).
        limits: Left, right, bottom, top.
        orbits: Points (t, 2) in their order, by name.
        solution: The equilibrium, drawn as a star.
        title: Above.
        x_label: The horizontal axis.
        y_label: The vertical axis.

    Raises:
        BadInput: The field gives something else than (n, 2), or an orbit is none.
    """
    x, y, points = lattice(limits, PLACES)
    velocities = np.asarray(field(points), dtype=float)
    if velocities.shape != points.shape or not np.isfinite(velocities).all():
        raise BadInput(
            f"the field of the portrait '{title}' should give finite velocities of the shape "
            f"{points.shape}, and gave {velocities.shape}."
        )
    across, up = velocities.T.reshape(2, PLACES, PLACES)
    paths = {name: np.asarray(orbit, dtype=float) for name, orbit in (orbits or {}).items()}
    for name, path in paths.items():
        if path.ndim != 2 or path.shape[1] != 2 or not len(path):
            raise BadInput(f"the orbit '{name}' should have the shape (t, 2), not {path.shape}.")

    def draw(axes: Axes, palette: Palette) -> None:
        axes.streamplot(x, y, across, up, color=palette.faint, density=1.1, linewidth=0.9)
        for number, (name, path) in enumerate(paths.items()):
            colour = palette.series[number % len(palette.series)]
            axes.plot(path[:, 0], path[:, 1], "-", color=colour, linewidth=2, label=name)
            axes.plot(*path[0], "o", color=colour, markersize=9, markerfacecolor="none")
            axes.plot(*path[-1], "o", color=colour, markersize=7)
        if solution is not None:
            axes.plot(*solution, "*", color=palette.ink, markersize=15, label="solution")
        axes.set_xlim(limits[0], limits[1])
        axes.set_ylim(limits[2], limits[3])
        legend(axes, palette, "upper right")

    return Panel(title, draw, x_label, y_label, square=True)
