"""Semi-supervised learning by a game: Salimans et al., Improved Techniques, 2016, section 5."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.games.constraints import WeightNorm
from saddlepoint.learners.adversarial.conditioning import KPlusOne
from saddlepoint.learners.adversarial.costs import FeatureMatching
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.lenses import UnitRange
from saddlepoint.learners.adversarial.priors import Uniform
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.few_labels import with_labels
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training
from saddlepoint.schedules import Cosine


@recipe(
    "improved-gan-ssl",
    year=2016,
    paper="Salimans et al., Improved Techniques for Training GANs",
    data="images",
    machine="GPU",
)
def improved_gan_ssl(
    data: object = "digits",
    *,
    labels: int = 100,
    labels_in_batch: int = 100,
    width: int = 250,
    noise: float = 0.5,
    learning_rate: float = 3e-3,
    decay: bool = False,
    **common: Unpack[Common],
) -> Run:
    """Classes from a few labels: the critic tells them, and a fake is one class more.

    The authors' program for MNIST: a critic of 1000, 500, 250, 250 and 250 ReLU units with Gaussian
    noise (0.3 on its input, 0.5 behind each layer) and weight norm, whose lengths and biases start
    by the first batch, and whose lengths stay so before the head; a generator of twice 500 softplus
    units with batch norm from 100 uniform latents, which matches the means of the critic's last
    features; half of the game's cost for the critic beside the labels' −log q(y|x); Adam 3e-3 with
    β1 = 0.5; classes by weights averaged with 1e-4 a step; 300 epochs of 600 steps.

    What differs: one batch of 200, its first half labelled, in the place of two of 100; the matched
    features have their noise; the generator's last layer has no weight norm and its latents are
    from (−1, 1).

    Args:
        data: A built-in name, an image folder with classes, an array or its file.
        labels: Training labels that are used, balanced over the classes; the others are hidden.
            0: all that the data have.
        labels_in_batch: Labelled examples in each batch; 0: as chance has it.
        width: Units of the critic's last three layers; the others have twice and four times, the
            generator's twice as many.
        noise: Deviation of the noise behind the critic's layers.
        learning_rate: Of both players.
        decay: Let the rate fall to 0 along half a cosine. Of a few thousand images the critic
            else comes to tell all from fakes, and the game is over (docs/semi-supervised.md).
        **common: seed, steps, batch_size, device, precision.

    Example:
        >>> from saddlepoint import recipes
        >>> run = recipes.improved_gan_ssl("digits", labels=50)
        >>> run.data.labelled, run.learner.critic.hidden
        (50, (1000, 500, 250, 250, 250))
    """
    rate = Adam(
        learning_rate=Cosine(start=learning_rate, end=0.0) if decay else learning_rate, beta1=0.5
    )
    learner = Adversarial(
        latent=100,
        prior=Uniform(),
        classes=KPlusOne(),
        critic_weight=0.5,
        cost=FeatureMatching(),
        constraints=(WeightNorm(lengths="fixed"),),
        lenses=(UnitRange(),),
        output="sigmoid",
        generator=Mlp(hidden=(2 * width, 2 * width), activation="softplus", norm="batch"),
        critic=Mlp(
            hidden=(4 * width, 2 * width, width, width, width), noise_input=0.3, noise=noise
        ),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    training = Training(steps=180_000, batch_size=200, averaging=0.9999)
    source = with_labels(data, labels, labels_in_batch)
    return assemble("improved-gan-ssl", source, learner, training, **common)


improved_gan_ssl_two_core = two_core(
    improved_gan_ssl,
    "Batches of 100, half of them labelled, and 15,000 steps in which the rate falls to 0.",
    decay=True,
    labels_in_batch=50,
    batch_size=100,
    steps=15_000,
)
