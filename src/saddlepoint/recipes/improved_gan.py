"""Salimans et al., Improved Techniques for Training GANs, 2016: all of them, without labels."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.games.regularisers import HistoricalAveraging
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.priors import Uniform
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.conditional import NORMED
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training
from saddlepoint.schedules import Piecewise


@recipe(
    "improved-gan",
    year=2016,
    paper="Salimans et al., Improved Techniques for Training GANs",
    data="images",
    machine="GPU",
    told=NORMED,
)
def improved_gan(
    data: object = "digits",
    *,
    width: int = 128,
    history: float = 1e-3,
    **common: Unpack[Common],
) -> Run:
    """DCGAN with minibatch discrimination, virtual batch norm and smoothed labels.

    The row of the paper's table 3 that needs no labels: minibatch discrimination (100 kernels of 5
    dimensions) in the critic, virtual batch norm in the generator, real examples' target 0.9,
    historical averaging of both players. Numbers of the authors' program for CIFAR-10: 100 latents
    from a uniform distribution, 128, 256 and 512 channels in the generator, kernels of 5, batch
    100, Adam 3e-4 with β1 = 0.5, from two thirds of 600,000 steps on falling to 0.

    What differs: the critic is a DCGAN with layer norm (theirs: nine convolutions with weight norm
    and dropout, beside a head for classes); the generator's cost does not saturate and it moves
    once a step (theirs three times); the weight of historical averaging is ours, theirs is not
    written; samples are drawn from averaged weights.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: Channels next to the image.
        history: Weight of historical averaging.
        **common: seed, steps, batch_size, device, precision.
    """
    network = Dcgan(width=width, kernel=5, norm="virtual")
    falling = Piecewise(points=((0.0, 3e-4), (2 / 3, 3e-4), (1.0, 0.0)))
    rate = Adam(learning_rate=falling, beta1=0.5)
    averaging = (HistoricalAveraging(weight=history),)
    learner = Adversarial(
        latent=100,
        prior=Uniform(),
        real_target=0.9,
        critic_regularisers=averaging,
        generator_regularisers=averaging,
        generator=network,
        critic=network.replace(norm="layer", minibatch="discrimination"),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    training = Training(steps=600_000, batch_size=100)
    return assemble("improved-gan", data, learner, training, **common)


improved_gan_two_core = two_core(
    improved_gan, "32 channels next to the image and 4,000 steps.", width=32, steps=4000
)
