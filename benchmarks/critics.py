"""Trained critics against the best ones, and against exact transport.

    python benchmarks/critics.py --json benchmarks/results/critics.json --picture docs/critics.png

Discriminators are trained on samples and compared with p/(p + q) where both densities are at least
a hundredth of their largest value; their cost is compared with log 4 − 2 JSD. Of a trained run the
density is that of a million samples, spread by a stated bandwidth; the critic sees samples spread
likewise. Wasserstein critics' values are divided by the largest slope that was found on fresh
samples, and compared with the exact W₁ of as many samples (its certificate is checked).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import saddlepoint as sp
from saddlepoint.divergences import Gaussian, GaussianMixture, divergence
from saddlepoint.drawing import Drawing, surface
from saddlepoint.explore import Critic, best_discriminator, smoothed_density, trained_critic
from saddlepoint.explore.critics import USUAL
from saddlepoint.games.constraints import WeightClipping
from saddlepoint.games.regularisers import wgan_gp, wgan_lp
from saddlepoint.transport import earth_mover

Array = NDArray[np.float64]
STEPS, BATCH, SEEDS = 3000, 512, 3
PLANE_STEPS, PLANE_BATCH = 10_000, 1024  # in the plane there is more to learn
WASSERSTEIN_SEEDS = 2  # of critics with a steep penalty, which take minutes each
BANDWIDTH, MANY = 0.1, 1_000_000
EXACT = 8000  # samples a side of an exact transport; with fewer its value is too large
RING = np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1)


@dataclass(frozen=True)
class Case:
    """Two distributions: how to draw from them, and the logarithms of their densities."""

    name: str
    draw: tuple[Callable[[int, int], Array], Callable[[int, int], Array]]
    log_density: tuple[Callable[[Array], Array], Callable[[Array], Array]]
    jsd: float | None
    lattice: Array


def mixture_case(name: str, p: GaussianMixture, q: GaussianMixture, lattice: Array) -> Case:
    """Of two mixtures whose densities are known."""
    jsd = divergence(p, q, of="jensen-shannon").value
    return Case(name, (drawing(p), drawing(q)), (density(p), density(q)), jsd, lattice)


def drawing(mixture: GaussianMixture) -> Callable[[int, int], Array]:
    """Draws of a mixture, from their number and a seed."""

    def draw(count: int, seed: int) -> Array:
        random = np.random.default_rng(seed)
        shares, means = mixture.weights.numpy(), mixture.means.numpy()
        roots = np.linalg.cholesky(mixture.covariances.numpy())
        which = random.choice(len(shares), size=count, p=shares / shares.sum())
        noise = random.normal(size=(count, means.shape[1]))
        return means[which] + np.einsum("nij,nj->ni", roots[which], noise)

    return draw


def density(mixture: GaussianMixture) -> Callable[[Array], Array]:
    """The logarithm of a mixture's density."""
    return lambda x: mixture.log_density(torch.from_numpy(np.asarray(x, float))).numpy()


def run_case() -> Case:
    """A small GAN on the ring against its data, both spread by the bandwidth."""
    with tempfile.TemporaryDirectory() as folder:
        run = sp.recipes.toy_ring(steps=1500)
        sp.train(run, Path(folder) / "run", quiet=True)
        samples = sp.load(Path(folder) / "run").sample(MANY, seed=1).double().numpy()
    smooth = smoothed_density(samples, BANDWIDTH)
    ring = run.data.mixture()
    assert ring is not None, "the ring is a mixture"
    wide = float(np.hypot(ring.std, BANDWIDTH))
    p = GaussianMixture(np.asarray(ring.centres), std=wide)

    def fakes(count: int, seed: int) -> Array:
        random = np.random.default_rng(seed)
        chosen = samples[random.integers(len(samples), size=count)]
        return chosen + BANDWIDTH * random.normal(size=chosen.shape)

    name = f"toy-ring after 1,500 steps, both spread by {BANDWIDTH}"
    return Case(name, (drawing(p), fakes), (density(p), smooth.log_density), None, plane(1.8))


def plane(half: float, places: int = 121) -> Array:
    """A lattice of points in the plane."""
    x = np.linspace(-half, half, places)
    return np.stack([each.ravel() for each in np.meshgrid(x, x)], axis=1)


def cases() -> list[Case]:
    """What is compared."""
    line = np.linspace(-4, 7, 441)[:, None]
    normals = [
        mixture_case(
            f"N(0, 1) and N({theta}, 1)",
            GaussianMixture.of(Gaussian(0.0, std=1.0)),
            GaussianMixture.of(Gaussian(float(theta), std=1.0)),
            line,
        )
        for theta in (1, 2, 3)
    ]
    ring = GaussianMixture(RING, std=0.15)
    blob = GaussianMixture.of(Gaussian([0.0, 0.0], std=0.7))
    return [*normals, mixture_case("ring (σ .15) and N(0, .7²)", ring, blob, plane(1.8))]


def discriminated(case: Case) -> tuple[dict[str, Any], Critic]:
    """How far trained discriminators are from the best one, over seeds."""
    log_p, log_q = case.log_density
    best = best_discriminator(log_p, log_q)(case.lattice)
    heights = [np.exp(each(case.lattice)) for each in (log_p, log_q)]
    both = (heights[0] > 0.01 * heights[0].max()) & (heights[1] > 0.01 * heights[1].max())
    mass = (heights[0] + heights[1]) / (heights[0] + heights[1]).sum()
    means, most, costs = [], [], []
    for seed in range(SEEDS):
        real, fake = (draw(500_000, 10 * seed + n) for n, draw in enumerate(case.draw))
        in_plane = real.shape[1] == 2
        critic = trained_critic(
            real,
            fake,
            steps=PLANE_STEPS if in_plane else STEPS,
            batch_size=PLANE_BATCH if in_plane else BATCH,
            seed=seed,
        )
        error = np.abs(critic.discriminator(case.lattice) - best)
        means.append(float((error * mass).sum()))
        most.append(float(error[both].max()))
        fresh = [draw(200_000, 100 + 10 * seed + n) for n, draw in enumerate(case.draw)]
        costs.append(critic.cost(*fresh))
    expected = None if case.jsd is None else float(np.log(4) - 2 * case.jsd)
    row = {"case": case.name, "mean": means, "most": most, "cost": costs, "best cost": expected}
    return row, critic


def valued(case: Case) -> list[dict[str, Any]]:
    """Wasserstein critics' values over their slopes, beside the exact distance of samples."""
    some = [draw(EXACT, 50 + n) for n, draw in enumerate(case.draw)]
    exact = earth_mover(*some)
    rows = []
    for name, changes, steps, batch in (
        ("wgan-gp, λ = 10", {"critic_regularisers": (wgan_gp(10.0),)}, STEPS, BATCH),
        (
            "wgan-lp, λ = 300",
            {"critic_regularisers": (wgan_lp(300.0),)},
            12_000,
            PLANE_BATCH,
        ),
        ("wgan, clipped at 0.05", {"constraints": (WeightClipping(limit=0.05),)}, STEPS, BATCH),
    ):
        learner = USUAL.replace(objective="wasserstein", **changes)
        row: dict[str, Any] = {"case": case.name, "critic": name, "exact": exact.distance}
        row |= {"certificate": exact.certificate.holds, "value": [], "slope": [], "ratio": []}
        for seed in range(WASSERSTEIN_SEEDS):
            real, fake = (draw(500_000, 10 * seed + n) for n, draw in enumerate(case.draw))
            critic = trained_critic(
                real, fake, steps=steps, batch_size=batch, seed=seed, learner=learner
            )
            value, slope = critic.value(*some), critic.lipschitz(np.concatenate(some))
            for key, number in (("value", value), ("slope", slope), ("ratio", value / slope)):
                row[key].append(number)
        rows.append(row)
        print(
            f"| {case.name} | {name} | {shown(row['value'])} | {shown(row['slope'])} | "
            f"{shown(row['ratio'])} | {exact.distance:.4f} | "
            f"{np.mean(row['ratio']) / exact.distance - 1:+.1%} |",
            flush=True,
        )
    return rows


def shown(numbers: list[float]) -> str:
    """Mean ± standard deviation."""
    return f"{np.mean(numbers):.4f} ± {np.std(numbers, ddof=1):.4f}"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    every = cases()
    print("| distributions | mean error of D | largest, both have mass | cost | log 4 − 2 JSD |")
    print("|---|---|---|---|---|")
    rows, critics = [], {}
    for case in [*every, run_case()]:
        row, critics[case.name] = discriminated(case)
        rows.append(row)
        best = "" if row["best cost"] is None else f"{row['best cost']:.4f}"
        print(
            f"| {case.name} | {shown(row['mean'])} | {shown(row['most'])} | {shown(row['cost'])} | "
            f"{best} |",
            flush=True,
        )
    head = ("distributions", "critic", "value", "largest slope", "value / slope", "exact W₁", "off")
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    values = [each for case in (every[1], every[3]) for each in valued(case)]
    if asked.json:
        asked.json.write_text(json.dumps({"discriminators": rows, "values": values}, indent=1))
    if asked.picture:
        draw(every[3], critics[every[3].name]).save(asked.picture)


def draw(case: Case, critic: Critic) -> Drawing:
    """The ring, the best discriminator's logit and the trained one's, where there is mass."""
    limits = (-1.8, 1.8, -1.8, 1.8)
    log_p, log_q = case.log_density
    real, fake = (each(300, 7 + n) for n, each in enumerate(case.draw))
    clouds = {"real": real, "generated": fake}

    def logit(x: Array) -> Array:
        return np.clip(log_p(x) - log_q(x), -6, 6)

    return Drawing(
        [
            surface(lambda x: np.exp(log_p(x)), limits, title="the data's density", kind="density"),
            surface(logit, limits, title="best logit, log p/q", clouds=clouds),
            surface(
                lambda x: np.clip(critic.scores(x), -6, 6),
                limits,
                title="trained critic",
                arrows=True,
            ),
        ],
        columns=3,
    )


if __name__ == "__main__":
    main()
