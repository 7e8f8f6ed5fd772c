"""PacGAN: Lin et al., PacGAN: The Power of Two Samples in Generative Adversarial Networks, 2018."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.lenses import Pack
from saddlepoint.learners.adversarial.priors import Uniform
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training


@recipe(
    "pacgan",
    year=2018,
    paper="Lin et al., PacGAN: The Power of Two Samples in GANs",
    data="images",
    machine="GPU",
)
def pacgan(
    data: object = "digits", *, width: int = 64, size: int = 2, **common: Unpack[Common]
) -> Run:
    """DCGAN whose critic judges two images at once, against mode collapse.

    The authors' PacDCGAN2 for stacked digits (``--data stacked-fashion-mnist`` is of the same
    kind): two images side by side in the channels, DCGANs of 64 channels next to the image,
    kernels of 5, batch norm, 100 latents from U(−1, 1), 64 packs a batch, Adam 2e-4 with β1 = 0.5.

    What differs: their program moves the generator twice after each critic step; samples are
    drawn from averaged weights.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: Channels next to the image.
        size: Images in a pack.
        **common: seed, steps, batch_size, device, precision.
    """
    network, rate = Dcgan(width=width, kernel=5), Adam(learning_rate=2e-4, beta1=0.5)
    learner = Adversarial(
        latent=100,
        prior=Uniform(),
        lenses=(Pack(size=size),),
        generator=network,
        critic=network,
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    training = Training(steps=50_000, batch_size=64 * size)
    return assemble("pacgan", data, learner, training, **common)


pacgan_two_core = two_core(
    pacgan, "32 channels next to the image and 4,000 steps.", width=32, steps=4000
)
