"""Which score reacts to which damage: known defects put into real examples, scored one by one.

    python benchmarks/damage.py DATA [--n 3000] [--features auto ...] [--json FILE] [--picture FILE]
    python benchmarks/damage.py --run RUN [...]     # its data and split, and its samples as well
    python benchmarks/damage.py --show FILE [--picture FILE]    # tables and picture of a stored one

DATA is a built-in name, a folder or an array with labels. Every candidate is scored by the
library's own evaluation against the same real examples. A mark says that the 95 % interval of its
difference to the control does not hold 0, or p < 0.05: ▲ worse than the control, ▽ better, which
is as suspicious, ● other than the control where neither is better. The first damage is none:
what reacts to it are the false alarms that a level of 5 % allows.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure as Canvas
from scipy import ndimage
from torch import Tensor

from saddlepoint import drawing, recipes
from saddlepoint.data.dataset import Dataset
from saddlepoint.data.describing import describe_data
from saddlepoint.evaluation.layout import number
from saddlepoint.evaluation.progress import telling
from saddlepoint.evaluation.rows import Row
from saddlepoint.evaluation.scorer import Scorer, Settings
from saddlepoint.evaluation.sides import Reference, Side, drawn
from saddlepoint.training.own_data import open_own_data
from saddlepoint.training.trained import load

CPU = torch.device("cpu")


class Damage:
    """The damages, each a function of fresh real examples that no other side of the table holds."""

    def __init__(self, x: Tensor, labels: Tensor, train: Tensor, n: int) -> None:
        self.x, self.labels, self.train, self.n = x, labels, train, n
        self.random = torch.Generator().manual_seed(0)

    def noise(self, std: float) -> Tensor:
        x = self.x[: self.n]
        return (x + std * torch.randn(x.shape, generator=self.random)).clamp(-1, 1)

    def blur(self, sigma: float) -> Tensor:
        blurred = ndimage.gaussian_filter(self.x[: self.n].numpy(), (0, 0, sigma, sigma))
        return torch.from_numpy(blurred)

    def without(self, dropped: int) -> Tensor:
        kept = self.labels >= dropped
        return self.x[kept][: self.n]

    def repeated(self, times: int) -> Tensor:
        x = self.x[: self.n // times].repeat(times, 1, 1, 1)
        return x[torch.randperm(len(x), generator=self.random)]

    def narrow(self, share: float) -> Tensor:
        """Of each class only the share nearest to the class mean."""
        chosen = []
        for label in self.labels.unique():
            own = self.x[self.labels == label]
            distance = (own - own.mean(0)).flatten(1).norm(dim=1)
            chosen.append(own[distance.argsort()[: max(1, int(share * len(own)))]])
        x = torch.cat(chosen)
        return x[torch.randperm(len(x), generator=self.random)][: self.n]

    def copies(self, changed: bool) -> Tensor:
        x = self.train[torch.randperm(len(self.train), generator=self.random)[: self.n]]
        if not changed:
            return x
        moved = torch.roll(x.flip(-1), 1, dims=-1)
        noise = 0.02 * torch.randn(x.shape, generator=self.random)
        return (moved + noise).clamp(-1, 1)


def sides_of(dataset: Dataset, n: int) -> tuple[Reference, Tensor, Tensor]:
    """Reference, control and the raw material of the damages, all disjoint held-out examples."""
    pool = [dataset.take(split, 10**9, CPU) for split in ("test", "validation")]
    x = torch.cat([batch.x.float() for batch in pool])
    labels = torch.cat([batch.label for batch in pool if batch.label is not None])
    if len(labels) < len(x):
        sys.exit("the damages need labelled data: some drop classes.")
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    x, labels = x[order], labels[order]
    n = min(n, len(x) // 3)
    train = dataset.take("train", 60_000, CPU).x.float()
    reference = Reference(
        data=dataset.info,
        dataset=dataset,
        real=Side("real", x[:n]),
        control=Side("other real", x[n : 2 * n]),
        train=Side("train", train),
        where="disjoint parts of the test and validation splits",
    )
    return reference, x[2 * n :], labels[2 * n :]


def untrained(reference: Reference, n: int) -> Tensor:
    learner = recipes.dcgan_two_core().learner.replace(latent=64)
    return learner.learner(reference.data, batch_size=64, seed=0).eval().sample(n, 0)


def mark(row: Row) -> str:
    """How the candidate differs from the control, if it does."""
    own = row.figure.estimate
    if row.figure.p_value is not None:
        if row.figure.p_value >= 0.05:
            return ""
        return "●" if row.better == "real" else "▲"
    if row.control is None:
        return ""
    other = row.control.estimate
    gap = row.gap
    if gap is None:  # intervals of another kind: apart if they do not meet
        apart, sign = own.low > other.high or own.high < other.low, own.value - other.value
    else:
        apart, sign = not gap.low <= 0 <= gap.high, gap.value
    if not apart:
        return ""
    if row.better == "real":
        return "●"
    return "▲" if (sign > 0) == (row.better == "lower") else "▽"


def strength(row: Row) -> float:
    """The difference to the control in half widths of its interval; positive is worse."""
    own = row.figure.estimate
    if row.control is None or not math.isfinite(own.value):
        return math.nan
    other = row.control.estimate
    gap = row.gap
    half = (
        (gap.high - gap.low) / 2
        if gap is not None
        else math.hypot(own.high - own.low, other.high - other.low) / 2
    )
    if not math.isfinite(half) or half == 0:
        return math.nan if own.value == other.value else math.inf
    apart = (own.value - other.value) / half
    return {"lower": apart, "higher": -apart, "real": abs(apart)}[row.better]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--n", type=int, default=3000)
    parser.add_argument("--features", nargs="+", default=["auto"])
    parser.add_argument("--scores", nargs="+", default=["default"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--show", type=Path)
    asked = parser.parse_args()
    if asked.show:
        show(json.loads(asked.show.read_text()), asked.picture)
        return
    if (asked.run is None) == (asked.data is None):
        parser.error("name either DATA or --run RUN.")
    torch.set_num_threads(asked.threads)
    began = time.perf_counter()
    opened = open_own_data(asked.run) if asked.run else describe_data(asked.data).open()
    reference, x, labels = sides_of(opened, asked.n)
    n = len(reference.real)
    assert reference.train is not None
    damage = Damage(x, labels, reference.train.x, n)
    half = len(reference.data.classes) // 2
    candidates: dict[str, Callable[[], Tensor]] = {
        "none: fresh real examples": lambda: x[:n],
        "noise, σ = 0.05": lambda: damage.noise(0.05),
        "noise, σ = 0.1": lambda: damage.noise(0.1),
        "noise, σ = 0.3": lambda: damage.noise(0.3),
        "blur, σ = 0.5": lambda: damage.blur(0.5),
        "blur, σ = 1": lambda: damage.blur(1.0),
        "blur, σ = 2": lambda: damage.blur(2.0),
        "1 class dropped": lambda: damage.without(1),
        f"{half} of {2 * half} classes dropped": lambda: damage.without(half),
        "each sample 10 times": lambda: damage.repeated(10),
        "most typical 30 % of a class": lambda: damage.narrow(0.3),
        "training examples": lambda: damage.copies(changed=False),
        "the same, mirrored and shifted": lambda: damage.copies(changed=True),
        "untrained DCGAN": lambda: untrained(reference, n),
    }
    if asked.run is not None:
        model = load(asked.run)
        name = f"DCGAN, {model.step:,} steps"
        candidates[name] = lambda: drawn(model, name, n, seed=1).x
    settings = Settings(features=asked.features, scores=asked.scores)
    rows: dict[str, list[dict[str, Any]]] = {}
    with telling(quiet=not sys.stderr.isatty()) as tell:
        scorer = Scorer(reference, settings, tell)
        for name, make in candidates.items():
            found = scorer.evaluation(Side(name, make()), {})
            rows[name] = [entry(row) for row in found.rows]
            print(f"{name}: done after {time.perf_counter() - began:.0f} s", file=sys.stderr)
    spaces = dict.fromkeys(row.space for row in found.rows)
    stored = {
        "data": reference.data.name,
        "n": n,
        "train": len(reference.train),
        "spaces": list(spaces),
        "control": [control(row) for row in found.rows],
        "candidates": rows,
        "seconds": time.perf_counter() - began,
    }
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
    show(stored, asked.picture)


def show(stored: dict[str, Any], where: Path | None) -> None:
    """Print the table of values and the one of marks, and draw."""
    print("\n".join([*table(stored), "", *marks(stored)]))
    if where:
        drawing.save_png(picture(stored), where)


def entry(row: Row) -> dict[str, Any]:
    """A score of one candidate, as it is stored."""
    own = row.figure.estimate
    finite = {
        name: value if math.isfinite(value) else None
        for name, value in (("value", own.value), ("low", own.low), ("high", own.high))
    }
    return {"score": row.key, "space": row.space, **finite, "p_value": row.figure.p_value} | {
        "mark": mark(row),
        "strength": strength(row) if math.isfinite(strength(row)) else None,
    }


def control(row: Row) -> dict[str, Any]:
    """A score's name and its control, as they are stored."""
    value = math.nan if row.control is None else row.control.estimate.value
    return {
        "score": row.key,
        "title": row.title,
        "space": row.space,
        "value": value if math.isfinite(value) else None,
    }


def table(stored: dict[str, Any]) -> list[str]:
    """Markdown: a score a row, a damage a column, value and mark in the cells."""
    names = list(stored["candidates"])
    titles = titled(stored["control"])
    lines = [f"| {stored['data']}, n = {stored['n']:,} | control | {' | '.join(names)} |"]
    lines.append("|---" * (len(names) + 2) + "|")
    for place, head in enumerate(stored["control"]):
        cells = [titles[place], _cell(head["value"], "")]
        for name in names:
            found = stored["candidates"][name][place]
            cells.append(_cell(found["value"], found["mark"]))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def titled(heads: list[dict[str, Any]]) -> list[str]:
    """The scores' titles, with the space where a score is there in several."""
    titles = [head["title"] for head in heads]
    return [
        f"{title} ({head['space'].split(' ')[0]})" if titles.count(title) > 1 else title
        for title, head in zip(titles, heads, strict=True)
    ]


def marks(stored: dict[str, Any]) -> list[str]:
    """Markdown: a score a row, a damage a column, the mark alone in the cells."""
    names = list(stored["candidates"])
    titles = titled(stored["control"])
    lines = [f"| {stored['data']}, n = {stored['n']:,} | {' | '.join(names)} |"]
    lines.append("|---" + "|:-:" * len(names) + "|")
    for place in range(len(titles)):
        cells = [stored["candidates"][name][place]["mark"] for name in names]
        lines.append(f"| {titles[place]} | {' | '.join(cells)} |")
    return lines


def _cell(value: float | None, mark: str) -> str:
    return f"{number(math.nan if value is None else value)} {mark}".strip()


def picture(stored: dict[str, Any]) -> Any:
    """A score a row, a damage a column; colour: distance to the control in half intervals."""
    names, heads = list(stored["candidates"]), stored["control"]
    grid = np.full((len(heads), len(names)), np.nan)
    for column, name in enumerate(names):
        for line, found in enumerate(stored["candidates"][name]):
            if found["strength"] is not None:
                grid[line, column] = found["strength"]
    shown = np.sign(grid) * np.log10(1 + np.abs(grid))
    with drawing.plain_style():
        size = (3.6 + 0.52 * len(names), 2.4 + 0.27 * len(heads))
        canvas = Canvas(figsize=size, layout="constrained")
        axis = canvas.subplots()
        image = axis.imshow(shown, cmap="RdBu_r", vmin=-2, vmax=2, aspect="auto")
        axis.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
        axis.set_yticks(range(len(heads)), titled(heads), fontsize=8)
        axis.grid(visible=False)
        for column, name in enumerate(names):
            for line, found in enumerate(stored["candidates"][name]):
                axis.text(column, line, found["mark"], ha="center", va="center", fontsize=8)
        bar = canvas.colorbar(image, ax=axis, shrink=0.7)
        bar.set_ticks([-2, -1, 0, 1, 2], labels=["−99", "−9", "0", "9", "99"])
        bar.set_label("worse than the control → (half 95 % intervals)", fontsize=8)
        title = f"{stored['data']}, n = {stored['n']:,}: which score reacts to which damage"
        axis.set_title(title, loc="left", fontsize=9)
        return drawing.rendered(canvas)


if __name__ == "__main__":
    main()
