"""GAN against WGAN on two Gaussians: a discriminator saturates, a Wasserstein critic is a slope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Drawing, Panel, curves
from saddlepoint.drawing.panels import Palette, legend
from saddlepoint.games.constraints import WeightClipping
from saddlepoint.games.regularisers import wgan_gp
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

    from saddlepoint.explore import Critic

Array = NDArray[np.float64]
DISTANCES = (2.0, 4.0, 8.0)
EXAMPLES, FAKES, STEPS, BATCH = 20_000, 5000, 800, 128
PENALTY, CLIP = 10.0, 0.1  # λ of WGAN-GP; the box of the clipped critic's weights
FLAT, STRAIGHT, SLOPE_ERROR = 0.01, 0.95, 0.2
KINDS = {
    "discriminator": "D, discriminator",
    "logit": "its logit",
    "penalised": "critic, WGAN-GP",
    "clipped": "critic, WGAN clipped",
    "penalised_line": "critic, WGAN-GP on a line",
}
SHORT = {"discriminator": "D", "logit": "logit", "penalised": "GP"}  # in the picture
_COMMON: dict[str, Any] = {
    "latent": 1,
    "generator": Mlp(hidden=()),
    "critic": Mlp(hidden=(64, 64), activation="leaky_relu"),
    "critic_optimiser": Adam(learning_rate=Cosine(start=2e-3, end=0.0), beta1=0.5, beta2=0.9),
}
DISCRIMINATOR = Adversarial(objective="minimax", **_COMMON)
PENALISED = Adversarial(objective="wasserstein", critic_regularisers=(wgan_gp(PENALTY),), **_COMMON)
CLIPPED = Adversarial(objective="wasserstein", constraints=(WeightClipping(limit=CLIP),), **_COMMON)

COLUMNS = (
    Column("theta", "θ", "number", "g"),
    Column("judge", "what judges"),
    Column("exact", "slope at fakes, best", "number", ".5f"),
    Column("slope", "learned", "seeds", ".4f"),
    Column("straight", "R² of a line, best", "number", ".4f"),
    Column("learned_straight", "learned ", "seeds", ".4f"),
    Column("begins", "slope before learning", "seeds", ".3f"),
)


@experiment(
    "critic-vs-discriminator",
    chapter=GAME,
    full=Budget(seeds=5, seconds=150),
    fast=Budget(seeds=3, seconds=25),
    pictures=("judges",),
    lectures=("E 20", "D 26"),
)
def critic_vs_discriminator(bench: Bench) -> Findings:
    """What a generator is told where a discriminator saturates, and where a critic does not.

    The data are N(0, I) in the plane, the fakes N((θ, 0), I), θ = 2, 4 and 8, as in figure 2 of
    Arjovsky et al., Wasserstein GAN, 2017. The best discriminator is D* = σ(θ²/2 − θx): its slope
    vanishes at the fakes, that of its logit is −θ everywhere. The best critic of slope 1 is −x.
    With WGAN-GP's penalty λ(‖∇f‖ − 1)² on points between both, of density r, the slope is 1 + (F_p
    − F_q)/(2λr) along x (by variation of f), more than 1: 1.4 at θ = 8 and λ = 10.

    All three are learned (two layers of 64, 20,000 examples a side). The slope is the mean of
    −∂/∂x over fresh fakes, positive if it leads to the data; of a clipped critic, whose scale is
    that of its box of ±0.1, only the shape counts. R² is that of the best straight line along x
    from −1 to θ + 1. WGAN-GP is also tried on the line alone, where a gradient cannot turn.
    """
    steps = STEPS // 4 if bench.fast else STEPS
    parts = {
        f"theta-{theta:g}-seed-{seed}": partial(learn, theta, seed, steps)
        for theta in DISTANCES
        for seed in bench.seeds
    }
    found = dict(zip(parts, bench.all_kept(parts), strict=True))
    learned = {
        theta: [found[f"theta-{theta:g}-seed-{seed}"] for seed in bench.seeds]
        for theta in DISTANCES
    }
    rows = [row(theta, kind, learned[theta]) for theta in DISTANCES for kind in KINDS]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"judges": picture(rows, learned)},
        reading=reading(rows),
    )


def stretch(theta: float) -> Array:
    """Places along x, from −1 to θ + 1."""
    return np.linspace(-1.0, theta + 1.0, 121)


def learn(theta: float, seed: int, steps: int) -> dict[str, Any]:
    """Every judge of a seed: its slope at fakes before and after, and its values along x."""
    found = {}
    for kind, learner, dimensions in (
        ("logit", DISCRIMINATOR, 2),
        ("penalised", PENALISED, 2),
        ("clipped", CLIPPED, 2),
        ("penalised_line", PENALISED, 1),
    ):
        found[kind] = _judge(learner, theta, seed, steps, dimensions)
    chance = _sigmoid(np.array(found["logit"]["each"]))
    slopes = np.array(found["logit"].pop("slopes"))
    found["discriminator"] = {
        "slope": float((chance * (1 - chance) * slopes).mean()),
        "begins": None,
        "along": _sigmoid(np.array(found["logit"]["along"])).tolist(),
    }
    for judge in found.values():
        judge.pop("each", None)
        judge.pop("slopes", None)
    return found


def _judge(
    learner: Adversarial, theta: float, seed: int, steps: int, dimensions: int
) -> dict[str, Any]:
    from saddlepoint.explore import trained_critic

    fakes = draws(theta, FAKES, 1000 + seed, dimensions)
    begins: list[float] = []

    def watch(update: int, critic: Critic) -> None:
        if update == 0:
            begins.append(-float(critic.gradients(fakes)[:, 0].mean()))

    critic = trained_critic(
        draws(0.0, EXAMPLES, 2 * seed, dimensions),
        draws(theta, EXAMPLES, 2 * seed + 1, dimensions),
        steps=steps,
        batch_size=BATCH,
        seed=seed,
        learner=learner,
        watch=watch,
    )
    x = stretch(theta)
    along = np.zeros((len(x), dimensions))
    along[:, 0] = x
    slopes = -critic.gradients(fakes)[:, 0]
    return {
        "slope": float(slopes.mean()),
        "begins": begins[0],
        "along": critic.scores(along).tolist(),
        "each": critic.scores(fakes).tolist(),
        "slopes": slopes.tolist(),
    }


def straightness(along: Sequence[float], theta: float) -> float:
    """R² of the best straight line through values at ``stretch(theta)``."""
    return float(np.corrcoef(stretch(theta), np.asarray(along))[0, 1] ** 2)


def penalised_slope(theta: float) -> tuple[Array, Array]:
    """Places x, and the slope 1 + (F_p − F_q)/(2λr) of the critic that WGAN-GP's cost asks for.

    r is the density of tx + (1 − t)y, t uniform in (0, 1), x of the data and y of the fakes:
    N((1 − t)θ, t² + (1 − t)²) for each t.
    """
    x, step = line(theta)
    x = x[(x > -4) & (x < theta + 4)]
    t = (np.arange(400) + 0.5) / 400
    means, deviations = (1 - t) * theta, np.sqrt(t**2 + (1 - t) ** 2)
    r = np.mean([density((x - m) / s, 0.0) / s for m, s in zip(means, deviations, strict=True)], 0)
    between = np.cumsum(density(x, 0.0) - density(x, theta)) * step
    return x, 1 + between / (2 * PENALTY * r)


def best(theta: float, kind: str) -> tuple[float | None, float | None]:
    """The mean slope at fakes of the best judge of a kind, and its R²; None where none is known."""
    x, step = line(theta)
    q, a = density(x, theta), logit(x, theta)
    if kind == "logit":
        return theta, 1.0
    if kind == "discriminator":
        mean = float((q * _sigmoid(a) * _sigmoid(-a)).sum() * step * theta)
        return mean, straightness(_sigmoid(logit(stretch(theta), theta)).tolist(), theta)
    if kind == "clipped":
        return None, None
    places, slope = penalised_slope(theta)
    q = density(places, theta)
    scores = -np.cumsum(slope) * step
    along = np.interp(stretch(theta), places, scores)
    return float((q * slope).sum() / q.sum()), straightness(along.tolist(), theta)


def row(theta: float, kind: str, seeds: Sequence[dict[str, Any]]) -> Row:
    """The row of a judge at a distance."""
    exact, straight = best(theta, kind)
    begins = [seed[kind]["begins"] for seed in seeds]
    return {
        "theta": theta,
        "judge": KINDS[kind],
        "exact": exact,
        "slope": PerSeed.of(seed[kind]["slope"] for seed in seeds),
        "straight": straight,
        "learned_straight": PerSeed.of(straightness(s[kind]["along"], theta) for s in seeds),
        "begins": None if None in begins else PerSeed.of(begins),
    }


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    by = {
        kind: {number(r, "theta"): r for r in rows if r["judge"] == name}
        for kind, name in KINDS.items()
    }
    far = by["discriminator"][8.0]
    flat = numbers(far, "slope")
    bent = {kind: least(_all(by[kind], "learned_straight")) for kind in ("logit", "penalised")}
    clipped = least(_all(by["clipped"], "learned_straight"))
    off = [
        abs(v - number(r, "exact")) for r in by["penalised"].values() for v in numbers(r, "slope")
    ]
    kept = [
        (before > 0) == (after > 0)
        for r in by["penalised_line"].values()
        for before, after in zip(numbers(r, "begins"), numbers(r, "slope"), strict=True)
    ]
    return [
        Claim(
            f"The discriminator saturates: at θ = 8 its slope at fakes is below {FLAT:g} with the "
            "best and with every learned one.",
            bool(flat) and number(far, "exact") < FLAT and most(map(abs, flat)) < FLAT,
            f"best {number(far, 'exact'):.5f}, learned {shown(COLUMNS, far, 'slope')}.",
        ),
        Claim(
            f"Its logit is a line all the same: R² of at least {STRAIGHT:g} at every θ, in every "
            "seed.",
            bent["logit"] >= STRAIGHT,
            _each(by["logit"], "learned_straight"),
        ),
        Claim(
            f"A WGAN-GP critic is a line, R² of at least {STRAIGHT:g} at every θ, in every seed.",
            bent["penalised"] >= STRAIGHT,
            _each(by["penalised"], "learned_straight"),
        ),
        Claim(
            "Its slope at fakes is that of the penalised optimum, 1 + (F_p − F_q)/(2λr), to "
            f"{SLOPE_ERROR:g} at every θ, in every seed.",
            bool(off) and most(off) <= SLOPE_ERROR,
            _each(by["penalised"], "slope")
            + " Optimum: "
            + ", ".join(f"{number(r, 'exact'):.3f}" for r in by["penalised"].values())
            + ".",
        ),
        Claim(
            f"A clipped critic is a line, R² of at least {STRAIGHT:g} at every θ, in every seed.",
            clipped >= STRAIGHT,
            _each(by["clipped"], "learned_straight"),
        ),
        Claim(
            "On a line a WGAN-GP critic keeps the sign of the slope that it began with, right or "
            "wrong, at every θ and in every seed.",
            bool(kept) and all(kept),
            f"kept by {sum(kept)} of {len(kept)}; slopes {_each(by['penalised_line'], 'slope')}",
        ),
    ]


def _all(rows: dict[float, Row], key: str) -> list[float]:
    return [v for r in rows.values() for v in numbers(r, key)] or [math.nan]


def _each(rows: dict[float, Row], key: str) -> str:
    return "; ".join(f"θ = {t:g}: {shown(COLUMNS, r, key)}" for t, r in rows.items()) + "."


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences."""
    by = {(number(r, "theta"), str(r["judge"])): r for r in rows}
    far = {kind: by[8.0, name] for kind, name in KINDS.items()}
    lines = [r for r in rows if r["judge"] == KINDS["penalised_line"]]
    wrong = sum(v < 0 for r in lines for v in numbers(r, "slope"))
    total = sum(len(numbers(r, "slope")) for r in lines)
    told, line, critic = (far[kind] for kind in ("discriminator", "logit", "penalised"))
    return (
        f"At θ = 8 the discriminator's slope at the fakes is {number(told, 'exact'):.5f} at best, "
        f"{shown(COLUMNS, told, 'slope')} learned: a generator that descends log(1 − D) is told "
        "next to nothing. The sentence that D saturates and a critic is linear is one about σ "
        "alone, since D's logit is close to a line, too, of slope "
        f"{shown(COLUMNS, line, 'slope')} as learned; that of the best is "
        f"{number(line, 'exact'):g}, which examples so far apart do not show. WGAN-GP's critic has "
        f"the slope {shown(COLUMNS, critic, 'slope')} there, not 1: the optimum of its cost is "
        f"{number(critic, 'exact'):.2f}. On a line {wrong} of {total} of these critics lead away "
        "from the data: (|f'| − 1)² is a wall at slope 0, which a gradient cannot walk around in "
        "one dimension, and few that begin on the wrong side pass it."
    )


def picture(rows: Sequence[Row], learned: dict[float, list[dict[str, Any]]]) -> Drawing:
    """Each distance: both densities and what judges along x; and slopes at fakes by distance."""
    panels = [_panel(theta, learned[theta]) for theta in DISTANCES]
    slopes: dict[str, Any] = {}
    for kind in SHORT:
        chosen = [r for r in rows if r["judge"] == KINDS[kind]]
        slopes[f"{SHORT[kind]}*"] = [number(r, "exact") for r in chosen]
        slopes[SHORT[kind]] = [
            float(np.mean(numbers(r, "slope"))) if numbers(r, "slope") else math.nan for r in chosen
        ]
    slopes = {name: np.where(np.array(s) > 0, s, np.nan) for name, s in slopes.items()}
    panels.append(
        curves(
            DISTANCES,
            slopes,
            title="Slope at the fakes (*: best)",
            x_label="θ",
            y_label="mean of −∂/∂x",
            logarithmic=("y",),
        )
    )
    return Drawing(panels, columns=2)


def _panel(theta: float, seeds: Sequence[dict[str, Any]]) -> Panel:
    x = stretch(theta)
    wide = np.linspace(-3.0, theta + 3.0, 301)
    chance = np.array([seed["discriminator"]["along"] for seed in seeds])
    middle = len(x) // 2
    scores = {
        kind: np.array([seed[kind]["along"] for seed in seeds]) for kind in ("penalised", "clipped")
    }
    # as steep as −x/θ in the mean: a critic's level and a box's scale say nothing
    scaled = {}
    for kind, each in scores.items():
        level = each - each[:, middle : middle + 1]
        fall = (each[:, :1] - each[:, -1:]) / (x[-1] - x[0])
        scaled[kind] = 0.5 + level / np.where(fall == 0, 1.0, fall) / theta

    def draw(axes: Axes, palette: Palette) -> None:
        for mean, colour, name in ((0.0, palette.real, "p"), (theta, palette.fake, "q")):
            axes.fill_between(wide, density(wide, mean), color=colour, alpha=0.3, label=name)
        axes.plot(wide, _sigmoid(logit(wide, theta)), color=palette.ink, linewidth=2, label="D*")
        curves_of = (("D, learned", chance, 2, "--"), ("WGAN-GP", scaled["penalised"], 3, "-."))
        for name, each, colour_of, style in (*curves_of, ("clipped", scaled["clipped"], 4, ":")):
            colour = palette.series[colour_of]
            axes.plot(x, each.mean(0), style, color=colour, linewidth=2.5, label=name)
            axes.fill_between(x, each.min(0), each.max(0), color=colour, alpha=0.25, linewidth=0)
        axes.set_ylim(-0.4, 1.5)
        legend(axes, palette, "upper right")

    return Panel(f"θ = {theta:g}", draw, "x", "density; D; critic, scaled")


def _sigmoid(a: Array) -> Array:
    return np.exp(-np.logaddexp(0, -a))
