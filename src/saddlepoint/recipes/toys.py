"""Our defaults for points in the plane: relativistic pairing with R1 and R2, annealed."""

from __future__ import annotations

from typing import Any, Unpack

from saddlepoint.games.regularisers import r1, r2
from saddlepoint.learners.description import Adversarial
from saddlepoint.networks.description import Mlp
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.registry import Common, assemble, recipe
from saddlepoint.run import Run
from saddlepoint.schedules import Cosine, Exponential
from saddlepoint.training.description import Training

# The penalty smooths the critic over lengths of about √γ: wide while modes are being found, and
# narrower than the modes for the last part, in which their shapes are learned.
GAMMA = Exponential(start=1.0, end=1e-5, until=0.6)


def _toy(name: str, data: Any, steps: int, common: Common) -> Run:
    rate = Adam(learning_rate=Cosine(start=1e-3, end=0.0), beta1=0.0, beta2=0.99)
    learner = Adversarial(
        latent=4,
        standardise=True,
        objective="relativistic",
        critic_regularisers=(r1(GAMMA), r2(GAMMA)),
        generator=Mlp(hidden=(64,) * 3),
        critic=Mlp(hidden=(64,) * 3, activation="leaky_relu"),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    training = Training(
        steps=steps,
        precision="float32",
        log_every=100,
        sample_every=1000,
        samples=1024,
        checkpoint_every=1000,
    )
    return assemble(name, data, learner, training, **common)


@recipe("toy-ring")
def toy_ring(data: Any = "ring", **common: Unpack[Common]) -> Run:
    """Our default for the ring of eight Gaussians: relativistic, R1 + R2, annealed.

    The penalties' γ falls from 1 to 1e-5 over the first 60 % of the run and the rate to 0 over all
    of it. The four latents know nothing of modes.
    """
    return _toy("toy-ring", data, 50_000, common)


@recipe("toy-grid")
def toy_grid(data: Any = "grid", **common: Unpack[Common]) -> Run:
    """Our default for the grid of twenty-five Gaussians: relativistic, R1 + R2, annealed."""
    return _toy("toy-grid", data, 50_000, common)


@recipe("toy-swiss-roll")
def toy_swiss_roll(data: Any = "swiss-roll", **common: Unpack[Common]) -> Run:
    """The same game on the swiss roll."""
    return _toy("toy-swiss-roll", data, 20_000, common)


@recipe("toy-array")
def toy_array(data: Any = "two-lines", **common: Unpack[Common]) -> Run:
    """The same game on vectors of one's own: an array (n, d) of any size; it is standardised."""
    return _toy("toy-array", data, 20_000, common)
