"""Classes from few labels: M2, M1+M2 and a game beside a classifier of the labelled images alone.

Test errors are those of the last weights: the labels of validation images choose nothing, since a
hundred labels with eight hundred more to choose by would be nine hundred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from saddlepoint import drawing
from saddlepoint.data.describing import describe_data
from saddlepoint.data.source import Split
from saddlepoint.errors import BadInput
from saddlepoint.lab.bench import Bench, Budget, Score
from saddlepoint.lab.experiment import IMAGES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.row_values import least, most, numbers, shown
from saddlepoint.recipes import find
from saddlepoint.recipes.registry import TWO_CORE
from saddlepoint.run.description import Run

if TYPE_CHECKING:
    from saddlepoint.data.source import DataSource
    from saddlepoint.lab.side_by_side import Cell

DIGITS, CLOTHES = "mnist", "fashion-mnist"
IMAGES_TAKEN = 10_000  # of the built-in data
FEW, MORE = 100, 1000
CONTROL, M2, STACKED, GAME = "classifier alone", "M2", "M1+M2", "K+1 GAN"
RECIPES = {M2: "vae-m2", STACKED: "vae-m1-m2", GAME: "improved-gan-ssl"}
GAMES = 2  # seeds of the game, which plays on a hundred labels of MNIST alone
CONTROL_STEPS, CONTROL_BATCH = 1000, 100
SHOWN = 10  # of every class in the picture
#: Test errors on MNIST by labels and method: Kingma et al. 2014, table 1; Salimans et al. 2016.
PUBLISHED = {
    (FEW, M2): "11.97 ± 1.71",
    (FEW, STACKED): "3.33 ± 0.14",
    (FEW, GAME): "0.93 ± 0.07",
    (MORE, M2): "3.60 ± 0.56",
    (MORE, STACKED): "2.40 ± 0.02",
}
AIMS = {M2: 0.08, STACKED: 0.05}

COLUMNS = (
    Column("data", "data"),
    Column("labels", "labels", "count", ","),
    Column("method", "method"),
    Column("error", "test error, %", "seeds", ".2f", 100),
    Column("published", "published, %"),
    Column("steps", "steps", "count", ","),
    Column("core_seconds", "core seconds a seed", "number", ".0f"),
)


@dataclass(frozen=True)
class Setting:
    """So many labels of some data, and how many seeds see them."""

    data: str
    labels: int
    seeds: range

    def seeds_of(self, method: str) -> range:
        """The seeds that a method gets; none where it is not tried."""
        if method != GAME:
            return self.seeds
        plays = self.data != CLOTHES and self.labels == FEW
        return self.seeds[:GAMES] if plays else range(0)

    def name(self, method: str, seed: int) -> str:
        """File name of one seed of a method."""
        return f"{self.data}-{self.labels}-{method.replace('+', '-').replace(' ', '-')}-{seed}"


@experiment(
    "semi-supervised",
    chapter=IMAGES,
    full=Budget(seeds=5, minutes=6, seconds=3600),
    fast=Budget(seeds=1, minutes=0.2, seconds=120),
    pictures=("error", "samples"),
    long=True,
    lectures=("A 1",),
    data=f"images in the place of {DIGITS}'s; else {IMAGES_TAKEN:,} of {DIGITS}",
)
def semi_supervised(bench: Bench) -> Findings:
    """How many labels M2 and M1+M2 save a classifier, on 10,000 images of MNIST and of clothes.

    One hundred labels of MNIST (five seeds), a thousand (two), and one hundred of Fashion-MNIST
    (two); the other training images have theirs hidden. A game of K + 1 classes (Salimans et al.
    2016) plays on the first of these, two seeds. Every seed draws its own labels, weights
    and batches. The control is the same network for q(y|x), trained on the labelled images alone.
    Errors are of the last weights, averaged over the last thousand steps or so, on the official
    test images among the 10,000. Published figures are of 50,000 training images, 3,000 epochs
    and α = 0.1; here are some 7,000 images, minutes of one core, and α = 100 (M2) or 20 (M1+M2).
    """
    settings = _settings(bench)
    cells = {
        setting.name(method, seed): bench.cell(
            setting.name(method, seed),
            f"{method} on {setting.data}, {setting.labels} labels, seed {seed}",
            described(bench, setting, method, seed),
            seed,
        )
        for setting in settings
        for method in RECIPES
        for seed in setting.seeds_of(method)
    }
    trained = bench.train(list(cells.values()), score)
    done = {each.title: each for each in trained}
    rows: list[Row] = []
    for setting in settings:
        rows.append(_control_row(bench, setting))
        for method in RECIPES:
            names = [setting.name(method, seed) for seed in setting.seeds_of(method)]
            each = [done[cells[n].title] for n in names if cells[n].title in done]
            if each:
                rows.append(
                    {
                        **_about(setting, method),
                        "error": PerSeed.of(one.of("error")[0] for one in each),
                        "steps": each[0].steps,
                        "core_seconds": sum(one.core_seconds for one in each) / len(each),
                    }
                )
    first = [setting.name(m, bench.seed) for setting in settings[::2] for m in (M2, STACKED)]
    there = [name for name in cells if cells[name].title in done]
    drawn = [bench.picture(name) for name in first if name in there]
    drawn = drawn or [bench.picture(name) for name in there[:2]]
    made = claims(rows)
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=made,
        pictures={"error": _figure(rows), "samples": drawing.mosaic(drawn, 2)},
        reading=_reading(rows),
    )


def _settings(bench: Bench) -> list[Setting]:
    two = bench.seeds[: min(2, len(bench.seeds))]
    digits = DIGITS if bench.data is None else bench.data.stem
    return [
        Setting(digits, FEW, bench.seeds),
        Setting(digits, MORE, two),
        Setting(CLOTHES, FEW, two),
    ]


def _source(bench: Bench, setting: Setting, method: str, seed: int) -> DataSource:
    own = setting.data != CLOTHES and bench.data is not None
    value = str(bench.data) if own else setting.data
    source = describe_data(value)
    if not own:
        source = source.replace(limit=IMAGES_TAKEN)
    chosen = {"labelled": setting.labels, "labelled_in_batch": in_batch(setting.labels, method)}
    if not set(chosen) <= set(type(source).model_fields):
        raise BadInput(f"--data {bench.data}: the experiment needs images with labels.")
    # The seed of the split chooses the labels; an official test set stays what it is.
    return source.replace(split=Split(seed=seed), **chosen)


def in_batch(labels: int, method: str) -> int:
    """Labelled images in a batch of 100: all batches of an epoch hold a few hundred.

    A game has as many that only have to be real.
    """
    if method == GAME:
        return 50
    return 10 if labels <= FEW else 20


def described(bench: Bench, setting: Setting, method: str, seed: int) -> Run:
    """The two-core variant of a method's recipe on these data."""
    run = find(RECIPES[method] + TWO_CORE)(_source(bench, setting, method, seed))
    return run.replace(training=run.training.replace(log_every=100))


def score(cell: Cell) -> Score:
    """The test error of the last weights, and samples, of every class where it can be asked for."""
    import torch

    from saddlepoint.training.trained import load

    model = load(cell.where, "latest", device="cpu")
    test = model.run.data.open().take("test", 10**9, torch.device("cpu"))
    error = error_of(model.learner.classify(test.x).argmax(-1), test.label)
    classes = torch.arange(len(model.data.classes)).repeat_interleave(SHOWN)
    label = classes if model.learner.uses_labels else None
    samples = model.sample(len(classes), seed=7, label=label).numpy()
    picture = drawing.grid(samples, SHOWN)
    return Score([{"error": error}], drawing.captioned(picture, cell.title.partition(", seed")[0]))


def error_of(predicted: Any, label: Any) -> float:
    """The share of the examples with a known label whose predicted class is another."""
    known = label >= 0
    return float((predicted[known] != label[known]).double().mean())


def alone(run: Run, seed: int) -> dict[str, Any]:
    """The test error of q(y|x)'s network, trained by its likelihood on the labelled images alone.

    Args:
        run: A run of M2: its data, its classifier and its optimiser are used.
        seed: Of weights and batches.
    """
    import time

    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy

    from saddlepoint.networks.network import Site
    from saddlepoint.randomness import derive

    data, cpu = run.data.open(), torch.device("cpu")
    train = data.take("train", 10**9, cpu)
    assert train.label is not None, "the experiment is about labels"
    known = train.label >= 0
    x, label = train.x[known], train.label[known]
    described: Any = run.learner
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    before = time.process_time()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "classifier alone"))
            backbone = described.classifier.as_backbone(Site(data.info.shape))
            network = nn.Sequential(
                backbone.module, nn.Linear(backbone.features, len(data.info.classes))
            )
            optimiser = described.optimiser.build(network.parameters())
            for _ in range(CONTROL_STEPS):
                chosen = torch.randperm(len(x))[:CONTROL_BATCH]
                optimiser.zero_grad(set_to_none=True)
                cross_entropy(network(x[chosen]), label[chosen]).backward()
                optimiser.step()
        test = data.take("test", 10**9, cpu)
        with torch.no_grad():
            error = error_of(network.eval()(test.x).argmax(-1), test.label)
    finally:
        torch.set_num_threads(threads)
    return {"error": error, "core_seconds": time.process_time() - before}


def _control_row(bench: Bench, setting: Setting) -> Row:
    parts = {
        setting.name(CONTROL, seed): partial(alone, described(bench, setting, M2, seed), seed)
        for seed in setting.seeds
    }
    found = bench.all_kept(parts)
    return {
        **_about(setting, CONTROL),
        "error": PerSeed.of(each["error"] for each in found),
        "steps": CONTROL_STEPS,
        "core_seconds": sum(each["core_seconds"] for each in found) / len(found),
    }


def _about(setting: Setting, method: str) -> dict[str, str | int]:
    return {
        "data": setting.data,
        "labels": setting.labels,
        "method": method,
        "published": "" if setting.data == CLOTHES else PUBLISHED.get((setting.labels, method), ""),
    }


def claims(rows: Sequence[Row]) -> list[Claim]:
    """That images without labels help in every seed, and the aims at a hundred labels of MNIST."""
    made = []
    for method in (M2, STACKED):
        below, said = [], []
        for row in rows:
            if row["method"] != method:
                continue
            control = _row(rows, CONTROL, row)
            below.append(most(numbers(row, "error")) < least(numbers(control, "error")))
            said.append(
                f"{_place(row)}: {shown(COLUMNS, row, 'error')} against "
                f"{shown(COLUMNS, control, 'error')}"
            )
        if below:
            statement = (
                f"{method} errs less in its worst seed than the classifier alone in its best, "
                "with the same labels, on all data."
            )
            made.append(Claim(statement, all(below), f"%, {'; '.join(said)}."))
    for method, aim in AIMS.items():
        for row in rows:
            if row["data"] != CLOTHES and (row["labels"], row["method"]) == (FEW, method):
                error = row["error"]
                mean = error.mean if isinstance(error, PerSeed) else None
                statement = (
                    f"{method} errs on at most {aim:.0%} of {row['data']}'s test images with {FEW} "
                    "labels, on average over seeds."
                )
                evidence = f"{shown(COLUMNS, row, 'error')} %."
                made.append(Claim(statement, mean is not None and mean <= aim, evidence))
    return made


def _row(rows: Sequence[Row], method: str, like: Row) -> Row:
    place = (like["data"], like["labels"], method)
    return next(r for r in rows if (r["data"], r["labels"], r["method"]) == place)


def _place(row: Row) -> str:
    return f"{row['data']} with {row['labels']:,} labels"


def _reading(rows: Sequence[Row]) -> str:
    sentences = []
    for row in rows:
        if row["method"] == CONTROL:
            others = [r for r in rows if _place(r) == _place(row) and r is not row]
            errors = [f"{r['method']} {shown(COLUMNS, r, 'error')} %" for r in others]
            control = f"the classifier alone {shown(COLUMNS, row, 'error')} %"
            sentences.append(f"On {_place(row)}: {', '.join([control, *errors])}.")
    return " ".join(sentences)


def _figure(rows: Sequence[Row]) -> drawing.Drawing:
    """Test error against labels, on digits, with the spread of the seeds."""
    places = [FEW, MORE]
    of_digits = [row for row in rows if row["data"] != CLOTHES]
    series: dict[str, drawing.Band] = {}
    for method in (CONTROL, *RECIPES):
        found: Mapping[Any, Row] = {r["labels"]: r for r in of_digits if r["method"] == method}
        nothing = float("nan")
        each = [[100 * e for e in numbers(found[n], "error")] if n in found else [] for n in places]
        series[method] = drawing.Band(
            [sum(e) / len(e) if e else nothing for e in each],
            [min(e, default=nothing) for e in each],
            [max(e, default=nothing) for e in each],
        )
    panel = drawing.curves(
        places,
        series,
        marked=True,
        title=str(of_digits[0]["data"]) if of_digits else DIGITS,
        x_label="labels",
        y_label="test error, %",
        logarithmic=("x",),
        ticks=places,
    )
    return drawing.Drawing([panel])
