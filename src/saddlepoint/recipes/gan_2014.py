"""The first GAN: Goodfellow et al., Generative Adversarial Nets, 2014, with its own networks."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.priors import Uniform
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Sgd
from saddlepoint.recipes.registry import Common, assemble, recipe
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training
from saddlepoint.schedules import Exponential, Piecewise

EPOCHS, BATCHES = 250, 500  # 50,000 images in batches of 100


@recipe("gan-2014", year=2014, paper="Goodfellow et al., Generative Adversarial Nets")
def gan_2014(data: object = "digits", **common: Unpack[Common]) -> Run:
    """The first GAN with its own networks: maxout critic with dropout, momentum schedule.

    The authors' settings for MNIST: latent 100 uniform; generator ReLU 1200-1200, weights from
    U(±0.05); critic maxout 240×5 twice, weights from U(±0.005), dropout 0.2 on its input and 0.5
    on its hidden layers; SGD with rate 0.1 divided by 1.000004 each update, momentum from 0.5 to
    0.7; batch 100, k = 1. Their sigmoid output is the tanh here, on values in [−1, 1]. The
    schedules are stretched over the run's steps as theirs were over 250 epochs.
    """
    decay = 1.000004 ** (EPOCHS * BATCHES)
    sgd = Sgd(
        learning_rate=Exponential(start=0.1, end=0.1 / decay),
        momentum=Piecewise(points=((0.0, 0.5), (1.0, 0.7))),
    )
    learner = Adversarial(
        latent=100,
        prior=Uniform(),
        objective="non_saturating",
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
    training = Training(steps=EPOCHS * BATCHES, batch_size=100, sample_every=5000)
    return assemble("gan-2014", data, learner, training, **common)
