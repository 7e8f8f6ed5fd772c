"""Ways to play the Dirac-GAN, and their eigenvalues at (0, 0) where they are known."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from saddlepoint.games.dynamics import Alternating, Consensus, Dynamics, Simultaneous

if TYPE_CHECKING:
    from saddlepoint.games.bare import BareGame, Tensors

RATE = 0.2
PLAIN = Simultaneous()


@dataclass(frozen=True)
class Variant:
    """One way to play the Dirac-GAN.

    Attributes:
        name: In the table.
        objective: Of the game.
        regulariser: Of the critic, or none.
        strength: γ, λ or σ.
        dynamics: How players step.
        clipped: Whether the critic is held in [−1, 1] after each step.
        converges: Whether Mescheder et al. prove or refute convergence of it.
        theory: Eigenvalues in continuous time, where they are known.
    """

    name: str
    objective: str = "non_saturating"
    regulariser: str | None = None
    strength: float = 1.0
    dynamics: Dynamics = PLAIN
    clipped: bool = False
    converges: bool = True
    theory: tuple[complex, complex] | None = None

    def game(self, start: Tensors) -> BareGame:
        """The game from a start."""
        from saddlepoint.games.bare import dirac_gan

        return dirac_gan(self.objective, self.regulariser, self.strength, RATE, start)

    @property
    def has_equilibrium(self) -> bool:
        """Whether (0, 0) is one, and smooth: a target slope of 1 drives the critic away."""
        return self.regulariser != "wgan_gp"


def _pair(trace: float, product: float) -> tuple[complex, complex]:
    """The roots of λ² − trace·λ + product."""
    root = cmath.sqrt(trace**2 / 4 - product)
    return trace / 2 - root, trace / 2 + root


def r1_eigenvalues(gamma: float) -> tuple[complex, complex]:
    """−γ/2 ± √(γ²/4 − ¼)."""
    return _pair(-gamma, 0.25)


def noise_eigenvalues(sigma: float) -> tuple[complex, complex]:
    """−σ²/4 ± √(σ⁴/16 − ¼)."""
    return _pair(-(sigma**2) / 2, 0.25)


def consensus_eigenvalues(gamma: float) -> tuple[complex, complex]:
    """−γ/4 ± i/2: v' is the turn by ½, and its own square ¼ is what γ pulls with."""
    return -gamma / 4 - 0.5j, -gamma / 4 + 0.5j


CRITICAL_NOISE = math.sqrt(2)
VARIANTS = (
    Variant("simultaneous", converges=False, theory=r1_eigenvalues(0.0)),
    Variant("alternating", dynamics=Alternating(), converges=False, theory=r1_eigenvalues(0.0)),
    Variant("WGAN", objective="wasserstein", clipped=True, converges=False, theory=(-1j, 1j)),
    Variant(
        "WGAN-GP", objective="wasserstein", regulariser="wgan_gp", strength=0.7, converges=False
    ),
    Variant("R1, γ = 0.3", regulariser="r1", strength=0.3, theory=r1_eigenvalues(0.3)),
    Variant("R1, γ = 1", regulariser="r1", strength=1.0, theory=r1_eigenvalues(1.0)),
    Variant("R1, γ = 2", regulariser="r1", strength=2.0, theory=r1_eigenvalues(2.0)),
    Variant(
        "noise, σ = 0.7",
        regulariser="instance_noise",
        strength=0.7,
        theory=noise_eigenvalues(0.7),
    ),
    Variant(
        "noise, σ² = 2",
        regulariser="instance_noise",
        strength=CRITICAL_NOISE,
        theory=noise_eigenvalues(CRITICAL_NOISE),
    ),
    Variant("consensus, γ = 1", dynamics=Consensus(), theory=consensus_eigenvalues(1.0)),
)
#: Where two eigenvalues meet, so that rounding shows as its root.
MEETING = ("R1, γ = 1", "noise, σ² = 2")
