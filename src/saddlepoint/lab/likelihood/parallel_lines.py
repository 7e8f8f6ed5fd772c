"""Two parallel lines: divergences that say nothing, a distance that does, and what GANs learn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from saddlepoint.drawing import Band, Drawing, Panel, curves
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import LIKELIHOOD, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.row_values import least, most

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from saddlepoint.drawing.panels import Palette
    from saddlepoint.learners.adversarial.description import Adversarial

DIVERGENCES = ("kl", "reverse-kl", "jensen-shannon", "total-variation")
PLACES = 40  # points of each line
THETAS = (-1.0, -0.5, -0.25, -0.1, -0.01, 0.0, 0.01, 0.1, 0.25, 0.5, 1.0)
EXACT = "exact"
MINIMAX, SATURATING_NOT, WGAN_GP = "minimax GAN", "non-saturating GAN", "WGAN-GP"
METHODS = {MINIMAX: "minimax", SATURATING_NOT: "non_saturating", WGAN_GP: "wasserstein"}
START, RATE, BATCH = 1.0, 0.02, 64
BEFORE, CRITIC_STEPS = 300, 5  # updates of the critic before the first of θ, and for each
TURNS, FEW_TURNS = 200, 80
INFINITE = "∞"

COLUMNS = (
    Column("what", "what"),
    Column("theta", "θ", "number", ".4g"),
    Column("kl", "KL, nats"),
    Column("reverse", "reverse KL, nats"),
    Column("jsd", "JSD, nats", "number", ".6f"),
    Column("tv", "total variation", "number", ".6f"),
    Column("w", "W₁", "number", ".6f"),
    Column("estimate", "the critic's estimate", "seeds", ".3f"),
    Column("gradient", "gradient of θ", "seeds", ".4f"),
    Column("end", "θ at the end", "seeds", ".3f"),
    Column("beyond", "its least on the way", "seeds", ".3f"),
)


@experiment(
    "parallel-lines",
    chapter=LIKELIHOOD,
    full=Budget(seeds=5, seconds=35),
    fast=Budget(seeds=1, seconds=7),
    pictures=("distances", "learned"),
    lectures=("D 20", "D 23", "D 24", "E 13", "E 16"),
)
def parallel_lines(bench: Bench) -> Findings:
    """Which divergence tells how far apart two parallel lines are, and which GAN learns it.

    The data are (0, U) with U uniform on [0, 1], the model is (θ, U). On 40 points of each line the
    divergences are exact: for θ ≠ 0 both KL are infinite, JSD = log 2 and TV = 1 whatever θ is, and
    W₁ = |θ|, by the linear programme of optimal transport. (Arjovsky, Chintala and Bottou,
    Wasserstein GAN, 2017, example 1 and figure 1.)

    Then a generator (θ, U) of the one parameter θ is trained from θ = 1 against a critic of two
    layers of 32, by 200 plain gradient steps whose size falls from 0.02 to 0: with a
    constant one WGAN-GP's θ circles around the data (it was 0.22 ± 0.36 in two seeds at the end).
    The critic has 300 updates before the first step of θ and 5 for each. "The critic's estimate"
    at θ = 1 is log 2 − cost / 2 of the GANs' critic, the JSD that it sees, and E f(x) − E f(G(z))
    of WGAN-GP's; the gradient is the mean size of its first ten steps. W₁'s own
    gradient has the size 1.
    """
    turns = FEW_TURNS if bench.fast else TURNS
    rows: list[Row] = [exact(theta) for theta in THETAS]
    paths, gradients = {}, {}
    for method in METHODS:
        parts = bench.all_kept(
            {
                f"{METHODS[method]}-{seed}": lambda method=method, seed=seed: trained(  # type: ignore[misc]
                    method, seed, turns
                )
                for seed in bench.seeds
            }
        )
        paths[method] = np.array([part["path"] for part in parts])
        gradients[method] = np.abs([part["gradients"] for part in parts])
        rows.append(learned(method, parts))
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"distances": distances(rows), "learned": paths_of(paths, gradients)},
        reading=reading(rows),
    )


def line(theta: float) -> np.ndarray:
    """The points (40, 2) of the line at θ."""
    heights = (np.arange(PLACES) + 0.5) / PLACES
    return np.stack([np.full(PLACES, theta), heights], axis=1)


def exact(theta: float) -> dict[str, Any]:
    """The row of the divergences between the lines at 0 and at θ."""
    from saddlepoint.divergences import Discrete, divergence
    from saddlepoint.transport import earth_mover

    here, there = line(0.0), line(theta)
    masses = np.full(PLACES, 1 / PLACES)
    p, q = Discrete(masses, here), Discrete(masses, there)
    kl, reverse, jsd, tv = (divergence(p, q, of).value for of in DIVERGENCES)
    return _empty(EXACT) | {
        "theta": theta,
        "kl": _word(kl),
        "reverse": _word(reverse),
        "jsd": jsd,
        "tv": tv,
        "w": earth_mover(here, there, solver="linear-programme").distance,
    }


def _empty(what: str) -> dict[str, Any]:
    words = {"what": what, "kl": "", "reverse": ""}
    return {column.key: words.get(column.key) for column in COLUMNS}


def _word(value: float) -> str:
    return INFINITE if math.isinf(value) else f"{value:.6f}"


def learner(method: str) -> Adversarial:
    """The critic and its game; the generator is replaced by the line."""
    from saddlepoint.games.regularisers import wgan_gp
    from saddlepoint.learners.adversarial.description import Adversarial
    from saddlepoint.networks.mlp import Mlp
    from saddlepoint.optimisers import Adam

    return Adversarial(
        latent=1,
        objective=METHODS[method],
        generator=Mlp(hidden=()),
        critic=Mlp(hidden=(32, 32), activation="leaky_relu"),
        critic_optimiser=Adam(learning_rate=1e-3, beta1=0.5, beta2=0.9),
        critic_regularisers=(wgan_gp(10.0),) if method == WGAN_GP else (),
    )


def trained(method: str, seed: int, turns: int) -> dict[str, Any]:
    """The path of θ and its gradients (turns,), and the critic's estimate before the first."""
    import torch

    from saddlepoint.games.moment import Moment
    from saddlepoint.learners.adversarial.duel import Duel
    from saddlepoint.learners.adversarial.sight import Sight
    from saddlepoint.networks.network import Site
    from saddlepoint.randomness import Streams
    from saddlepoint.schedules import Elapsed

    class Line(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.theta = torch.nn.Parameter(torch.tensor(START))

        def forward(self, latents: torch.Tensor) -> torch.Tensor:
            heights = torch.special.ndtr(latents)  # uniform, as the latents are normal
            return torch.cat([self.theta.expand_as(heights), heights], dim=1)

    described = learner(method)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        duel = Duel(described, Site((2,), batch=BATCH))
    generator = Line()
    duel.generator = generator
    optimiser = described.critic_optimiser.build(duel.critic.parameters())
    for group in optimiser.param_groups:
        group.update(described.critic_optimiser.settings(Elapsed(0.0, 0)))
    draws = torch.Generator().manual_seed(seed)
    updates = 0

    def critic_update() -> float:
        nonlocal updates
        heights = torch.rand(BATCH, 1, generator=draws)
        real = torch.cat([torch.zeros_like(heights), heights], dim=1)
        moment = Moment(number=updates, update=updates)
        turn = duel.critic_turn(Sight(real), Streams(seed, "critic", updates), moment)
        optimiser.zero_grad(set_to_none=True)
        turn.total().backward(inputs=list(duel.critic.parameters()))
        optimiser.step()
        updates += 1
        return turn.terms["adversarial"].reduced.item()

    costs = [critic_update() for _ in range(BEFORE)]
    cost = float(np.mean(costs[-20:]))
    path, gradients = [START], []
    for number in range(turns):
        turn = duel.generator_turn(
            Streams(seed, "generator", number), Moment(number=number, update=number)
        )
        (gradient,) = torch.autograd.grad(turn.total(), generator.theta)
        with torch.no_grad():
            generator.theta.sub_(RATE * (1 - number / turns) * gradient)
        path.append(generator.theta.item())
        gradients.append(gradient.item())
        for _ in range(CRITIC_STEPS):
            critic_update()
    estimate = -cost if method == WGAN_GP else math.log(2) - cost / 2
    return {"estimate": estimate, "path": path, "gradients": gradients}


def learned(method: str, parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The row of a trained generator."""
    return _empty(method) | {
        "theta": START,
        "estimate": PerSeed.of(part["estimate"] for part in parts),
        "gradient": PerSeed.of(float(np.abs(part["gradients"][:10]).mean()) for part in parts),
        "end": PerSeed.of(part["path"][-1] for part in parts),
        "beyond": PerSeed.of(min(part["path"]) for part in parts),
    }


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    return [_divergences(rows), _transport(rows), *_of_training(rows)]


def _exact_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows if row["what"] == EXACT]


def _divergences(rows: Sequence[Row]) -> Claim:
    own = _exact_rows(rows)
    apart = [row for row in own if row["theta"] != 0]
    same = [row for row in own if row["theta"] == 0]
    off = [max(abs(row["jsd"] - math.log(2)), abs(row["tv"] - 1)) for row in apart]
    off += [max(abs(row["jsd"]), abs(row["tv"]), abs(float(row["kl"]))) for row in same]
    infinite = all(row["kl"] == row["reverse"] == INFINITE for row in apart)
    return Claim(
        "For every θ ≠ 0 both KL are infinite, JSD = log 2 = 0.693147 nats and TV = 1; for θ = 0 "
        "all are 0 (within 1e-12).",
        bool(apart) and bool(same) and infinite and most(off) <= 1e-12,
        f"{len(apart)} values of θ ≠ 0, off by at most {most(off):.1e}; both KL "
        f"{'infinite at each' if infinite else 'finite at some'}.",
    )


def _transport(rows: Sequence[Row]) -> Claim:
    own = _exact_rows(rows)
    off = max((abs(row["w"] - abs(row["theta"])) for row in own), default=math.nan)
    return Claim(
        "W₁ = |θ| (within 1e-9).",
        off <= 1e-9,
        f"off by at most {off:.1e} over {len(own)} values of θ.",
    )


def _of_training(rows: Sequence[Row]) -> list[Claim]:
    by_name = {str(row["what"]): row for row in rows}

    def values(method: str, key: str) -> list[float]:
        value = by_name[method][key] if method in by_name else None
        return value.finite if isinstance(value, PerSeed) else []

    def shown(method: str, key: str) -> str:
        column = next(column for column in COLUMNS if column.key == key)
        return column.shown(by_name[method][key]) if method in by_name else "none"

    ends, small = values(WGAN_GP, "end"), values(MINIMAX, "gradient")
    stuck = {m: values(m, "end") for m in (MINIMAX, SATURATING_NOT)}
    steep = values(SATURATING_NOT, "gradient")
    return [
        Claim(
            "WGAN-GP learns the line: |θ| ≤ 0.1 at the end, in every seed.",
            bool(ends) and all(abs(end) <= 0.1 for end in ends),
            f"θ ends at {shown(WGAN_GP, 'end')} in {len(ends)} seeds; its first gradients are "
            f"{shown(WGAN_GP, 'gradient')}, W₁'s is 1.",
        ),
        Claim(
            "The minimax generator's gradient vanishes: less than 0.05 at θ = 1, a twentieth of "
            "W₁'s, in every seed.",
            bool(small) and most(small) < 0.05,
            f"{shown(MINIMAX, 'gradient')} in {len(small)} seeds; the critic sees a JSD of "
            f"{shown(MINIMAX, 'estimate')}, of log 2 = 0.693.",
        ),
        Claim(
            "The minimax GAN does not learn the line: θ > 0.5 at the end, in every seed.",
            bool(stuck[MINIMAX]) and min(stuck[MINIMAX]) > 0.5,
            f"θ ends at {shown(MINIMAX, 'end')}.",
        ),
        Claim(
            "The non-saturating generator's gradient does not vanish: more than 1 at θ = 1, in "
            "every seed.",
            bool(steep) and least(steep) > 1,
            f"{shown(SATURATING_NOT, 'gradient')} in {len(steep)} seeds.",
        ),
        Claim(
            "The non-saturating GAN does not learn the line either, as its JSD is flat: |θ| > 0.5 "
            "at the end, in every seed.",
            bool(stuck[SATURATING_NOT]) and min(map(abs, stuck[SATURATING_NOT])) > 0.5,
            f"θ ends at {shown(SATURATING_NOT, 'end')}.",
        ),
    ]


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in plain sentences."""
    columns = {column.key: column for column in COLUMNS}
    by_name = {str(row["what"]): row for row in rows}

    def shown(method: str, key: str) -> str:
        return columns[key].shown(by_name[method][key])

    either = next(c for c in claims(rows) if c.statement.startswith("The non-saturating GAN"))
    other = (
        "as does the non-saturating one"
        if either.holds
        else "the non-saturating one reaches the data all the same: JSD is as flat for it, but a "
        "critic of finite slope has a gradient that its cost does not flatten"
    )
    return (
        "Of two lines side by side KL, JSD and TV say only that they are not the same; W₁ says how "
        f"far apart they are. The minimax generator gets a gradient of "
        f"{shown(MINIMAX, 'gradient')} where W₁'s is 1, and stays at θ = {shown(MINIMAX, 'end')}; "
        f"{other} (θ = {shown(SATURATING_NOT, 'end')}). WGAN-GP ends at θ = "
        f"{shown(WGAN_GP, 'end')}, after it went beyond the data to "
        f"{shown(WGAN_GP, 'beyond')}: its critic's slope is 1 on the way and has to turn over."
    )


def distances(rows: Sequence[Row]) -> Drawing:
    """W₁ and JSD against θ."""
    own = _exact_rows(rows)
    theta = [row["theta"] for row in own]
    panels = [
        curves(theta, {name: [row[key] for row in own]}, title=title, x_label="θ", y_label=unit)
        for key, name, title, unit in (
            ("w", "W₁", "W₁ = |θ|", "distance"),
            ("jsd", "JSD", "JSD = log 2 but at θ = 0", "nats"),
        )
    ]
    return Drawing(panels, columns=2)


def paths_of(paths: dict[str, np.ndarray], gradients: dict[str, np.ndarray]) -> Drawing:
    """θ (seeds, steps + 1) and its gradients (seeds, steps) of the GANs, against their steps."""
    panels = []
    for title, unit, shown, levels, logarithmic in (
        ("θ, mean and extremes", "θ", paths, {"the data": 0.0}, ()),
        ("Gradient of θ", "size of the gradient", gradients, {"W₁'s": 1.0}, ("y",)),
    ):
        bands = {name: Band(x.mean(0), x.min(0), x.max(0)) for name, x in shown.items()}
        steps = np.arange(next(iter(shown.values())).shape[1])
        panel = curves(
            steps,
            bands,
            title=title,
            x_label="generator's steps",
            y_label=unit,
            levels=levels,
            logarithmic=logarithmic,
        )
        panels.append(_higher(panel, 500.0 if logarithmic else 2.2))
    return Drawing(panels, columns=2)


def _higher(panel: Panel, top: float) -> Panel:
    """The panel with room for its legend above the curves."""

    def draw(axes: Axes, palette: Palette) -> None:
        panel.draw(axes, palette)
        axes.set_ylim(top=top)

    return replace(panel, draw=draw)
