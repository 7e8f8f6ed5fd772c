"""Batch norm in a generator: how much a sample depends on the others in its batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from saddlepoint.data.published import Digits
from saddlepoint.drawing import Band, Drawing, curves, grid
from saddlepoint.drawing.panels import Palette, Panel
from saddlepoint.lab.bench import Bench, Budget, Score, Trained
from saddlepoint.lab.experiment import CURES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.row_values import joined, least, most, numbers, shown
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.optimisers import Adam
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor, nn

    from saddlepoint.lab.side_by_side import Cell

NORMS = ("batch", "virtual", "layer", "instance", "none")
BATCHES = (2, 4, 8, 16, 64)
FEW = ("batch", "virtual", "none")  # in the fast form
LATENT, CODES, PARTNERS, SAMPLES = 64, 8, 32, 2048
SHOWN_CODES, SHOWN_PARTNERS, SHOWN_BATCH = 6, 8, 4
NONE = 1e-6  # largest change of a pixel, in units of half its range, that counts as rounding
FLAT = 0.02  # an intraclass correlation that counts as none

COLUMNS = (
    Column("norm", "norm"),
    Column("batch", "batch", "count"),
    Column("moved", "moved by partners, %", "seeds", ".3f", 100),
    Column("largest", "largest change", "seeds", ".1e"),
    Column("correlation", "correlation in a batch", "seeds", ".4f"),
)
_shown = partial(shown, COLUMNS)


@experiment(
    "batch-norm-correlation",
    chapter=CURES,
    full=Budget(seeds=3, steps=800, seconds=150),
    fast=Budget(seeds=2, steps=100, seconds=30),
    pictures=("partners",),
    lectures=("D 19",),
)
def batch_norm_correlation(bench: Bench) -> Findings:
    """How much a sample depends on the batch that it is drawn in, by the generator's norm.

    DCGANs are trained briefly on the digits; they differ in the generator's norm alone. Then one
    code z₀ is run beside other partners again and again: the share of the pixels' variance that
    the partners cause is E Var[G(z₀) | z₀] / Var G(z), over codes z₀. Batch norm is taken in
    training mode, where it normalises by the batch, and in evaluation mode, where it does not.

    The correlation in a batch is the intraclass one, (B − W)/(B + (n − 1) W) with B and W the mean
    squares between and within batches of n samples from independent codes, summed over pixels: 0
    if samples are independent, 1 if those of a batch are alike, −1/(n − 1) at least.

    Ioffe and Szegedy, Batch normalization, 2015; Salimans et al., Improved Techniques for Training
    GANs, 2016, section 3.5 (virtual batch norm); Goodfellow, NIPS tutorial, 2016, section 4.4.
    """
    cells = [
        bench.cell(f"{norm}-{seed}", f"{norm} seed {seed}", described(norm), seed, checkpoints=1)
        for norm in (FEW if bench.fast else NORMS)
        for seed in bench.seeds
    ]
    trained = bench.train(cells, score)
    rows = rows_of(trained)
    firsts = {each.title.split(" ")[0]: each.title for each in reversed(trained)}
    pictures: dict[str, Image.Image] = {
        norm: bench.picture(firsts[norm].replace(" seed ", "-"))
        for norm in ("batch", "virtual")
        if norm in firsts
    }
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"partners": drawn(rows, pictures)},
        reading=reading(rows),
    )


def described(norm: str) -> Run:
    """A small DCGAN on the digits; the critic's norm is the same for all."""
    rate = Adam(learning_rate=1e-3, beta1=0.5)
    generator = Dcgan(width=16).replace(norm=norm)
    learner = Adversarial(
        latent=LATENT,
        generator=generator,
        critic=Dcgan(width=16, norm="layer"),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    training = Training(batch_size=64, precision="float32", log_every=10**6, samples=64)
    return Run(data=Digits(), learner=learner, training=training)


def score(cell: Cell) -> Score:
    """The figures of a trained generator, and G(z₀) beside other partners."""
    from saddlepoint.training.trained import load

    generator = load(cell.where).learner.get_submodule("duel.generator")
    figures: dict[str, float | None] = {}
    batch_norm = cell.title.startswith("batch")
    # First what leaves the running statistics alone.
    for mode in ("eval", "train") if batch_norm else ("train",):
        generator.train(mode == "train")
        make = _sampler(generator)
        for batch in BATCHES:
            share, largest = moved(make, batch)
            figures[f"{mode} {batch} moved"] = share
            figures[f"{mode} {batch} largest"] = largest
            figures[f"{mode} {batch} correlation"] = correlation(make, batch)
    images = beside(_sampler(generator), SHOWN_BATCH, SHOWN_CODES, SHOWN_PARTNERS)[..., 0, :]
    side = round(images.shape[-1] ** 0.5)
    return Score([figures], grid(images.reshape(-1, 1, side, side), SHOWN_PARTNERS, scale=6))


#: From codes (n, d) to flat samples (n, pixels).
Sampler = Callable[[np.ndarray], np.ndarray]


def _sampler(generator: nn.Module) -> Sampler:
    import torch

    def make(codes: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            images: Tensor = generator(torch.from_numpy(codes.astype(np.float32)))
        return np.asarray(images.flatten(1).double().numpy())

    return make


def beside(make: Sampler, batch: int, codes: int, partners: int) -> np.ndarray:
    """Samples (codes, partners, batch, pixels): the first of each batch is the code's own."""
    random = np.random.default_rng(0)
    own = random.normal(size=(codes, LATENT))
    rows = []
    for code in own:
        for _ in range(partners):
            others = random.normal(size=(batch - 1, LATENT))
            rows.append(make(np.concatenate([code[None], others])))
    return np.stack(rows).reshape(codes, partners, batch, -1)


def moved(make: Sampler, batch: int) -> tuple[float, float]:
    """Share of the variance of G(z) that partners cause, and the largest change of a pixel.

    Var G(z) is that of all samples, whatever batch they were in.
    """
    samples = beside(make, batch, CODES, PARTNERS)
    own = samples[:, :, 0]
    by_partners = own.var(axis=1, ddof=1).mean()
    return float(by_partners / _spread(samples)), float(np.ptp(own, axis=1).max())


def _spread(samples: np.ndarray) -> float:
    """The variance of a pixel over independent codes: those of the partners."""
    return float(samples[:, :, 1:].reshape(-1, samples.shape[-1]).var(axis=0, ddof=1).mean())


def correlation(make: Sampler, batch: int) -> float:
    """The intraclass correlation of samples from independent codes in batches of one size."""
    random = np.random.default_rng(1)
    samples = np.stack([make(random.normal(size=(batch, LATENT))) for _ in range(SAMPLES // batch)])
    means = samples.mean(axis=1)
    between = batch * means.var(axis=0, ddof=1).sum()
    within = samples.var(axis=1, ddof=1).mean(axis=0).sum()
    return float((between - within) / (between + (batch - 1) * within))


def _named(norm: str, mode: str = "train") -> str:
    if norm != "batch":
        return norm
    return "batch, in training" if mode == "train" else "batch, in evaluation"


def rows_of(trained: Sequence[Trained]) -> list[dict[str, Any]]:
    """A row for each norm, mode and size of batch."""
    rows = []
    for norm in NORMS:
        cells = [each for each in trained if each.title.split(" ")[0] == norm]
        for mode in (("train", "eval") if norm == "batch" else ("train",)) if cells else ():
            for batch in BATCHES:
                seeds = [cell.seeds[0] for cell in cells]
                rows.append(
                    {
                        "norm": _named(norm, mode),
                        "batch": batch,
                        **{
                            key: PerSeed.of(seed[f"{mode} {batch} {key}"] for seed in seeds)
                            for key in ("moved", "largest", "correlation")
                        },
                    }
                )
    return rows


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute; of norms without a row nothing is claimed."""
    mixing = {r["batch"]: r for r in rows if r["norm"] == _named("batch")}
    others = [r for r in rows if r["norm"] != _named("batch")]
    made = []
    if mixing:
        small, large = mixing[BATCHES[0]], mixing[BATCHES[-1]]
        pairs = list(zip(numbers(small, "moved"), numbers(large, "moved"), strict=True))
        every = joined(mixing.values(), "moved")
        near = [r for r in mixing.values() if r["batch"] in BATCHES[:3]]
        shares = "; ".join(f"batch {b}: {_shown(r, 'moved')} %" for b, r in mixing.items())
        made += [
            Claim(
                "With batch norm in training mode G(z₀) moves with its partners at every size of "
                "batch, and at 64 by less than a quarter of the share at 2, in every seed.",
                least(every) > 0 and all(b < a / 4 for a, b in pairs),
                f"{shares}.",
            ),
            Claim(
                "In batches of 2 the partners decide more of a pixel than its own code does (the "
                "tutorial's words): a share above 50 %, in every seed.",
                least(numbers(small, "moved")) > 0.5,
                f"{_shown(small, 'moved')} %.",
            ),
            Claim(
                f"Samples of one small batch (2, 4, 8) are alike: their correlation is above "
                f"{FLAT}, in every seed (the tutorial's picture).",
                least(joined(near, "correlation")) > FLAT,
                "; ".join(f"batch {r['batch']}: {_shown(r, 'correlation')}" for r in near) + ".",
            ),
        ]
    if others:
        largest = {
            str(n): most(joined([r for r in others if r["norm"] == n], "largest"))
            for n in dict.fromkeys(r["norm"] for r in others)
        }
        apart = joined(others, "correlation")
        apart_there = joined([r for r in others if r["batch"] != 2], "correlation")
        made += [
            Claim(
                "Without batch statistics nothing moves: with virtual, layer, instance or no norm, "
                f"and with batch norm in evaluation mode, no pixel changes by more than {NONE:g} "
                "whatever the partners are.",
                all(each <= NONE for each in largest.values()),
                "largest change: " + "; ".join(f"{n}: {v:.1e}" for n, v in largest.items()) + ".",
            ),
            Claim(
                f"Nor are their samples correlated in batches of 4 and more: within {FLAT} of 0 "
                "in every seed.",
                most(map(abs, apart_there)) <= FLAT,
                f"from {least(apart):.3f} to {most(apart):.3f}, batches of 2 included.",
            ),
        ]
    return made


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in words."""
    mixing = [r for r in rows if r["norm"] == _named("batch")]
    if not mixing:
        return ""
    small, large = mixing[0], mixing[-1]
    said = (
        f"In a batch of 2, {_shown(small, 'moved')} % of a pixel's variance comes from the "
        f"partner, in one of 64 {_shown(large, 'moved')} %; with every other norm, and in "
        "evaluation mode, nothing but the code decides. "
    )
    values = joined(mixing[:3], "correlation")
    if most(values) < 0:
        said += (
            "That samples of a batch are alike is not borne out by these generators: in small "
            f"batches they are less alike than independent ones ({_shown(small, 'correlation')} in "
            "batches of 2), since normalising takes the batch's common part away."
        )
    elif least(values) > FLAT:
        said += f"Samples of a batch are alike: {_shown(small, 'correlation')} in batches of 2."
    else:
        said += (
            "Whether samples of a batch are alike is not the same for all sizes and seeds: "
            f"{_shown(small, 'correlation')} in batches of 2."
        )
    return said


def drawn(rows: Sequence[Row], pictures: Mapping[str, Image.Image]) -> Drawing:
    """Codes beside other partners, and how the share and the correlation fall with the batch."""
    panels = []
    for norm, picture in pictures.items():

        def show(axes: Axes, palette: Palette, picture: Image.Image = picture) -> None:
            axes.imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=255)
            axes.set_xticks([])
            axes.set_yticks([])

        title = f"{norm.capitalize()} norm" if norm == "batch" else "Virtual batch norm"
        panels.append(Panel(title, show, f"other partners, batches of {SHOWN_BATCH}", "codes"))

    def of(key: str, norms: Sequence[str]) -> dict[str, Band]:
        bands = {}
        for norm in norms:
            values = np.array([numbers(r, key) for r in rows if r["norm"] == norm])
            if len(values):
                bands[norm] = Band(values.mean(1), values.min(1), values.max(1))
        return bands

    shares = of("moved", (_named("batch"), _named("batch", "eval"), "virtual"))
    correlations = of("correlation", (_named("batch"), "virtual", "layer"))
    panels += [
        curves(
            BATCHES,
            shares,
            title="Moved by partners",
            x_label="batch",
            y_label="share of a pixel's variance",
            logarithmic=("x",),
            ticks=BATCHES,
        ),
        curves(
            BATCHES,
            correlations,
            title="Samples of one batch",
            x_label="batch",
            y_label="correlation",
            levels={"independent": 0.0},
            logarithmic=("x",),
            ticks=BATCHES,
        ),
    ]
    return Drawing(panels, columns=2)
