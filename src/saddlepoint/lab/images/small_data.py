"""Which recipe a folder of images deserves: ``image`` beside two others, and without its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saddlepoint import drawing
from saddlepoint.data.describing import describe_data
from saddlepoint.data.source import Split
from saddlepoint.lab.bench import Bench, Budget, Score, Trained
from saddlepoint.lab.experiment import IMAGES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, Interval, Row
from saddlepoint.lab.images.cell_titles import file_name, parts, title
from saddlepoint.lab.images.evaluated import batch_of, interval, scored
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
SAMPLES, FEATURES = 2000, "auto"
SCORES = {
    "kernel": "kernel distance",
    "coverage": "coverage",
    "precision": "precision",
    "recall": "recall",
    "memorisation": "memorisation",
}
SHOWN = 32

COLUMNS = (
    Column("data", "data"),
    Column("model", "model"),
    Column("seed", "seed", "count"),
    Column("images", "images seen", "count", ","),
    *(Column(name, heading, "interval", ".3f") for name, heading in SCORES.items()),
    Column("core_seconds", "core seconds", "number", ".0f"),
)


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
    for so many images on two cores; "image without" takes one of its parts away. All have the same
    time of one core. Of the images handed over 2,000 are taken: 200 to train on, 900 to compare
    with, and 900 for the control.

    Scores are taken in the features of a classifier of the labels where labels are enough for one,
    else of EfficientNet-Lite0, else of pixels; on 2,000 samples, or as many as there are real
    images. The control is the validation split. An interval is of one training.
    """
    names = [*([] if bench.data is None else [str(bench.data)]), LARGE]
    cells = [
        bench.cell(file_name(data, model, seed), title(data, model, seed), run, seed)
        for data in names
        for model, run in described(data).items()
        for seed in bench.seeds
    ]
    trained = bench.train(cells, score)
    rows = [row(each) for each in trained]
    drawn = [bench.picture(file_name(*parts(each.title))) for each in trained]
    wide = max(picture.width for picture in drawn), max(picture.height for picture in drawn)
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=controls(trained),
        claims=claims(rows),
        pictures={"samples": drawing.mosaic([p.resize(wide) for p in drawn], bench.budget.seeds)},
        reading=""
        if bench.data is not None
        else f"No further images were given (--data): {LARGE} alone was measured.",
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
        for name, without in taken_away(options).items():
            runs[f"image without {name}"] = find(IMAGE)(source, **{**options, **without})
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


def taken_away(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each part that was chosen, and the options that take it away."""
    away: dict[str, dict[str, Any]] = {}
    if options["augment"] != "none":
        away["augmentation"] = {"augment": "none"}
    if options["reconstruct"]:
        away["reconstruction"] = {"reconstruct": False}
    away["averaging"] = {"half_life": 0.0}
    return away


def score(cell: Cell) -> Score:
    """The figures of a trained cell, and samples."""
    model, figures = scored(cell, tuple(SCORES), SAMPLES, FEATURES)
    figures["images"] = float(model.step * batch_of(model))
    images = model.sample(SHOWN, seed=7).numpy()
    return Score([figures], drawing.captioned(drawing.grid(images, 8), cell.title))


def row(cell: Trained) -> Row:
    """The row of a trained cell."""
    data, model, seed = parts(cell.title)
    (figures,) = cell.seeds
    images = figures["images"]
    return {
        "data": data,
        "model": model,
        "seed": seed,
        "images": None if images is None else int(images),
        **{name: interval(figures, name) for name in SCORES},
        "core_seconds": cell.core_seconds,
    }


def controls(cells: Sequence[Trained]) -> list[Row]:
    """Real images in the place of samples, of each data."""
    made: list[Row] = []
    seen: set[str] = set()
    for cell in cells:
        data = parts(cell.title)[0]
        if data in seen:
            continue
        seen.add(data)
        (figures,) = cell.seeds
        made.append(
            {
                **dict.fromkeys(column.key for column in COLUMNS),
                "data": data,
                "model": "validation images",
                **{name: interval(figures, f"{name} control") for name in SCORES},
            }
        )
    return made


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
        for model, rivals in others.items():
            apart = better(rivals, own)
            statement = (
                f"{data}: {model} is not nearer to the real images than image, beyond the noise: "
                "of their kernel distances, the intervals of some seeds overlap or image's lie "
                "below."
            )
            evidence = f"{IMAGE} {_values(own)}; {model} {_values(rivals)}."
            made.append(Claim(statement, not apart, evidence))
        copies = [each["memorisation"] for each in own]
        highest = [each.ends[1] if isinstance(each, Interval) else 1.0 for each in copies]
        made.append(
            Claim(
                f"{data}: image copies no more than real images do: the lower end of its "
                "memorisation is at most 5 % in every seed.",
                max(highest) <= 0.05,
                f"lower ends {', '.join(f'{each:.3f}' for each in highest)}.",
            )
        )
    return made


def better(first: Sequence[Row], second: Sequence[Row]) -> bool:
    """Whether the kernel distances of the first lie wholly below all of the second."""
    highs = [each["kernel"].ends[2] for each in first if isinstance(each["kernel"], Interval)]
    lows = [each["kernel"].ends[1] for each in second if isinstance(each["kernel"], Interval)]
    return bool(highs and lows) and max(highs) < min(lows)


def _values(rows: Sequence[Row]) -> str:
    return ", ".join(COLUMNS[4].shown(each["kernel"]) for each in rows)
