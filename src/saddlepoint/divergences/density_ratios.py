"""The f-divergences: functions of the ratio p/q, D_f = ∫ q f(p/q), f convex with f(1) = 0.

f is taken with f'(1) = 0, by adding a multiple of u − 1, which changes no divergence: then the
integrand is nowhere negative (torch-free until something is computed).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from saddlepoint.divergences.entry import Divergence, without_density
from saddlepoint.divergences.f_divergences import F_DIVERGENCES

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.divergences.computed import Computed
    from saddlepoint.divergences.distributions import Discrete, Gaussian, GaussianMixture, Samples
    from saddlepoint.metrics.estimate import Estimate

_GAMES = {f.name: f for f in F_DIVERGENCES}
_DENSITIES = "probabilities; mixtures of Gaussians in 1-D and 2-D by quadrature; not samples"
_SHIFTS = "Gaussians of equal covariance in any dimension through one in 1-D; "


@dataclass(frozen=True)
class OfRatio(Divergence):
    """An f-divergence, from its integrand in probabilities and in log densities."""

    @abstractmethod
    def terms(self, p: Tensor, q: Tensor) -> Tensor:
        """Elementwise q f(p/q) of probabilities, one of which may be 0."""

    @abstractmethod
    def integrand(self, p: Tensor, q: Tensor) -> Tensor:
        """Elementwise q f(p/q) of log densities, at least 0, right where densities underflow."""

    @override
    def between_discrete(self, p: Discrete, q: Discrete) -> Tensor:
        """Σ q f(p/q) over the atoms of either."""
        from saddlepoint.divergences.distributions import aligned

        one, other, _ = aligned(p, q)
        there = one + other > 0
        return self.terms(one[there], other[there]).sum().clamp(min=0)  # rounding can go below

    @override
    def between_gaussians(self, p: Gaussian, q: Gaussian) -> Tensor | None:
        """None: in general there is no closed form."""
        return None

    @override
    def between_mixtures(self, p: GaussianMixture, q: GaussianMixture) -> Computed:
        """By quadrature in one and two dimensions."""
        from saddlepoint.divergences.mixture_integrals import of_densities

        return of_densities(p, q, self.integrand, self.title)

    @override
    def between_samples(self, p: Samples, q: Samples) -> Estimate:
        """Refused: samples have no density."""
        raise without_density(self.title)


@dataclass(frozen=True)
class KullbackLeibler(OfRatio):
    """KL(p‖q)."""

    key = "kl"
    title = "Kullback–Leibler divergence KL(p‖q), nats"
    equation = "∫ p log(p/q)"
    takes = f"{_DENSITIES}; closed form: Gaussians"
    symmetric = False
    root = None
    blind = "what q does where p is 0, and distances between supports"
    infinite = "q = 0 somewhere where p > 0"
    paper = "Kullback and Leibler, On information and sufficiency, 1951"

    @override
    def terms(self, p: Tensor, q: Tensor) -> Tensor:
        """Elementwise p log(p/q)."""
        return _GAMES["f_kl"].integrand(p, q)

    @override
    def integrand(self, p: Tensor, q: Tensor) -> Tensor:
        """Elementwise p log(p/q) − p + q."""
        return (p.exp() * (p - q) - p.exp() + q.exp()).clamp(min=0)  # rounding can go below

    @override
    def between_gaussians(self, p: Gaussian, q: Gaussian) -> Tensor | None:
        """See ``gaussians.kullback_leibler``."""
        from saddlepoint.divergences.gaussians import kullback_leibler

        return kullback_leibler(p, q)


@dataclass(frozen=True)
class ReverseKullbackLeibler(OfRatio):
    """KL(q‖p)."""

    key = "reverse-kl"
    title = "reverse Kullback–Leibler divergence KL(q‖p), nats"
    equation = "∫ q log(q/p)"
    takes = KullbackLeibler.takes
    symmetric = False
    root = None
    blind = "modes of p that q lets go, and distances between supports"
    infinite = "p = 0 somewhere where q > 0"
    paper = KullbackLeibler.paper

    @override
    def terms(self, p: Tensor, q: Tensor) -> Tensor:
        """Elementwise q log(q/p)."""
        return _GAMES["f_reverse_kl"].integrand(p, q)

    @override
    def integrand(self, p: Tensor, q: Tensor) -> Tensor:
        """Elementwise q log(q/p) − q + p."""
        return KullbackLeibler().integrand(q, p)

    @override
    def between_gaussians(self, p: Gaussian, q: Gaussian) -> Tensor | None:
        """See ``gaussians.kullback_leibler``."""
        return KullbackLeibler().between_gaussians(q, p)


@dataclass(frozen=True)
class JensenShannon(OfRatio):
    """JSD(p, q), with the factor ½."""

    key = "jensen-shannon"
    title = "Jensen–Shannon divergence JSD, nats"
    equation = "½ KL(p‖m) + ½ KL(q‖m)"
    takes = f"{_DENSITIES}; {_SHIFTS}no closed form"
    symmetric = True
    root = 2
    bound = math.log(2)
    blind = "how far apart disjoint supports are: log 2 at any distance"
    infinite = "never"
    paper = (
        "Lin, Divergence measures based on the Shannon entropy, 1991; √JSD: Endres and "
        "Schindelin, A new metric for probability distributions, 2003"
    )

    @override
    def terms(self, p: Tensor, q: Tensor) -> Tensor:
        """½ p log(p/m) + ½ q log(q/m)."""
        return _GAMES["f_jensen_shannon"].integrand(p, q)

    @override
    def integrand(self, p: Tensor, q: Tensor) -> Tensor:
        """½ (p log(p/m) − p + m) + ½ (q log(q/m) − q + m), whose corrections cancel."""
        m = p.logaddexp(q) - math.log(2)
        return ((p.exp() * (p - m) + q.exp() * (q - m)) / 2).clamp(min=0)


@dataclass(frozen=True)
class TotalVariation(OfRatio):
    """TV(p, q)."""

    key = "total-variation"
    title = "total variation TV"
    equation = "½ ∫ |p − q| = sup over events of |P − Q|"
    takes = f"{_DENSITIES}; closed form: Gaussians in 1-D or of equal covariance"
    symmetric = True
    root = 1
    bound = 1.0
    blind = "how far apart disjoint supports are: 1 at any distance"
    infinite = "never"
    paper = "textbooks; between Gaussians: Devroye, Mehrabian and Reddad 2018"

    @override
    def terms(self, p: Tensor, q: Tensor) -> Tensor:
        """½ |p − q|."""
        return (p - q).abs() / 2

    @override
    def integrand(self, p: Tensor, q: Tensor) -> Tensor:
        """½ |p − q|."""
        return (p.exp() - q.exp()).abs() / 2

    @override
    def between_gaussians(self, p: Gaussian, q: Gaussian) -> Tensor | None:
        """See ``gaussians.total_variation``."""
        from saddlepoint.divergences.gaussians import total_variation

        return total_variation(p, q)


@dataclass(frozen=True)
class Pearson(OfRatio):
    """χ²(p‖q)."""

    key = "pearson-chi2"
    title = "Pearson's χ²(p‖q)"
    equation = "∫ (p − q)² / q"
    takes = f"{_DENSITIES}; closed form: Gaussians"
    symmetric = False
    root = None
    blind = "nothing where q > 0, but a few places of small q decide it"
    infinite = (
        "q = 0 somewhere where p > 0, or p's tails are too long: for Gaussians N(a, S) and "
        "N(b, R) unless 2R − S is positive definite"
    )
    paper = "Pearson, On the criterion that a given system of deviations ..., 1900"

    @override
    def terms(self, p: Tensor, q: Tensor) -> Tensor:
        """(p − q)²/q."""
        return _GAMES["f_pearson"].integrand(p, q)

    @override
    def integrand(self, p: Tensor, q: Tensor) -> Tensor:
        """Elementwise q (u − 1)², u = p/q; where u > 1 as p²/q (1 − 1/u)²: q may underflow."""
        t = p - q
        below, above = t.clamp(max=0), t.clamp(min=0)
        return q.exp() * below.expm1() ** 2 + (2 * p - q).exp() * (-above).expm1() ** 2

    @override
    def between_gaussians(self, p: Gaussian, q: Gaussian) -> Tensor | None:
        """See ``gaussians.pearson``."""
        from saddlepoint.divergences.gaussians import pearson

        return pearson(p, q)

    @override
    def between_mixtures(self, p: GaussianMixture, q: GaussianMixture) -> Computed:
        """By quadrature, also where p²/q is large and neither density is."""
        from saddlepoint.divergences.mixture_integrals import chi_squared

        return chi_squared(p, q, self.integrand, self.title)


@dataclass(frozen=True)
class Neyman(OfRatio):
    """χ²(q‖p)."""

    key = "neyman-chi2"
    title = "Neyman's χ², which is Pearson's of (q, p)"
    equation = "∫ (p − q)² / p"
    takes = Pearson.takes
    symmetric = False
    root = None
    blind = "nothing where p > 0, but a few places of small p decide it"
    infinite = "p = 0 somewhere where q > 0, or q's tails are too long, as for pearson-chi2"
    paper = "Neyman, Contribution to the theory of the χ² test, 1949"

    @override
    def terms(self, p: Tensor, q: Tensor) -> Tensor:
        """(p − q)²/p."""
        return Pearson().terms(q, p)

    @override
    def integrand(self, p: Tensor, q: Tensor) -> Tensor:
        """Elementwise p (v − 1)², v = q/p."""
        return Pearson().integrand(q, p)

    @override
    def between_gaussians(self, p: Gaussian, q: Gaussian) -> Tensor | None:
        """See ``gaussians.pearson``."""
        return Pearson().between_gaussians(q, p)

    @override
    def between_mixtures(self, p: GaussianMixture, q: GaussianMixture) -> Computed:
        """By quadrature."""
        return Pearson().between_mixtures(q, p)


@dataclass(frozen=True)
class SquaredHellinger(OfRatio):
    """H²(p, q), without the factor ½."""

    key = "squared-hellinger"
    title = "squared Hellinger distance H²"
    equation = "∫ (√p − √q)²"
    takes = f"{_DENSITIES}; closed form: Gaussians"
    symmetric = True
    root = 2
    bound = 2.0
    blind = "how far apart disjoint supports are: 2 at any distance"
    infinite = "never"
    paper = "Hellinger, Neue Begründung der Theorie quadratischer Formen ..., 1909"

    @override
    def terms(self, p: Tensor, q: Tensor) -> Tensor:
        """(√p − √q)²."""
        return _GAMES["f_hellinger"].integrand(p, q)

    @override
    def integrand(self, p: Tensor, q: Tensor) -> Tensor:
        """(√p − √q)²."""
        return ((p / 2).exp() - (q / 2).exp()) ** 2

    @override
    def between_gaussians(self, p: Gaussian, q: Gaussian) -> Tensor | None:
        """See ``gaussians.squared_hellinger``."""
        from saddlepoint.divergences.gaussians import squared_hellinger

        return squared_hellinger(p, q)
