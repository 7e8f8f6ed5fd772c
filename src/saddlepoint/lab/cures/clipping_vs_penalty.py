"""Clipping against a gradient penalty: value surfaces, gradients through layers, weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.toys import Grid, Ring, SwissRoll, Toy
from saddlepoint.drawing import Band, Drawing, curves, interpolated, lattice, surface
from saddlepoint.drawing.panels import Palette, Panel, legend
from saddlepoint.games.constraints import WeightClipping
from saddlepoint.games.regularisers import wgan_gp
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import CURES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.row_values import joined, least, most, numbers, shown
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam, RmsProp

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from saddlepoint.explore import Critic

Array = NDArray[np.float64]
LAYERS, WIDTH = 12, 64
LIMITS = (0.1, 0.01, 0.001)
STEPS = {False: (400, 600), True: (100, 100)}  # of the deep critics, and of those of surfaces
POINTS, JUDGED, BATCH = 5000, 600, 64
PLACES, REACH = 61, 3.0  # of a value surface: places along each side, and half of it
BINS = 41
SHARE = 0.5
#: The sizes of the paper's program: data, and what their points are multiplied with.
DATA: dict[str, tuple[Toy, float]] = {
    "8 Gaussians": (Ring(radius=sqrt(2), std=0.02 / sqrt(2), examples=POINTS), 1.0),
    "25 Gaussians": (Grid(spacing=2 / sqrt(8), std=0.05 / sqrt(8), examples=POINTS), 1.0),
    "swiss roll": (SwissRoll(std=0.25 / (4.5 * pi), examples=POINTS), 4.5 * pi / 7.5),
}
SURFACE_LIMIT = 0.01  # of the clipped critics of the surfaces

COLUMNS = (
    Column("critic", "critic"),
    Column("data", "data"),
    Column("layers", "layers", "count"),
    Column("slope", "log-gradient a layer, back", "seeds", ".3f"),
    Column("first", "‖∇‖ at the first layer", "seeds", ".1e"),
    Column("at_limit", "share of |w| ≥ .99c, %", "seeds", ".1f", 100),
    Column("caught", "W₁ caught, %", "seeds", ".1f", 100),
)
_shown = partial(shown, COLUMNS)


@experiment(
    "clipping-vs-penalty",
    chapter=CURES,
    full=Budget(seeds=3, seconds=200),
    fast=Budget(seeds=2, seconds=30),
    pictures=("surfaces", "layers"),
    lectures=("D 26", "D 30"),
)
def clipping_vs_penalty(bench: Bench) -> Findings:
    """What clipped weights do to a Wasserstein critic that a gradient penalty does not.

    Figure 1 of Gulrajani et al., Improved Training of Wasserstein GANs, 2017, with the generator
    held at the data plus unit Gaussian noise. Critics of 12 ReLU layers (64 units each here) are
    trained on the swiss roll with clipping at c = 0.1, 0.01 and 0.001 (RMSProp) and with the
    gradient penalty, λ = 10 (Adam), both at a rate of 1e-3. The norm of the score's gradient in
    each layer's output is averaged over real points; the slope of its logarithm going back from
    the output to the input is above 0 where gradients explode and below where they vanish. The
    share of weights with |w| ≥ 0.99 c says how many lie at the limit.

    Value surfaces are those of critics of three layers of 128 units on three toys, clipped at
    0.01 and penalised. W₁ caught is (E f(x) − E f(x̃))/(L · W₁) on fresh points, with W₁ exact by
    optimal transport between them and L the largest slope that is found: 1 at the best critic.
    """
    deep, shallow = STEPS[bench.fast]
    parts: dict[str, Any] = {
        f"layers-{seed}": partial(layers_measured, seed, deep) for seed in bench.seeds
    }
    parts |= {f"surfaces-{seed}": partial(surfaces_measured, seed, shallow) for seed in bench.seeds}
    found = bench.all_kept(parts)
    seeds = bench.budget.seeds
    rows = rows_of(found[:seeds], found[seeds:])
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={
            "surfaces": surfaces_drawn(found[seeds]),
            "layers": layers_drawn(found[:seeds]),
        },
        reading=reading(rows),
    )


def clipped(limit: float, critic: Mlp) -> Adversarial:
    """A Wasserstein game whose critic is clipped at ``limit``."""
    return Adversarial(
        latent=1,
        objective="wasserstein",
        generator=Mlp(hidden=()),
        critic=critic,
        constraints=(WeightClipping(limit=limit),),
        critic_optimiser=RmsProp(learning_rate=1e-3),
    )


def penalised(critic: Mlp) -> Adversarial:
    """A Wasserstein game whose critic has a gradient penalty."""
    return Adversarial(
        latent=1,
        objective="wasserstein",
        generator=Mlp(hidden=()),
        critic=critic,
        critic_regularisers=(wgan_gp(10.0),),
        critic_optimiser=Adam(learning_rate=1e-3, beta1=0.5, beta2=0.9),
    )


def named(limit: float | None) -> str:
    """What a critic is called, by its limit."""
    return "gradient penalty" if limit is None else f"clipped, c = {limit:g}"


def drawn_sides(data: str, seed: int) -> tuple[Array, Array]:
    """Points of a toy (n, 2), and as many others with unit Gaussian noise."""
    toy, scale = DATA[data]
    points, others = (toy.replace(seed=2 * seed + k).draw()[0] * scale for k in (0, 1))
    noise = np.random.default_rng(seed).normal(size=others.shape)
    return points.astype(np.float64), others + noise


def layers_measured(seed: int, steps: int) -> dict[str, Any]:
    """Gradients and weights of the deep critics."""
    from saddlepoint.explore import trained_critic

    real, fake = drawn_sides("swiss roll", seed)
    deep = Mlp(hidden=(WIDTH,) * LAYERS)
    found: dict[str, Any] = {}
    for limit in (*LIMITS, None):
        learner = penalised(deep) if limit is None else clipped(limit, deep)
        critic = trained_critic(
            real, fake, steps=steps, batch_size=BATCH, seed=seed, learner=learner
        )
        weights = weights_of(critic)
        bound = float(np.quantile(np.abs(weights), 0.999)) if limit is None else limit
        counts, _ = np.histogram(weights / bound, BINS, (-1, 1))
        found[named(limit)] = {
            "norms": gradients(critic, real[:JUDGED]),
            "at_limit": None if limit is None else float((abs(weights) >= 0.99 * limit).mean()),
            "histogram": (counts / len(weights)).tolist(),
            "bound": bound,
        }
    return found


def gradients(critic: Critic, x: Array) -> list[float]:
    """‖∂f/∂hₗ‖ of each hidden layer's output hₗ, behind its non-linearity: a mean, in float64."""
    import copy

    import torch
    from torch import nn

    network = copy.deepcopy(critic.duel.critic).double()
    kept = []
    hidden = torch.from_numpy(np.asarray(x, dtype=np.float64))
    assert isinstance(network.backbone, nn.Sequential), "an Mlp's backbone"
    assert network.head is not None, "no classes"
    for layer in network.backbone:
        hidden = layer(hidden)
        if not isinstance(layer, nn.Flatten | nn.Linear):
            kept.append(hidden)
    slopes = torch.autograd.grad(network.head(hidden).sum(), kept)
    return [float(each.norm(dim=1).mean()) for each in slopes]


def weights_of(critic: Critic) -> Array:
    """All weights of a critic (n,), its biases left out."""
    parameters = critic.duel.critic.named_parameters()
    weights = [p.detach().double().flatten().numpy() for n, p in parameters if "weight" in n]
    return np.concatenate(weights)


def slope(norms: Sequence[float]) -> float | None:
    """Of log gradient a layer, from the output back to the input; None if one is 0."""
    backwards = np.asarray(norms)[::-1]
    if not (backwards > 0).all():
        return None
    return float(np.polyfit(np.arange(len(backwards)), np.log(backwards), 1)[0])


def surfaces_measured(seed: int, steps: int) -> dict[str, Any]:
    """Value surfaces of the three toys, and how much of W₁ the critics catch."""
    from saddlepoint.explore import trained_critic
    from saddlepoint.transport import earth_mover

    usual = Mlp(hidden=(128,) * 3)
    _, _, places = lattice((-REACH, REACH, -REACH, REACH), PLACES)
    found: dict[str, Any] = {}
    for data in DATA:
        real, fake = drawn_sides(data, seed)
        fresh, noisy = (side[:JUDGED] for side in drawn_sides(data, 1000 + seed))
        distance = earth_mover(fresh, noisy).value
        for limit in (SURFACE_LIMIT, None):
            learner = penalised(usual) if limit is None else clipped(limit, usual)
            critic = trained_critic(
                real, fake, steps=steps, batch_size=BATCH, seed=seed, learner=learner
            )
            steepest = critic.lipschitz(np.concatenate([fresh, noisy]))
            value = critic.value(fresh, noisy)
            heights = critic.scores(places)
            found[f"{data}: {named(limit)}"] = {
                "caught": value / (steepest * distance) if steepest > 0 else 0.0,
                "heights": (heights - heights.mean()).reshape(PLACES, PLACES).tolist(),
                "points": fresh[:150].tolist(),
            }
    return found


def rows_of(
    deep: Sequence[Mapping[str, Any]], shallow: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """A row for each deep critic, and one for each surface."""
    rows = []
    for limit in (*LIMITS, None):
        each = [seed[named(limit)] for seed in deep]
        rows.append(
            {
                "critic": named(limit),
                "data": "swiss roll",
                "layers": LAYERS,
                "slope": PerSeed.of(slope(seed["norms"]) for seed in each),
                "first": PerSeed.of(seed["norms"][0] for seed in each),
                "at_limit": None if limit is None else PerSeed.of(s["at_limit"] for s in each),
                "caught": None,
            }
        )
    for data in DATA:
        for limit in (SURFACE_LIMIT, None):
            caught = PerSeed.of(seed[f"{data}: {named(limit)}"]["caught"] for seed in shallow)
            rest = dict.fromkeys(("slope", "first", "at_limit"))
            row = {"critic": named(limit), "data": data, "layers": 3, "caught": caught}
            rows.append(row | rest)
    return rows


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    deep = {str(r["critic"]): r for r in rows if r["layers"] == LAYERS}
    penalty = deep[named(None)]
    made = [
        _direction(deep[named(limit)], "explode" if limit == 0.1 else "vanish", limit)
        for limit in LIMITS
    ]
    flattest = most(map(abs, numbers(penalty, "slope")))
    bound = [deep[named(limit)] for limit in LIMITS]
    steepest = least(map(abs, joined(bound, "slope")))
    caught = {(r["data"], r["critic"]): numbers(r, "caught") for r in rows if r["layers"] != LAYERS}
    pairs = [(data, caught[data, named(SURFACE_LIMIT)], caught[data, named(None)]) for data in DATA]
    return [
        *made,
        Claim(
            "With the penalty the slope of log gradients is smaller in size than with every "
            "clipping, in every seed.",
            flattest < steepest,
            f"{_shown(penalty, 'slope')}; the largest {flattest:.3f}, and the smallest of the "
            f"clipped {steepest:.3f}.",
        ),
        Claim(
            f"More than {SHARE:.0%} of clipped weights lie at the limit (|w| ≥ 0.99 c), for every "
            "c and seed.",
            least(joined(bound, "at_limit")) > SHARE,
            "; ".join(f"c = {c:g}: {_shown(deep[named(c)], 'at_limit')} %" for c in LIMITS) + ".",
        ),
        Claim(
            "On every toy the penalised critic catches more of W₁ than the clipped one, in every "
            "seed.",
            all(b > a for _, less, more in pairs for a, b in zip(less, more, strict=True)),
            "; ".join(
                f"{data}: {100 * np.mean(more):.1f} % against {100 * np.mean(less):.1f} %"
                for data, less, more in pairs
            )
            + ".",
        ),
    ]


def _direction(r: Row, word: str, limit: float) -> Claim:
    slopes = numbers(r, "slope")
    held = least(slopes) > 0 if word == "explode" else most(slopes) < 0
    return Claim(
        f"With c = {limit:g} gradients {word} going back through 12 layers: the slope of their "
        f"logarithm is {'above' if word == 'explode' else 'below'} 0 in every seed.",
        held,
        f"{_shown(r, 'slope')} a layer, ‖∇‖ = {_shown(r, 'first')} at the first.",
    )


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in words."""
    deep = [r for r in rows if r["layers"] == LAYERS]
    slopes = [f"{_shown(r, 'slope')} ({r['critic']})" for r in deep]
    shallow = [r for r in rows if r["layers"] == 3]
    caught = "; ".join(f"{r['data']}, {r['critic']}: {_shown(r, 'caught')} %" for r in shallow)
    clips = zip(deep[: len(LIMITS)], LIMITS, strict=True)
    shares = ", ".join(f"{_shown(r, 'at_limit')} % (c = {limit:g})" for r, limit in clips)
    return (
        f"Going back a layer, the logarithm of the gradient changes by {', '.join(slopes)}. Of the "
        f"clipped weights {shares} lie at the limit, so that the limit decides what the critic "
        f"is, whatever the data are. Of W₁ the critics of three layers catch: {caught}."
    )


def surfaces_drawn(found: Mapping[str, Any]) -> Drawing:
    """Six value surfaces: clipped above, penalised below."""
    limits = (-REACH, REACH, -REACH, REACH)
    panels = []
    for limit in (SURFACE_LIMIT, None):
        for data in DATA:
            kept = found[f"{data}: {named(limit)}"]
            heights = np.array(kept["heights"])
            heights /= np.abs(heights).max() or 1.0
            panels.append(
                surface(
                    interpolated(heights, limits),
                    limits,
                    title=f"{data}, {'penalty' if limit is None else 'clipped'}",
                    clouds={"real": kept["points"]},
                )
            )
    return Drawing(panels, columns=3)


def layers_drawn(deep: Sequence[Mapping[str, Any]]) -> Drawing:
    """Gradients through the layers, and the weights of a clipped and of a penalised critic."""
    lines = {}
    for limit in (*LIMITS, None):
        norms = np.array([seed[named(limit)]["norms"] for seed in deep])
        norms = np.where(norms > 0, norms, np.nan)
        lines[named(limit)] = Band(norms.mean(0), norms.min(0), norms.max(0))
    panels = [
        curves(
            np.arange(1, LAYERS + 1),
            lines,
            title="Gradients through the layers",
            x_label="layer, from the input",
            y_label="norm of the gradient",
            logarithmic=("y",),
        )
    ]
    for limit in (SURFACE_LIMIT, None):
        kept = deep[0][named(limit)]
        draw = _histogram(kept["histogram"], kept["bound"])
        panels.append(Panel(f"Weights, {named(limit)}", draw, "weight", "share, %"))
    return Drawing(panels, columns=3)


def _histogram(shares: Sequence[float], bound: float) -> Callable[[Axes, Palette], None]:
    def draw(axes: Axes, palette: Palette) -> None:
        edges = np.linspace(-bound, bound, BINS + 1)
        colour = palette.series[0]
        axes.stairs(100 * np.asarray(shares), edges, fill=True, color=colour)
        axes.set_ylim(bottom=0)
        legend(axes, palette)

    return draw
