"""The data N(0, 1) against a generator N(θ, 1): the pair on which every game has an exact answer.

With densities p and q the best discriminator's logit is the line log p/q = θ²/2 − θx, and what a
generator that makes x = z + θ descends is known in closed form or as an integral on a line.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
REACH, PLACES = 14.0, 40_001  # standard deviations and places of a quadrature, tails below 1e-40


def log_density(mean: float) -> Callable[[Array], Array]:
    """Log N(x; mean, 1) of points (n, 1), as (n,)."""
    return lambda x: -((np.asarray(x)[:, 0] - mean) ** 2) / 2 - math.log(2 * math.pi) / 2


def density(x: ArrayLike, mean: float) -> Array:
    """N(x; mean, 1) of numbers (n,)."""
    return np.exp(log_density(mean)(np.asarray(x, dtype=np.float64)[:, None]))


def draws(mean: float, count: int, seed: int, dimensions: int = 1) -> Array:
    """Points (count, dimensions) of N(mean, 1), further coordinates being N(0, 1) on both sides.

    The distances between both sides are those on the line, and a critic's gradient can turn.
    """
    whole = round(1000 * mean)
    points = np.random.default_rng([seed, whole]).normal(0.0, 1.0, (count, dimensions))
    points[:, 0] += mean
    return points


def logit(x: ArrayLike, theta: float) -> Array:
    """The best discriminator's logit θ²/2 − θx."""
    return theta**2 / 2 - theta * np.asarray(x, dtype=np.float64)


def line(theta: float) -> tuple[Array, float]:
    """Places of a quadrature that covers both densities, and the distance between them."""
    x = np.linspace(-REACH, theta + REACH, PLACES)
    return x, float(x[1] - x[0])


def slopes(objective: str, scores: ArrayLike) -> Array:
    """The derivative of the generator's cost by a fake's score, by autograd in float64."""
    import torch

    from saddlepoint.games.objectives import OBJECTIVES

    a = torch.from_numpy(np.array(scores, dtype=np.float64)).requires_grad_()
    cost = OBJECTIVES[objective].generator(torch.zeros_like(a), a)
    (slope,) = torch.autograd.grad(cost.sum(), a)
    return np.asarray(slope.numpy())


def played_gradient(objective: str, theta: float) -> float:
    """d/dθ of the generator's cost in the game with the best discriminator, held fixed.

    E_q[c'(a(x)) a'(x)] by quadrature, a the logit and c the cost of a score. Of ``wasserstein`` the
    critic is the best one of slope 1, f(x) = −x.
    """
    x, step = line(theta)
    q = density(x, theta)
    if objective == "wasserstein":
        return float((slopes(objective, -x) * -1.0 * q).sum() * step)
    return float((slopes(objective, logit(x, theta)) * -theta * q).sum() * step)


def descended_gradient(objective: str, theta: float) -> float:
    """d/dθ of the divergence that the game's generator is said to descend.

    2·JSD (minimax), KL(q‖p) − 2·JSD (non-saturating), KL(p‖q) (maximum likelihood) and W₁
    (wasserstein), each from the divergences of this library.
    """
    import torch

    from saddlepoint.divergences import Gaussian, divergence_tensor

    shift = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    p, q = Gaussian(0.0, std=1.0), Gaussian(shift, std=1.0)
    parts = {
        "minimax": ((2.0, "jensen-shannon"),),
        "non_saturating": ((1.0, "reverse-kl"), (-2.0, "jensen-shannon")),
        "maximum_likelihood": ((1.0, "kl"),),
        "wasserstein": ((1.0, "wasserstein-1"),),
    }[objective]
    value = torch.stack([weight * divergence_tensor(p, q, of=key) for weight, key in parts]).sum()
    (slope,) = torch.autograd.grad(value, shift)
    return float(slope)
