"""LSGAN: Mao et al., Least Squares Generative Adversarial Networks, 2017."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.conditional import PROJECTED
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training


@recipe(
    "lsgan",
    year=2017,
    paper="Mao et al., Least Squares Generative Adversarial Networks",
    data="images",
    machine="GPU",
    told=PROJECTED,
)
def lsgan(
    data: object = "digits",
    *,
    width: int = 64,
    latent: int = 1024,
    learning_rate: float = 1e-3,
    pearson: bool = False,
    **common: Unpack[Common],
) -> Run:
    """Least-squares GAN on convolutional networks.

    The paper's numbers for scenes: targets (a, b, c) = (0, 1, 1), 1024 latents, batch 64, Adam 1e-3
    with β1 = 0.5, kernels of 5. With the targets (−1, 1, 0) the generator's cost at the optimal
    critic is half a Pearson χ² divergence (its gradient there is not).

    What differs: their generator for 112×112 has a convolution without stride behind each of the
    first two with one, ours is a DCGAN's; samples are drawn from averaged weights. How long they
    trained is not written; here it is 50,000 steps.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: Channels next to the image.
        latent: Length of the latent vector.
        learning_rate: Of both players.
        pearson: Take the targets (−1, 1, 0).
        **common: seed, steps, batch_size, device, precision.
    """
    network = Dcgan(width=width, kernel=5)
    rate = Adam(learning_rate=learning_rate, beta1=0.5)
    learner = Adversarial(
        latent=latent,
        objective="least_squares_pearson" if pearson else "least_squares",
        generator=network,
        critic=network,
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    return assemble("lsgan", data, learner, Training(steps=50_000, batch_size=64), **common)


lsgan_two_core = two_core(
    lsgan,
    "32 channels next to the image, 100 latents and a rate of 2e-4.",
    width=32,
    latent=100,
    learning_rate=2e-4,
    steps=5000,
)
