"""Few images learnt from another run's weights, with lower layers frozen or not, or from nothing.

One data set gives both runs their images: the source's are of the first half of the classes, the
target's few of the others. What is compared is where a training begins, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from saddlepoint import drawing
from saddlepoint.data.describing import describe_data
from saddlepoint.lab import over_time
from saddlepoint.lab.bench import Bench, Budget, Score, Trained
from saddlepoint.lab.experiment import IMAGES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.images.halves import IMAGES_TAKEN, material, opened
from saddlepoint.lab.row_values import least, most, numbers, shown
from saddlepoint.recipes import find
from saddlepoint.recipes.registry import TWO_CORE
from saddlepoint.run.description import Run
from saddlepoint.run.init import Init

if TYPE_CHECKING:
    from saddlepoint.data.source import DataSource
    from saddlepoint.evaluation.scorer import Scorer
    from saddlepoint.lab.side_by_side import Cell

DATA, REDUCED = "fashion-mnist", "digits"
RECIPES = ("dcgan", "r3gan")  # the second in the whole form
WIDTHS = {"dcgan": 24, "r3gan": 32}
BATCH = 32
#: What FreezeD keeps of each critic: the layers next to the image, about half of its depth.
LOWER = {
    "dcgan": ("critic.backbone.0", "critic.backbone.2", "critic.backbone.3"),
    "r3gan": ("critic.backbone.0", "critic.backbone.1", "critic.backbone.3", "critic.backbone.4"),
}
NOTHING, WEIGHTS, FROZEN = "nothing", "other weights", "other weights, lower layers frozen"
STARTS = (NOTHING, WEIGHTS, FROZEN)
SOURCE = "source"
SOURCE_STEPS = 2  # times those of a target
CHECKPOINTS, SHOWN = 10, (1, 2, 5, 10)  # tenths of the steps that have a row
SCORES = ("kernel", "coverage", "memorisation")
FEATURES = "classifier"
_WITHIN = "kernel within"

COLUMNS = (
    Column("recipe", "recipe"),
    Column("start", "started from"),
    Column("step", "step", "count", ","),
    Column("tenth", "tenth of the steps", "count"),
    Column("kernel", "kernel distance", "seeds", ".3f"),
    Column("mean", "its mean", "interval", ".3f"),
    Column("within", "one evaluation within ±", "number", ".3f"),
    Column("coverage", "coverage", "seeds", ".3f"),
    Column("memorisation", "memorisation", "seeds", ".3f"),
    Column("later", "as good from nothing at step", "count", ","),
)
_shown = partial(shown, COLUMNS)


@experiment(
    "other-weights",
    chapter=IMAGES,
    full=Budget(seeds=3, steps=1000, seconds=600),
    fast=Budget(seeds=2, steps=60, seconds=120),
    pictures=("distance", "samples"),
    whole="r3gan-two-core, too: five times as long",
    long=True,
    data=f"images with classes; else {IMAGES_TAKEN:,} of {DATA}",
)
def other_weights(bench: Bench) -> Findings:
    """What a start from another run's weights saves where there are few images.

    The source learns the images of the first half of the classes, for twice as many steps. The
    target are 300 images of the other classes, which are learnt from nothing, from the source's
    last weights (--init), and from them with the lower half of the critic's layers frozen
    (--training.freeze; FreezeD: Mo, Cho and Shin 2020). The recipe is dcgan-two-core, 24 channels
    wide (--whole: and r3gan-two-core, 32 wide, with a source of its own), in batches of 32. Seeds
    differ in latents and batches, and those from nothing in initial weights, too.

    At each tenth of the steps the averaged generator's kernel distance and coverage are taken on
    1,000 images of the target's classes that no run has seen (half of what is left where there are
    fewer), in the features of a classifier of all classes; memorisation is of the 300. The control
    is as many other unseen images. *Within* is half the widest jackknife interval of one
    evaluation; *as good from nothing* the first tenth at which the mean from nothing is no higher.

    Fixed before measuring: at the first tenth the start from other weights has in its worst seed a
    lower distance than that from nothing in its best; at the end its mean is no higher than the
    other's worst seed. Of frozen layers nothing is claimed.
    """
    value = str(bench.data or (REDUCED if bench.fast else DATA))
    sources, targets = cells_of(bench, value)
    wanted = [cell for cell in targets if bench.only is None or bench.only in cell.title]
    needed = [s for r, s in sources.items() if any(_starts_from(cell, s) for cell in wanted)]
    if needed:
        replace(bench, only=None).train(needed, partial(score, value, SOURCE))
    trained = bench.train(targets, partial(score, value, ""))
    rows = rows_of(trained)
    firsts = {cell.title: cell.where.name for cell in targets if cell.title.endswith(_seed(bench))}
    drawn = [bench.picture(firsts[e.title]) for e in trained if e.title in firsts]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=[control(trained[0])],
        claims=claims(rows),
        pictures={
            "distance": _figure(trained),
            "samples": drawing.mosaic(drawn, min(len(STARTS), len(drawn))),
        },
        reading=reading(rows),
    )


def _seed(bench: Bench) -> str:
    return f", seed {bench.seed}"


def cells_of(bench: Bench, value: str) -> tuple[dict[str, Cell], list[Cell]]:
    """The sources by their recipe, and every target."""
    steps = bench.budget.steps
    assert steps is not None, "its trainings have a number of steps"
    recipes = RECIPES if bench.whole else RECIPES[:1]
    sources = {
        recipe: bench.cell(
            f"{recipe}-source",
            f"{recipe}, {SOURCE}",
            described(value, recipe, SOURCE),
            bench.seed,
            steps=SOURCE_STEPS * steps,
            checkpoints=1,
        )
        for recipe in recipes
    }
    targets = [
        bench.cell(
            f"{recipe}-{STARTS.index(start)}-{seed}",
            f"{recipe} from {start}, seed {seed}",
            described(value, recipe, start, sources[recipe].where),
            seed,
            checkpoints=CHECKPOINTS,
        )
        for recipe in recipes
        for start in STARTS
        for seed in bench.seeds
    ]
    return sources, targets


def _starts_from(cell: Cell, source: Cell) -> bool:
    return cell.described.init.run == source.where


def described(value: str, recipe: str, start: str, source: Path | None = None) -> Run:
    """A training but for its steps and its seed; of the source where ``start`` says so."""
    images = material(value)
    data: DataSource
    if start == SOURCE:
        data = describe_data(images.source)
    else:
        data = describe_data(images.target, split=images.target_split)
    run = find(recipe + TWO_CORE)(data, width=WIDTHS[recipe], batch_size=BATCH)
    training = run.training.replace(
        log_every=100,
        samples=16,
        precision="float32",
        keep=CHECKPOINTS + 1,  # and those of step 0
        freeze=LOWER[recipe] if start == FROZEN else (),
    )
    begun = start in (WEIGHTS, FROZEN)
    return run.replace(
        training=training, init=Init(run=source, checkpoint="latest") if begun else Init()
    )


def score(value: str, kind: str, cell: Cell) -> Score:
    """The figures of a target at each checkpoint, and sixteen of its last samples."""
    from saddlepoint.training.trained import load

    if kind == SOURCE:
        model = load(cell.where, "latest", device="cpu")
        picture = drawing.grid(model.sample(16, seed=7).numpy())
        return Score([{"step": float(model.step)}], drawing.captioned(picture, cell.title))
    scorer = _scorer(value, cell)
    return _scored(scorer, cell)


def _scorer(value: str, cell: Cell) -> Scorer:
    """What scores a target's samples: features learnt from all classes, images of its own."""
    from saddlepoint.evaluation import sides
    from saddlepoint.evaluation.progress import telling
    from saddlepoint.evaluation.scorer import Scorer, Settings
    from saddlepoint.evaluation.sides import Reference, Side
    from saddlepoint.training.own_data import open_own_data

    target = open_own_data(cell.where)
    size = material(value).held
    reference = Reference(
        data=target.info,
        dataset=opened(value),
        real=sides.of_split(target, "test", size),
        control=sides.of_split(target, "validation", size),
        train=Side("the few", sides.take(target, "train", 10**9)),
        where="real: unseen images of the target's classes; control: others",
    )
    with telling(quiet=True) as tell:
        return Scorer(reference, Settings.of(size, FEATURES, SCORES, 0, "cpu"), tell)


def _scored(scorer: Scorer, cell: Cell) -> Score:
    from saddlepoint.evaluation import sides
    from saddlepoint.training import checkpoint
    from saddlepoint.training.trained import load

    steps = [step for step in checkpoint.steps_of(cell.where) if step]
    size = len(scorer.reference.real)
    values: dict[str, list[float]] = {name: [] for name in (*SCORES, _WITHIN)}
    figures: dict[str, float | None] = {}
    for step in steps:
        model = load(cell.where, step, device="cpu")
        found = scorer.evaluation(sides.drawn(model, cell.title, size, 0), {"step": step})
        for name in SCORES:
            values[name].append(found.row(name).figure.estimate.value)
        estimate = found.row("kernel").figure.estimate
        values[_WITHIN].append((estimate.high - estimate.low) / 2)
        for name in SCORES:
            beside = found.row(name).control
            figures[f"{name} control"] = None if beside is None else beside.estimate.value
    (made,) = over_time.figures({n: (steps, np.array(v)[:, None]) for n, v in values.items()})
    picture = drawing.grid(model.sample(16, seed=7).numpy())
    title = cell.title.rpartition(", seed")[0]
    return Score([figures | made], drawing.captioned(picture, title))


def rows_of(trained: Sequence[Trained]) -> list[Row]:
    """A row for each recipe, start and shown tenth, over the seeds that were trained."""
    rows: list[Row] = []
    for recipe in RECIPES:
        from_nothing = _of(trained, recipe, NOTHING)
        for start in STARTS:
            cells = _of(trained, recipe, start)
            if not cells:
                continue
            by_name = {name: over_time.course(cells, name) for name in (*SCORES, _WITHIN)}
            steps, kernel = by_name["kernel"]
            for tenth in SHOWN:
                place = tenth - 1
                each = {name: by_name[name][1][place] for name in SCORES}
                later = (
                    None if start == NOTHING else _later(from_nothing, float(kernel[place].mean()))
                )
                rows.append(
                    {
                        "recipe": recipe + TWO_CORE,
                        "start": start,
                        "step": int(steps[place]),
                        "tenth": tenth,
                        **{name: PerSeed.of(map(float, v)) for name, v in each.items()},
                        "mean": over_time.mean_interval(list(map(float, kernel[place]))),
                        "within": float(by_name[_WITHIN][1][place].max()),
                        "later": later,
                    }
                )
    return rows


def _of(trained: Sequence[Trained], recipe: str, start: str) -> list[Trained]:
    return [each for each in trained if each.title.startswith(f"{recipe} from {start}, seed ")]


def _later(from_nothing: Sequence[Trained], value: float) -> int | None:
    """The first checkpoint at which the mean from nothing is no higher; None if there is none."""
    if not from_nothing:
        return None
    steps, kernel = over_time.course(from_nothing, "kernel")
    there = [int(s) for s, v in zip(steps, kernel.mean(axis=1), strict=True) if v <= value]
    return there[0] if there else None


def control(cell: Trained) -> Row:
    """Other real images in the place of samples."""
    (figures,) = cell.seeds
    return {
        **dict.fromkeys(column.key for column in COLUMNS),
        "recipe": "unseen images",
        "start": "",
        **{name: PerSeed.of([figures[f"{name} control"]]) for name in SCORES},
    }


def claims(rows: Sequence[Row]) -> list[Claim]:
    """Two for each recipe of which both starts were measured: of the first tenth and of the end."""
    made = []
    for recipe in dict.fromkeys(str(row["recipe"]) for row in rows):
        early, late = ([_find(rows, recipe, s, t) for s in STARTS[:2]] for t in (1, 10))
        nothing, weights = early
        if nothing is None or weights is None:
            continue
        made.append(
            Claim(
                f"{recipe}: after a tenth of the steps the start from other weights has in its "
                "worst seed a lower kernel distance than that from nothing in its best.",
                most(numbers(weights, "kernel")) < least(numbers(nothing, "kernel")),
                f"{_shown(weights, 'kernel')} against {_shown(nothing, 'kernel')}.",
            )
        )
        nothing, weights = late
        assert nothing is not None, "a course has its end"
        assert weights is not None, "a course has its end"
        ends = numbers(weights, "kernel")
        made.append(
            Claim(
                f"{recipe}: at the end the start from other weights is no worse beyond the noise: "
                "its mean is at most that of the worst seed from nothing.",
                sum(ends) / len(ends) <= most(numbers(nothing, "kernel")),
                f"{_shown(weights, 'kernel')} against {_shown(nothing, 'kernel')}.",
            )
        )
    return made


def _find(rows: Sequence[Row], recipe: str, start: str, tenth: int) -> Row | None:
    wanted: Mapping[str, Any] = {"recipe": recipe, "start": start, "tenth": tenth}
    return next((r for r in rows if all(r[k] == v for k, v in wanted.items())), None)


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences."""
    sentences = []
    for recipe in dict.fromkeys(str(row["recipe"]) for row in rows):
        for start in STARTS[1:]:
            early, late = (_find(rows, recipe, start, tenth) for tenth in (1, 10))
            if early is None or late is None or _find(rows, recipe, NOTHING, 1) is None:
                continue
            later = early["later"]
            reached = "at no checkpoint" if later is None else f"at step {later:,}"
            sentences.append(
                f"{recipe} from {start} has {_shown(early, 'kernel')} at step "
                f"{_shown(early, 'step')}, where a start from nothing is {reached}, and ends at "
                f"{_shown(late, 'kernel')} against {_end_of_nothing(rows, recipe)}."
            )
    return " ".join(sentences)


def _end_of_nothing(rows: Sequence[Row], recipe: str) -> str:
    row = _find(rows, recipe, NOTHING, 10)
    assert row is not None, "a course has its end"
    return _shown(row, "kernel")


def _figure(trained: Sequence[Trained]) -> drawing.Drawing:
    """Kernel distance against steps, for each recipe."""
    panels = []
    for recipe in RECIPES:
        series = {
            start: over_time.course(cells, "kernel")
            for start in STARTS
            if (cells := _of(trained, recipe, start))
        }
        if series:
            panels.append(
                over_time.courses(
                    series,
                    title=recipe + TWO_CORE,
                    x_label="steps on the few images",
                    y_label="kernel distance",
                    logarithmic=all((values > 0).all() for _, values in series.values()),
                )
            )
    return drawing.Drawing(panels)
