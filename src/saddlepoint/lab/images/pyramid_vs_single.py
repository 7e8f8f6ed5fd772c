"""Whether a pyramid of GANs beats one GAN with as many parameters, given the same time.

The single GAN is a DCGAN, the generator and the critic of which are each made as wide as makes
their parameters most nearly those of all the pyramid's generators, and of all its critics. Games
and optimisers are those of the recipes, so the table compares recipes, not pyramids alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from saddlepoint import drawing
from saddlepoint.lab.bench import Bench, Budget, Score
from saddlepoint.lab.experiment import IMAGES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, Row
from saddlepoint.lab.images.evaluated import batch_of, scored
from saddlepoint.lab.images.models_on_data import (
    columns,
    controls,
    highest,
    lowest,
    parts,
    row,
    samples,
    train,
)
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.recipes import find
from saddlepoint.run.description import Run

if TYPE_CHECKING:
    from torch import nn

    from saddlepoint.data.info import DataInfo
    from saddlepoint.lab.side_by_side import Cell

DATA = "fashion-mnist"
PYRAMIDS = ("lapgan-two-core", "lapgan-r3-two-core")
SINGLE, SINGLE_RECIPE = "single DCGAN", "dcgan-two-core"
PLAYERS = ("generator", "critic")
SAMPLES, FEATURES = 5000, "auto"
SCORES = {"kernel": "kernel distance", "sliced": "sliced Wasserstein distance"}
WIDEST = 1024  # channels next to the image that a single GAN may have

COLUMNS = columns(
    (
        Column("generator", "generator's parameters", "count", ","),
        Column("critic", "critic's parameters", "count", ","),
    ),
    SCORES,
)


@experiment(
    "pyramid-vs-single",
    chapter=IMAGES,
    full=Budget(seeds=2, minutes=10.0, seconds=3000),
    fast=Budget(seeds=1, steps=30, seconds=200),
    data="further images, an .npz of x and y; else Fashion-MNIST alone",
    whole="lapgan-r3-two-core, too",
    pictures=("samples",),
    long=True,
)
def pyramid_vs_single(bench: Bench) -> Findings:
    """Whether a pyramid of GANs is better than one GAN with as many parameters.

    The pyramid is the recipe lapgan-two-core (--whole: and lapgan-r3-two-core), of three sizes; the
    single GAN is dcgan-two-core, with generator and critic of those widths that bring their
    parameters nearest to the pyramid's. All have the same time of one core. Each keeps its own
    game, optimiser and batch: SGD and 64 images in LAPGAN, Adam and 128 in the others.

    Kernel and sliced Wasserstein distance are taken in the features of a classifier of the labels
    (of images without labels, in the best space at hand), on as many samples as test images, at
    most 5,000; the control is as many validation images. An interval is of one training.
    """
    names = [DATA, *([] if bench.data is None else [str(bench.data)])]
    trained = train(bench, names, partial(described, whole=bench.whole), score)
    rows = [row(each, SCORES, PLAYERS) for each in trained]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=controls(trained, COLUMNS, SCORES),
        claims=claims(rows),
        pictures={"samples": samples(bench, trained)},
        reading=reading(rows, bench.data is not None),
    )


def described(data: str, *, whole: bool = False) -> dict[str, Run]:
    """The runs of one kind of data, by model; all pyramids in the whole form, else the first."""
    pyramids = {name: find(name)(data) for name in (PYRAMIDS if whole else PYRAMIDS[:1])}
    first = pyramids[PYRAMIDS[0]]
    runs = pyramids | {SINGLE: matched(first, find(SINGLE_RECIPE)(data))}
    return {
        model: run.replace(training=run.training.replace(log_every=100))
        for model, run in runs.items()
    }


def matched(pyramid: Run, single: Run) -> Run:
    """A single DCGAN with the widths that bring each player's parameters nearest to a pyramid's."""
    info = pyramid.data.open().info
    wanted = parameters(pyramid, info)
    game = single.learner
    assert isinstance(game, Adversarial), "a single GAN is one game"
    networks = {}
    for player in PLAYERS:
        network = getattr(game, player)
        assert isinstance(network, Dcgan), "whose width can be chosen"

        def counted(width: int, player: str = player, network: Dcgan = network) -> int:
            wider = game.replace(**{player: network.replace(width=width)})
            return parameters(single.replace(learner=wider), info)[player]

        networks[player] = network.replace(width=nearest(counted, wanted[player]))
    return single.replace(learner=game.replace(**networks))


def nearest(counted: Callable[[int], int], wanted: int) -> int:
    """The width whose count, which grows with it, is nearest to what is wanted."""
    low, high = 1, WIDEST  # counted(low) < wanted <= counted(high), or there is nothing nearer
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if counted(middle) < wanted else (low, middle)
    return min((low, high), key=lambda width: abs(counted(width) - wanted))


def parameters(run: Run, info: DataInfo) -> dict[str, int]:
    """Parameters of all generators, and of all critics."""
    learner = run.learner.learner(info, batch_size=2, seed=0)
    return count(learner.players)


def count(players: Mapping[str, nn.Module]) -> dict[str, int]:
    """The same of players, whose names begin with generator or critic."""
    return {
        role: sum(
            parameter.numel()
            for name, module in players.items()
            if name.startswith(role)
            for parameter in module.parameters()
        )
        for role in PLAYERS
    }


def score(cell: Cell) -> Score:
    """The figures of a trained cell, and sixteen samples."""
    model, figures = scored(cell, tuple(SCORES), SAMPLES, FEATURES)
    figures |= {key: float(value) for key, value in count(model.learner.players).items()}
    figures["images"] = float(model.step * batch_of(model))
    images = model.sample(16, seed=7).numpy()
    _, name, seed = parts(cell.title)
    return Score([figures], drawing.captioned(drawing.grid(images), f"{name}, seed {seed}"))


def claims(rows: Sequence[Row]) -> list[Claim]:
    """One for each data, pyramid and score: that the pyramid is better, beyond the intervals."""
    made = []
    for data, pyramid, single in _pairs(rows):
        for key, heading in SCORES.items():
            top, bottom = highest(pyramid, key), lowest(single, key)
            statement = (
                f"{data}: {pyramid[0]['model']} is better than the {SINGLE} in the {heading}: the "
                "upper end of its interval is in every seed below the lower end of every other's."
            )
            evidence = f"highest upper end {top:.3f}, the other's lowest {bottom:.3f}."
            made.append(Claim(statement, top < bottom, evidence))
    return made


def reading(rows: Sequence[Row], all_data: bool) -> str:
    """What came out, by data and pyramid; and what was not measured."""
    sentences = []
    for data, pyramid, single in _pairs(rows):
        found = []
        for key, heading in SCORES.items():
            if highest(pyramid, key) < lowest(single, key):
                word = "better"
            elif highest(single, key) < lowest(pyramid, key):
                word = "worse"
            else:
                word = "not told apart"
            found.append(f"{word} in the {heading}")
        sentences.append(f"{data}: {pyramid[0]['model']} is {' and '.join(found)}.")
    if not all_data:
        sentences.append(f"No further images were given (--data): {DATA} alone was measured.")
    return " ".join(sentences)


def _pairs(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row], list[Row]]]:
    """For each data and pyramid its rows and those of the single GAN, where both were measured."""
    for data in dict.fromkeys(str(each["data"]) for each in rows):
        of_data = [each for each in rows if each["data"] == data]
        single = [each for each in of_data if each["model"] == SINGLE]
        for name in PYRAMIDS:
            pyramid = [each for each in of_data if each["model"] == name]
            if pyramid and single:
                yield data, pyramid, single
