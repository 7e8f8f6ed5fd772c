"""LSGAN, WGAN and WGAN-GP on fully connected networks: for points, vectors and small images."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.games.constraints import WeightClipping
from saddlepoint.games.regularisers import wgan_gp as gradient_penalty
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam, RmsProp
from saddlepoint.recipes.conditional import JOINED
from saddlepoint.recipes.registry import Common, assemble, recipe
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training

WIDE = {"generator": Mlp(hidden=(512,) * 3), "critic": Mlp(hidden=(512,) * 3)}


@recipe(
    "lsgan-mlp",
    year=2017,
    paper="Mao et al., Least Squares Generative Adversarial Networks",
    told=JOINED,
)
def lsgan_mlp(data: object = "digits", *, pearson: bool = False, **common: Unpack[Common]) -> Run:
    """Least-squares GAN, fully connected.

    Targets (a, b, c) = (0, 1, 1), or (−1, 1, 0), with which the generator's cost at the optimal
    critic is half a Pearson χ² divergence (its gradient there is not).

    The costs are the paper's, the rest is ours: two hidden layers of 256 units a player, 64 normal
    latents and Adam 2e-4 with β1 = 0.5 (DCGAN's).

    Args:
        data: A built-in name, an image folder, an array or its file.
        pearson: Take the second set.
        **common: seed, steps, batch_size, device, precision.
    """
    rate = Adam(learning_rate=2e-4, beta1=0.5)
    learner = Adversarial(
        latent=64,
        objective="least_squares_pearson" if pearson else "least_squares",
        generator=Mlp(hidden=(256, 256)),
        critic=Mlp(hidden=(256, 256), activation="leaky_relu"),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    return assemble("lsgan-mlp", data, learner, Training(steps=10_000), **common)


@recipe("wgan-mlp", year=2017, paper="Arjovsky et al., Wasserstein GAN", told=JOINED)
def wgan_mlp(data: object = "digits", **common: Unpack[Common]) -> Run:
    """Wasserstein GAN with weight clipping, fully connected.

    Arjovsky, Chintala and Bottou 2017, algorithm 1: RMSProp 5e-5, weights clipped at 0.01 after
    each update, five critic steps, batch 64. Networks are ours: three layers of 512 ReLU a player,
    64 latents; samples are drawn from averaged weights.
    """
    rate = RmsProp(learning_rate=5e-5)
    learner = Adversarial(
        latent=64,
        objective="wasserstein",
        critic_steps=5,
        constraints=(WeightClipping(limit=0.01),),
        generator_optimiser=rate,
        critic_optimiser=rate,
        **WIDE,
    )
    return assemble("wgan-mlp", data, learner, Training(steps=10_000, batch_size=64), **common)


@recipe(
    "wgan-gp-mlp",
    year=2017,
    paper="Gulrajani et al., Improved Training of Wasserstein GANs",
    told=JOINED,
)
def wgan_gp_mlp(data: object = "digits", *, penalty: float = 10.0, **common: Unpack[Common]) -> Run:
    """Wasserstein GAN with gradient penalty, fully connected.

    Gulrajani et al. 2017, algorithm 1: λ = 10, five critic steps, Adam 1e-4 with β1 = 0, β2 = 0.9.
    Networks and batch are those of their program for toys: three layers of 512 ReLU, batch 256.

    What differs: that program uses λ = 0.1, β1 = 0.5, two latents (here 64), He's initial weights
    and 100,000 steps. Samples are drawn from averaged weights.

    Args:
        data: A built-in name, an image folder, an array or its file.
        penalty: λ.
        **common: seed, steps, batch_size, device, precision.
    """
    rate = Adam(learning_rate=1e-4, beta1=0.0, beta2=0.9)
    learner = Adversarial(
        latent=64,
        objective="wasserstein",
        critic_steps=5,
        critic_regularisers=(gradient_penalty(penalty),),
        generator_optimiser=rate,
        critic_optimiser=rate,
        **WIDE,
    )
    return assemble("wgan-gp-mlp", data, learner, Training(steps=10_000, batch_size=256), **common)
