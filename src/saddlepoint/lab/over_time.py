"""What a training was worth at each of its checkpoints, seed by seed.

A *course* is an array (checkpoints, seeds). Among the figures of a cell, which are numbers by
name, its columns stand as ``distance @ 200``; ``course`` puts them together again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Band, Panel, curves
from saddlepoint.lab.findings import Interval, PerSeed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from saddlepoint.drawing.panels import Palette
    from saddlepoint.lab.bench import Trained
    from saddlepoint.lab.side_by_side import Cell

Array = NDArray[np.float64]
Figures = dict[str, float | None]
LEVEL = 0.95
LINES = 128  # along which a distance is taken
_AT = " @ "


def samples_over_time(cell: Cell, n: int) -> Iterator[tuple[int, Array]]:
    """The step of each checkpoint of a trained cell, and ``n`` samples (seeds, n, *shape).

    The latents are the same every time, so that what changes is the generator. A cell must keep
    its checkpoints (``Training.keep``).
    """
    from saddlepoint.training import checkpoint
    from saddlepoint.training.trained import load

    for step in checkpoint.steps_of(cell.where):
        model = load(cell.where, step, device="cpu")
        samples = model.learner.sample(n, seed=1).double().numpy()
        yield step, samples if model.run.seeds > 1 else samples[None]


def recorded(cell: Cell, name: str) -> tuple[NDArray[np.int64], Array]:
    """A scalar of a cell's record: the logged steps (lines,) and values (lines, seeds).

    Each value is the mean since the line before; NaN where it was not finite.
    """
    from saddlepoint.training.record import read_record

    history = read_record(cell.where)
    values: Sequence[Any] = history.members.get(name) or [[v] for v in history.scalars[name]]
    return np.array(history.steps), np.array(values, dtype=float)


def between(steps: NDArray[np.int64], values: Array, ends: Sequence[int]) -> Array:
    """Means of logged ``values`` (lines, seeds) from one end to the next: (ends, seeds)."""
    means, start = [], 0
    for end in ends:
        means.append(values[(steps > start) & (steps <= end)].mean(axis=0))
        start = end
    return np.array(means)


def figures(courses: Mapping[str, tuple[Sequence[int], Array]]) -> list[Figures]:
    """Courses as the figures of each seed.

    Args:
        courses: By name, steps and values (steps, seeds).
    """
    seeds = next(iter(courses.values()))[1].shape[1]
    made: list[Figures] = [{} for _ in range(seeds)]
    for name, (steps, values) in courses.items():
        for step, row in zip(steps, values, strict=True):
            for seed, value in enumerate(row):
                found = float(value)
                made[seed][f"{name}{_AT}{step}"] = found if math.isfinite(found) else None
    return made


def course(cells: Sequence[Trained], name: str) -> tuple[NDArray[np.int64], Array]:
    """Steps and values (steps, seeds) of one name, over the seeds of one cell or of several."""
    start = f"{name}{_AT}"
    seeds = [seed for cell in cells for seed in cell.seeds]
    steps = [int(key.removeprefix(start)) for key in seeds[0] if key.startswith(start)]
    values = [[seed[f"{start}{step}"] for seed in seeds] for step in steps]
    return np.array(steps), np.array(values, dtype=float)


def distance(real: Array, samples: Array, scale: float = 1.0) -> float:
    """The sliced Wasserstein distance of two sets of examples (n, *shape), by a unit of length.

    NaN where samples are not finite.
    """
    import torch

    from saddlepoint.metrics.sliced import sliced_distance

    if not np.isfinite(samples).all():
        return math.nan
    first, second = (
        torch.from_numpy(side.reshape(len(side), -1) / scale) for side in (real, samples)
    )
    return sliced_distance(first, second, projections=LINES)


def mean_interval(values: Sequence[float | None]) -> Interval | None:
    """The mean of independent seeds with Student's 95 % interval; None below two numbers."""
    from scipy import stats

    finite = np.array(PerSeed.of(values).finite)
    if len(finite) < 2:
        return None
    mean, error = float(finite.mean()), float(finite.std(ddof=1)) / math.sqrt(len(finite))
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(finite) - 1)) * error
    return Interval(mean, mean - half, mean + half)


def gap(first: object, second: object) -> Interval | None:
    """The mean of first − second over the seeds of two rows, each seed against itself.

    The same seed has the same initial weights and the same order of examples in both.
    """
    if not (isinstance(first, PerSeed) and isinstance(second, PerSeed)):
        return None
    pairs = zip(first.values, second.values, strict=True)
    return mean_interval([a - b for a, b in pairs if a is not None and b is not None])


def shown(interval: Interval | None, form: str = ".3g") -> str:
    """An interval in words."""
    if interval is None:
        return "none"
    value, low, high = (f"{end:{form}}" for end in interval.ends)
    return f"{value} [{low}, {high}]"


def band(values: Array) -> Band:
    """Mean of a course (checkpoints, seeds) with its standard deviation on both sides."""
    middle = values.mean(axis=1)
    deviation = values.std(axis=1, ddof=1) if values.shape[1] > 1 else np.zeros(len(values))
    return Band(middle, middle - deviation, middle + deviation)


def second_axis(
    panel: Callable[[Axes, Palette], None],
    x: Sequence[float] | NDArray[Any],
    values: Array,
    label: str,
) -> Callable[[Axes, Palette], None]:
    """What a panel draws, and a course on an axis of its own at the right.

    Args:
        panel: What is drawn on the left axis.
        x: (checkpoints,).
        values: (checkpoints, seeds).
        label: Of the right axis, with its unit.
    """
    ends = band(values)

    def draw(axes: Axes, palette: Palette) -> None:
        from saddlepoint.drawing.panels import TEXT

        panel(axes, palette)
        right = axes.twinx()
        colour = palette.series[1]
        right.plot(x, ends.middle, "--", color=colour, linewidth=2.5)
        right.fill_between(x, ends.low, ends.high, color=colour, alpha=0.2, linewidth=0)
        right.set_ylabel(label, color=colour, fontsize=TEXT)
        right.set_ylim(bottom=0)
        right.tick_params(colors=palette.ink, labelsize=TEXT - 1)
        for name, spine in right.spines.items():
            spine.set_visible(name == "right")
            spine.set_color(palette.faint)

    return draw


def courses(
    series: Mapping[str, tuple[Sequence[float] | NDArray[Any], Array]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    logarithmic: bool = False,
) -> Panel:
    """Curves of courses that have checkpoints of their own, with their deviations as bands.

    On a logarithmic axis means and deviations are those of the logarithms.

    Args:
        series: By name, places (checkpoints,) and values (checkpoints, seeds).
        title: Above.
        x_label: The horizontal axis, with its unit.
        y_label: The vertical axis, with its unit.
        logarithmic: Whether the vertical axis is.
    """
    x = np.unique(np.concatenate([np.asarray(places, float) for places, _ in series.values()]))
    bands = {}
    for name, (places, values) in series.items():
        ends = band(np.log(values) if logarithmic else values)
        rows = [np.asarray(end) for end in (ends.middle, ends.low, ends.high)]
        rows = [np.interp(x, places, row, left=np.nan, right=np.nan) for row in rows]
        bands[name] = Band(*(np.exp(row) if logarithmic else row for row in rows))
    panel = curves(x, bands, title=title, x_label=x_label, y_label=y_label)

    def draw(axes: Axes, palette: Palette) -> None:
        panel.draw(axes, palette)
        if logarithmic:
            from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())

    return Panel(title, draw, x_label, y_label)
