"""Objectives: pairs of pure elementwise functions of (real score, fake score).

Each entry also states what theory says of it, and the contract tests hold the code to that:
the critic's optimal score, its cost there, and what the generator's gradient then descends.
Torch is imported when a function is called, so that names can be validated without it.

The notation is p for the data's density, q for the generator's, s for the score, D = σ(s).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Elementwise = Callable[["Tensor", "Tensor"], "Tensor"]


@dataclass(frozen=True)
class Objective:
    """One game.

    Attributes:
        name: Its name in descriptions.
        equation: The two costs, as a reader would write them.
        descends: In words, what the generator's gradient descends at the optimal critic.
        paper: Where it comes from.
        critic: Cost of the critic, elementwise in (real score, fake score); minimised.
        generator: Cost of the generator, likewise.
        generator_sees_real: True if the generator's cost depends on the real score.
        optimal_score: The critic's best score at a point, as a function of (p, q).
        critic_cost: The critic's cost at its best scores, as a function of the vectors (p, q).
        divergence: What the generator's gradient descends, as a function of the vectors (p, q):
            its gradient in q equals that of the generator's cost at the fixed optimal critic.
    """

    name: str
    equation: str
    descends: str
    paper: str
    critic: Elementwise
    generator: Elementwise
    generator_sees_real: bool
    optimal_score: Elementwise
    critic_cost: Elementwise
    divergence: Elementwise


def _softplus(x: Tensor) -> Tensor:
    from torch.nn.functional import softplus

    return softplus(x)


def _log_ratio(p: Tensor, q: Tensor) -> Tensor:
    return p.log() - q.log()


def _kullback_leibler(p: Tensor, q: Tensor) -> Tensor:
    """KL(p‖q) = Σ p log(p/q) in nats, with 0 log 0 = 0."""
    return p.xlogy(p / q).sum()


def _jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """JSD = ½ KL(p‖m) + ½ KL(q‖m), m = (p + q) / 2, in nats; at most log 2."""
    m = (p + q) / 2
    return (_kullback_leibler(p, m) + _kullback_leibler(q, m)) / 2


def _cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """−log D(real) − log(1 − D(fake)), through softplus so that it never overflows."""
    return _softplus(-real) + _softplus(fake)


def _cross_entropy_optimum(p: Tensor, q: Tensor) -> Tensor:
    """Log 4 − 2 JSD(p, q)."""
    return 2 * p.new_tensor(2.0).log() - 2 * _jensen_shannon(p, q)


OBJECTIVES: dict[str, Objective] = {
    entry.name: entry
    for entry in (
        Objective(
            name="minimax",
            equation="critic: −log D(x) − log(1 − D(G(z)));  generator: log(1 − D(G(z)))",
            descends="2·JSD(p‖q)",
            paper="Goodfellow et al., Generative Adversarial Nets, 2014",
            critic=_cross_entropy,
            generator=lambda real, fake: -_softplus(fake),
            generator_sees_real=False,
            optimal_score=_log_ratio,
            critic_cost=_cross_entropy_optimum,
            divergence=lambda p, q: 2 * _jensen_shannon(p, q),
        ),
        Objective(
            name="non_saturating",
            equation="critic: −log D(x) − log(1 − D(G(z)));  generator: −log D(G(z))",
            descends="no divergence: the gradient is that of KL(q‖p) − 2·JSD(p‖q)",
            paper="Goodfellow et al. 2014; its gradient: Arjovsky and Bottou 2017, theorem 2.5",
            critic=_cross_entropy,
            generator=lambda real, fake: _softplus(-fake),
            generator_sees_real=False,
            optimal_score=_log_ratio,
            critic_cost=_cross_entropy_optimum,
            divergence=lambda p, q: _kullback_leibler(q, p) - 2 * _jensen_shannon(p, q),
        ),
    )
}
