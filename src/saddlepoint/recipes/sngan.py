"""SNGAN: Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.games.constraints import SpectralNorm
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.lenses import Dequantise
from saddlepoint.networks.resnet import ResNet
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.conditional import NORMED
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.recipes.wgan_gp import CRITIC_BLOCKS
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training
from saddlepoint.schedules import Piecewise


@recipe(
    "sngan",
    year=2018,
    paper="Miyato et al., Spectral Normalization for GANs",
    data="images",
    machine="GPU",
    told=NORMED,
)
def sngan(
    data: object = "digits",
    *,
    width: int = 128,
    critic_steps: int = 5,
    learning_rate: float = 2e-4,
    **common: Unpack[Common],
) -> Run:
    """Hinge GAN on residual networks with spectral normalisation.

    The authors' residual network for CIFAR-10 without labels: 128 latents, 256 channels with batch
    norm in the generator, 128 in the critic, whose weights are divided by their largest singular
    values (one power iteration) and whose features are summed over places; the hinge loss, five
    critic steps, Adam with β1 = 0, β2 = 0.9 and a rate from 2e-4 to 0 in a straight line over
    50,000 turns, batches of 64, of 128 fakes in the generator's turn, real images with uniform
    noise of one grey level.

    What differs: their program moves the generator in the first of the five critic steps, this
    one after the last; samples are drawn from averaged weights.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: The critic's channels; the generator has twice as many.
        critic_steps: Critic updates before each generator update.
        learning_rate: Of both players, at the start.
        **common: seed, steps, batch_size, device, precision.
    """
    falling = Piecewise(points=((0.0, learning_rate), (1.0, 0.0)))
    rate = Adam(learning_rate=falling, beta1=0.0, beta2=0.9)
    learner = Adversarial(
        latent=128,
        objective="hinge",
        critic_steps=critic_steps,
        generator_batch=2,
        lenses=(Dequantise(),),
        constraints=(SpectralNorm(),),
        generator=ResNet(width=2 * width, widest=1, norm="batch"),
        critic=ResNet(width=width, widest=1, blocks=CRITIC_BLOCKS, pool="sum"),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    return assemble("sngan", data, learner, Training(steps=50_000, batch_size=64), **common)


sngan_two_core = two_core(
    sngan,
    "32 channels in the critic and 64 in the generator, two critic steps and 2,500 turns.",
    width=32,
    critic_steps=2,
    steps=2500,
)
