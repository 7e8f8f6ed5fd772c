"""Parzen-window log-likelihood, the way in which generators were compared in 2014.

Kept because the papers print it, with what shows how it misleads. It estimates the likelihood of
the samples blurred by a Gaussian, not of the generator; in many dimensions the two have little to
do with each other. Centroids of k-means, which are blurs and samples of nothing, beat the training
images themselves (Theis et al. 2016). Print `parzen_controls` beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import Estimate, mean_of

SIGMAS = tuple(float(s) for s in np.logspace(-1, 0, 10))
BLOCK = 1 << 23  # distances that are held at once, 64 MB in float64


@dataclass(frozen=True)
class Parzen:
    """A Parzen-window log-likelihood.

    Attributes:
        estimate: Mean log-likelihood of the test images in nats.
        sigma: Width of the windows, the one that suits the validation images best.
        at_edge: True if that is the first or the last one tried, so that a better one may lie
            beyond.
    """

    estimate: Estimate
    sigma: float
    at_edge: bool


@dataclass(frozen=True)
class ParzenControls:
    """What the protocol says of windows around things that no generator made.

    Attributes:
        training_set: Windows around training images.
        centroids: Windows around k-means centroids of the training images.
    """

    training_set: Parzen
    centroids: Parzen


def parzen(
    samples: Tensor, validation: Tensor, test: Tensor, sigmas: Sequence[float] = SIGMAS
) -> Parzen:
    """Mean log-likelihood of test images under Gaussian windows around generated ones.

        log p(x) = log (1/n) Σᵢ N(x; sᵢ, σ²I),  σ = argmax over ``sigmas`` of the mean over the
        validation images

    The protocol of 2014: n = 10,000 samples, ten σ from 0.1 to 1 in equal ratios, 1,000 validation
    images. Pixels are in [0, 1]; the figure depends on the units, with [−1, 1] it would be lower
    by d·log 2.

    The interval is Student's, of the mean over the test images. It is conditional on the samples
    and on σ: other samples of the same generator give other figures, and more samples higher ones.

    Args:
        samples: Generated images (n, ...), the centres.
        validation: Images that choose σ (m, ...).
        test: Images that are scored (k, ...).
        sigmas: Widths to choose from, in ascending order.

    Raises:
        BadInput: Sizes do not fit, no images, pixels outside [0, 1], or widths that are not
            positive and ascending.

    References: Goodfellow et al., Generative Adversarial Nets, 2014; Breuleux et al., 2011 (the
    estimator); Theis et al., A Note on the Evaluation of Generative Models, 2016 (against it).
    """
    if not len(sigmas) or not sigmas[0] > 0 or any(not b > a for a, b in pairwise(sigmas)):
        raise BadInput(f"Parzen windows need positive widths in ascending order, not {sigmas}.")
    centres, chooser, scored = (
        _rows(x, name)
        for x, name in ((samples, "generated"), (validation, "validation"), (test, "test"))
    )
    if not centres.shape[1] == chooser.shape[1] == scored.shape[1]:
        raise BadInput(
            "Parzen windows need images of one size, and these have "
            f"{centres.shape[1]} (generated), {chooser.shape[1]} (validation) and "
            f"{scored.shape[1]} (test) numbers each."
        )
    best = int(log_likelihoods(centres, chooser, sigmas).mean(1).argmax())
    values = log_likelihoods(centres, scored, sigmas[best : best + 1])[0].cpu().numpy()
    estimate = mean_of(values, len(scored), len(centres))
    method = f"{estimate.method} over test images"
    return Parzen(
        replace(estimate, method=method), float(sigmas[best]), best in (0, len(sigmas) - 1)
    )


def parzen_controls(
    train: Tensor,
    validation: Tensor,
    test: Tensor,
    n: int = 10_000,
    seed: int = 0,
    sigmas: Sequence[float] = SIGMAS,
) -> ParzenControls:
    """The figures of n training images and of n k-means centroids of the training set.

    Training images are the best samples that there could be, and centroids are not samples; where
    the second row is above the first, a higher figure does not mean better samples. With as many
    centroids as training images the two are the same, so n should be a fraction of them.

    Args:
        train: Training images (m, ...), pixels in [0, 1].
        validation: As in `parzen`.
        test: As in `parzen`.
        n: Centres of each, at most m: as many as generated samples are scored.
        seed: Decides the training images drawn and where k-means starts.
        sigmas: As in `parzen`.

    Raises:
        BadInput: As in `parzen`, or n is not positive.
    """
    from sklearn.cluster import MiniBatchKMeans

    if n < 1:
        raise BadInput(f"Parzen's controls need at least one centre, and not n={n}.")
    images = _rows(train, "training")
    count = min(n, len(images))
    order = np.random.default_rng(seed).permutation(len(images))[:count]
    # k-means++ would take longer than all the rest for thousands of centroids
    means = MiniBatchKMeans(
        count, init="random", n_init=1, batch_size=max(1024, 2 * count), max_iter=20,
        random_state=seed,
    ).fit(images.cpu().numpy())  # fmt: skip
    centroids = torch.from_numpy(means.cluster_centers_).to(images).clamp(0, 1)
    chosen = images[torch.from_numpy(order).to(images.device)]
    return ParzenControls(
        *(parzen(centres, validation, test, sigmas) for centres in (chosen, centroids))
    )


def log_likelihoods(samples: Tensor, points: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Log p(x) in nats (sigmas, k) of ``points`` (k, d) under windows around ``samples`` (n, d).

    log Σᵢ exp(−‖x − sᵢ‖²/(2σ²)) − log n − (d/2) log(2πσ²), in float64; squared distances are
    computed once for all σ, in blocks of rows.
    """
    samples, points = samples.to(torch.float64), points.to(torch.float64)
    middle = samples.mean(0)  # squares about the middle keep their digits
    samples, points = samples - middle, points - middle
    n, d = samples.shape
    squares = samples.square().sum(1)
    result = torch.empty(len(sigmas), len(points), dtype=torch.float64, device=points.device)
    rows = max(1, BLOCK // n)
    for start in range(0, len(points), rows):
        block = points[start : start + rows]
        distance = torch.addmm(squares, block, samples.T, alpha=-2)
        distance = distance.add_(block.square().sum(1, keepdim=True)).clamp_(min=0)
        for i, sigma in enumerate(sigmas):
            scaled = distance * (-0.5 / sigma**2)
            constant = math.log(n) + d / 2 * math.log(2 * math.pi * sigma**2)
            result[i, start : start + rows] = scaled.logsumexp(1) - constant
    return result


def _rows(images: Tensor, name: str) -> Tensor:
    """Images (n, ...) as rows (n, d)."""
    if images.dim() < 2 or not images.numel() or not images.is_floating_point():
        raise BadInput(
            f"Parzen windows need floating-point images (n, ...), and the {name} ones have the "
            f"shape {tuple(images.shape)} and the type {images.dtype}."
        )
    low, high = float(images.min()), float(images.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):
        raise BadInput(
            f"Parzen windows are defined for pixels in [0, 1], and the {name} images run from "
            f"{low:.4g} to {high:.4g}: from [-1, 1], take (x + 1) / 2."
        )
    return images.flatten(1)
