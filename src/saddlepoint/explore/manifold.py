"""What a model with two latents makes of the plane: the manifold that it has learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from saddlepoint.drawing import draw, grid
from saddlepoint.errors import BadInput
from saddlepoint.learners.latent import LatentLearner
from saddlepoint.training.trained import Trained


@dataclass(frozen=True)
class Manifold:
    """Examples over a lattice of latents.

    Attributes:
        latents: (side, side, 2): the first number grows along a row, the second from the last row
            up to the first.
        examples: (side, side, *shape), images in [−1, 1].
    """

    latents: NDArray[np.float32]
    examples: NDArray[np.float32]

    def picture(self) -> Image.Image:
        """Images as one sheet, points as a cloud.

        Raises:
            BadInput: The examples are vectors of more than two numbers.
        """
        side = len(self.examples)
        flat = self.examples.reshape(side * side, *self.examples.shape[2:])
        if flat.ndim == 4:
            return grid(flat, columns=side, padding=1)
        if flat.shape[1] != 2:
            raise BadInput(
                f"vectors of {flat.shape[1]} numbers have no picture: draw .examples yourself."
            )
        return draw(flat, images=False)


def manifold(model: Trained, side: int = 20, *, member: int = 0) -> Manifold:
    """What a model with a latent vector of two numbers makes of equally likely places.

    The latents are Φ⁻¹((i + ½)/side) along each axis, Φ⁻¹ the inverse of the normal distribution
    function: each stands for an equal share of the prior.

    Args:
        model: Whatever decodes latents from N(0, 1): a variational autoencoder, or a GAN.
        side: Examples along each axis.
        member: Of a run with several seeds, which one is meant.

    Raises:
        BadInput: The model has another number of latents.

    Paper: Kingma and Welling, Auto-Encoding Variational Bayes, 2014, figure 4.

    Example:
        >>> import saddlepoint as sp
        >>> from saddlepoint.explore import manifold
        >>> run = sp.recipes.vae("digits", steps=2, device="cpu")
        >>> run = run.replace(learner=run.learner.replace(latent=2))
        >>> _ = sp.train(run, "runs/flat", quiet=True)
        >>> manifold(sp.load("runs/flat"), side=5).examples.shape
        (5, 5, 1, 8, 8)
    """
    if not 0 <= member < model.run.seeds:
        raise BadInput(f"there is no member {member}: the run has {model.run.seeds}, from 0.")
    learner = model.seeds[member].learner if model.seeds else model.learner
    columns = learner.columns if isinstance(learner, LatentLearner) else ()
    if len(columns) != 2:
        raise BadInput(
            f"a manifold in the plane needs two latents, and this model has {len(columns)}: train "
            "one with --learner.latent 2."
        )
    if side < 1:
        raise BadInput(f"side = {side}: ask for at least one example along each axis.")
    assert isinstance(learner, LatentLearner)
    place = torch.special.ndtri((torch.arange(side, dtype=torch.float64) + 0.5) / side).float()
    latents = torch.stack(torch.meshgrid(place, place.flip(0), indexing="xy"), -1)
    decoded = learner.decode(learner.from_normal(latents.view(-1, 2)))
    if learner.members is not None:
        decoded = decoded[member]
    examples = decoded.float().cpu().unflatten(0, (side, side))
    return Manifold(latents.numpy(), examples.contiguous().numpy())
