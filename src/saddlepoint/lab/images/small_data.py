"""Which recipe a folder of images deserves: ``image``, beside others and with a part changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddlepoint import drawing
from saddlepoint.data.describing import describe_data
from saddlepoint.data.source import Split
from saddlepoint.lab.bench import Bench, Budget, Score
from saddlepoint.lab.experiment import IMAGES, experiment
from saddlepoint.lab.findings import Claim, Findings, Interval, Row
from saddlepoint.lab.images.evaluated import batch_of, scored, spaces
from saddlepoint.lab.images.models_on_data import (
    columns,
    controls,
    highest,
    lowest,
    row,
    samples,
    train,
)
from saddlepoint.planning import decisions
from saddlepoint.planning.decisions import Situation
from saddlepoint.recipes import find
from saddlepoint.recipes.registry import TWO_CORE
from saddlepoint.run.description import Run

if TYPE_CHECKING:
    from saddlepoint.data.source import DataSource
    from saddlepoint.lab.side_by_side import Cell

LARGE = "fashion-mnist"
FEW, HELD_OUT = 200, 900  # training images, and those of each held-out split
IMAGE, OTHERS = "image", ("dcgan", "r3gan")
NETWORKS = ("dcgan", "r3")  # of ``image``
SAMPLES, FEATURES = 2000, "auto"
SCORES = {
    "kernel": "kernel distance",
    "coverage": "coverage",
    "precision": "precision",
    "recall": "recall",
    "memorisation": "memorisation",
}
SHOWN = 16

COLUMNS = columns((), SCORES)
_KERNEL = next(column for column in COLUMNS if column.key == "kernel")


@experiment(
    "small-data",
    chapter=IMAGES,
    full=Budget(seeds=2, minutes=8.0, seconds=6000),
    fast=Budget(seeds=1, minutes=0.5, seconds=600),
    pictures=("samples",),
    data=f"colour images (.npz), of which {FEW} are trained on; without them {LARGE} alone",
    long=True,
)
def small_data(bench: Bench) -> Findings:
    """Which recipe is best for 200 colour images and for Fashion-MNIST, in the same minutes.

    dcgan and r3gan are the two-core variants, image is what ``saddlepoint train FOLDER`` chooses
    for so many images on two cores; of 200, "image without" takes one of its parts away, and
    "image with" adds one or takes the other network. All have the same time of one core. Of the
    images handed over 2,000 are taken: 200 to train on, 900 to compare with, and 900 for the
    control.

    Scores are taken in the features of a classifier of the labels where labels are enough for one,
    else of EfficientNet-Lite0, else of pixels; on 2,000 samples, or as many as there are real
    images. The control is the validation split. An interval is of one training.
    """
    names = [*([] if bench.data is None else [str(bench.data)]), LARGE]
    trained = train(bench, names, described, score)
    rows = [row(each, SCORES) for each in trained]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=controls(trained, COLUMNS, SCORES),
        claims=claims(rows),
        pictures={"samples": samples(bench, trained)},
        reading=spaces({Path(each).stem: source_of(each) for each in names}, FEATURES)
        + ("" if bench.data is not None else f" No images were given (--data): {LARGE} alone."),
    )


def source_of(data: str) -> DataSource:
    """The data; of those that were handed over 200 to train on."""
    source = describe_data(data)
    if data == LARGE:
        return source
    total = FEW + 2 * HELD_OUT
    share = HELD_OUT / total
    return source.replace(limit=total, split=Split(validation=share, test=share))


def described(data: str) -> dict[str, Run]:
    """The runs of one kind of data, by model."""
    source = source_of(data)
    runs = {name: find(name + TWO_CORE)(source) for name in OTHERS}
    few = data != LARGE
    options = chosen(FEW if few else 50_000, source.natural_shape())
    runs[IMAGE] = find(IMAGE)(source, **options)
    if few:
        runs |= {
            model: find(IMAGE)(source, **changed) for model, changed in one_changed(options).items()
        }
    return {
        model: run.replace(training=run.training.replace(log_every=100))
        for model, run in runs.items()
    }


def chosen(images: int, shape: tuple[int, ...]) -> dict[str, Any]:
    """What ``train FOLDER`` chooses for so many images of this shape, but for the length."""
    situation = Situation(images, (shape[0], shape[1], shape[2]), seconds=1.0)
    options: dict[str, Any] = {}
    for decide in (decisions.network, decisions.augmentation, decisions.reconstruction):
        options |= decide(situation).options
    options["batch_size"] = decisions.batch_of(images)
    return options


def one_changed(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options with one part taken away that was chosen, or one added that was not, by model."""
    other = next(each for each in NETWORKS if each != options["network"])
    augments, reconstructs = options["augment"] != "none", options["reconstruct"]
    changes: dict[str, dict[str, Any]] = {
        f"{_word(augments)} augmentation": {"augment": "none" if augments else "adaptive"},
        f"{_word(reconstructs)} reconstruction": {"reconstruct": not reconstructs},
        "without averaging": {"half_life": 0.0},
        f"with {other}": {"network": other},
    }
    return {f"{IMAGE} {name}": {**options, **change} for name, change in changes.items()}


def _word(chosen: bool) -> str:
    return "without" if chosen else "with"


def score(cell: Cell) -> Score:
    """The figures of a trained cell, and samples."""
    model, figures = scored(cell, tuple(SCORES), SAMPLES, FEATURES)
    figures["images"] = float(model.step * batch_of(model))
    images = model.sample(SHOWN, seed=7).numpy()
    return Score([figures], drawing.captioned(drawing.grid(images, 8), cell.title))


def claims(rows: Sequence[Row]) -> list[Claim]:
    """For each data: that no other model is nearer beyond the noise, and that none of it copies."""
    made = []
    for data in dict.fromkeys(str(each["data"]) for each in rows):
        own = [each for each in rows if each["data"] == data and each["model"] == IMAGE]
        others = {
            str(each["model"]): [
                r for r in rows if r["data"] == data and r["model"] == each["model"]
            ]
            for each in rows
            if each["data"] == data and each["model"] != IMAGE
        }
        if not own:
            continue
        beats = lowest(own, "kernel")
        for model, rivals in others.items():
            apart = math.isnan(beats) or highest(rivals, "kernel") < beats
            statement = (
                f"{data}: {model} does not beat image: of the kernel distance, its intervals do "
                "not all lie below all of image's."
            )
            evidence = f"{IMAGE} {_values(own)}; {model} {_values(rivals)}."
            made.append(Claim(statement, not apart, evidence))
        copies = [each["memorisation"] for each in own]
        lows = [each.ends[1] if isinstance(each, Interval) else 1.0 for each in copies]
        made.append(
            Claim(
                f"{data}: image copies no more than real images do: the lower end of its "
                "memorisation is at most 5 % in every seed.",
                max(lows) <= 0.05,
                f"lower ends {', '.join(f'{each:.3f}' for each in lows)}.",
            )
        )
    return made


def _values(rows: Sequence[Row]) -> str:
    return ", ".join(_KERNEL.shown(each["kernel"]) for each in rows)
