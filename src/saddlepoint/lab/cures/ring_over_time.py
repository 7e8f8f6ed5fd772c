"""The ring of Gaussians in the course of a training, as lectures draw mode collapse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from saddlepoint.drawing import Drawing, Panel
from saddlepoint.lab.bench import Bench
from saddlepoint.run.description import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from saddlepoint.drawing.panels import Palette

STEPS, FAST_STEPS = 4000, 800
SHOWN = (1, 2, 4, 8)  # checkpoints, of the eight of a training
POINTS = 600
LIMIT = 1.5


def over_time(bench: Bench, games: Mapping[str, Run]) -> Drawing:
    """Samples of the first seed along a short training of its own: a row a game.

    Each game has 4,000 steps (800 of the fast form), whatever they cost; the clouds are those of
    the generator's last weights, so that what rotates is not averaged away. The last column is the
    data.

    Args:
        bench: Where clouds are kept.
        games: Trainings on the ring, by name.
    """
    steps = FAST_STEPS if bench.fast else STEPS
    parts = {
        f"over-time-{name}": lambda name=name, run=run: clouds(bench, name, run, steps)
        for name, run in games.items()
    }
    kept = bench.all_kept(parts)
    panels = []
    for name, each in zip(games, kept, strict=True):
        for step, cloud in zip(each["steps"], each["clouds"], strict=True):
            panels.append(_panel(f"{name}, {step:,} steps", cloud))
        panels.append(_panel("data", each["data"], is_control=True))
    return Drawing(panels, columns=len(SHOWN) + 1)


def clouds(bench: Bench, name: str, run: Run, steps: int) -> dict[str, Any]:
    """Train, or go on, and draw samples at the checkpoints that are shown."""
    import torch

    from saddlepoint.lab.over_time import samples_over_time
    from saddlepoint.lab.side_by_side import Cell, train_cells

    training = run.training.replace(averaging=0.0, keep=max(SHOWN) + 1)
    described = run.replace(seed=bench.seed, seeds=1, training=training)
    cell = Cell(name, described, bench.out / f"over-time-{name}", steps, max(SHOWN))
    list(train_cells([cell], None, at_once=1))
    found = [(step, points[0]) for step, points in samples_over_time(cell, POINTS)]
    chosen = [found[number - 1] for number in SHOWN]
    data = described.data.open().take("test", POINTS, torch.device("cpu")).x.numpy()
    return {
        "steps": [step for step, _ in chosen],
        "clouds": [_rounded(points) for _, points in chosen],
        "data": _rounded(data),
    }


def _rounded(points: np.ndarray) -> list[list[float]]:
    finite = points[np.isfinite(points).all(axis=1)]
    return [[round(float(x), 4) for x in point] for point in finite]


def _panel(title: str, points: Sequence[Sequence[float]], is_control: bool = False) -> Panel:
    cloud = np.array(points).reshape(-1, 2)

    def draw(axes: Axes, palette: Palette) -> None:
        colour = palette.real if is_control else palette.fake
        axes.plot(cloud[:, 0], cloud[:, 1], ".", color=colour, markersize=7, alpha=0.5, mew=0)
        axes.set_xlim(-LIMIT, LIMIT)
        axes.set_ylim(-LIMIT, LIMIT)
        axes.set_xticks([])
        axes.set_yticks([])

    return Panel(title, draw, square=True, is_control=is_control)
