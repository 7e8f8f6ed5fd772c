"""Semi-supervised autoencoders: Kingma et al., Deep Generative Models, 2014."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.learners.semisupervised.description import M1M2, M2
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.few_labels import with_labels
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training

PAPER = "Kingma et al., Semi-supervised Learning with Deep Generative Models"


@recipe("vae-m2", year=2014, paper=PAPER, data="images", machine="GPU")
def vae_m2(
    data: object = "digits",
    *,
    labels: int = 100,
    labels_in_batch: int = 1,
    width: int = 300,
    latent: int = 50,
    activation: str = "softplus",
    learning_rate: float = 3e-4,
    classifier_weight: float = 0.1,
    initial_deviation: float = 1e-3,
    weight_prior: float = 1.0,
    **common: Unpack[Common],
) -> Run:
    """Autoencoder that learns classes from a few labels and the other examples without (M2).

    The numbers of the authors' program for 100 labels of MNIST: one hidden layer of 300 softplus
    units in each network (500 with more labels), 50 latents, α = 0.1, weights that start with the
    deviation 1e-3 and have the prior N(0, 1), Adam 3e-4, batches of 500 with 1 labelled example
    (with 3,000 labels 250 with 15), 3,000 epochs of 100 batches.

    What differs: grey values are the targets of the Bernoulli likelihood as they are; Adam corrects
    its bias and has an ε; samples and classes come from averaged weights. The labels that are kept
    are a balanced random choice (--data.split.seed). --training.best.scalar validation/error keeps
    the checkpoint with the least error on validation examples, whose labels are all known.

    Args:
        data: A built-in name, an image folder with labels, an array or its file.
        labels: Training labels that are used, balanced over the classes; the others are hidden.
            0: all that the data have.
        labels_in_batch: Labelled examples in each batch; 0: as chance has it.
        width: Units of each hidden layer.
        latent: Length of the latent vector.
        activation: Of the hidden layers.
        learning_rate: Of Adam.
        classifier_weight: α.
        initial_deviation: Deviation of the weights at the start; 0: PyTorch's way.
        weight_prior: Precision of the normal prior of the weights; 0: none.
        **common: seed, steps, batch_size, device, precision.

    Example:
        >>> from saddlepoint import recipes
        >>> run = recipes.vae_m2("digits", labels=50)
        >>> run.data.labelled, run.data.labelled_in_batch, run.learner.classifier.hidden
        (50, 1, (300,))
    """
    body = Mlp(hidden=(width,), activation=activation)
    learner = M2(
        latent=latent,
        classifier=body,
        encoder=body,
        decoder=body,
        classifier_weight=classifier_weight,
        initial_deviation=initial_deviation or None,
        weight_prior=weight_prior,
        optimiser=Adam(learning_rate=learning_rate, beta1=0.9),
    )
    training = Training(steps=300_000, batch_size=500, checkpoint_every=5000)
    source = with_labels(data, labels, labels_in_batch)
    return assemble("vae-m2", source, learner, training, **common)


@recipe("vae-m1-m2", year=2014, paper=PAPER, data="images", machine="GPU")
def vae_m1_m2(
    data: object = "digits",
    *,
    labels: int = 100,
    labels_in_batch: int = 1,
    width: int = 300,
    features_latent: int = 50,
    features_width: int = 500,
    least_deviation: float = 0.1,
    latent: int = 50,
    activation: str = "softplus",
    learning_rate: float = 3e-4,
    classifier_weight: float = 0.1,
    initial_deviation: float = 1e-3,
    weight_prior: float = 1.0,
    **common: Unpack[Common],
) -> Run:
    """Autoencoder first, then classes from a few labels by M2 on what it encodes (M1+M2).

    M1 has two hidden layers of 500 units on either side and 50 latents, M2 the numbers of
    ``vae-m2``. M1 learns in the first half of the run, M2 in the second, from features drawn anew
    at every step; features whose posterior mean deviates by no more than 0.1 are left out.

    What differs: as of ``vae-m2``; both models learn in one run of equal halves, and M2 sees the
    features of M1's last weights, not of averaged ones.

    Args:
        data: A built-in name, an image folder with labels, an array or its file.
        labels: Training labels that are used, balanced over the classes; the others are hidden.
            0: all that the data have.
        labels_in_batch: Labelled examples in each batch; 0: as chance has it.
        width: Units of each hidden layer of M2.
        features_latent: Length of M1's latent vector.
        features_width: Units of each of M1's hidden layers.
        least_deviation: Features whose posterior mean deviates no more are left out.
        latent: Length of M2's latent vector.
        activation: Of the hidden layers.
        learning_rate: Of Adam, for both.
        classifier_weight: α.
        initial_deviation: Deviation of the weights at the start; 0: PyTorch's way.
        weight_prior: Precision of the normal prior of the weights; 0: none.
        **common: seed, steps, batch_size, device, precision.

    Example:
        >>> from saddlepoint import recipes
        >>> run = recipes.vae_m1_m2("digits")
        >>> run.learner.features_encoder.hidden, run.learner.features_until
        ((500, 500), 0.5)
    """
    body = Mlp(hidden=(width,), activation=activation)
    first = Mlp(hidden=(features_width, features_width), activation=activation)
    adam = Adam(learning_rate=learning_rate, beta1=0.9)
    learner = M1M2(
        latent=latent,
        features=features_latent,
        classifier=body,
        encoder=body,
        decoder=body,
        features_encoder=first,
        features_decoder=first,
        least_deviation=least_deviation,
        classifier_weight=classifier_weight,
        initial_deviation=initial_deviation or None,
        weight_prior=weight_prior,
        optimiser=adam,
        features_optimiser=adam,
    )
    training = Training(steps=600_000, batch_size=500, checkpoint_every=5000)
    source = with_labels(data, labels, labels_in_batch)
    return assemble("vae-m1-m2", source, learner, training, **common)


vae_m2_two_core = two_core(
    vae_m2,
    "Batches of 100 with 10 labelled examples, 500 rectified units, α = 100, Adam 1e-3, and no "
    "prior of the weights, which start PyTorch's way.",
    labels_in_batch=10,
    width=500,
    activation="relu",
    learning_rate=1e-3,
    classifier_weight=100.0,
    initial_deviation=0.0,
    weight_prior=0.0,
    batch_size=100,
    steps=20_000,
)

vae_m1_m2_two_core = two_core(
    vae_m1_m2,
    "Batches of 100 with 10 labelled examples, 500 rectified units, α = 20, Adam 1e-3, and no "
    "prior of the weights, which start PyTorch's way.",
    labels_in_batch=10,
    width=500,
    activation="relu",
    learning_rate=1e-3,
    classifier_weight=20.0,
    initial_deviation=0.0,
    weight_prior=0.0,
    batch_size=100,
    steps=20_000,
)
