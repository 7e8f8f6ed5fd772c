"""What a model of classes and latents makes of either: the styles of a class, and analogies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from PIL import Image
from scipy.stats import norm
from torch import Tensor

from saddlepoint import drawing
from saddlepoint.errors import BadInput
from saddlepoint.learners.latent import LatentLearner
from saddlepoint.training.trained import Trained


@dataclass(frozen=True)
class Sheet:
    """Examples in rows and columns.

    Attributes:
        examples: (rows · columns, *shape) float32 on the CPU, row by row; images in [−1, 1].
        columns: Examples in a row.
        latents: (rows · columns, d): what each was decoded from; of examples that were given, NaN.
        labels: (rows · columns,): and the class.
    """

    examples: Tensor
    columns: int
    latents: Tensor
    labels: Tensor

    def picture(self) -> Image.Image:
        """The examples as a grid.

        Raises:
            BadInput: They are no images.
        """
        return drawing.grid(self.examples.numpy(), self.columns)


def style_grid(
    model: Trained,
    label: str | int,
    n: int = 10,
    *,
    dimensions: tuple[int, int] = (0, 1),
    reach: float = 0.95,
) -> Sheet:
    """The styles of one class: n×n latents over the bulk of p(z), all else 0.

    Along each of two dimensions stand the quantiles Φ⁻¹(u) of the standard normal distribution
    for n values u, equally spaced over the middle ``reach`` of its mass; the second dimension
    grows upwards. With z of length 2 that is the whole manifold of the class; of a longer one it
    is a cut through the origin.

    Args:
        model: A run that was trained with labels and whose latents are normal.
        label: The class, by its name or number.
        n: Examples in a row and in a column.
        dimensions: Which two of the latents vary.
        reach: Share of the mass of each that the grid spans.

    Raises:
        BadInput: The learner knows no classes, or a number does not fit.

    Paper: Kingma et al., Semi-supervised Learning with Deep Generative Models, 2014, figure 1a.
    """
    learner = _of_classes(model)
    across, up = dimensions
    length = len(learner.columns)
    if across == up or not all(0 <= each < length for each in dimensions):
        raise BadInput(
            f"dimensions {across} and {up}: two different ones of 0 to {length - 1} are needed."
        )
    if n < 2 or not 0 < reach < 1:
        raise BadInput(f"n = {n} and reach = {reach:g}: use n ≥ 2 and a reach between 0 and 1.")
    steps = torch.from_numpy(norm.ppf(np.linspace((1 - reach) / 2, (1 + reach) / 2, n))).float()
    z = torch.zeros(n, n, length)
    z[:, :, across] = steps
    z[:, :, up] = steps.flip(0).unsqueeze(1)
    labels = model.of_class(str(label), n * n)
    flat = z.flatten(0, 1)
    return Sheet(_decoded(learner, flat, labels), n, flat, labels)


def analogies(
    model: Trained, x: ArrayLike | Tensor, labels: ArrayLike | Tensor | None = None
) -> Sheet:
    """Examples in every class: each row has one, and what its z looks like with each class.

    z is the mean of q(z|x, y), with the example's own class y.

    Args:
        model: A run of a model with q(z|x, y).
        x: Examples (n, *shape) as a network sees them, images in [−1, 1].
        labels: Their classes (n,); by default those that the model takes for likeliest.

    Raises:
        BadInput: The learner cannot encode, or shapes or labels do not fit.

    Paper: Kingma et al., Semi-supervised Learning with Deep Generative Models, 2014, figure 1b.
    """
    learner = _of_classes(model)
    encoding: Any = learner
    if not hasattr(learner, "encode") or learner.classifies != "labels":
        raise BadInput(
            f"the learner '{model.run.learner.kind}' has no way from an example and its class to "
            "latents: use m2 or m1_m2."
        )
    examples = torch.as_tensor(x, dtype=torch.float32)
    if tuple(examples.shape[1:]) != model.data.shape or not len(examples):
        raise BadInput(
            f"examples of shape {tuple(examples.shape)}: one or more of {model.data.shape} are "
            "needed."
        )
    there = next(learner.parameters()).device
    own = None if labels is None else torch.as_tensor(labels)
    if own is None:
        own = learner.classify(examples.to(there)).argmax(-1).cpu()
    z = encoding.encode(examples.to(there), own).float().cpu()
    classes = len(model.data.classes)
    every = z.repeat_interleave(classes, 0)
    to = torch.arange(classes).repeat(len(examples))
    made = _decoded(learner, every, to)
    rows = torch.cat([examples.unsqueeze(1), made.unflatten(0, (len(examples), classes))], 1)
    unknown = torch.full_like(z, torch.nan).unsqueeze(1)
    latents = torch.cat([unknown, every.unflatten(0, (len(examples), classes))], 1)
    shown = torch.cat([own.unsqueeze(1), to.unflatten(0, (len(examples), classes))], 1)
    return Sheet(rows.flatten(0, 1), classes + 1, latents.flatten(0, 1), shown.flatten())


def _of_classes(model: Trained) -> LatentLearner:
    """The learner of the model, which decodes latents and classes.

    Raises:
        BadInput: It does not.
    """
    learner = (model.seeds[0] if model.seeds else model).learner
    if not isinstance(learner, LatentLearner) or not learner.uses_labels:
        raise BadInput(
            f"the learner '{model.run.learner.kind}' was trained without labels, so it has no "
            "styles of a class: use one that learns from them, such as m2."
        )
    return learner


def _decoded(learner: LatentLearner, z: Tensor, labels: Tensor) -> Tensor:
    return learner.decode(z, labels).float().cpu()
