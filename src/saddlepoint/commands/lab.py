"""``saddlepoint lab``: the classic experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tyro.conf import Positional


def lab(
    experiment: Positional[Literal["mode-collapse"]],
    *,
    out: Path | None = None,
    minutes: float = 13.0,
    seeds: int = 10,
    only: str | None = None,
    fast: bool = False,
    at_once: int = 2,
) -> None:
    """Run a classic experiment, measure it and draw it; run again, it goes on where it was.

    Args:
        experiment: mode-collapse: six methods on a ring and a grid of Gaussians.
        out: Folder of the experiment (by default runs/EXPERIMENT).
        minutes: Training time of each method on each data set, in minutes of one core.
        seeds: Seeds that are trained side by side.
        only: Only methods or data whose name holds this.
        fast: 70 seconds and four seeds each, to see that it works.
        at_once: How many train side by side, each on one thread.
    """
    from saddlepoint.lab import mode_collapse

    where = out or Path("runs") / f"{experiment}{'-fast' if fast else ''}"
    mode_collapse.run(where, minutes=minutes, seeds=seeds, only=only, fast=fast, at_once=at_once)
    print((where / "table.md").read_text())
    print(f"table and picture: {where / 'table.md'}, {where / 'table.png'}")
