"""DCGAN: Radford, Metz and Chintala, Unsupervised Representation Learning, 2016."""

from __future__ import annotations

from typing import Literal, Unpack

from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.priors import Normal, Uniform
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.conditional import PROJECTED
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training


@recipe(
    "dcgan",
    year=2016,
    paper="Radford et al., Unsupervised Representation Learning with Deep Convolutional GANs",
    data="images",
    machine="GPU",
    told=PROJECTED,
)
def dcgan(
    data: object = "digits",
    *,
    width: int = 128,
    kernel: Literal[4, 5] = 5,
    prior: Literal["normal", "uniform"] = "uniform",
    **common: Unpack[Common],
) -> Run:
    """Convolutional GAN for images of any size from 8×8 up, grey or colour.

    The paper's numbers: 128 channels next to the image, doubled at each halving (1,024 at 4×4 in
    images of 64×64), kernels of 5, 100 latents from U(−1, 1), batch 128, Adam 2e-4 with β1 = 0.5
    for both players, weights from N(0, 0.02), batch norm except at the generator's output and the
    critic's input, ReLU, and LeakyReLU 0.2 in the critic.

    What differs: the authors' program for faces has a weight decay of 1e-5, this none; samples are
    drawn from averaged weights. How long they trained differs by data; here it is 25,000 steps.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: Channels next to the image.
        kernel: Side of the kernels; 4 means 3 where a side of the images is odd.
        prior: What latents are drawn from.
        **common: seed, steps, batch_size, device, precision.

    Example:
        >>> from saddlepoint import recipes
        >>> run = recipes.dcgan("digits", width=16, steps=300)
        >>> run.learner.critic.width, run.learner.objective, run.training.steps
        (16, 'non_saturating', 300)
    """
    network = Dcgan(width=width, kernel=kernel)
    learner = Adversarial(
        latent=100,
        prior=Normal() if prior == "normal" else Uniform(),
        objective="non_saturating",
        generator=network,
        critic=network,
        generator_optimiser=Adam(learning_rate=2e-4, beta1=0.5),
        critic_optimiser=Adam(learning_rate=2e-4, beta1=0.5),
    )
    return assemble("dcgan", data, learner, Training(steps=25_000), **common)


dcgan_two_core = two_core(
    dcgan,
    "64 channels next to the image, kernels of 4, normal latents and 5,000 steps.",
    width=64,
    kernel=4,
    prior="normal",
    steps=5000,
)
