"""The critic's estimate as a learning curve: Wasserstein's beside that of the JSD."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from saddlepoint import drawing
from saddlepoint.drawing import Drawing, Panel
from saddlepoint.games.regularisers import wgan_gp
from saddlepoint.lab import over_time, row_values
from saddlepoint.lab.bench import Bench, Budget, Score, Trained
from saddlepoint.lab.experiment import GAME, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, Interval, PerSeed, Row
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.network import Network
from saddlepoint.optimisers import Adam
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from saddlepoint.drawing.panels import Palette
    from saddlepoint.lab.side_by_side import Cell

CHECKPOINTS, SNAPSHOTS, TILES = 15, 4, 9
GAP = 12  # pixels between the samples of two checkpoints
SAMPLES = 360  # as many as there are held-out digits
RATE, FAR_TOO_HIGH = 5e-4, 0.05
STUCK = 0.9  # of log 2: what the JSD's estimate must exceed to be called stuck
GAMES = {"WGAN-GP": "wasserstein", "GAN": "non_saturating"}
FAILING = "MLP, rate 0.05"
SETTINGS: dict[str, tuple[Network, Network, float]] = {
    "MLP": (Mlp(hidden=(128, 128)), Mlp(hidden=(128, 128), activation="leaky_relu"), RATE),
    "DCGAN": (
        Dcgan(width=16, initialisation="he"),
        Dcgan(width=16, initialisation="he", norm="none"),
        RATE,
    ),
}
SETTINGS[FAILING] = (*SETTINGS["MLP"][:2], FAR_TOO_HIGH)

COLUMNS = (
    Column("game", "game"),
    Column("setting", "networks"),
    Column("rho", "Spearman's ρ", "seeds", ".2f"),
    Column("interval", "its mean, 95 %", "interval", ".2f"),
    Column("first", "first estimate", "seeds", ".3f"),
    Column("last", "last estimate", "seeds", ".3f"),
    Column("log2", "JSD's, last half, % of log 2", "seeds", ".0f", 100),
    Column("first_distance", "first distance", "seeds", ".3f"),
    Column("last_distance", "last distance", "seeds", ".3f"),
)


@experiment(
    "wasserstein-tracks-quality",
    chapter=GAME,
    full=Budget(seeds=4, steps=400, seconds=120),
    fast=Budget(seeds=2, steps=60, seconds=25),
    pictures=("curves", "samples"),
    lectures=("D 28", "E 13"),
)
def wasserstein_tracks_quality(bench: Bench) -> Findings:
    """Whether the critic's estimate of a distance falls when samples get better.

    Arjovsky, Chintala and Bottou 2017 (figures 3 and 4) draw two learning curves on the same
    networks: the Wasserstein estimate E f(x) − E f(G(z)) of a WGAN's critic, and a GAN's estimate
    of the Jensen-Shannon divergence, log 2 + ½ (E log D(x) + E log(1 − D(G(z)))), a lower bound of
    it where D is not the best. Here both games are played on the bundled digits with
    five critic steps each: by fully connected networks, by a DCGAN, and by fully connected networks
    at a rate of 0.05, a hundred times too high. The WGAN's critic is held by a gradient penalty
    (Gulrajani et al. 2017, λ = 10), not by clipping.

    The sample score is the sliced Wasserstein distance in pixels between 360 samples of the
    generator's last weights and the 360 digits held out; the control is as many training digits.
    The estimate is the mean over the steps between two of some 15 checkpoints, at whose end samples
    are drawn. ρ is Spearman's correlation between the two over the checkpoints: 1 where the
    estimate falls whenever samples get better. Both fall from a bad start, so a ρ above 0 says
    that the curve can be read, not that it ranks two good models.
    """
    cells = [
        bench.cell(
            file_name(game, setting) + (f"-{seed}" if seed is not None else ""),
            f"{game} / {setting}" + (f" / seed {seed}" if seed is not None else ""),
            described(game, setting),
            seed,
            checkpoints=CHECKPOINTS,
        )
        for game in GAMES
        for setting, (generator, _, _) in SETTINGS.items()
        for seed in ([None] if generator.stacks_members else bench.seeds)
    ]
    trained = bench.train(cells, score)
    groups: dict[tuple[str, str], list[Trained]] = {}
    for each in trained:
        game, setting = each.title.split(" / ")[:2]
        groups.setdefault((game, setting), []).append(each)
    rows = [row(*key, group) for key, group in groups.items()]
    names = {cell.title: cell.where.name for cell in cells}
    shots = [
        tiles(", ".join(key), bench.picture(names[group[0].title]), chosen(group))
        for key, group in groups.items()
    ]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=[control(trained)],
        claims=claims(rows),
        pictures={
            "curves": Drawing([curve(*key, group) for key, group in groups.items()], columns=3),
            "samples": Drawing(shots, columns=3),
        },
        reading=reading(rows),
    )


def file_name(game: str, setting: str) -> str:
    """Of a cell."""
    return f"{game}-{setting}".lower().replace(", ", "-").replace(" ", "-").replace(".", "")


def described(game: str, setting: str) -> Run:
    """One of the trainings."""
    generator, critic, rate = SETTINGS[setting]
    optimiser = Adam(learning_rate=rate, beta1=0.5, beta2=0.9)
    learner = Adversarial(
        latent=32,
        objective=GAMES[game],
        critic_steps=5,
        critic_regularisers=(wgan_gp(10.0),) if game == "WGAN-GP" else (),
        generator=generator,
        critic=critic,
        generator_optimiser=optimiser,
        critic_optimiser=optimiser,
    )
    training = Training(
        batch_size=64,
        precision="float32",
        averaging=0.0,
        log_every=2,
        samples=TILES,
        keep=CHECKPOINTS + 1,
    )
    return Run(learner=learner, training=training)


def score(cell: Cell) -> Score:
    """Estimates and distances at every checkpoint, and samples along the way."""
    import torch

    dataset = cell.described.data.open()
    cpu = torch.device("cpu")
    held_out = [dataset.take(split, SAMPLES, cpu).x for split in ("validation", "test")]
    real = torch.cat(held_out).double().numpy()
    ends, distances, shots = [], [], []
    for step, samples in over_time.samples_over_time(cell, len(real)):
        ends.append(step)
        distances.append([over_time.distance(real, each) for each in samples])
        shots.append(samples[0, :TILES])
    steps, loss = over_time.recorded(cell, "critic/loss")
    game, _ = cell.title.split(" / ")[:2]
    estimate = -loss if GAMES[game] == "wasserstein" else math.log(2) - loss / 2
    made = over_time.figures(
        {
            "estimate": (ends, over_time.between(steps, estimate, ends)),
            "distance": (ends, np.array(distances)),
        }
    )
    training = dataset.take("train", len(real), cpu).x.double().numpy()
    for seed in made:
        seed["control"] = over_time.distance(real, training)
    along = [shots[place] for place in drawing.evenly_spaced(len(shots), SNAPSHOTS)]
    return Score(made, drawing.mosaic([drawing.grid(shot, 3, scale=4) for shot in along], 2))


def row(game: str, setting: str, cells: Sequence[Trained]) -> Row:
    """The row of a game and its networks, over the cells of its seeds."""
    _, estimates = over_time.course(cells, "estimate")
    _, distances = over_time.course(cells, "distance")
    rho = [correlation(*pair) for pair in zip(estimates.T, distances.T, strict=True)]
    late = estimates[len(estimates) // 2 :].mean(axis=0) / math.log(2)
    return {
        "game": game,
        "setting": setting,
        "rho": PerSeed.of(rho),
        "interval": over_time.mean_interval(rho),
        "first": PerSeed.of(estimates[0]),
        "last": PerSeed.of(estimates[-1]),
        "log2": PerSeed.of(late) if game == "GAN" else None,
        "first_distance": PerSeed.of(distances[0]),
        "last_distance": PerSeed.of(distances[-1]),
    }


def control(trained: Sequence[Trained]) -> Row:
    """Training digits in the place of samples."""
    apart = PerSeed.of(trained[0].of("control")[:1])
    rest = dict.fromkeys(column.key for column in COLUMNS)
    return {**rest, "game": "", "setting": "training digits", "last_distance": apart}


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's ρ of two series (n,) where both are finite; NaN where one stands still."""
    from scipy import stats

    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(stats.spearmanr(first, second).statistic)


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute; of games and networks without a row nothing is claimed."""
    by = {(str(r["game"]), str(r["setting"])): r for r in rows}
    made = []
    for setting in ("MLP", "DCGAN"):
        for game, statement in (
            ("WGAN-GP", "the Wasserstein estimate falls as samples get better"),
            ("GAN", "the JSD's estimate does not fall as samples get better"),
        ):
            if (r := by.get((game, setting))) is None:
                continue
            ends = r["interval"]
            tracks = isinstance(ends, Interval) and ends.low > 0
            says = f"Spearman's ρ has an interval {'' if game == 'WGAN-GP' else 'not '}above 0"
            held = tracks if game == "WGAN-GP" else not tracks
            evidence = f"ρ = {over_time.shown(ends if isinstance(ends, Interval) else None, '.2f')}"
            made.append(Claim(f"{setting}: {statement} ({says}).", held, f"{evidence}."))
        if (r := by.get(("GAN", setting))) is not None:
            made.append(_stuck(setting, r))
    right, wrong = by.get(("WGAN-GP", "MLP")), by.get(("WGAN-GP", FAILING))
    if right and wrong:
        made += _failure(right, wrong)
    return made


def _stuck(setting: str, r: Row) -> Claim:
    late = r["log2"]
    mean = late.mean if isinstance(late, PerSeed) else None
    return Claim(
        f"{setting}: the JSD's estimate is stuck above {STUCK:.0%} of log 2 in the last half.",
        mean is not None and mean > STUCK,
        f"{_shown(r, 'log2')} % of log 2.",
    )


def _failure(right: Row, wrong: Row) -> list[Claim]:
    """The training that fails, beside the one that does not."""
    made = []
    for key, what, name in (
        ("last_distance", "the WGAN's samples stay bad", "distance"),
        ("last", "the WGAN's estimate says that it fails", "estimate"),
    ):
        ends = over_time.gap(wrong[key], right[key])
        made.append(
            Claim(
                f"At a rate a hundred times too high {what}: the last {name} is larger than at "
                "the usual rate (gap over seeds above 0, 95 %).",
                ends is not None and ends.low > 0,
                f"{_shown(wrong, key)} against {_shown(right, key)}; the gap is "
                f"{over_time.shown(ends)}.",
            )
        )
    return made


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences."""
    parts = []
    for r in rows:
        ends = r["interval"]
        low, high = (ends.low, ends.high) if isinstance(ends, Interval) else (-1.0, 1.0)
        verdict = "follows" if low > 0 else "goes against" if high < 0 else "does not follow"
        moved = r["first_distance"] != r["last_distance"]
        parts.append(
            f"{r['game']}, {r['setting']}: the estimate {verdict} the samples "
            f"(ρ = {_shown(r, 'rho')}), whose distance goes from {_shown(r, 'first_distance')} to "
            f"{_shown(r, 'last_distance')}."
            if moved
            else f"{r['game']}, {r['setting']}: samples stand still at a distance of "
            f"{_shown(r, 'last_distance')}, with a last estimate of {_shown(r, 'last')}."
        )
        if (r["game"], verdict) == ("GAN", "follows"):
            parts.append("Here the JSD's estimate is a learning curve, too, against the lecture.")
    return " ".join(parts)


def _shown(r: Row, key: str) -> str:
    return row_values.shown(COLUMNS, r, key)


def curve(game: str, setting: str, cells: Sequence[Trained]) -> Panel:
    """Estimate and distance over the steps."""
    steps, estimates = over_time.course(cells, "estimate")
    _, distances = over_time.course(cells, "distance")
    jsd = game == "GAN"
    name = "JSD estimate, nats" if jsd else "Wasserstein estimate"
    panel = drawing.curves(
        steps,
        {"estimate": over_time.band(estimates)},
        levels={"log 2": math.log(2)} if jsd else None,
    )
    draw = over_time.second_axis(panel.draw, steps, distances, "distance of samples")
    return Panel(f"{game}, {setting}", draw, "steps", name)


def chosen(cells: Sequence[Trained]) -> list[int]:
    """After how many steps the samples of the picture were drawn."""
    steps, _ = over_time.course(cells, "distance")
    return [int(steps[place]) for place in drawing.evenly_spaced(len(steps), SNAPSHOTS)]


def tiles(name: str, picture: Image.Image, steps: Sequence[int]) -> Panel:
    """The first seed's samples after so many steps, in the order of reading."""
    width, height = (side // 2 for side in picture.size)
    apart = Image.new("RGBA", (2 * width + GAP, 2 * height + GAP), (0, 0, 0, 0))
    for number in range(SNAPSHOTS):
        x, y = number % 2, number // 2
        box = (x * width, y * height, (x + 1) * width, (y + 1) * height)
        apart.paste(picture.convert("RGBA").crop(box), (x * (width + GAP), y * (height + GAP)))

    def draw(axes: Axes, palette: Palette) -> None:
        axes.imshow(apart)
        axes.set_xticks([])
        axes.set_yticks([])

    return Panel(name, draw, f"after {', '.join(map(str, steps))} steps")
