"""Objectives: pairs of pure elementwise functions of (real score, fake score).

Each entry also states what theory says of it, and the contract tests hold the code to that:
the critic's optimal score, its cost there, and what the generator's gradient then descends.
Torch is imported when a function is called, so that names can be validated without it.

The notation is p for the data's density, q for the generator's, s for the score, D = σ(s);
m = (p + q) / 2, TV = ½ Σ|p − q| and Δ = Σ (p − q)² / (p + q).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING, Literal

from saddlepoint.divergences.f_divergences import (
    F_DIVERGENCES,
    FDivergence,
    jensen_shannon,
    kullback_leibler,
    softplus,
    triangular,
)
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor

Elementwise = Callable[["Tensor", "Tensor"], "Tensor"]
OfDistributions = Callable[["Tensor", "Tensor"], "Tensor"]


@dataclass(frozen=True)
class Objective:
    """One game.

    Attributes:
        name: Its name in descriptions.
        equation: The two costs, as a reader would write them.
        descends: In words, what the generator's gradient descends at the optimal critic.
        paper: Where it comes from.
        use_when: One sentence: when to take it, or which failure it cures.
        critic: Cost of the critic, elementwise in (real score, fake score); minimised.
        generator: Cost of the generator, likewise.
        optimal_score: The critic's best score at a point, as a function of (p, q); None if it
            depends on more than the densities there.
        critic_cost: The critic's cost at its best scores, as a function of the vectors (p, q);
            None likewise.
        divergence: What the generator's gradient descends, as a function of the vectors (p, q):
            its gradient in q equals, up to a constant, that of the generator's cost at the fixed
            optimal critic. The generator's cost itself may differ from it; None likewise.
        generator_sees_real: True if the generator's cost depends on the real score.
        constraint: What the critic must obey for the game to have an optimum; "lipschitz" means
            |s(a) − s(b)| ≤ |a − b|.
        shift_invariant: True if one number added to all scores leaves the critic's cost as it
            is: the optimal score is then known up to a constant.
    """

    name: str
    equation: str
    descends: str
    paper: str
    use_when: str
    critic: Elementwise
    generator: Elementwise
    optimal_score: Elementwise | None
    critic_cost: OfDistributions | None
    divergence: OfDistributions | None
    generator_sees_real: bool = False
    constraint: Literal["lipschitz"] | None = None
    shift_invariant: bool = False


def _log_ratio(p: Tensor, q: Tensor) -> Tensor:
    return p.log() - q.log()


def _cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """−log D(real) − log(1 − D(fake))."""
    return softplus(-real) + softplus(fake)


def _cross_entropy_optimum(p: Tensor, q: Tensor) -> Tensor:
    """Log 4 − 2 JSD(p, q)."""
    return log(4) - 2 * jensen_shannon(p, q)


def _swapped_pairs(p: Tensor, q: Tensor) -> Tensor:
    """JSD between (real, fake) and (fake, real) pairs; from JSD(p, q) to twice that."""
    pairs = p[:, None] * q[None, :]
    return jensen_shannon(pairs, pairs.T)


def _f_gan(f: FDivergence) -> Objective:
    """The game of an f-divergence: T = g(s) tightens the bound, the generator lowers it."""

    def optimal_score(p: Tensor, q: Tensor) -> Tensor:
        return f.best_score(p / q)

    return Objective(
        name=f.name,
        equation=f"critic: −T(x) + f*(T(G(z))), T = g(s);  generator: −f*(T(G(z)));  {f.formulas}",
        descends=f.divergence,
        paper="Nowozin, Cseke and Tomioka, f-GAN, 2016",
        use_when=f.use_when,
        critic=lambda real, fake: f.conjugate(fake) - f.activation(real),
        generator=lambda real, fake: -f.conjugate(fake),
        optimal_score=optimal_score,
        critic_cost=lambda p, q: -f(p, q),
        divergence=f,
    )


OBJECTIVES: dict[str, Objective] = {
    entry.name: entry
    for entry in (
        Objective(
            name="minimax",
            equation="critic: −log D(x) − log(1 − D(G(z)));  generator: log(1 − D(G(z)))",
            descends="2·JSD(p‖q)",
            paper="Goodfellow et al., Generative Adversarial Nets, 2014",
            use_when="To study the theory; its generator stalls while the critic rejects all.",
            critic=_cross_entropy,
            generator=lambda real, fake: -softplus(fake),
            optimal_score=_log_ratio,
            critic_cost=_cross_entropy_optimum,
            divergence=lambda p, q: 2 * jensen_shannon(p, q),
        ),
        Objective(
            name="non_saturating",
            equation="critic: −log D(x) − log(1 − D(G(z)));  generator: −log D(G(z))",
            descends="2·KL(m‖p), which equals KL(q‖p) − 2·JSD(p‖q)",
            paper="Goodfellow et al. 2014; its gradient: Arjovsky and Bottou 2017, theorem 2.5; "
            "as a divergence: Shannon et al. 2020",
            use_when="To start with: the generator learns most where its fakes are rejected.",
            critic=_cross_entropy,
            generator=lambda real, fake: softplus(-fake),
            optimal_score=_log_ratio,
            critic_cost=_cross_entropy_optimum,
            divergence=lambda p, q: 2 * kullback_leibler((p + q) / 2, p),
        ),
        Objective(
            name="maximum_likelihood",
            equation="critic: −log D(x) − log(1 − D(G(z)));  "
            "generator: −D(G(z)) / (1 − D(G(z))) = −exp(s(G(z)))",
            descends="KL(p‖q), by its gradient; the generator's cost itself stays at −1",
            paper="Goodfellow, On distinguishability criteria, 2014, and NIPS tutorial, 2016 "
            "(which halves it)",
            use_when="To compare with likelihood training; a few best fakes carry the gradient.",
            critic=_cross_entropy,
            generator=lambda real, fake: -fake.exp(),
            optimal_score=_log_ratio,
            critic_cost=_cross_entropy_optimum,
            divergence=kullback_leibler,
        ),
        Objective(
            name="least_squares",
            equation="critic: ½ (s(x) − 1)² + ½ s(G(z))²;  generator: ½ (s(G(z)) − 1)²",
            descends="KL(p‖m) − Δ/8, an f-divergence with f''(u) = 1 / (u (1 + u)³)",
            paper="Mao et al., Least Squares GANs, 2017, (a, b, c) = (0, 1, 1)",
            use_when="When the cross-entropy saturates: the pull grows with the score's distance.",
            critic=lambda real, fake: ((real - 1) ** 2 + fake**2) / 2,
            generator=lambda real, fake: (fake - 1) ** 2 / 2,
            optimal_score=lambda p, q: p / (p + q),
            critic_cost=lambda p, q: 1 / 4 - triangular(p, q) / 8,
            divergence=lambda p, q: kullback_leibler(p, (p + q) / 2) - triangular(p, q) / 8,
        ),
        Objective(
            name="least_squares_pearson",
            equation="critic: ½ (s(x) − 1)² + ½ (s(G(z)) + 1)²;  generator: ½ s(x)² + ½ s(G(z))²",
            descends="no divergence: the generator's cost is ½ Δ, which is ½ χ²(p+q‖2q) as Mao "
            "et al. write Pearson's χ², but its gradient, without a share from the real scores, "
            "is that of 2·KL(p‖m) − ½ Δ",
            paper="Mao et al., Least Squares GANs, 2017, (a, b, c) = (−1, 1, 0)",
            use_when="To study the Pearson χ² result; for training take least_squares.",
            critic=lambda real, fake: ((real - 1) ** 2 + (fake + 1) ** 2) / 2,
            generator=lambda real, fake: (real**2 + fake**2) / 2,
            generator_sees_real=True,
            optimal_score=lambda p, q: (p - q) / (p + q),
            critic_cost=lambda p, q: 1 - triangular(p, q) / 2,
            divergence=lambda p, q: 2 * kullback_leibler(p, (p + q) / 2) - triangular(p, q) / 2,
        ),
        Objective(
            name="hinge",
            equation="critic: max(0, 1 − s(x)) + max(0, 1 + s(G(z)));  generator: −s(G(z))",
            descends="2·TV(p, q) at s = sign(p − q); where p = q any score from −1 to 1 is as good",
            paper="Lim and Ye, Geometric GAN, 2017",
            use_when="With spectral normalisation: examples beyond the margin stop pulling.",
            critic=lambda real, fake: (1 - real).relu() + (1 + fake).relu(),
            generator=lambda real, fake: -fake,
            optimal_score=lambda p, q: (p - q).sign(),
            critic_cost=lambda p, q: 2 - (p - q).abs().sum(),
            divergence=lambda p, q: (p - q).abs().sum(),
        ),
        Objective(
            name="wasserstein",
            equation="critic: s(G(z)) − s(x), under |s(a) − s(b)| ≤ |a − b|;  generator: −s(G(z))",
            descends="W₁(p, q), the earth mover's distance; the critic's cost there is −W₁",
            paper="Arjovsky, Chintala and Bottou, Wasserstein GAN, 2017",
            use_when="When data and fakes hardly overlap; the critic must be clipped or penalised.",
            critic=lambda real, fake: fake - real,
            generator=lambda real, fake: -fake,
            optimal_score=None,
            critic_cost=None,
            divergence=None,
            constraint="lipschitz",
            shift_invariant=True,
        ),
        Objective(
            name="relativistic",
            equation="critic: −log σ(s(x) − s(G(z)));  generator: −log σ(s(G(z)) − s(x))",
            descends="KL(q‖p) − JSD(p⊗q‖q⊗p), at least 2·KL(m‖p)",
            paper="Jolicoeur-Martineau, The relativistic discriminator, 2019; with R1 and R2: "
            "Huang et al., R3GAN, 2024",
            use_when="Against dropped modes, together with R1 and R2: each fake meets a real one.",
            critic=lambda real, fake: softplus(fake - real),
            generator=lambda real, fake: softplus(real - fake),
            generator_sees_real=True,
            optimal_score=_log_ratio,
            critic_cost=lambda p, q: log(2) - _swapped_pairs(p, q),
            divergence=lambda p, q: kullback_leibler(q, p) - _swapped_pairs(p, q),
            shift_invariant=True,
        ),
        *(_f_gan(f) for f in F_DIVERGENCES),
    )
}


def _mixed(p: Tensor, q: Tensor, target: float) -> Tensor:
    """What the smoothed critic is taught to call fake: r = ((1 − α) p + q) / (2 − α)."""
    return ((1 - target) * p + q) / (2 - target)


def _smoothed_minimax(p: Tensor, q: Tensor, target: float) -> Tensor:
    m, mixed = (p + q) / 2, _mixed(p, q, target)
    return target * kullback_leibler(p, m) + (2 - target) * kullback_leibler(mixed, m)


# What the generators of the cross-entropy games descend once the reals are smoothed.
_SMOOTHED: dict[str, tuple[str, Callable[[Tensor, Tensor, float], Tensor]]] = {
    "minimax": ("α·KL(p‖m) + (2 − α)·KL(r‖m), r = ((1 − α) p + q) / (2 − α)", _smoothed_minimax),
    "non_saturating": (
        "2·KL(m‖p), as without smoothing",
        lambda p, q, target: 2 * kullback_leibler((p + q) / 2, p),
    ),
    "maximum_likelihood": (
        "α·KL(p‖r), r = ((1 − α) p + q) / (2 − α)",
        lambda p, q, target: target * kullback_leibler(p, _mixed(p, q, target)),
    ),
}


def weighted(objective: Objective, weight: float) -> Objective:
    """The game whose critic's cost is multiplied by ``weight``; the generator's is unchanged.

    Its optimum stays where it is. With Adam a factor of the whole loss changes next to nothing; it
    matters with plain gradient steps, and beside penalties. Goodfellow et al.'s program has ½.
    """
    critic, critic_cost = objective.critic, objective.critic_cost
    cost, generator = objective.equation.split(";  generator: ")
    cost = cost.removeprefix("critic: ")
    return replace(
        objective,
        name=f"{objective.name}, critic's cost × {weight:g}",
        equation=f"critic: {weight:g} × ({cost});  generator: {generator}",
        critic=lambda real, fake: weight * critic(real, fake),
        critic_cost=None if critic_cost is None else lambda p, q: weight * critic_cost(p, q),
    )


def smoothed(objective: Objective, target: float) -> Objective:
    """One-sided label smoothing: the critic is taught D = α on real examples instead of 1.

    The critic's cost becomes −α log D(x) − (1 − α) log(1 − D(x)) − log(1 − D(G(z))) and its
    optimum D* = αp / (p + q), so it never grows surer than α. The generator's cost is unchanged.
    There is no way to smooth the fakes: with a fake target β the optimum is (αp + βq) / (p + q),
    and β > 0 rewards the generator for staying wherever q is large, right or wrong.

    Source: Salimans et al., Improved Techniques for Training GANs, 2016, section 3.4.

    Args:
        objective: A game whose critic minimises the cross-entropy.
        target: α, above 0.5 and at most 1; 1 smooths nothing, 0.9 is usual.

    Raises:
        BadInput: If the game has no labels to smooth, or α is out of range.
    """
    if objective.name not in _SMOOTHED:
        raise BadInput(
            f"the game '{objective.name}' has no labels to smooth "
            f"(one-sided label smoothing is for: {', '.join(_SMOOTHED)})."
        )
    if not 0.5 < target <= 1:
        raise BadInput(f"real target {target} is out of range: use above 0.5 and at most 1.")
    descends, divergence = _SMOOTHED[objective.name]
    _, generator = objective.equation.split(";  generator: ")

    def critic(real: Tensor, fake: Tensor) -> Tensor:
        return target * softplus(-real) + (1 - target) * softplus(real) + softplus(fake)

    def optimal_score(p: Tensor, q: Tensor) -> Tensor:
        return (target * p).log() - ((1 - target) * p + q).log()

    def critic_cost(p: Tensor, q: Tensor) -> Tensor:
        at_equality = -target * log(target / 2) - (2 - target) * log(1 - target / 2)
        return at_equality - _smoothed_minimax(p, q, target)

    return replace(
        objective,
        name=f"{objective.name}, real target {target:g}",
        equation=f"critic: −α log D(x) − (1 − α) log(1 − D(x)) − log(1 − D(G(z))), "
        f"α = {target:g};  generator: {generator}",
        descends=descends,
        paper=f"Salimans et al., Improved Techniques for Training GANs, 2016; {objective.paper}",
        use_when="When the critic grows too sure of the real examples.",
        critic=critic,
        optimal_score=optimal_score,
        critic_cost=critic_cost,
        divergence=lambda p, q: divergence(p, q, target),
    )
