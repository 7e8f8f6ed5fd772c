"""The first conditional GAN: Mirza and Osindero, Conditional Generative Adversarial Nets, 2014."""

from __future__ import annotations

from math import log
from typing import Unpack

from saddlepoint.learners.adversarial.conditioning import Concatenation
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.lenses import UnitRange
from saddlepoint.learners.adversarial.priors import Uniform
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Sgd
from saddlepoint.recipes.registry import Common, assemble, recipe
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training
from saddlepoint.schedules import Exponential, Piecewise

BATCH, DECAY, LEAST_RATE = 100, 1.00004, 1e-6


@recipe(
    "cgan",
    year=2014,
    paper="Mirza and Osindero, Conditional Generative Adversarial Nets",
    data="images",
)
def cgan(data: object = "digits", *, learning_rate: float = 0.1, **common: Unpack[Common]) -> Run:
    """The first conditional GAN: fully connected, the class beside what each player sees.

    From the paper's section on MNIST: 100 uniform latents; ReLU layers in the generator, 1,200
    units in the last; a critic of maxout layers, 240 units of 5 and of 4 pieces; SGD with rate 0.1,
    divided by 1.00004 each update down to 1e-6, momentum from 0.5 to 0.7, batches of 100, dropout
    0.5 on the critic's hidden layers. The data need the class of every example.

    What differs: latents and class go into one layer of 1,200 units (theirs first have 200 and
    1,000 of their own); the critic's class is a plane beside the image (theirs: 50 maxout units
    beside 240 of the image) and both its layers have 5 pieces; the generator has no dropout; the
    momentum grows over the run; samples are drawn from averaged weights. How long they trained is
    not written; here it is 50,000 steps.

    Args:
        data: A built-in name, an image folder with classes, an array or its file.
        learning_rate: Of both players, at the start.
        **common: seed, steps, batch_size, device, precision.

    Example:
        >>> from saddlepoint import recipes
        >>> recipes.cgan("digits").learner.classes.kind
        'concatenation'
    """
    updates = log(learning_rate / LEAST_RATE) / log(DECAY)
    sgd = Sgd(
        learning_rate=Exponential(
            start=learning_rate, end=LEAST_RATE, images=round(updates * BATCH)
        ),
        momentum=Piecewise(points=((0.0, 0.5), (1.0, 0.7))),
    )
    learner = Adversarial(
        latent=100,
        prior=Uniform(),
        classes=Concatenation(),
        lenses=(UnitRange(),),
        output="sigmoid",
        generator=Mlp(hidden=(1200, 1200), initial_range=0.05),
        critic=Mlp(
            hidden=(240, 240), activation="maxout", pieces=5, dropout=0.5, initial_range=0.005
        ),
        generator_optimiser=sgd,
        critic_optimiser=sgd,
    )
    return assemble("cgan", data, learner, Training(steps=50_000, batch_size=BATCH), **common)
