"""AC-GAN: Odena, Olah and Shlens, Conditional Image Synthesis with Auxiliary Classifiers, 2017."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.learners.adversarial.conditioning import Classifier
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training


@recipe(
    "acgan",
    year=2017,
    paper="Odena et al., Conditional Image Synthesis with Auxiliary Classifier GANs",
    data="images",
    machine="GPU",
)
def acgan(
    data: object = "digits",
    *,
    width: int = 96,
    fake_weight: float = 1.0,
    learning_rate: float = 2e-4,
    **common: Unpack[Common],
) -> Run:
    """DCGAN of classes: the critic also tells the class, of real examples and of fakes.

    From the paper's table for CIFAR-10: a generator of 384, 192 and 96 channels with kernels of 5
    and batch norm, told the class beside 100 latents; the class's −log q(y|x) counts as much as the
    game, of real and of fake examples and for both players; Adam 2e-4 with β1 = 0.5, batch 100,
    50,000 steps. The data need the class of every example.

    What differs: the critic is a DCGAN of the same width (theirs: six 3×3 convolutions of 16 to 512
    channels with dropout 0.5 and noise); the class is an embedding of 16 numbers (theirs: one of
    ten numbers beside the latents); samples are drawn from averaged weights. A classifier that
    also learns of fakes can push them to what is easily told apart, at the cost of variety.

    Args:
        data: A built-in name, an image folder with classes, an array or its file.
        width: Channels next to the image.
        fake_weight: How much the class of fakes counts for the critic; WGAN-GP's program has 0.
        learning_rate: Of both players.
        **common: seed, steps, batch_size, device, precision.

    Example:
        >>> from saddlepoint import recipes
        >>> run = recipes.acgan("digits", width=16)
        >>> run.learner.classes.kind, run.learner.classes.generator
        ('acgan', 1.0)
    """
    network = Dcgan(width=width, kernel=5)
    rate = Adam(learning_rate=learning_rate, beta1=0.5)
    learner = Adversarial(
        latent=100,
        classes=Classifier(fake=fake_weight),
        generator=network,
        critic=network,
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    return assemble("acgan", data, learner, Training(steps=50_000, batch_size=100), **common)


acgan_two_core = two_core(
    acgan, "48 channels next to the image and 5,000 steps.", width=48, steps=5000
)
