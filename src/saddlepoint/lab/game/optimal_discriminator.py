"""The best discriminator of two known densities, and learned ones beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Band, Drawing, Panel, curves
from saddlepoint.drawing.panels import Palette, legend
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import GAME, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.game.two_gaussians import density, draws, line, logit
from saddlepoint.lab.row_values import least, most, number, numbers, shown
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam
from saddlepoint.schedules import Cosine

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
DISTANCES = (4.0, 3.0, 2.0, 1.0, 0.5)  # as the generator approaches
DRAWN = DISTANCES[:4]
SHOWN = np.linspace(-4.0, 8.0, 241)
EXAMPLES, STEPS, BATCH = 20_000, 1500, 256
SEEN = 0.01  # density of both sides from which the largest error counts
TOLERANCE, MEAN_ERROR, UPHILL, VALUE_ERROR = 1e-6, 0.02, 0.99, 0.02
LEARNER = Adversarial(
    latent=1,
    objective="minimax",
    generator=Mlp(hidden=()),
    critic=Mlp(hidden=(64, 64), activation="leaky_relu"),
    critic_optimiser=Adam(learning_rate=Cosine(start=2e-3, end=0.0), beta1=0.5, beta2=0.99),
)

COLUMNS = (
    Column("theta", "θ", "number", "g"),
    Column("value", "value at D*", "number", ".6f"),
    Column("divergence", "2·JSD − log 4", "number", ".6f"),
    Column("learned", "value learned", "seeds", ".4f"),
    Column("mean_error", "mean |D − D*|", "seeds", ".4f"),
    Column("largest_error", "largest", "seeds", ".3f"),
    Column("uphill", "fakes drawn to the data, %", "seeds", ".1f", 100),
    Column("flat", "|∇D| at fakes, D*", "number", ".4f"),
    Column("flat_learned", "learned", "seeds", ".4f"),
    Column("steep", "|∇log D| at fakes, D*", "number", ".4f"),
    Column("steep_learned", "learned ", "seeds", ".4f"),
)


@experiment(
    "optimal-discriminator",
    chapter=GAME,
    full=Budget(seeds=5, seconds=120),
    fast=Budget(seeds=3, seconds=25),
    pictures=("discriminators",),
    lectures=("A 15", "C 2", "C 3", "D 4", "D 5", "E 6"),
)
def optimal_discriminator(bench: Bench) -> Findings:
    """Whether a learned discriminator is the best one, D* = p/(p + q), and which way it points.

    The data are N(0, 1), with density p, the generator's examples N(θ, 1), with density q, and θ
    goes from 4 to ½ as a generator would approach. With D* the value E log D(x) + E log(1 −
    D(G(z))) is 2·JSD − log 4 (Goodfellow et al. 2014, theorem 1): the one side by quadrature of D*
    itself, the other from the library's divergences.

    A network of two layers of 64 then learns D from 20,000 examples a side, for each seed anew.
    The mean error is under the mixture (p + q)/2, the largest one where both densities exceed 0.01,
    the learned value is that of fresh examples. A fake is drawn to the data if D rises, from where
    it is, towards them. |∇D| and |∇log D| are means over fakes: what a minimax generator and one
    that climbs log D are told there.
    """
    steps = STEPS // 3 if bench.fast else STEPS
    parts = {
        f"theta-{theta:g}-seed-{seed}": partial(learn, theta, seed, steps)
        for theta in DISTANCES
        for seed in bench.seeds
    }
    found = dict(zip(parts, bench.all_kept(parts), strict=True))
    by_distance = {
        theta: [found[f"theta-{theta:g}-seed-{seed}"] for seed in bench.seeds]
        for theta in DISTANCES
    }
    rows = [row(theta, seeds) for theta, seeds in by_distance.items()]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"discriminators": picture(rows, by_distance)},
        reading=reading(rows),
    )


def learn(theta: float, seed: int, steps: int) -> dict[str, Any]:
    """A discriminator from examples, and its figures."""
    from saddlepoint.explore import trained_critic

    critic = trained_critic(
        draws(0.0, EXAMPLES, 2 * seed),
        draws(theta, EXAMPLES, 2 * seed + 1),
        steps=steps,
        batch_size=BATCH,
        seed=seed,
        learner=LEARNER,
    )
    x, step = line(theta)
    p, q = density(x, 0.0), density(x, theta)
    error = np.abs(critic.discriminator(x[:, None]) - _sigmoid(logit(x, theta)))
    fakes = draws(theta, EXAMPLES, 1000 + 2 * seed)
    rises = critic.gradients(fakes)[:, 0]
    chance = critic.discriminator(fakes)
    real = draws(0.0, EXAMPLES, 1001 + 2 * seed)
    return {
        "learned": -critic.cost(real, fakes),
        "mean_error": float((error * (p + q) / 2).sum() * step),
        "largest_error": float(error[np.minimum(p, q) > SEEN].max()),
        "uphill": float((rises < 0).mean()),
        "flat_learned": float((chance * (1 - chance) * np.abs(rises)).mean()),
        "steep_learned": float(((1 - chance) * np.abs(rises)).mean()),
        "curve": critic.discriminator(SHOWN[:, None]).tolist(),
    }


def best_value(theta: float) -> float:
    """E log D* + E log(1 − D*) by quadrature."""
    x, step = line(theta)
    a = logit(x, theta)
    value = density(x, 0.0) * -np.logaddexp(0, -a) - density(x, theta) * np.logaddexp(0, a)
    return float(value.sum() * step)


def predicted_value(theta: float) -> float:
    """2·JSD − log 4 from the library's divergences."""
    from saddlepoint.divergences import Gaussian, divergence

    found = divergence(Gaussian(0.0, std=1.0), Gaussian(theta, std=1.0), of="jensen-shannon")
    return 2 * found.value - math.log(4)


def row(theta: float, seeds: Sequence[dict[str, Any]]) -> Row:
    """The row of a distance: what is exact, and what every seed learned."""
    x, step = line(theta)
    q, a = density(x, theta), logit(x, theta)
    measured = ("learned", "mean_error", "largest_error", "uphill", "flat_learned", "steep_learned")
    return {
        "theta": theta,
        "value": best_value(theta),
        "divergence": predicted_value(theta),
        "flat": float((q * _sigmoid(a) * _sigmoid(-a)).sum() * step * theta),
        "steep": float((q * _sigmoid(-a)).sum() * step * theta),
        **{key: PerSeed.of(seed[key] for seed in seeds) for key in measured},
    }


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    apart = [abs(number(r, "value") - number(r, "divergence")) for r in rows]
    means = [most(numbers(r, "mean_error")) for r in rows]
    off = [abs(v - number(r, "divergence")) for r in rows for v in numbers(r, "learned")]
    drawn = [least(numbers(r, "uphill")) for r in rows]
    return [
        Claim(
            f"The value at D* is 2·JSD − log 4 to {TOLERANCE:g} at every θ.",
            most(apart) <= TOLERANCE,
            f"largest difference {most(apart):.1e} over θ = {_list(rows)}.",
        ),
        Claim(
            f"A learned D is within {MEAN_ERROR} of D* in the mean, at every θ and in every seed.",
            all(mean <= MEAN_ERROR for mean in means),
            _each(rows, "mean_error") + f" The largest of all is {most(means):.4f}.",
        ),
        Claim(
            f"Its value on fresh examples is within {VALUE_ERROR} of 2·JSD − log 4, at every θ and "
            "in every seed.",
            bool(off) and most(off) <= VALUE_ERROR,
            _each(rows, "learned") + f" The largest difference is {most(off):.4f}.",
        ),
        Claim(
            f"Uphill of a learned D lie the data, for at least {UPHILL:.0%} of the fakes, at every "
            "θ and in every seed.",
            all(share >= UPHILL for share in drawn),
            _each(rows, "uphill", " %") + f" The least is {100 * least(drawn):.1f} %.",
        ),
    ]


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences."""
    far, near = rows[0], rows[-1]
    worst = max(most(numbers(r, "largest_error")) for r in rows)
    return (
        f"As θ goes from {number(far, 'theta'):g} to {number(near, 'theta'):g} the value falls "
        f"from {number(far, 'divergence'):.3f} to {number(near, 'divergence'):.3f}, towards "
        f"−log 4 = −1.386. Learned discriminators follow D* where both sides have mass (largest "
        f"error {worst:.2f}). Uphill is towards the data, but how far a fake is told to go depends "
        f"on what is climbed: at θ = {number(far, 'theta'):g} the mean slope of D* at the fakes "
        f"is {number(far, 'flat'):.3f}, that of log D* {number(far, 'steep'):.3f}. Of a learned "
        f"log D it is {shown(COLUMNS, far, 'steep_learned')}: among fakes that have no data beside "
        "them examples say little of the ratio, and a D that is right to a thousandth need not "
        "have the right slope of its logarithm."
    )


def picture(rows: Sequence[Row], by_distance: dict[float, list[dict[str, Any]]]) -> Drawing:
    """The densities with D* and learned D as q approaches, the value, and what fakes are told."""
    panels = [_panel(theta, by_distance[theta]) for theta in DRAWN]
    places = np.array([number(r, "theta") for r in rows])
    learned = [numbers(r, "learned") for r in rows]
    exact = [number(r, "divergence") for r in rows]
    panels.append(
        curves(
            places,
            {"2·JSD − log 4": exact, "learned": _band(learned)},
            title="Value of the game",
            x_label="θ",
            y_label="value, nats",
            levels={"−log 4": -math.log(4)},
        )
    )
    panels.append(
        curves(
            places,
            {
                "∇ log D*": [number(r, "steep") for r in rows],
                "∇ log D, learned": _band([numbers(r, "steep_learned") for r in rows]),
                "∇ D*": [number(r, "flat") for r in rows],
                "∇ D, learned": _band([numbers(r, "flat_learned") for r in rows]),
            },
            title="What fakes are told",
            x_label="θ",
            y_label="mean slope at the fakes",
        )
    )
    return Drawing(panels, columns=3)


def _panel(theta: float, seeds: Sequence[dict[str, Any]]) -> Panel:
    learned = np.array([seed["curve"] for seed in seeds])
    p, q = density(SHOWN, 0.0), density(SHOWN, theta)
    best = _sigmoid(logit(SHOWN, theta))
    arrows = theta + np.array([-1.5, -0.5, 0.5, 1.5])

    def draw(axes: Axes, palette: Palette) -> None:
        for height, colour, name in ((p, palette.real, "p"), (q, palette.fake, "q")):
            axes.plot(SHOWN, height, color=colour, linewidth=2)
            axes.fill_between(SHOWN, height, color=colour, alpha=0.25, linewidth=0, label=name)
        axes.fill_between(
            SHOWN, learned.min(0), learned.max(0), color=palette.series[2], alpha=0.3, linewidth=0
        )
        axes.plot(SHOWN, learned.mean(0), "--", color=palette.series[2], linewidth=2.5)
        axes.plot([], [], "--", color=palette.series[2], linewidth=2.5, label="D, learned")
        axes.plot(SHOWN, best, color=palette.ink, linewidth=2, label="D*")
        length = 1.2 * theta * _sigmoid(-logit(arrows, theta)) / 4
        for start, reach in zip(arrows, np.maximum(length, 0.3), strict=True):
            axes.annotate(
                "",
                xy=(start - reach, -0.06),
                xytext=(start, -0.06),
                arrowprops={"arrowstyle": "->", "color": palette.fake, "linewidth": 2},
            )
        axes.set_xlim(SHOWN[0], SHOWN[-1])
        axes.set_ylim(-0.12, 1.05)
        legend(axes, palette, "upper right")

    return Panel(f"θ = {theta:g}; arrows: ∇ log D*", draw, "x", "density; D")


def _band(values: Sequence[Sequence[float]]) -> Band:
    return Band(
        [float(np.mean(v)) for v in values], [min(v) for v in values], list(map(max, values))
    )


def _sigmoid(a: Array) -> Array:
    return np.exp(-np.logaddexp(0, -a))


def _list(rows: Sequence[Row]) -> str:
    return ", ".join(f"{number(r, 'theta'):g}" for r in rows)


def _each(rows: Sequence[Row], key: str, unit: str = "") -> str:
    each = (f"θ = {number(r, 'theta'):g}: {shown(COLUMNS, r, key)}{unit}" for r in rows)
    return "; ".join(each) + "."
