"""Feature matching: its gradient at a near-perfect critic, and what it cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Band, Drawing, curves
from saddlepoint.drawing.panels import Palette, Panel, legend
from saddlepoint.errors import RunStopped
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import CURES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.row_values import joined, least, most, numbers, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
UPDATES = {False: (10, 30, 100, 300, 1000), True: (10, 30, 100, 300)}
POINTS, BATCH = 4000, 2000
FEATURES = 32
LARGER, SAME, WRONG = 10.0, 1e-9, 0.1
COSTS = ("minimax", "non-saturating", "feature matching")
RING, STD = 8, 0.05

COLUMNS = (
    Column("critic", "critic"),
    Column("accuracy", "accuracy, %", "seeds", ".2f", 100),
    Column("fakes", "E D(G(z))", "seeds", ".1e"),
    Column("minimax", "‖∇‖ minimax", "seeds", ".1e"),
    Column("non_saturating", "‖∇‖ non-saturating", "seeds", ".3f"),
    Column("matching", "‖∇‖ feature matching", "seeds", ".3f"),
    Column("ratio", "matching / minimax", "seeds", ".3g"),
    Column("ratio_ns", "matching / non-saturating", "seeds", ".3g"),
    Column("off", "wrong data: ‖ΔE f‖²", "seeds", ".1e"),
    Column("points", "wrong data: points", "seeds", ".0f"),
    Column("variation", "wrong data: total variation", "seeds", ".3f"),
    Column("fullest", "wrong data: fullest mode, %", "seeds", ".1f", 100),
)
_shown = partial(shown, COLUMNS)


@experiment(
    "feature-matching",
    chapter=CURES,
    full=Budget(seeds=5, seconds=60),
    fast=Budget(seeds=3, seconds=15),
    pictures=("gradients",),
    lectures=("D 16",),
)
def feature_matching(bench: Bench) -> Findings:
    """What feature matching teaches when the critic has won, and what it cannot tell apart.

    Data are a ring of eight Gaussians of deviation 0.05, fakes those of an untrained generator. A
    critic is trained until it is nearly perfect; on the way the norm of the gradient in the
    generator's parameters is taken of three costs on the same fakes: E log(1 − D) (minimax),
    −E log D (non-saturating) and ‖E f(x) − E f(G(z))‖² (feature matching), f the critic's 32 last
    features. Salimans et al., Improved Techniques for Training GANs, 2016, section 3.1.

    Its fixed points: all data are weighted anew such that every mean of f stays, while one mode
    gets as much weight as possible, which is a linear programme in the weights,
    max Σᵢ∈mode wᵢ with Σ wᵢ f(xᵢ) = E f(x), Σ wᵢ = 1, w ≥ 0. A generator that made this
    distribution would be at a minimum of the cost, 0, though it is not that of the data; the total
    variation between both over the eight modes says how wrong it is.
    """
    updates = UPDATES[bench.fast]
    seeds = bench.all_kept(
        {f"seed-{seed}": partial(measured, seed, updates) for seed in bench.seeds}
    )
    rows = [
        row(f"{count:,} updates", [s["stages"][k] for s in seeds])
        for k, count in enumerate(updates)
    ]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"gradients": drawn(seeds, updates)},
        reading=reading(rows),
    )


def measured(seed: int, updates: Sequence[int]) -> dict[str, Any]:
    """Norms of the generator's gradients and a wrong fixed point, after so many updates each."""
    import torch

    from saddlepoint.data.toys import Ring
    from saddlepoint.explore import Critic, trained_critic
    from saddlepoint.explore.critics import USUAL
    from saddlepoint.games.moment import Moment
    from saddlepoint.learners.adversarial.costs import FeatureMatching
    from saddlepoint.learners.adversarial.description import Adversarial
    from saddlepoint.learners.adversarial.duel import Duel
    from saddlepoint.networks.mlp import Mlp
    from saddlepoint.networks.network import Site
    from saddlepoint.optimisers import Adam
    from saddlepoint.randomness import Streams

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        common = USUAL.replace(
            latent=16,
            generator=Mlp(hidden=(128,) * 2),
            critic=Mlp(hidden=(64, 64, FEATURES), activation="leaky_relu"),
            critic_optimiser=Adam(learning_rate=1e-3, beta1=0.5, beta2=0.99),
        )
        site = Site((2,), batch=BATCH)
        learners: dict[str, Adversarial] = {
            "minimax": common.replace(objective="minimax"),
            "non_saturating": common,
            "matching": common.replace(cost=FeatureMatching()),
        }
        duels = {name: Duel(learner, site) for name, learner in learners.items()}
    generator = duels["minimax"].generator
    parameters = list(generator.parameters())
    points, labels = Ring(std=STD, examples=2 * POINTS, seed=seed).draw()
    assert labels is not None, "the ring's points know their mode"
    train, fresh, modes = points[:POINTS], points[POINTS:], labels[POINTS:]
    real = torch.from_numpy(fresh[:BATCH])
    with torch.no_grad():
        latents = Streams(seed, "fakes").normal((POINTS, 16), "latents")
        fakes = generator(latents).numpy()
    stages: list[dict[str, Any]] = []
    shown: dict[str, Any] = {}

    def watch(count: int, critic: Critic) -> None:
        if count not in updates:
            return
        made = fakes[:BATCH]
        said = critic.scores(fresh) > 0, critic.scores(made) < 0
        norms = {}
        for name, duel in duels.items():
            duel.generator, duel.critic = generator, critic.duel.critic
            turn = duel.generator_turn(Streams(seed, "turn"), Moment(), real)
            gradients = torch.autograd.grad(turn.total(), parameters)
            norms[name] = float(torch.cat([g.double().flatten() for g in gradients]).norm())
        with torch.no_grad():
            features = critic.duel.critic(torch.from_numpy(fresh)).features.double().numpy()
        weights = lopsided(features, modes == 0)
        shares = np.bincount(modes, weights, minlength=RING)
        true = np.bincount(modes, minlength=RING) / len(modes)
        gap = weights @ features - features.mean(axis=0)
        stages.append(
            {
                "accuracy": float(np.mean([each.mean() for each in said])),
                "fakes": float(critic.discriminator(made).mean()),
                **norms,
                "ratio": norms["matching"] / norms["minimax"] if norms["minimax"] else None,
                "ratio_ns": norms["matching"] / norms["non_saturating"],
                "off": float(gap @ gap),
                "points": float((weights > 1e-12).sum()),
                "variation": float(np.abs(shares - true).sum() / 2),
                "fullest": float(shares.max()),
            }
        )
        few = weights > 1e-9
        shown.update(points=fresh[few].tolist(), weights=weights[few].tolist())

    trained_critic(train, fakes, steps=max(updates), seed=seed, learner=common, watch=watch)
    return {"stages": stages, **shown, "data": fresh[:600].tolist(), "fakes": fakes[:300].tolist()}


def lopsided(features: Array, mode: NDArray[np.bool_]) -> Array:
    """Weights (n,) of points with the same means of ``features`` (n, m), most of them on a mode.

    max Σᵢ∈mode wᵢ, Σ wᵢ fᵢ = (1/n) Σ fᵢ, Σ wᵢ = 1, w ≥ 0: a linear programme, solved by HiGHS,
    at a vertex and so with at most m + 1 points.

    Raises:
        RunStopped: The solver finds none, which equal weights disprove.
    """
    from scipy.optimize import linprog

    centred = features - features.mean(axis=0)
    scale = centred.std(axis=0)
    kept = scale > 1e-12 * max(float(scale.max()), 1e-300)
    rows = np.vstack([(centred[:, kept] / scale[kept]).T, np.ones(len(features))])
    right = np.append(np.zeros(int(kept.sum())), 1.0)
    found = linprog(-mode.astype(float), A_eq=rows, b_eq=right, method="highs")
    if found.x is None:
        raise RunStopped(f"the linear programme of wrong weights was not solved: {found.message}")
    weights = np.maximum(found.x, 0.0)
    return np.asarray(weights / weights.sum())


def row(critic: str, stages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The row of the critics after so many updates, a stage a seed."""
    keys = [column.key for column in COLUMNS if column.holds == "seeds"]
    return {"critic": critic, **{key: PerSeed.of(s[key] for s in stages) for key in keys}}


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute; of the critic that was trained longest."""
    last = rows[-1]
    off, points = joined(rows, "off"), joined(rows, "points")
    return [
        Claim(
            "The critic becomes nearly perfect: at least 99 % of fresh points are told right, in "
            "every seed.",
            least(numbers(last, "accuracy")) >= 0.99,
            f"accuracy after {last['critic']}: {_shown(last, 'accuracy')} %.",
        ),
        Claim(
            f"At the near-perfect critic the gradient of feature matching is at least "
            f"{LARGER:g} times as large as minimax's, in every seed.",
            least(numbers(last, "ratio")) >= LARGER,
            f"ratio {_shown(last, 'ratio')}: {_shown(last, 'matching')} against "
            f"{_shown(last, 'minimax')}.",
        ),
        Claim(
            "It is also larger than the non-saturating one, in every seed.",
            least(numbers(last, "ratio_ns")) > 1,
            f"ratio {_shown(last, 'ratio_ns')}: {_shown(last, 'matching')} against "
            f"{_shown(last, 'non_saturating')}.",
        ),
        Claim(
            f"Equal means of features are no proof of the data: {FEATURES + 1} points or fewer "
            f"(one more than features) have them, ‖ΔE f‖² at most {SAME:g}, at every critic.",
            most(off) <= SAME and most(points) <= FEATURES + 1,
            f"{most(points):.0f} points at most, ‖ΔE f‖² = {most(off):.1e} at most.",
        ),
        Claim(
            f"With equal means one mode can be filled until the distribution is {WRONG:g} or more "
            "in total variation over modes from the data, in every seed.",
            most(off) <= SAME and least(numbers(last, "variation")) >= WRONG,
            f"total variation {_shown(last, 'variation')}; the fullest mode has "
            f"{_shown(last, 'fullest')} % of the mass (right: 12.5).",
        ),
    ]


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in words."""
    first, last = rows[0], rows[-1]
    return (
        f"After {last['critic']} the critic tells {_shown(last, 'accuracy')} % right and the "
        f"minimax gradient has gone from {_shown(first, 'minimax')} to {_shown(last, 'minimax')}; "
        f"that of feature matching went from {_shown(first, 'matching')} to "
        f"{_shown(last, 'matching')}, in units of the critic's own features, which "
        "grow as it trains. The non-saturating gradient is there, too: "
        f"{_shown(last, 'non_saturating')}. But equal means of features are not equal "
        f"distributions: {_shown(last, 'points')} points have them, too, and one mode can then "
        f"hold {_shown(last, 'fullest')} % of the mass instead of 12.5."
    )


def drawn(seeds: Sequence[dict[str, Any]], updates: Sequence[int]) -> Drawing:
    """Gradients against updates, and a distribution that feature matching takes for the data."""
    lines: dict[str, Any] = {}
    for name, key in zip(COSTS, ("minimax", "non_saturating", "matching"), strict=True):
        values = np.array([[stage[key] for stage in seed["stages"]] for seed in seeds])
        lines[name] = Band(values.mean(0), values.min(0), values.max(0))
    first = seeds[0]
    data, fakes, points = (np.array(first[key]) for key in ("data", "fakes", "points"))
    weights = np.array(first["weights"])

    def situation(axes: Axes, palette: Palette) -> None:
        axes.plot(*data.T, ".", color=palette.real, label="data", markersize=5)
        axes.plot(*fakes.T, ".", color=palette.fake, label="fakes, untrained", markersize=5)
        axes.set_ylim(-1.4, 2.0)
        legend(axes, palette, "upper right")

    def wrong(axes: Axes, palette: Palette) -> None:
        axes.plot(*data.T, ".", color=palette.faint, label="data", markersize=4)
        x, y = points.T
        axes.scatter(x, y, s=2000 * weights, color=palette.fake, alpha=0.75, label="by weight")
        axes.set_ylim(-1.4, 2.0)
        legend(axes, palette, "upper right")

    return Drawing(
        [
            Panel("Data and generator", situation, "x₁", "x₂", square=True),
            curves(
                updates,
                lines,
                title="Generator's gradient",
                x_label="critic updates",
                y_label="norm of the gradient",
                logarithmic=("x", "y"),
            ),
            Panel("Wrong, equal means of f", wrong, "x₁", "x₂", square=True),
        ],
        columns=3,
    )
