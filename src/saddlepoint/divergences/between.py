"""One question for every divergence and every kind of distribution."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from saddlepoint.data.mixture import Mixture
from saddlepoint.divergences.computed import ClosedForm, Computed, Quadrature, shown
from saddlepoint.divergences.distributions import (
    Discrete,
    Gaussian,
    GaussianMixture,
    Samples,
    aligned,
)
from saddlepoint.divergences.entry import Divergence
from saddlepoint.divergences.mixture_integrals import differential_entropy
from saddlepoint.divergences.registry import named
from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import Estimate

Known = Discrete | Gaussian | GaussianMixture | Mixture
Distribution = Known | Samples


def divergence(
    p: Distribution, q: Distribution, of: str | Divergence = "jensen-shannon"
) -> ClosedForm | Quadrature | Estimate:
    """D(p, q): its value, how far off it may be (``low``, ``high``), and how it was found.

    Args:
        p: The first distribution; for a generator's sake, the data's.
        q: The second, of the same kind. Gaussians and mixtures go together, the toys' mixtures
            (``saddlepoint.data.mixture``) among them.
        of: A key of ``DIVERGENCES``, or an entry with settings of its own.

    Returns:
        ``ClosedForm``, ``Quadrature`` or, of samples, an ``Estimate`` with a 95 % interval.

    Raises:
        BadInput: No such divergence, distributions that cannot be compared, a divergence that is
            not there for them, or a quadrature that is not precise enough.

    Example:
        >>> from saddlepoint.divergences import Discrete, Gaussian, divergence
        >>> near = divergence(Gaussian(0.0, std=1.0), Gaussian(1.0, std=1.0))
        >>> print(f"{near.value:.6f} nats, {near.method}")
        0.111421 nats, adaptive quadrature
        >>> divergence(Discrete([0.5, 0.5]), Discrete([1.0, 0.0]), of="total-variation")
        ClosedForm(value=0.5, method='closed form')
    """
    entry = named(of)
    found: ClosedForm | Quadrature | Estimate
    if isinstance(p, Samples) and isinstance(q, Samples):
        _same(p.points.shape[1], q.points.shape[1])
        found = entry.between_samples(p, q)
    else:
        found = shown(_computed(p, q, entry))
    words = entry.settings()
    return replace(found, method=f"{found.method}, {words}") if words else found


def divergence_tensor(p: Known, q: Known, of: str | Divergence = "jensen-shannon") -> Tensor:
    """The same as a float64 scalar that passes gradients to the tensors in p and q.

    Probabilities and closed forms pass them exactly, quadrature that of the sum over its last
    boxes; W₂ of mixtures passes none. At p = q itself a norm has no derivative.

    Raises:
        BadInput: As ``divergence``; samples, too, which are estimates.

    Example:
        >>> import torch
        >>> from saddlepoint.divergences import Gaussian, divergence_tensor
        >>> shift = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
        >>> value = divergence_tensor(Gaussian(0.0, std=1.0), Gaussian(shift, std=1.0))
        >>> (slope,) = torch.autograd.grad(value, shift)
        >>> print(f"{value.item():.6f}, slope {slope.item():.6f}")
        0.336831, slope 0.224800
    """
    return _computed(p, q, named(of)).value


def entropy(p: Known) -> ClosedForm | Quadrature:
    """−Σ p log p or −∫ p log p in nats: no model's negative log-likelihood is lower on average.

    Raises:
        BadInput: Samples, whose density is not known, or mixtures in more than two dimensions.

    Example:
        >>> import numpy as np
        >>> from saddlepoint.divergences import GaussianMixture, entropy
        >>> angles = np.arange(8) * np.pi / 4
        >>> ring = GaussianMixture(np.stack([np.cos(angles), np.sin(angles)], 1), std=0.01)
        >>> print(f"{entropy(ring).value:.6f} nats")
        -4.293022 nats
    """
    if isinstance(p, Discrete):
        one, _, _ = aligned(p, p)  # atoms at one place are one
        return shown(Computed(-one.xlogy(one).sum()))
    if isinstance(p, Gaussian | GaussianMixture | Mixture):
        return shown(differential_entropy(GaussianMixture.of(p)))
    raise BadInput(
        f"The entropy of {_kind(p)} is not defined here: it needs probabilities or a density."
    )


def _computed(p: Distribution, q: Distribution, entry: Divergence) -> Computed:
    if isinstance(p, Discrete) and isinstance(q, Discrete):
        return Computed(entry.between_discrete(p, q))
    densities = Gaussian | GaussianMixture | Mixture
    if not (isinstance(p, densities) and isinstance(q, densities)):
        raise BadInput(
            f"p is {_kind(p)} and q is {_kind(q)}: give two of one kind, or draw samples from the "
            "one that is known and compare Samples with Samples."
        )
    one, other = GaussianMixture.of(p), GaussianMixture.of(q)
    _same(one.dimensions, other.dimensions)
    if len(one.means) == len(other.means) == 1:
        pair = [Gaussian(m.means[0], covariance=m.covariances[0]) for m in (one, other)]
        closed = entry.between_gaussians(*pair)
        if closed is not None:
            return Computed(closed)
    return entry.between_mixtures(one, other)


def _same(one: int, other: int) -> None:
    if one != other:
        raise BadInput(
            f"p has {one} dimensions and q {other}: give distributions over the same space."
        )


def _kind(p: object) -> str:
    return {
        "Discrete": "discrete",
        "Gaussian": "a Gaussian",
        "GaussianMixture": "a mixture",
        "Mixture": "a mixture",
        "Samples": "samples",
    }.get(type(p).__name__, f"a {type(p).__name__}")
