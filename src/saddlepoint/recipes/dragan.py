"""DRAGAN: Kodali et al., On Convergence and Stability of GANs, 2017."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.games.regularisers import dragan as penalty_around
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.conditional import PROJECTED
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training


@recipe(
    "dragan",
    year=2017,
    paper="Kodali et al., On Convergence and Stability of GANs",
    data="images",
    machine="GPU",
    told=PROJECTED,
)
def dragan(
    data: object = "digits", *, width: int = 64, penalty: float = 10.0, **common: Unpack[Common]
) -> Run:
    """GAN with a gradient penalty around the real images.

    The first GAN's game (the non-saturating cost) on DCGANs, with (‖∇D(x̂)‖ − 1)² in the
    neighbourhood of real images: λ = 10, x̂ = x + α·s/2·u with the deviation s of the batch and
    uniform α and u, as in the authors' program; one critic step, 100 latents, batch 64, Adam 2e-4
    with β1 = 0.5.

    What differs: no norm in the critic, where batch norm would give examples no gradients of their
    own; samples are drawn from averaged weights.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: Channels next to the image.
        penalty: λ.
        **common: seed, steps, batch_size, device, precision.
    """
    network, rate = Dcgan(width=width), Adam(learning_rate=2e-4, beta1=0.5)
    learner = Adversarial(
        latent=100,
        critic_regularisers=(penalty_around(penalty),),
        generator=network,
        critic=network.replace(norm="none"),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    return assemble("dragan", data, learner, Training(steps=100_000, batch_size=64), **common)


dragan_two_core = two_core(
    dragan, "32 channels next to the image and 5,000 steps.", width=32, steps=5000
)
