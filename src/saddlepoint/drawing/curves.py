"""Curves, with bands for what is uncertain about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from saddlepoint.drawing.panels import Palette, Panel, legend
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES: tuple[str, ...] = ("-", "--", "-.", ":")  # beside the colours, for prints without any
MARKERS = "osD^vP"


@dataclass(frozen=True)
class Band:
    """A curve and the band around it.

    Attributes:
        middle: (n,).
        low: Lower ends (n,).
        high: Upper ends (n,).
    """

    middle: ArrayLike
    low: ArrayLike
    high: ArrayLike


def curves(
    x: ArrayLike,
    series: Mapping[str, ArrayLike | Band],
    *,
    marked: bool = False,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    levels: Mapping[str, float] | None = None,
    logarithmic: Sequence[str] = (),
    ticks: Sequence[float] | None = None,
) -> Panel:
    """Curves over one axis, each with its colour and its dashes.

    Args:
        x: (n,).
        series: By name, (n,) or a ``Band``; values that are not finite leave gaps.
        marked: Whether each place has a mark, as where few were measured.
        title: Above.
        x_label: The horizontal axis, with its unit.
        y_label: The vertical axis, with its unit.
        levels: Horizontal lines by name: a bound, a chance level, an exact value.
        logarithmic: ``x``, ``y`` or both.
        ticks: What is marked on the horizontal axis, such as the few places that were measured; by
            default powers of ten or round numbers.

    Raises:
        BadInput: A curve has another length than ``x``.
    """
    places = np.asarray(x, dtype=float)
    bands = {name: _band(name, given, len(places)) for name, given in series.items()}

    def draw(axes: Axes, palette: Palette) -> None:
        for number, (name, (middle, low, high)) in enumerate(bands.items()):
            colour = palette.series[number % len(palette.series)]
            style = STYLES[number % len(STYLES)]
            mark = MARKERS[number % len(MARKERS)] if marked else ""
            axes.plot(
                *(places, middle, style),
                color=colour,
                linewidth=2.5,
                marker=mark,
                markersize=8,
                label=name,
            )
            if low is not None and high is not None:
                axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
        for name, value in (levels or {}).items():
            axes.axhline(value, color=palette.ink, linewidth=1.2, linestyle=(0, (1, 3)), label=name)
        for axis in logarithmic:
            getattr(axes, f"set_{axis}scale")("log")
        if ticks is not None:
            axes.set_xticks([], minor=True)
            axes.set_xticks(list(ticks), [f"{tick:g}" for tick in ticks])
        axes.grid(color=palette.faint, alpha=0.35, linewidth=0.8)
        legend(axes, palette)

    return Panel(title, draw, x_label, y_label)


Ends = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]


def _band(name: str, given: ArrayLike | Band, count: int) -> Ends:
    parts = (given.middle, given.low, given.high) if isinstance(given, Band) else (given,)
    rows = [np.asarray(part, dtype=float) for part in parts]
    for row in rows:
        if row.shape != (count,):
            raise BadInput(
                f"the curve '{name}' has the shape {row.shape}, and there are {count} places: give "
                "one number for each."
            )
    return (rows[0], rows[1], rows[2]) if len(rows) == 3 else (rows[0], None, None)
