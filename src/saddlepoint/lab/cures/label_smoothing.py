"""Label smoothing: what a critic is taught of real examples (α) and of fakes (β)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Band, Drawing, curves, densities
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import CURES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.over_time import band
from saddlepoint.lab.row_values import joined, most, number, numbers, shown

Array = NDArray[np.float64]
MISSED, SHARED, STRAY = -4.0, 0.0, 5.0  # where data and generator have their modes, all of width 1
PLACES = np.linspace(-6.5, 7.5, 281)
STEPS, POINTS = (1500, 150), 20_000  # updates in full and fast, and points of each side
CLOSE = 0.05  # what a trained critic may be off by, as a mean over data and fakes
DATA, FAKES = (MISSED, SHARED), (SHARED, STRAY)


@dataclass(frozen=True)
class Targets:
    """What the critic is taught: D = ``real`` on real examples and D = ``fake`` on fakes."""

    real: float
    fake: float

    @property
    def name(self) -> str:
        """For tables and legends."""
        return f"α = {self.real:g}, β = {self.fake:g}"


PLAIN, ONE_SIDED = Targets(1.0, 0.0), Targets(0.9, 0.0)
FAKES_ALONE, BOTH = Targets(1.0, 0.1), Targets(0.9, 0.1)
#: The last is not trained: no game of the house smooths both sides.
ALL = (PLAIN, ONE_SIDED, FAKES_ALONE, BOTH)
TRAINED = ALL[:3]

COLUMNS = (
    Column("targets", "targets"),
    Column("alpha", "α", "number", "g"),
    Column("beta", "β", "number", "g"),
    Column("highest", "highest D*", "number", ".4f"),
    Column("at_stray", "D* at the stray mode", "number", ".4f"),
    Column("peaks", "peaks of D*", "count"),
    Column("same_way", "fakes pushed the same way, %", "number", ".1f", 100),
    Column("push", "push at the stray mode", "number", ".4f"),
    Column("off", "trained: mean |D − D*|", "seeds", ".4f"),
    Column("learned", "trained: D there", "seeds", ".4f"),
    Column("learned_push", "trained: push there", "seeds", ".4f"),
)
_shown = partial(shown, COLUMNS)


@experiment(
    "label-smoothing",
    chapter=CURES,
    full=Budget(seeds=5, seconds=50),
    fast=Budget(seeds=3, seconds=10),
    pictures=("smoothed",),
    lectures=("D 18",),
)
def label_smoothing(bench: Bench) -> Findings:
    """Why labels of real examples may be smoothed, and those of fakes may not.

    Data p = ½ N(−4, 1) + ½ N(0, 1) and a generator q = ½ N(0, 1) + ½ N(5, 1), which misses one
    mode, shares one and has a stray one. A critic that is taught D = α on real examples and D = β
    on fakes has the optimum D* = (αp + βq)/(p + q) = β + (α − β) p/(p + q). The push on a fake is
    −d/dx of the generator's non-saturating cost, d log D*/dx: below zero it points to the data.

    The curves are exact. Critics are trained against them: with α = 0.9 by one-sided smoothing,
    and with β = 0.1 by the same with both sides' roles exchanged (1 − D is then taught 0.9 on
    fakes and 0 on real examples). Salimans et al., Improved Techniques for Training GANs, 2016,
    section 3.4; Goodfellow, NIPS tutorial, 2016, section 4.2.
    """
    names = {f"seed-{seed}": partial(measured, seed, STEPS[bench.fast]) for seed in bench.seeds}
    seeds = bench.all_kept(names)
    rows = [row(targets, [seed.get(targets.name) for seed in seeds]) for targets in ALL]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"smoothed": drawn(seeds)},
        reading=reading(rows),
    )


def density(modes: Sequence[float], x: Array) -> Array:
    """Of equal normal distributions of deviation 1 at ``modes``, at points (n,)."""
    offsets = x[:, None] - np.asarray(modes)
    return np.asarray(np.exp(-(offsets**2) / 2).mean(axis=1) / np.sqrt(2 * np.pi))


def optimum(targets: Targets, x: Array) -> Array:
    """D*(x) = (αp + βq)/(p + q) at points (n,)."""
    p, q = density(DATA, x), density(FAKES, x)
    return (targets.real * p + targets.fake * q) / (p + q)


def push(targets: Targets, x: Array) -> Array:
    """The slope of log D*, (α − β) r'/(β + (α − β) r), r = p/(p + q), at points (n,)."""
    p, q = density(DATA, x), density(FAKES, x)
    r = p / (p + q)
    slope = r * (1 - r) * (_log_slope(DATA, x) - _log_slope(FAKES, x))
    return (targets.real - targets.fake) * slope / optimum(targets, x)


def _log_slope(modes: Sequence[float], x: Array) -> Array:
    offsets = x[:, None] - np.asarray(modes)
    heights = np.exp(-(offsets**2) / 2)
    return np.asarray(-(offsets * heights).sum(axis=1) / heights.sum(axis=1))


def peaks(values: Array) -> int:
    """Places inside that are higher than their neighbours."""
    return int(((values[1:-1] > values[:-2]) & (values[1:-1] > values[2:])).sum())


def drawn_fakes(seed: int, modes: Sequence[float] = FAKES) -> Array:
    """Points (n,) of equal normal distributions at ``modes``."""
    random = np.random.default_rng([seed, *(int(abs(mode)) for mode in modes)])
    return random.choice(modes, POINTS) + random.normal(size=POINTS)


def measured(seed: int, steps: int) -> dict[str, Any]:
    """D of each trained critic at ``PLACES``, and its figures."""
    from saddlepoint.explore import trained_critic
    from saddlepoint.explore.critics import USUAL
    from saddlepoint.networks.mlp import Mlp

    usual = USUAL.replace(critic=Mlp(hidden=(64,) * 3, activation="leaky_relu"))
    real, fake = drawn_fakes(2 * seed, DATA), drawn_fakes(2 * seed + 1)
    fresh = np.concatenate([drawn_fakes(10**6 + seed, modes) for modes in (DATA, FAKES)])
    stray = np.random.default_rng(seed).normal(STRAY, 1, 2000)
    found: dict[str, Any] = {}
    for targets in TRAINED:
        swapped = targets.fake > 0
        learner = usual.replace(real_target=1 - targets.fake if swapped else targets.real)
        sides = (fake, real) if swapped else (real, fake)
        critic = trained_critic(
            sides[0][:, None], sides[1][:, None], steps=steps, seed=seed, learner=learner
        )
        sign = -1.0 if swapped else 1.0

        def scores(x: Array, critic: Any = critic, sign: float = sign) -> Array:
            return np.asarray(sign * critic.scores(x[:, None]))

        def push_of(x: Array, scores: Any = scores, h: float = 0.01) -> Array:
            slope = (scores(x + h) - scores(x - h)) / (2 * h)
            return np.asarray(slope / (1 + np.exp(scores(x))))  # (1 − D) s'

        off = np.abs(_sigmoid(scores(fresh)) - optimum(targets, fresh)).mean()
        found[targets.name] = {
            "curve": _sigmoid(scores(PLACES)).tolist(),
            "pushes": push_of(PLACES).tolist(),
            "off": float(off),
            "learned": float(_sigmoid(scores(np.array([STRAY])))[0]),
            "learned_push": float(push_of(stray).mean()),
        }
    return found


def _sigmoid(scores: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-scores)))


def row(targets: Targets, seeds: Sequence[dict[str, Any] | None]) -> dict[str, Any]:
    """The row of one pair of targets; those that are not trained have no seeds."""
    fakes = drawn_fakes(0)
    stray = STRAY + np.linspace(-3, 3, 601)
    weight = density((STRAY,), stray)
    trained = [seed for seed in seeds if seed is not None]
    return {
        "targets": targets.name,
        "alpha": targets.real,
        "beta": targets.fake,
        "highest": float(optimum(targets, PLACES).max()),
        "at_stray": float(optimum(targets, np.array([STRAY]))[0]),
        "peaks": peaks(optimum(targets, PLACES)),
        "same_way": float((np.sign(push(targets, fakes)) == np.sign(push(PLAIN, fakes))).mean()),
        "push": float((push(targets, stray) * weight).sum() / weight.sum()),
        **{
            key: PerSeed.of(seed[key] for seed in trained) if trained else None
            for key in ("off", "learned", "learned_push")
        },
    }


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    of = {str(r["targets"]): r for r in rows}
    plain, one, fakes, both = (of[t.name] for t in ALL)
    off = joined((plain, one, fakes), "off")
    return [
        Claim(
            "With real labels smoothed to α = 0.9 and β = 0, D* is 0.9 at most, and every fake is "
            "pushed the same way as without smoothing.",
            number(one, "highest") <= 0.9 and one["same_way"] == 1.0,
            f"highest D*: {_shown(one, 'highest')}; pushed the same way: {_shown(one, 'same_way')} "
            "% of the fakes.",
        ),
        Claim(
            "With β = 0 the non-saturating push at the stray mode is that without smoothing, to "
            "1e-9.",
            abs(number(one, "push") - number(plain, "push")) <= 1e-9,
            f"{_shown(one, 'push')} and {_shown(plain, 'push')}.",
        ),
        Claim(
            "With β = 0.1, D* at the stray mode is 0.1 to 1e-3, where without smoothing of fakes "
            "it is 0 to 1e-3.",
            all(abs(number(r, "at_stray") - number(r, "beta")) <= 1e-3 for r in of.values()),
            "; ".join(f"{name}: {_shown(r, 'at_stray')}" for name, r in of.items()) + ".",
        ),
        Claim(
            "With β = 0.1 the push at the stray mode is less than a tenth of that with β = 0, "
            "exactly and in every trained critic.",
            abs(number(fakes, "push")) < 0.1 * abs(number(plain, "push"))
            and abs(number(both, "push")) < 0.1 * abs(number(one, "push"))
            and all(
                abs(here) < 0.1 * abs(there)
                for here, there in zip(
                    numbers(fakes, "learned_push"), numbers(plain, "learned_push"), strict=True
                )
            ),
            f"exactly {_shown(fakes, 'push')} against {_shown(plain, 'push')}; trained "
            f"{_shown(fakes, 'learned_push')} against {_shown(plain, 'learned_push')}.",
        ),
        Claim(
            "β = 0.1 makes D* peak at the stray mode, where without it D* has no peak "
            "(Goodfellow's tutorial, section 4.2).",
            any(number(r, "peaks") > number(plain, "peaks") for r in (fakes, both)),
            "; ".join(f"{name}: {_shown(r, 'peaks')} peaks" for name, r in of.items()) + ".",
        ),
        Claim(
            f"Trained critics are within {CLOSE} of D*, as a mean over data and fakes, in every "
            "seed.",
            most(off) <= CLOSE,
            "; ".join(
                f"{r['targets']}: mean |D − D*| = {_shown(r, 'off')}" for r in (plain, one, fakes)
            )
            + ".",
        ),
    ]


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in words."""
    plain, one, fakes, _ = rows
    said = (
        f"Smoothing the real labels caps D* at α and changes no direction: the push on stray fakes "
        f"is {number(one, 'push'):.2f} as without it ({number(plain, 'push'):.2f}). Smoothing the "
        f"fakes' labels lifts D* to β = {number(fakes, 'at_stray'):.2f} where only fakes are, and "
        f"the push there falls to {number(fakes, 'push'):.4f}: such fakes have no reason to leave."
    )
    if all(r["peaks"] == plain["peaks"] for r in rows):
        said += (
            " The words that D* then peaks at the stray mode are not borne out: D* = β + (α − β) "
            "p/(p + q) rises and falls with p/(p + q), whatever α > β are, so that smoothing makes "
            "no peak. What harms is the plateau at β, whose slope is too small against its height."
        )
    return said


def drawn(seeds: Sequence[dict[str, Any]]) -> Drawing:
    """Densities, D* and the push, exact and trained."""
    heights: dict[str, Any] = {}
    pushes: dict[str, Any] = {}
    for targets in (ONE_SIDED, FAKES_ALONE):
        heights[targets.name] = optimum(targets, PLACES)
        heights[f"trained, β = {targets.fake:g}"] = _trained(seeds, targets, "curve")
        pushes[targets.name] = push(targets, PLACES)
        pushes[f"trained, β = {targets.fake:g}"] = _trained(seeds, targets, "pushes")
    limits = (float(PLACES[0]), float(PLACES[-1]))
    return Drawing(
        [
            densities(
                {"data p": partial(density, DATA), "generator q": partial(density, FAKES)},
                limits,
                title="A missed, a shared, a stray mode",
            ),
            curves(PLACES, heights, title="Critic's optimum D*", x_label="x", y_label="D"),
            curves(
                PLACES,
                pushes,
                title="Push on fakes, d log D/dx",
                x_label="x",
                y_label="push (below 0: to the data)",
            ),
        ],
        columns=3,
    )


def _trained(seeds: Sequence[Mapping[str, Any]], targets: Targets, key: str) -> Band:
    return band(np.array([seed[targets.name][key] for seed in seeds]).T)
