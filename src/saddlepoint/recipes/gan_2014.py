"""The first GAN: Goodfellow et al., Generative Adversarial Nets, 2014, with its own networks."""

from __future__ import annotations

from math import log
from typing import Unpack

from saddlepoint.games.dynamics import Simultaneous
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.lenses import UnitRange
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Sgd
from saddlepoint.recipes.conditional import JOINED
from saddlepoint.recipes.registry import Common, assemble, recipe
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training
from saddlepoint.schedules import Exponential, Piecewise

BATCH, EPOCH, EPOCHS = 100, 50_000, 250  # an epoch in images
DECAY, LEAST_RATE = 1.000004, 1e-6


@recipe(
    "gan-2014",
    year=2014,
    paper="Goodfellow et al., Generative Adversarial Nets",
    data="images",
    told=JOINED,
)
def gan_2014(data: object = "digits", **common: Unpack[Common]) -> Run:
    """The first GAN with its own networks: maxout critic with dropout, momentum schedule.

    The authors' program for MNIST (goodfeli/adversarial, mnist.yaml): 100 normal latents;
    generator ReLU 1200-1200, weights from U(±0.05), output bias from the marginals of the pixels;
    critic maxout 240×5 twice, weights from U(±0.005), dropout 0.2 on its input and 0.5 on its
    hidden layers, its cost halved; both gradients from one point; SGD with rate 0.1 divided by
    1.000004 each update down to 1e-6, momentum from 0.5 to 0.7 over 249 epochs of 50,000 images,
    batch 100, k = 1. The schedules run over images, so they do not depend on the steps.

    Images lie in [−1, 1] here: the output is a sigmoid moved there, and the critic sees values
    moved back to [0, 1], so that all gradients are theirs.

    What differs: the generator's turn draws latents and dropout of its own, where they take those
    of the critic's turn; the momentum grows each update, theirs each epoch; samples are drawn from
    averaged weights (``averaging = 0``: from the last ones, as theirs). Some revisions of their
    file draw uniform latents, of the same variance. When they stopped is unknown; here it is after
    250 epochs.

    Args:
        data: A built-in name, an image folder, an array or its file.
        **common: seed, steps, batch_size, device, precision.
    """
    updates = log(0.1 / LEAST_RATE) / log(DECAY)  # until the rate is at its least
    sgd = Sgd(
        learning_rate=Exponential(start=0.1, end=LEAST_RATE, images=round(updates * BATCH)),
        momentum=Piecewise(points=((0.0, 0.5), (1.0, 0.7)), images=(EPOCHS - 1) * EPOCH),
    )
    learner = Adversarial(
        latent=100,
        objective="non_saturating",
        critic_weight=0.5,
        lenses=(UnitRange(),),
        output="sigmoid",
        output_bias="data_mean",
        generator=Mlp(hidden=(1200, 1200), initial_range=0.05),
        critic=Mlp(
            hidden=(240, 240),
            activation="maxout",
            pieces=5,
            dropout_input=0.2,
            dropout=0.5,
            initial_range=0.005,
        ),
        generator_optimiser=sgd,
        critic_optimiser=sgd,
    )
    training = Training(
        steps=EPOCHS * EPOCH // BATCH,
        batch_size=BATCH,
        dynamics=Simultaneous(),
        sample_every=5000,
    )
    return assemble("gan-2014", data, learner, training, **common)
