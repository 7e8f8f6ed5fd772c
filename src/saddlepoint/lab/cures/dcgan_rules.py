"""The rules of DCGAN, each taken away in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from saddlepoint import drawing
from saddlepoint.drawing import Drawing, Panel
from saddlepoint.lab import over_time, row_values
from saddlepoint.lab.bench import Bench, Budget, Score, Trained
from saddlepoint.lab.experiment import CURES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.optimisers import Adam
from saddlepoint.recipes import find
from saddlepoint.run.description import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from saddlepoint.drawing.panels import Palette
    from saddlepoint.lab.side_by_side import Cell

ALL = "all rules"
WIDTH, BATCH, TILES = 16, 64, 25
RECIPE = "dcgan-two-core"
SCORES = ("kernel", "coverage", "distance")
Parts = dict[str, Any]


def _both(**changes: Any) -> Callable[[Dcgan], Parts]:
    return lambda net: {"generator": net.replace(**changes), "critic": net.replace(**changes)}


def _adam(**changes: Any) -> Callable[[Dcgan], Parts]:
    rate = Adam(learning_rate=2e-4, beta1=0.5).replace(**changes)
    return lambda net: {"generator_optimiser": rate, "critic_optimiser": rate}


#: What stands in the place of each rule, by name: what of the learner is then another.
RULES: dict[str, Callable[[Dcgan], Parts]] = {
    "pooling, no strides": _both(resampling="pooled"),
    "no batch norm in G": lambda net: {"generator": net.replace(norm="none")},
    "no batch norm in D": lambda net: {"critic": net.replace(norm="none")},
    "norm at the ends, too": _both(norm_ends=True),
    "ReLU in D": lambda net: {"critic": net.replace(activation="relu")},
    "tanh in G": lambda net: {"generator": net.replace(activation="tanh")},
    "sigmoid at the output": lambda net: {"output": "sigmoid"},
    "β₁ = 0.9": _adam(beta1=0.9),
    "rate 1e-3": _adam(learning_rate=1e-3),
}

COLUMNS = (
    Column("rule", "what is changed"),
    Column("kernel", "kernel distance", "seeds", ".3f"),
    Column("worse", "worse by, 95 %", "interval", ".3f"),
    Column("coverage", "coverage", "seeds", ".2f"),
    Column("distance", "sliced distance", "seeds", ".3f"),
)


@experiment(
    "dcgan-rules",
    chapter=CURES,
    full=Budget(seeds=4, steps=600, seconds=150),
    fast=Budget(seeds=2, steps=40, seconds=30),
    pictures=("samples", "scores"),
    lectures=("D 14",),
)
def dcgan_rules(bench: Bench) -> Findings:
    """Which of DCGAN's rules makes samples worse when it alone is taken away.

    Radford, Metz and Chintala 2016 give rules for stable convolutional GANs: strides instead of
    pooling, batch norm in both networks but for the generator's output and the critic's input, ReLU
    in the generator and LeakyReLU 0.2 in the critic, tanh at the output, Adam with a rate of 2e-4
    and β₁ = 0.5. They were found by trying, on larger images. Here the two-core recipe (width 16,
    batch 64) is trained on the bundled 8×8 digits as it is, and with each rule taken away in turn,
    for the same number of steps. (The sigmoid is moved to (−1, 1), as the images are.)

    The score is the kernel distance (KID's cubic kernel) in pixels between 360 samples and the
    360 digits held out, beside coverage and the sliced Wasserstein distance. *Worse by* is the gap
    to the training with all rules, seed by seed: the same seed draws the same batches. The control
    is as many training digits. Small images and a short training are in favour of whatever learns
    fast: that a rule is of no use here does not say that it is of none.
    """
    cells = [
        bench.cell(
            f"{number}-{seed}", f"{name} / seed {seed}", described(name), seed, checkpoints=1
        )
        for number, name in enumerate((ALL, *RULES))
        for seed in bench.seeds
    ]
    trained = bench.train(cells, score)
    groups: dict[str, list[Trained]] = {}
    for each in trained:
        groups.setdefault(each.title.split(" / ")[0], []).append(each)
    rows = compared([row(name, group) for name, group in groups.items()])
    names = {cell.title: cell.where.name for cell in cells}
    shots = [tiles(name, bench.picture(names[group[0].title])) for name, group in groups.items()]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=[control(trained)],
        claims=claims(rows),
        pictures={
            "samples": drawing_of(shots),
            "scores": Drawing(
                [lines(rows, "kernel", "Kernel distance"), lines(rows, "coverage", "Coverage")]
            ),
        },
        reading=reading(rows),
    )


def drawing_of(shots: Sequence[Panel]) -> Drawing:
    """The samples side by side."""
    return Drawing(shots, columns=min(5, len(shots)))


def described(name: str) -> Run:
    """The training without one rule, or with all of them."""
    run = find(RECIPE)("digits", batch_size=BATCH, width=WIDTH)
    changes = RULES[name](Dcgan(width=WIDTH)) if name != ALL else {}
    learner = run.learner.replace(**changes)
    return run.replace(
        learner=learner,
        training=run.training.replace(
            precision="float32", averaging=0.99, samples=TILES, log_every=100
        ),
    )


def score(cell: Cell) -> Score:
    """Scores of the samples at the end, and of training digits in their place."""
    import torch

    dataset = cell.described.data.open()
    cpu = torch.device("cpu")
    real = torch.cat([dataset.take(split, 360, cpu).x for split in ("validation", "test")])
    *_, (_, samples) = over_time.samples_over_time(cell, len(real))
    training = dataset.take("train", len(real), cpu).x.double().numpy()
    held_out = real.double().numpy()
    made = scored(held_out, samples[0])
    made |= {f"{name} control": v for name, v in scored(held_out, training).items()}
    return Score([made], drawing.grid(samples[0, :TILES], 5, scale=4))


def scored(real: np.ndarray, samples: np.ndarray) -> dict[str, float | None]:
    """Kernel distance, coverage and sliced distance of images (n, 1, 8, 8)."""
    import torch

    from saddlepoint.metrics.kernel import kernel_distance
    from saddlepoint.metrics.precision_recall import prdc

    if not np.isfinite(samples).all():
        return dict.fromkeys(SCORES)
    ours, theirs = (torch.from_numpy(side.reshape(len(side), -1)) for side in (real, samples))
    return {
        "kernel": kernel_distance(ours, theirs),
        "coverage": prdc(ours, theirs).coverage,
        "distance": over_time.distance(real, samples),
    }


def row(name: str, cells: Sequence[Trained]) -> Row:
    """The row of a rule, over its seeds."""
    values = {
        key: [cell.of(key)[0] for cell in cells] for key in ("kernel", "coverage", "distance")
    }
    return {"rule": name, "worse": None, **{k: PerSeed.of(v) for k, v in values.items()}}


def compared(rows: Sequence[Row]) -> list[Row]:
    """The rows with their gaps to that of all rules."""
    whole = next((r for r in rows if r["rule"] == ALL), None)
    if whole is None:
        return list(rows)
    return [
        r if r is whole else {**r, "worse": over_time.gap(r["kernel"], whole["kernel"])}
        for r in rows
    ]


def control(trained: Sequence[Trained]) -> Row:
    """Training digits in the place of samples."""
    found = {key: PerSeed.of(trained[0].of(f"{key} control")) for key in SCORES}
    return {"rule": "training digits", "worse": None, **found}


def claims(rows: Sequence[Row]) -> list[Claim]:
    """One a rule: that samples are worse without it, beyond the noise."""
    made = []
    whole = next((r for r in rows if r["rule"] == ALL), None)
    if whole is None:
        return []
    for r in rows:
        if r is not whole:
            gap = over_time.gap(r["kernel"], whole["kernel"])
            made.append(
                Claim(
                    f"{r['rule']}: the kernel distance is worse than with all rules (gap over "
                    "seeds above 0, 95 %).",
                    gap is not None and gap.low > 0,
                    f"{_shown(r, 'kernel')} against {_shown(whole, 'kernel')}; gap "
                    f"{over_time.shown(gap, '.3f')}.",
                )
            )
    return made


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences: by the kernel distance, and by coverage."""
    whole = next((each for each in rows if each["rule"] == ALL), None)
    if whole is None:
        return ""
    parts = []
    for key, name, sign in (("kernel", "kernel distance", 1), ("coverage", "coverage", -1)):
        kinds: dict[str, list[str]] = {"worse": [], "better": [], "neither": []}
        for r in rows:
            if r is not whole:
                gap = over_time.gap(r[key], whole[key])
                low, high = (
                    (-1.0, 1.0) if gap is None else sorted((sign * gap.low, sign * gap.high))
                )
                kind = "worse" if low > 0 else "better" if high < 0 else "neither"
                kinds[kind].append(str(r["rule"]))
        told = {kind: "; ".join(names) or "none" for kind, names in kinds.items()}
        parts.append(
            f"By {name}, beyond the noise: worse than with all rules: {told['worse']}. Better: "
            f"{told['better']}. Neither: {told['neither']}."
        )
    return " ".join(parts)


def _shown(r: Row, key: str) -> str:
    return row_values.shown(COLUMNS, r, key)


def tiles(name: str, picture: Any) -> Panel:
    """Samples of the first seed."""

    def draw(axes: Axes, palette: Palette) -> None:
        axes.imshow(picture.convert("L"), cmap="gray", vmin=0, vmax=255)
        axes.set_xticks([])
        axes.set_yticks([])

    return Panel(name, draw, is_control=name == ALL)


def lines(rows: Sequence[Row], key: str, name: str) -> Panel:
    """One score of every seed, a line a change."""

    def draw(axes: Axes, palette: Palette) -> None:
        from saddlepoint.drawing.panels import TEXT

        for place, r in enumerate(rows):
            value = r[key]
            if isinstance(value, PerSeed) and value.mean is not None:
                whole = r["rule"] == ALL
                colour = palette.series[1 if whole else 0]
                axes.plot(value.finite, [place] * len(value.finite), "o", color=colour, alpha=0.5)
                axes.plot([value.mean], [place], "|", color=colour, markersize=12, mew=3)
                if whole:
                    axes.axvline(value.mean, color=palette.ink, linewidth=1, linestyle=":")
            where = axes.get_yaxis_transform()
            axes.text(
                *(0.02, place - 0.45, str(r["rule"])),
                transform=where,
                color=palette.ink,
                fontsize=TEXT - 2,
                va="center",
            )
        axes.set_yticks([])
        axes.set_ylim(len(rows) - 0.4, -0.8)
        if key == "kernel":
            axes.set_xscale("log")
        axes.grid(color=palette.faint, alpha=0.35, axis="x")

    return Panel(name, draw, "lower is better" if key == "kernel" else "higher is better")
