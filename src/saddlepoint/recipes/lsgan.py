"""LSGAN: Mao et al., Least Squares Generative Adversarial Networks, 2017."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.registry import Common, assemble, recipe
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training


@recipe("lsgan", year=2017, paper="Mao et al., Least Squares Generative Adversarial Networks")
def lsgan(data: object = "digits", *, pearson: bool = False, **common: Unpack[Common]) -> Run:
    """Least-squares GAN, fully connected.

    Targets (a, b, c) = (0, 1, 1), or (−1, 1, 0), with which the generator's cost at the optimal
    critic is half a Pearson χ² divergence (its gradient there is not).

    The costs are the paper's. Its networks are convolutional; ours have two hidden layers of 256
    units a player, 64 normal latents and Adam 2e-4 with β1 = 0.5 (DCGAN's).

    Args:
        data: A built-in name, an image folder, an array or its file.
        pearson: Take the second set.
        **common: seed, steps, batch_size, device, precision.
    """
    rate = Adam(learning_rate=2e-4, beta1=0.5)
    learner = Adversarial(
        latent=64,
        objective="least_squares_pearson" if pearson else "least_squares",
        generator=Mlp(hidden=(256, 256)),
        critic=Mlp(hidden=(256, 256), activation="leaky_relu"),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    return assemble("lsgan", data, learner, Training(steps=10_000), **common)
