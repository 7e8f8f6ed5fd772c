"""The game of Goodfellow et al., Generative Adversarial Nets, 2014, on fully connected networks."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.games.objective_name import ObjectiveName
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.conditional import JOINED
from saddlepoint.recipes.registry import Common, assemble, recipe
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training


@recipe("gan", year=2014, paper="Goodfellow et al., Generative Adversarial Nets", told=JOINED)
def gan(
    data: object = "digits",
    *,
    objective: ObjectiveName = "non_saturating",
    critic_steps: int = 1,
    **common: Unpack[Common],
) -> Run:
    """Fully connected GAN for points in the plane, vectors and small images.

    The game is the paper's, the rest is ours: two hidden layers of 256 units a player, 64 normal
    latents, Adam 2e-4 with β1 = 0.5 (DCGAN's). ``gan-2014`` has the authors' networks and
    optimiser.

    Args:
        data: A built-in name, an image folder, an array or its file.
        objective: The game; the paper has ``minimax`` and ``non_saturating``.
        critic_steps: Critic updates before each generator update.
        **common: seed, steps, batch_size, device, precision.
    """
    learner = Adversarial(
        latent=64,
        objective=objective,
        critic_steps=critic_steps,
        generator=Mlp(hidden=(256, 256), activation="relu"),
        critic=Mlp(hidden=(256, 256), activation="leaky_relu"),
        generator_optimiser=Adam(learning_rate=2e-4, beta1=0.5),
        critic_optimiser=Adam(learning_rate=2e-4, beta1=0.5),
    )
    return assemble("gan", data, learner, Training(steps=10_000, sample_every=1000), **common)
