"""Our defaults for points in the plane: relativistic pairing with R1 and R2, annealed."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.games.regularisers import r1, r2
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.registry import Common, assemble, recipe
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training
from saddlepoint.schedules import Piecewise

# Whose game it is; networks, schedules and numbers are ours.
PAPER = "Huang et al., The GAN Is Dead; Long Live the GAN!"
# A long first part with a strong penalty, which smooths the critic, spreads the mass evenly over
# the modes. Then the penalty falls, the critic sees the insides of modes and teaches their shapes;
# what goes wrong in the balance of modes is hardly mended any more, hence the slower generator.
GAMMA = Piecewise(
    points=((0.0, 1.0), (0.4, 0.01), (0.45, 1e-3), (0.5, 2e-5), (1.0, 1e-5)), geometric=True
)
CRITIC_RATE = Piecewise(points=((0.0, 1e-3), (0.5, 1e-3), (1.0, 5e-4)), geometric=True)


def _toy(name: str, data: object, steps: int, common: Common, settled: float = 1.2e-4) -> Run:
    """The game on ``data``; ``settled`` is the generator's rate after the first part."""
    generator_rate = Piecewise(
        points=((0.0, 1e-3), (0.4, 7e-4), (0.45, settled), (1.0, 2e-5)), geometric=True
    )
    learner = Adversarial(
        latent=4,
        standardise=True,
        objective="relativistic",
        critic_regularisers=(r1(GAMMA), r2(GAMMA)),
        generator=Mlp(hidden=(64,) * 3),
        critic=Mlp(
            hidden=(64,) * 3,
            activation="leaky_relu",
            waves=16,
            wave_frequency=0.7,
            wave_amplitude=0.5,
        ),
        generator_optimiser=Adam(learning_rate=generator_rate, beta1=0.0, beta2=0.99),
        critic_optimiser=Adam(learning_rate=CRITIC_RATE, beta1=0.0, beta2=0.99),
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


@recipe("toy-ring", year=2024, paper=PAPER, data="points")
def toy_ring(data: object = "ring", **common: Unpack[Common]) -> Run:
    """Our default for the ring of eight Gaussians: relativistic, R1 + R2, annealed.

    The critic sees random waves beside the coordinates, without which it is too smooth to teach
    the insides of modes. The four latents know nothing of modes. The paper trains on images only:
    its costs and penalties are here; networks, rates and the way of γ are ours.
    """
    return _toy("toy-ring", data, 48_000, common, settled=7e-5)


@recipe("toy-grid", year=2024, paper=PAPER, data="points")
def toy_grid(data: object = "grid", **common: Unpack[Common]) -> Run:
    """Our default for the grid of twenty-five Gaussians: relativistic, R1 + R2, annealed.

    As ``toy-ring``; only the generator's rate after the first part is higher.
    """
    return _toy("toy-grid", data, 48_000, common)


@recipe("toy-swiss-roll", year=2024, paper=PAPER, data="points")
def toy_swiss_roll(data: object = "swiss-roll", **common: Unpack[Common]) -> Run:
    """The same game on the swiss roll.

    As ``toy-grid``, in 20,000 steps.
    """
    return _toy("toy-swiss-roll", data, 20_000, common)


@recipe("toy-array", year=2024, paper=PAPER, data="vectors")
def toy_array(data: object = "two-lines", **common: Unpack[Common]) -> Run:
    """The same game on vectors of one's own: an array (n, d) of any size; it is standardised.

    As ``toy-grid``, in 20,000 steps; standardising is part of all of these.
    """
    return _toy("toy-array", data, 20_000, common)
