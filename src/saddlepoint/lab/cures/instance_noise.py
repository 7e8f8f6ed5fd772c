"""Instance noise: the generator's gradient at a critic that trains on and on, with and without."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import erf, log
from typing import Any

import numpy as np

from saddlepoint.drawing import Band, Drawing, curves
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import CURES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.row_values import least, number, numbers, shown

DISTANCE = 1.0  # between the two lines
NOISES = (0.0, 0.25, 0.5, 1.0, 2.0)
UPDATES = {False: (10, 30, 100, 300, 1000, 2000), True: (10, 30, 100, 300)}
POINTS, JUDGED = 5000, 4000
DRAWN = (0.0, 0.5, 1.0)
FALL, STEADY, NEAR = 100.0, 2.0, 0.2

COLUMNS = (
    Column("noise", "σ", "number", "g"),
    Column("divergence", "JSD of what is seen", "number", ".6f"),
    Column("best", "best accuracy, %", "number", ".2f", 100),
    Column("exact", "exact minimax gradient", "number", ".4f"),
    Column("exact_other", "exact non-saturating", "number", ".4f"),
    Column("accuracy", "accuracy, %", "seeds", ".2f", 100),
    Column("early", "minimax, 100 updates", "seeds", ".2e"),
    Column("late", "minimax, at the end", "seeds", ".2e"),
    Column("other_early", "non-saturating, 100", "seeds", ".3f"),
    Column("other_late", "non-saturating, at the end", "seeds", ".3f"),
)
_shown = partial(shown, COLUMNS)


@experiment(
    "instance-noise",
    chapter=CURES,
    full=Budget(seeds=5, seconds=150),
    fast=Budget(seeds=3, seconds=20),
    pictures=("gradients",),
    lectures=("D 20",),
)
def instance_noise(bench: Bench) -> Findings:
    """What a critic teaches where data and fakes do not meet, with noise on its inputs and without.

    Real points lie on the line x = 0, fakes on x = θ = 1, both with y uniform on [0, 1]: their
    Jensen–Shannon divergence is log 2 and a smooth critic tells them apart perfectly. With noise
    of deviation σ on all that the critic sees, the distributions meet: N(0, σ²) against N(θ, σ²)
    along x, whose divergence is computed by quadrature. A critic is trained for each σ, and after
    so many updates the generator's gradient d/dθ of E log(1 − D) (minimax) and of −E log D
    (non-saturating) is taken over fresh fakes and noise.

    At the best critic they are 2 dJSD/dθ and θ/σ² − 2 dJSD/dθ. Arjovsky and Bottou, Towards
    principled methods for training GANs, 2017, section 3 and figure 2; Sønderby et al., Amortised
    MAP inference for image super-resolution, 2017.
    """
    updates = UPDATES[bench.fast]
    parts = {
        f"sigma-{noise:g}-seed-{seed}": partial(measured, noise, seed, updates)
        for noise in NOISES
        for seed in bench.seeds
    }
    found = iter(bench.all_kept(parts))
    by_noise = {noise: [next(found) for _ in bench.seeds] for noise in NOISES}
    rows = [row(noise, seeds) for noise, seeds in by_noise.items()]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"gradients": drawn(by_noise, updates)},
        reading=reading(rows),
    )


def exactly(noise: float) -> dict[str, float | None]:
    """JSD of what is seen, best accuracy and both gradients at the best critic.

    Without noise the divergence is log 2 whatever θ is: the minimax gradient is 0, and the other
    one, whose divergence is infinite, none.
    """
    import torch

    from saddlepoint.divergences import Gaussian, divergence_tensor

    if noise == 0:
        return {"divergence": log(2), "best": 1.0, "exact": 0.0, "exact_other": None}
    theta = torch.tensor(DISTANCE, dtype=torch.float64, requires_grad=True)
    value = divergence_tensor(Gaussian(0.0, std=noise), Gaussian(theta, std=noise))
    (slope,) = torch.autograd.grad(value, theta)
    best = 0.5 + 0.5 * erf(DISTANCE / (noise * 8**0.5))  # Φ(θ/2σ)
    return {
        "divergence": value.item(),
        "best": best,
        "exact": 2 * slope.item(),
        "exact_other": DISTANCE / noise**2 - 2 * slope.item(),
    }


def measured(noise: float, seed: int, updates: Sequence[int]) -> dict[str, Any]:
    """Gradients and accuracy after each of so many updates of one critic."""
    import torch

    from saddlepoint.explore import Critic, trained_critic
    from saddlepoint.explore.critics import USUAL
    from saddlepoint.games.objectives import OBJECTIVES
    from saddlepoint.learners.adversarial.lenses import InstanceNoise
    from saddlepoint.networks.mlp import Mlp
    from saddlepoint.optimisers import Adam

    learner = USUAL.replace(
        critic=Mlp(hidden=(64,) * 3, activation="leaky_relu"),
        critic_optimiser=Adam(learning_rate=1e-3, beta1=0.5, beta2=0.99),
        lenses=(InstanceNoise(std=noise),),
    )
    random = np.random.default_rng([seed, 1])

    def line(x: float, count: int) -> np.ndarray:
        return np.stack([np.full(count, x), random.random(count)], axis=1)

    def seen(points: np.ndarray) -> np.ndarray:
        return points + noise * random.normal(size=points.shape)

    found: dict[str, Any] = {"minimax": [], "non_saturating": [], "accuracy": []}

    def watch(count: int, critic: Critic) -> None:
        if count not in updates:
            return
        real, fake = (seen(line(x, JUDGED)) for x in (0.0, DISTANCE))
        right = [(critic.scores(real) > 0).mean(), (critic.scores(fake) < 0).mean()]
        found["accuracy"].append(float(np.mean(right)))
        for objective in ("minimax", "non_saturating"):
            points = torch.from_numpy(fake.astype(np.float32)).requires_grad_()
            score = critic.duel.critic(points).score.double()
            cost = OBJECTIVES[objective].generator(score, score).mean()
            (gradient,) = torch.autograd.grad(cost, points)
            found[objective].append(float(gradient[:, 0].double().sum()))

    sides = line(0.0, POINTS), line(DISTANCE, POINTS)
    trained_critic(*sides, steps=max(updates), seed=seed, learner=learner, watch=watch)
    return found


def row(noise: float, seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The row of one σ."""
    early = 2  # 100 updates, in both forms
    return {
        "noise": noise,
        **exactly(noise),
        "accuracy": PerSeed.of(seed["accuracy"][-1] for seed in seeds),
        "early": PerSeed.of(seed["minimax"][early] for seed in seeds),
        "late": PerSeed.of(seed["minimax"][-1] for seed in seeds),
        "other_early": PerSeed.of(seed["non_saturating"][early] for seed in seeds),
        "other_late": PerSeed.of(seed["non_saturating"][-1] for seed in seeds),
    }


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    bare, noisy = rows[0], [r for r in rows if number(r, "noise") >= 0.5]
    one = next(r for r in rows if r["noise"] == 1.0)
    fallen = [a / b if b else np.inf for a, b in _pairs(bare, "early", "late")]
    steady = [(a, b) for r in noisy for a, b in _pairs(r, "early", "late")]
    close = [
        abs(v - number(r, "exact")) <= NEAR * number(r, "exact")
        for r in noisy
        for v in numbers(r, "late")
    ]
    ratio = [b / a for a, b in _pairs(bare, "other_early", "other_late")]
    spread = [_spread(r, "other_late") for r in (bare, one)]
    return [
        Claim(
            "Without noise the critic is perfect: every fresh point is told right, in every seed.",
            all(v == 1.0 for v in numbers(bare, "accuracy")),
            f"accuracy: {_shown(bare, 'accuracy')} %; the divergence is log 2 = "
            f"{_shown(bare, 'divergence')} for every distance.",
        ),
        Claim(
            "Without noise the minimax gradient falls to a hundredth or less between update 100 "
            "and the last, in every seed.",
            least(fallen) >= FALL,
            f"{_shown(bare, 'early')}, then {_shown(bare, 'late')}; the least fall is by a factor "
            f"of {least(fallen):.3g}.",
        ),
        Claim(
            "With noise of σ = 0.5 or more it changes by less than a factor of 2, in every seed.",
            all(a > 0 and 1 / STEADY < b / a < STEADY for a, b in steady),
            "; ".join(
                f"σ = {r['noise']:g}: {_shown(r, 'early')}, then {_shown(r, 'late')}" for r in noisy
            )
            + ".",
        ),
        Claim(
            "With noise of σ = 0.5 or more the minimax gradient at the end is within 20 % of 2 "
            "dJSD/dθ, in every seed.",
            all(close),
            "; ".join(
                f"σ = {r['noise']:g}: {_shown(r, 'late')} against {_shown(r, 'exact')}"
                for r in noisy
            )
            + ".",
        ),
        Claim(
            "Without noise the non-saturating gradient does not vanish: at the end it is at least "
            "what it was after 100 updates, in every seed.",
            least(ratio) >= 1,
            f"{_shown(bare, 'other_early')}, then {_shown(bare, 'other_late')}.",
        ),
        Claim(
            "The non-saturating gradient spreads over seeds at least 10 times as much without "
            "noise as with σ = 1, at the end.",
            spread[0] >= 10 * spread[1],
            f"standard deviations {spread[0]:.3g} and {spread[1]:.3g}.",
        ),
    ]


def _pairs(r: Row, first: str, second: str) -> list[tuple[float, float]]:
    return list(zip(numbers(r, first), numbers(r, second), strict=True))


def _spread(r: Row, key: str) -> float:
    value = r[key]
    assert isinstance(value, PerSeed)
    return np.nan if value.deviation is None else value.deviation


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in words."""
    bare = rows[0]
    one = next(r for r in rows if r["noise"] == 1.0)
    return (
        f"Without noise the critic becomes perfect and the minimax gradient is gone: "
        f"{_shown(bare, 'late')} at the end. With σ = 1 it stays at {_shown(one, 'late')}, which "
        f"is that of the best critic ({_shown(one, 'exact')}), however long the critic trains. The "
        f"non-saturating gradient does not vanish without noise ({_shown(bare, 'other_late')}), "
        "but it is then the slope of a critic that has no optimum, and grows as long as it trains."
    )


def drawn(by_noise: dict[float, list[dict[str, Any]]], updates: Sequence[int]) -> Drawing:
    """Gradients and accuracy against the critic's updates."""

    def of(key: str, floor: float | None = None) -> dict[str, Band]:
        bands = {}
        for noise in DRAWN:
            values = np.array([seed[key] for seed in by_noise[noise]])
            if floor is not None:
                values = np.maximum(values, floor)
            name = f"σ = {noise:g}" if noise else "no noise"
            bands[name] = Band(values.mean(0), values.min(0), values.max(0))
        return bands

    label = "critic updates"
    return Drawing(
        [
            curves(
                updates,
                of("minimax", 1e-12),
                title="Minimax gradient",
                x_label=label,
                y_label="d/dθ of the generator's cost",
                logarithmic=("x", "y"),
            ),
            curves(
                updates,
                of("non_saturating"),
                title="Non-saturating gradient",
                x_label=label,
                y_label="d/dθ of the generator's cost",
                logarithmic=("x",),
            ),
            curves(
                updates,
                of("accuracy"),
                title="Accuracy of the critic",
                x_label=label,
                y_label="share of fresh points told right",
                levels={"chance": 0.5},
                logarithmic=("x",),
            ),
        ],
        columns=3,
    )
