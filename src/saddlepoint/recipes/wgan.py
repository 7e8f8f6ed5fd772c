"""WGAN: Arjovsky, Chintala and Bottou, Wasserstein GAN, 2017."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.games.constraints import WeightClipping
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.optimisers import RmsProp
from saddlepoint.recipes.conditional import PROJECTED
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training


@recipe(
    "wgan",
    year=2017,
    paper="Arjovsky et al., Wasserstein GAN",
    data="images",
    machine="GPU",
    told=PROJECTED,
)
def wgan(
    data: object = "digits",
    *,
    width: int = 64,
    learning_rate: float = 5e-5,
    **common: Unpack[Common],
) -> Run:
    """Wasserstein GAN with weight clipping on a DCGAN.

    Arjovsky, Chintala and Bottou 2017, algorithm 1 with the networks of their experiments: DCGANs
    of 64 channels next to the image with batch norm, 100 normal latents, RMSProp 5e-5, weights
    clipped at 0.01 after each update, five critic steps, batch 64.

    What differs: their program makes 100 critic steps in the first 25 turns and in every 500th,
    this one always five; samples are drawn from averaged weights. How long they trained differs
    by figure; here it is 100,000 turns.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: Channels next to the image.
        learning_rate: Of both players.
        **common: seed, steps, batch_size, device, precision.
    """
    network, rate = Dcgan(width=width), RmsProp(learning_rate=learning_rate)
    learner = Adversarial(
        latent=100,
        objective="wasserstein",
        critic_steps=5,
        constraints=(WeightClipping(limit=0.01),),
        generator=network,
        critic=network,
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    return assemble("wgan", data, learner, Training(steps=100_000, batch_size=64), **common)


wgan_two_core = two_core(
    wgan,
    "32 channels next to the image, a rate of 2e-4 and 3,000 turns.",
    width=32,
    learning_rate=2e-4,
    steps=3000,
)
