"""f-divergences D_f(p‖q) = ∫ q f(p/q), f convex with f(1) = 0, and what a game needs of them.

Any critic T bounds one from below, D_f(p‖q) ≥ E_p T − E_q f*(T), where f*(t) = sup_u (ut − f(u))
is the conjugate; the bound is tight at T = f'(p/q) (Nowozin, Cseke and Tomioka, f-GAN, 2016).
A critic's score s is any real number, and an activation g brings T = g(s) into f*'s domain.

Torch is imported when a function is called, so that names can be validated without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)) = −log σ(−x), which never overflows."""
    from torch.nn import functional

    return functional.softplus(x)


def _kullback_leibler_terms(p: Tensor, q: Tensor) -> Tensor:
    return p.xlogy(p) - p.xlogy(q)


def _jensen_shannon_terms(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    return (_kullback_leibler_terms(p, m) + _kullback_leibler_terms(q, m)) / 2


def kullback_leibler(p: Tensor, q: Tensor) -> Tensor:
    """KL(p‖q) = Σ p log(p/q) in nats, with 0 log 0 = 0; infinite where q = 0 < p."""
    return _kullback_leibler_terms(p, q).sum()


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """JSD = ½ KL(p‖m) + ½ KL(q‖m), m = (p + q) / 2, in nats; at most log 2."""
    return _jensen_shannon_terms(p, q).sum()


def triangular(p: Tensor, q: Tensor) -> Tensor:
    """Δ = Σ (p − q)² / (p + q), at most 2; Pearson's χ² of q against (p + q) / 2 is Δ / 2."""
    return ((p - q) ** 2 / (p + q)).sum()


@dataclass(frozen=True)
class FDivergence:
    """One f-divergence and its game.

    Attributes:
        name: The name of its game in descriptions.
        divergence: Its formula.
        formulas: f(u), the activation g(s) and the conjugate f*(t), as a reader would write them.
        use_when: One sentence on what it is good for.
        integrand: q f(p/q), elementwise in (p, q) and right where one of them is 0; f(u) is its
            value at (u, 1).
        activation: g(s), elementwise and increasing.
        conjugate: f*(g(s)), elementwise in the score: worked out by hand, because f* of g cancels
            in floating point.
        best_score: g⁻¹(f'(u)), elementwise in the ratio u = p/q.
    """

    name: str
    divergence: str
    formulas: str
    use_when: str
    integrand: Callable[[Tensor, Tensor], Tensor]
    activation: Callable[[Tensor], Tensor]
    conjugate: Callable[[Tensor], Tensor]
    best_score: Callable[[Tensor], Tensor]

    def __call__(self, p: Tensor, q: Tensor) -> Tensor:
        """D_f(p‖q) of two vectors of probabilities."""
        return self.integrand(p, q).sum()


F_DIVERGENCES: tuple[FDivergence, ...] = (
    FDivergence(
        name="f_kl",
        divergence="KL(p‖q)",
        formulas="f(u) = u log u, g(s) = s, f*(t) = exp(t − 1)",
        use_when="To cover every mode of the data, with samples of poorer quality in between.",
        integrand=_kullback_leibler_terms,
        activation=lambda s: s,
        conjugate=lambda s: (s - 1).exp(),
        best_score=lambda u: 1 + u.log(),
    ),
    FDivergence(
        name="f_reverse_kl",
        divergence="KL(q‖p)",
        formulas="f(u) = −log u, g(s) = −exp(−s), f*(t) = −1 − log(−t)",
        use_when="For plausible samples above all; it lets modes of the data go.",
        integrand=lambda p, q: _kullback_leibler_terms(q, p),
        activation=lambda s: -(-s).exp(),
        conjugate=lambda s: s - 1,
        best_score=lambda u: u.log(),
    ),
    FDivergence(
        name="f_pearson",
        divergence="Pearson's χ²(p‖q) = Σ (p − q)² / q",
        formulas="f(u) = (u − 1)², g(s) = s, f*(t) = t²/4 + t",
        use_when="To punish missing modes hard; expect a noisy critic, whose target is p/q.",
        integrand=lambda p, q: (p - q) ** 2 / q,
        activation=lambda s: s,
        conjugate=lambda s: s**2 / 4 + s,
        best_score=lambda u: 2 * (u - 1),
    ),
    FDivergence(
        name="f_hellinger",
        divergence="squared Hellinger Σ (√p − √q)²",
        formulas="f(u) = (√u − 1)², g(s) = 1 − exp(−s), f*(t) = t / (1 − t)",
        use_when="For a bounded divergence that treats data and generator alike.",
        integrand=lambda p, q: (p.sqrt() - q.sqrt()) ** 2,
        activation=lambda s: -(-s).expm1(),
        conjugate=lambda s: s.expm1(),
        best_score=lambda u: u.log() / 2,
    ),
    FDivergence(
        name="f_jensen_shannon",
        divergence="JSD(p‖q)",
        formulas="f(u) = ½ (u log u − (u + 1) log((u + 1)/2)), g(s) = ½ log(2σ(s)), "
        "f*(t) = −½ log(2 − exp(2t))",
        use_when="To see minimax as an f-divergence: it is half of that game, up to a constant.",
        integrand=_jensen_shannon_terms,
        activation=lambda s: (log(2) - softplus(-s)) / 2,
        conjugate=lambda s: (softplus(s) - log(2)) / 2,
        best_score=lambda u: u.log(),
    ),
)
