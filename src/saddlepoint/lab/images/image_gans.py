"""First figures of four image GANs: the two-core recipes on Fashion-MNIST, given the same time.

No ranking is claimed: two seeds and some minutes say whether a recipe learns, not which is best.
Each is held to the gap between its own generator before training and real images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from saddlepoint import drawing
from saddlepoint.lab.bench import Bench, Budget, Score, Trained
from saddlepoint.lab.experiment import IMAGES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, Row
from saddlepoint.lab.images.evaluated import batch_of, figures_of, interval
from saddlepoint.recipes import find
from saddlepoint.recipes.registry import TWO_CORE
from saddlepoint.run.description import Run

if TYPE_CHECKING:
    from saddlepoint.lab.side_by_side import Cell
    from saddlepoint.training.trained import Trained as Model

DATA = "fashion-mnist"
RECIPES = ("dcgan", "wgan-gp", "sngan", "r3gan")
SAMPLES, FEATURES = 5000, "classifier"
SCORES = ("kernel", "coverage", "memorisation")
LEAST_SHARE = 0.5  # of the gap that training is to close

COLUMNS = (
    Column("recipe", "recipe"),
    Column("seed", "seed", "count"),
    Column("turns", "turns", "count", ","),
    Column("images", "images seen", "count", ","),
    Column("kernel", "kernel distance", "interval", ".3f"),
    Column("untrained", "untrained", "number", ".2f"),
    Column("closed", "gap closed, %", "number", ".1f", 100),
    Column("coverage", "coverage", "interval", ".3f"),
    Column("memorisation", "memorisation", "interval", ".3f"),
    Column("core_seconds", "core seconds", "number", ".0f"),
)


@experiment(
    "image-gans",
    chapter=IMAGES,
    full=Budget(seeds=2, minutes=12.0, seconds=3000),
    fast=Budget(seeds=1, minutes=0.5, seconds=150),
    pictures=("samples",),
    long=True,
)
def image_gans(bench: Bench) -> Findings:
    """Whether DCGAN, WGAN-GP, SNGAN and R3GAN at two-core size learn Fashion-MNIST in minutes.

    Kernel distance and coverage are taken in the features of a classifier of the labels, on 5,000
    samples and as many test images; the control is the validation split. The gap that training
    closed is (U − T)/(U − C) of the kernel distances before (U) and after it (T), and the
    control's (C).
    """
    cells = [
        bench.cell(f"{recipe}-{seed}", f"{recipe} seed {seed}", described(recipe), seed)
        for recipe in RECIPES
        for seed in range(bench.budget.seeds)
    ]
    trained = bench.train(cells, score)
    rows = [row(each) for each in trained]
    drawn = [bench.picture(each.title.replace(" seed ", "-")) for each in trained]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=[control(trained[0])],
        claims=claims(rows),
        pictures={"samples": drawing.mosaic(drawn, bench.budget.seeds)},
    )


def described(recipe: str) -> Run:
    """The two-core variant on Fashion-MNIST."""
    run = find(recipe + TWO_CORE)(DATA)
    return run.replace(training=run.training.replace(log_every=100))


def score(cell: Cell) -> Score:
    """The figures of a trained cell and of its generator before training, and sixteen samples."""
    from saddlepoint.evaluation.evaluate import of_model
    from saddlepoint.evaluation.progress import telling
    from saddlepoint.evaluation.scorer import Settings
    from saddlepoint.evaluation.sides import of_run
    from saddlepoint.training.trained import load

    model = load(cell.where)
    reference = of_run(cell.where, SAMPLES)
    settings = Settings.of(SAMPLES, FEATURES, SCORES, 0, "cpu")
    with telling(quiet=True) as tell:
        after = of_model(model, cell.where, reference, settings, tell)
        settings = Settings.of(SAMPLES, FEATURES, "kernel", 0, "cpu")
        before = of_model(_untrained(model), cell.where, reference, settings, tell)
    figures: dict[str, float | None] = {"untrained": before.row("kernel").figure.estimate.value}
    for name in SCORES:
        figures |= figures_of(name, after.row(name))
    figures["images"] = float(model.step * batch_of(model))
    images = model.sample(16, seed=7).numpy()
    return Score([figures], drawing.captioned(drawing.grid(images), cell.title))


def _untrained(model: Model) -> Model:
    """The same model with the weights that it began with."""
    from dataclasses import replace

    from saddlepoint.run.description import seeds_of

    learner = model.run.learner.learner(
        model.data, batch_size=batch_of(model), seed=seeds_of(model.run)
    )
    learner.recalibrate(model.run.seed)
    return replace(model, learner=learner.eval(), step=0)


def row(cell: Trained) -> Row:
    """The row of a trained cell."""
    recipe, seed = cell.title.split(" seed ")
    (figures,) = cell.seeds
    images = figures["images"]
    return {
        "recipe": recipe,
        "seed": int(seed),
        "turns": cell.steps,
        "images": None if images is None else int(images),
        **{name: interval(figures, name) for name in SCORES},
        "untrained": figures["untrained"],
        "closed": closed(figures),
        "core_seconds": cell.core_seconds,
    }


def control(cell: Trained) -> Row:
    """Real images in the place of samples."""
    (figures,) = cell.seeds
    return {
        **dict.fromkeys(column.key for column in COLUMNS),
        "recipe": "validation images",
        **{name: interval(figures, f"{name} control") for name in SCORES},
    }


def closed(figures: dict[str, float | None]) -> float | None:
    """The share of the gap from untrained to real that training closed; None if none is known."""
    before, after, real = (figures[name] for name in ("untrained", "kernel", "kernel control"))
    if before is None or after is None or real is None:
        return None
    return (before - after) / (before - real)


def claims(rows: Sequence[Row]) -> list[Claim]:
    """One for each recipe: that it closes half of the gap, in every seed."""
    made = []
    for recipe in dict.fromkeys(str(r["recipe"]) for r in rows):
        shares = [r["closed"] for r in rows if r["recipe"] == recipe]
        held = all(isinstance(share, float) and share >= LEAST_SHARE for share in shares)
        column = next(column for column in COLUMNS if column.key == "closed")
        shown = ", ".join(column.shown(share) for share in shares)
        statement = (
            f"{recipe}{TWO_CORE} closes at least {LEAST_SHARE:.0%} of the gap from its untrained "
            "generator to real images, in every seed."
        )
        made.append(Claim(statement, held, f"closed, by seed: {shown} %."))
    return made
