"""InfoGAN: Chen et al., Interpretable Representation Learning, 2016."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.learners.adversarial.auxiliaries import Recogniser
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.priors import Coded
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.conditional import PROJECTED
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training


@recipe(
    "infogan",
    year=2016,
    paper="Chen et al., InfoGAN: Interpretable Representation Learning",
    data="images",
    told=PROJECTED,
)
def infogan(
    data: object = "digits",
    *,
    classes: int = 10,
    numbers: int = 2,
    noise: int = 62,
    width: int = 64,
    dense: int = 1024,
    **common: Unpack[Common],
) -> Run:
    """GAN whose latents hold codes that can be read off its images: a class, and some numbers.

    The paper's numbers for MNIST: 62 latents of noise from U(−1, 1), one code of ten classes, two
    numbers from U(−1, 1); 64 and 128 channels and a layer of 1,024 units in both networks, batch
    norm except at the generator's output and the critic's input; a recogniser of 128 units on the
    critic's last features, λ = 1; Adam with β1 = 0.5, 1e-3 for the generator and 2e-4 for critic
    and recogniser, batch 128, 5,000 steps.

    What differs: the recogniser learns the deviation of the numbers, which is at least 0.3 (theirs
    is 1, with which no bound of a number's information is positive), and their λ is 0.1: a
    deviation that may fall makes their term steeper, and with λ = 1 it wins over the game, whose
    images are then noise that spells out the numbers. LeakyReLU has the slope 0.2, their program
    0.01 (the paper's appendix 0.1); images lie in (−1, 1); samples are drawn from averaged
    weights.

    Args:
        data: A built-in name, an image folder, an array or its file.
        classes: Of the categorical code.
        numbers: Codes from U(−1, 1).
        noise: Latents of noise.
        width: Channels next to the image.
        dense: Units of the fully connected layer.
        **common: seed, steps, batch_size, device, precision.

    Example:
        >>> from saddlepoint import recipes
        >>> run = recipes.infogan("digits", classes=10, numbers=1)
        >>> [code.name for code in run.learner.prior.codes]
        ['class', 'number-1']
    """
    names = ("class", *(f"number-{index}" for index in range(1, numbers + 1)))
    network = Dcgan(width=width, dense=dense, halvings=2)
    learner = Adversarial(
        latent=noise,
        prior=Coded(noise="uniform", categorical=(classes,), uniform=numbers, names=names),
        objective="non_saturating",
        generator=network,
        critic=network,
        auxiliaries=(Recogniser(continuous=0.1, floor=0.3),),
        generator_optimiser=Adam(learning_rate=1e-3, beta1=0.5),
        critic_optimiser=Adam(learning_rate=2e-4, beta1=0.5),
    )
    return assemble("infogan", data, learner, Training(steps=5000), **common)


infogan_two_core = two_core(
    infogan,
    "32 channels next to the image and a layer of 256 units.",
    width=32,
    dense=256,
)
