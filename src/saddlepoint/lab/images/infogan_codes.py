"""InfoGAN's codes: how much images tell of them, and how far the class code is the digit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from saddlepoint import drawing
from saddlepoint.lab.bench import Bench, Budget, Score, Trained
from saddlepoint.lab.experiment import IMAGES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.row_values import joined, least, most, numbers, shown
from saddlepoint.recipes import infogan_two_core
from saddlepoint.run.description import Run

if TYPE_CHECKING:
    from saddlepoint.lab.side_by_side import Cell

SAMPLES = 5000
CODES = ("class", "number-1", "number-2")
SOURCES, OTHERWISE = ("digits", "images"), "fashion-mnist"
MODELS = ("InfoGAN", "plain GAN")
LEAST_BOUND, NOTHING = 2.25, 0.05  # nats
PUBLISHED = 0.05  # error, of 60,000 training images

COLUMNS = (
    Column("data", "data"),
    Column("model", "model"),
    Column("steps", "steps", "count", ","),
    Column("class", "bound: class", "seeds", ".3f"),
    Column("number-1", "number 1", "seeds", ".3f"),
    Column("number-2", "number 2", "seeds", ".3f"),
    Column("error", "error, %", "seeds", ".1f", 100),
    Column("core_seconds", "core seconds", "seeds", ".0f"),
)
_shown = partial(shown, COLUMNS)


@experiment(
    "infogan-codes",
    chapter=IMAGES,
    full=Budget(seeds=5, steps=2500, seconds=1700),
    fast=Budget(seeds=1, steps=300, seconds=120),
    pictures=("codes",),
    long=True,
    lectures=("E 21",),
    data="digits of MNIST's kind, 10 classes; else Fashion-MNIST is taken",
)
def infogan_codes(bench: Bench) -> Findings:
    """How much InfoGAN's images tell of their codes, and how far the class code is the digit.

    The two-core recipe: 62 numbers of noise, a code of ten classes, two numbers from U(−1, 1). A
    bound is H(c) + E log q(c | G(z, c)) on 5,000 samples, in nats: at most log 10 = 2.303 for the
    class; of a number it says more the larger it is, and 0.978 is what q's least deviation of 0.3
    allows. The error is that of the class read off held-out images, where each class of the code
    stands for one class of the data: the one-to-one matching that is best on training images.

    The control is the same game without the information term, of the same length, whose last fifth
    a recogniser has for itself: it learns from a generator and a backbone that stand still.
    """
    cells = [
        bench.cell(f"{source}-{model}-{seed}".replace(" ", "-"), title, described, seed)
        for source, data in zip(SOURCES, ("digits", str(bench.data or OTHERWISE)), strict=True)
        for model in MODELS
        for seed in bench.seeds
        for title, described in [(f"{Path(data).stem}, {model}, seed {seed}", run_of(data, model))]
    ]
    trained = bench.train(cells, score)
    rows = rows_of(trained)
    titles = {each.title for each in trained}
    first = [c for c in cells if c.title.endswith(f" {bench.seed}") and c.title in titles]
    drawn = [bench.picture(cell.where.name) for cell in first]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"codes": drawing.mosaic(drawn, 2)},
        reading=reading(rows),
    )


def run_of(data: str, model: str) -> Run:
    """InfoGAN, or the plain game with a recogniser after it."""
    from saddlepoint.learners.adversarial.auxiliaries import LateRecogniser, Recogniser
    from saddlepoint.learners.adversarial.description import Adversarial

    run = infogan_two_core(data)
    learner = run.learner
    assert isinstance(learner, Adversarial)
    if model != MODELS[0]:
        (part,) = learner.auxiliaries
        assert isinstance(part, Recogniser)
        late = LateRecogniser(continuous=part.continuous, floor=part.floor)
        learner = learner.replace(auxiliaries=(late,))
    training = run.training.replace(log_every=100)
    return run.replace(learner=learner, training=training)


def score(cell: Cell) -> Score:
    """Bounds and error of a trained cell, and what its codes do."""
    from saddlepoint.evaluation.recognising import recognised
    from saddlepoint.training.own_data import open_own_data
    from saddlepoint.training.trained import load

    model = load(cell.where, "latest", device="cpu")
    read = recognised(model, open_own_data(cell.where, None), SAMPLES, seed=0)
    assert read is not None
    assert read.information is not None
    figures: dict[str, float | None] = {
        name: float(values.mean()) for name, (_, values) in read.information.items()
    }
    wrong = read.classes != read.labels
    figures["error"] = float(wrong.mean()) if len(wrong) else None
    grids = model.learner.further_pictures(seed=1)
    pictures = [
        drawing.captioned(
            drawing.grid(images.flatten(0, 1).numpy(), columns=images.shape[1]),
            f"{cell.title}: {name.removeprefix('code-')} walks",
        )
        for name, images in grids.items()
        if name in ("code-class", "code-number-1")
    ]
    return Score([figures], drawing.mosaic(pictures, 1))


def rows_of(trained: Sequence[Trained]) -> list[Row]:
    """A row for each data and model, over its seeds."""
    groups: dict[tuple[str, str], list[Trained]] = {}
    for cell in trained:
        data, model, _ = cell.title.split(", ")
        groups.setdefault((data, model), []).append(cell)
    return [
        {
            "data": data,
            "model": model,
            "steps": cells[0].steps,
            **{
                name: PerSeed.of(cell.seeds[0][name] for cell in cells)
                for name in (*CODES, "error")
            },
            "core_seconds": PerSeed.of(cell.core_seconds for cell in cells),
        }
        for (data, model), cells in groups.items()
    ]


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What is said of the bounds and of the error."""
    with_term = [row for row in rows if row["model"] == MODELS[0]]
    without = [row for row in rows if row["model"] != MODELS[0]]
    made = []
    if with_term:
        made += [
            Claim(
                f"InfoGAN's images tell their class: a bound of at least {LEAST_BOUND} of 2.303 "
                "nats, on all data and in every seed.",
                least(joined(with_term, "class")) >= LEAST_BOUND,
                _each(with_term, "class", "nats"),
            ),
            Claim(
                "They tell both numbers: bounds above 0, in every seed.",
                least(joined(with_term, "number-1", "number-2")) > 0,
                f"number 1: {_each(with_term, 'number-1', 'nats')} "
                f"Number 2: {_each(with_term, 'number-2', 'nats')}",
            ),
            Claim(
                f"Read off held-out images, the class is wrong in at most {PUBLISHED:.0%} of them, "
                "in the mean over seeds (Chen et al., of MNIST's 60,000 images).",
                all(_mean(row, "error") <= PUBLISHED for row in with_term),
                _each(with_term, "error", "%"),
            ),
        ]
    if without:
        made.append(
            Claim(
                "Without the term images tell nothing of the class: a bound of at most "
                f"{NOTHING} nats, on all data and in every seed.",
                most(joined(without, "class")) <= NOTHING,
                _each(without, "class", "nats"),
            )
        )
    if with_term and without:
        made.append(
            Claim(
                "The class read by InfoGAN is nearer to the digit than that of the plain game's "
                "recogniser: its largest error is below the other's least, on all data.",
                all(
                    most(numbers(row, "error")) < least(numbers(other, "error"))
                    for row in with_term
                    for other in without
                    if other["data"] == row["data"]
                ),
                f"InfoGAN: {_each(with_term, 'error', '%')} Plain: {_each(without, 'error', '%')}",
            )
        )
    return made


def reading(rows: Sequence[Row]) -> str:
    """What the table shows, in a few sentences."""
    said = []
    for row in rows:
        said.append(
            f"{row['model']} on {row['data']}: {_shown(row, 'class')} nats of the class's 2.303; "
            f"the class read off held-out images is another in {_shown(row, 'error')} % of them."
        )
    return " ".join(said)


def _each(rows: Sequence[Row], key: str, unit: str) -> str:
    return "; ".join(f"{row['data']} {_shown(row, key)} {unit}" for row in rows) + "."


def _mean(row: Row, key: str) -> float:
    """The mean over seeds; NaN if a seed has no number."""
    values = numbers(row, key)
    return sum(values) / len(values) if values else float("nan")
