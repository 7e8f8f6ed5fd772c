"""Transport plans: what goes from where to where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from saddlepoint.drawing.panels import TEXT, Palette, Panel, legend
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NUMBERS = 12  # rows or columns up to which the cells of a plan are numbered
LINES = 2000  # shipments drawn in the plane, the largest ones


def plan_matrix(
    plan: ArrayLike,
    *,
    title: str = "",
    x_label: str = "to the hole",
    y_label: str = "from the pile",
) -> Panel:
    """A plan (n, m) as a matrix of shares: darker where more is moved, numbered where it is small.

    Raises:
        BadInput: It is no matrix of finite numbers ≥ 0.
    """
    moved = _plan(plan)

    def draw(axes: Axes, palette: Palette) -> None:
        high = float(moved.max()) or 1.0
        axes.imshow(moved, cmap=palette.density, vmin=0, vmax=high, aspect="equal")
        axes.set_xticks(range(moved.shape[1]) if moved.shape[1] <= MOST_NUMBERS else ())
        axes.set_yticks(range(moved.shape[0]) if moved.shape[0] <= MOST_NUMBERS else ())
        if max(moved.shape) <= MOST_NUMBERS:
            for (row, column), mass in np.ndenumerate(moved):
                if mass > 0:  # the map goes from the paper's brightness to the ink's
                    colour = palette.paper if mass > 0.55 * high else palette.ink
                    axes.text(
                        column,
                        row,
                        f"{mass:.3g}",
                        color=colour,
                        ha="center",
                        va="center",
                        fontsize=TEXT - 1,
                    )

    return Panel(title, draw, x_label, y_label)


def plan_in_the_plane(
    sources: ArrayLike,
    targets: ArrayLike,
    plan: ArrayLike,
    *,
    title: str = "",
    x_label: str = "x₁",
    y_label: str = "x₂",
) -> Panel:
    """A plan between points: a line for each shipment, as strong as what it carries.

    Args:
        sources: (n, 2).
        targets: (m, 2).
        plan: (n, m).
        title: Above.
        x_label: The horizontal axis.
        y_label: The vertical axis.

    Raises:
        BadInput: Shapes do not fit.
    """
    moved = _plan(plan)
    start, end = np.asarray(sources, dtype=float), np.asarray(targets, dtype=float)
    if start.shape != (moved.shape[0], 2) or end.shape != (moved.shape[1], 2):
        raise BadInput(
            f"a plan of {moved.shape[0]}×{moved.shape[1]} needs as many points (n, 2) on either "
            f"side, and there are {start.shape} and {end.shape}."
        )
    rows, columns = np.nonzero(moved)
    carried = moved[rows, columns]
    largest = np.argsort(carried)[::-1][:LINES]

    def draw(axes: Axes, palette: Palette) -> None:
        from matplotlib.collections import LineCollection

        lines = np.stack([start[rows[largest]], end[columns[largest]]], axis=1)
        share = carried[largest] / (float(carried.max()) if len(carried) else 1.0)
        axes.add_collection(
            LineCollection(list(lines), colors=palette.faint, linewidths=0.5 + 2.5 * share)
        )
        for cloud, name, colour, mark in (
            (start, "from", palette.real, "o"),
            (end, "to", palette.fake, "s"),
        ):
            axes.plot(
                cloud[:, 0],
                cloud[:, 1],
                mark,
                color=colour,
                markersize=7,
                label=name,
                markeredgecolor=palette.paper,
            )
        axes.autoscale_view()
        legend(axes, palette)

    return Panel(title, draw, x_label, y_label, square=True)


def _plan(plan: ArrayLike) -> np.ndarray:
    moved = np.asarray(plan, dtype=float)
    if moved.ndim != 2 or not moved.size or not np.isfinite(moved).all() or (moved < 0).any():
        raise BadInput(
            "a plan should be a matrix of finite numbers ≥ 0, and this one has the shape "
            f"{moved.shape}."
        )
    return moved
