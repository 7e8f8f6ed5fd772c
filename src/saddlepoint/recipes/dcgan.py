"""DCGAN: Radford, Metz and Chintala, Unsupervised Representation Learning, 2016."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.registry import Common, assemble, recipe
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training


@recipe(
    "dcgan",
    year=2016,
    paper="Radford et al., Unsupervised Representation Learning with Deep Convolutional GANs",
    data="images",
)
def dcgan(data: object = "digits", *, width: int = 64, **common: Unpack[Common]) -> Run:
    """Convolutional GAN for images of any size from 8×8 up, grey or colour.

    The paper's numbers: latent 100, batch 128, Adam 2e-4 with β1 = 0.5 for both players, weights
    from N(0, 0.02), batch norm except at the generator's output and the critic's input, ReLU, and
    LeakyReLU 0.2 in the critic.

    What differs: the authors' program for faces is for 64×64 with 128 channels next to the image,
    kernels of 5, latents from U(−1, 1) and a weight decay of 1e-5; here it is any size, 64
    channels, kernels of 4 or 3, normal latents (``--learner.prior uniform``) and no decay, and
    samples are drawn from averaged weights.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: Channels next to the image.
        **common: seed, steps, batch_size, device, precision.

    Example:
        >>> from saddlepoint import recipes
        >>> run = recipes.dcgan("digits", width=16, steps=300)
        >>> run.learner.critic.width, run.learner.objective, run.training.steps
        (16, 'non_saturating', 300)
    """
    network = Dcgan(width=width)
    learner = Adversarial(
        latent=100,
        objective="non_saturating",
        generator=network,
        critic=network,
        generator_optimiser=Adam(learning_rate=2e-4, beta1=0.5),
        critic_optimiser=Adam(learning_rate=2e-4, beta1=0.5),
    )
    return assemble("dcgan", data, learner, Training(steps=5000), **common)
