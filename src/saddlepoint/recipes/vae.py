"""The variational autoencoder: Kingma and Welling, Auto-Encoding Variational Bayes, 2014."""

from __future__ import annotations

from typing import Literal, Unpack

from saddlepoint.description import one_of
from saddlepoint.learners.variational.description import Variational
from saddlepoint.learners.variational.likelihoods import LIKELIHOODS
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.registry import Common, assemble, recipe
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training


@recipe("vae", year=2014, paper="Kingma and Welling, Auto-Encoding Variational Bayes")
def vae(
    data: object = "digits",
    *,
    network: Literal["mlp", "convolutional"] = "mlp",
    likelihood: Literal[
        "gaussian", "bernoulli", "categorical", "discretised_logistic"
    ] = "gaussian",
    **common: Unpack[Common],
) -> Run:
    """Variational autoencoder, fully connected or convolutional, four likelihoods.

    Twenty latents, Adam 1e-3. The Gaussian likelihood learns one standard deviation for all
    values, so that no weight between the two terms has to be guessed.

    The bound, its estimate with one sample and the Bernoulli likelihood are the paper's. Its
    networks have one hidden layer (500 units on MNIST), its Gaussian a deviation for each value,
    and it trains by Adagrad in batches of 100; layers, optimiser and batch here are ours.

    Args:
        data: A built-in name, an image folder, an array or its file.
        network: ``mlp`` (two layers of 256) or ``convolutional`` (images only).
        likelihood: ``gaussian``, or for images ``bernoulli``, ``categorical`` (256 numbers of the
            decoder a pixel) or ``discretised_logistic``.
        **common: seed, steps, batch_size, device, precision.
    """
    body = Mlp(hidden=(256, 256)) if network == "mlp" else Dcgan(width=32, norm="none")
    learner = Variational(
        latent=20,
        likelihood=one_of(LIKELIHOODS).made(likelihood),
        encoder=body,
        decoder=body,
        optimiser=Adam(learning_rate=1e-3, beta1=0.9),
    )
    return assemble("vae", data, learner, Training(steps=5000), **common)
