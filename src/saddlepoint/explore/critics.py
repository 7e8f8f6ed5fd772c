"""Critics of two fixed distributions: the best one from densities, and one trained on samples.

With densities p of the data and q of the generator, the best discriminator is D* = p/(p + q), and
its logit log p/q. A critic that is trained long enough on samples comes near it where both have
mass, says nothing where neither has, and its value estimates a divergence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.duel import Duel
from saddlepoint.learners.adversarial.sight import Sight
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.network import Site
from saddlepoint.optimisers import Adam
from saddlepoint.randomness import Streams, derive
from saddlepoint.schedules import Cosine, Elapsed

Array = NDArray[np.float64]
#: The natural logarithm of a density, from points (n, d) to (n,).
LogDensity = Callable[[Array], ArrayLike]

USUAL = Adversarial(
    latent=1,
    objective="non_saturating",
    generator=Mlp(hidden=()),
    critic=Mlp(hidden=(128,) * 3, activation="leaky_relu"),
    critic_optimiser=Adam(learning_rate=Cosine(start=1e-3, end=0.0), beta1=0.5, beta2=0.99),
)


def best_discriminator(log_p: LogDensity, log_q: LogDensity) -> Callable[[Array], Array]:
    """D*(x) = p(x)/(p(x) + q(x)) = σ(log p(x) − log q(x)), ½ where both densities are 0.

    Paper: Goodfellow et al., Generative Adversarial Nets, 2014, proposition 1.
    """

    def probability(x: Array) -> Array:
        ratio = density_ratio(log_p, log_q)(x)
        return np.asarray(torch.sigmoid(torch.from_numpy(ratio)).numpy())

    return probability


def density_ratio(log_p: LogDensity, log_q: LogDensity) -> Callable[[Array], Array]:
    """Log p(x)/q(x), the best discriminator's logit; 0 where both densities are 0."""

    def logarithm(x: Array) -> Array:
        p, q = (np.asarray(f(x), dtype=np.float64) for f in (log_p, log_q))
        with np.errstate(invalid="ignore"):
            return np.where(np.isneginf(p) & np.isneginf(q), 0.0, p - q)

    return logarithm


@dataclass(frozen=True)
class Critic:
    """A critic that was trained on two fixed sets of samples.

    Attributes:
        duel: The critic and its game.
        losses: Its cost in the game at every update.
    """

    duel: Duel
    losses: Array

    def scores(self, x: ArrayLike) -> Array:
        """The critic's scores of points (n, d), as float64 (n,)."""
        with torch.no_grad():
            return np.asarray(self._scores(_float32(x)).double().numpy())

    def discriminator(self, x: ArrayLike) -> Array:
        """σ of the scores: the probability that a point is real."""
        return np.asarray(torch.from_numpy(self.scores(x)).sigmoid().numpy())

    def cost(self, real: ArrayLike, fake: ArrayLike) -> float:
        """The critic's cost in its game on as many real and fake points."""
        scores = [torch.from_numpy(self.scores(each)) for each in (real, fake)]
        return float(self.duel.objective.critic(scores[0], scores[1]).mean())

    def value(self, real: ArrayLike, fake: ArrayLike) -> float:
        """E f(x) − E f(G(z)) of the scores f: what a Wasserstein critic maximises."""
        return float(self.scores(real).mean() - self.scores(fake).mean())

    def gradients(self, x: ArrayLike) -> Array:
        """∇f(x) at points (n, d), as float64 (n, d): where each would rise fastest."""
        points = _float32(x).requires_grad_()
        (gradient,) = torch.autograd.grad(self._scores(points).sum(), points)
        return np.asarray(gradient.double().numpy())

    def slopes(self, x: ArrayLike) -> Array:
        """‖∇f(x)‖ at points (n, d)."""
        rows = self.gradients(x)
        return np.asarray(np.linalg.norm(rows.reshape(len(rows), -1), axis=1))

    def lipschitz(self, x: ArrayLike) -> float:
        """The largest slope found: at the points ``x`` (n, d), and between pairs of them.

        A lower bound of the Lipschitz constant; as many random pairs as points are tried.
        """
        points = np.asarray(x, dtype=np.float64)
        other = np.random.default_rng(0).permutation(len(points))
        rise = np.abs(self.scores(points) - self.scores(points[other]))
        run = np.linalg.norm(points - points[other], axis=1)
        secants = rise[run > 0] / run[run > 0]
        return float(max(self.slopes(points).max(), secants.max(initial=0.0)))

    def _scores(self, x: Tensor) -> Tensor:
        score: Tensor = self.duel.critic(x).score
        return score


def trained_critic(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    steps: int = 3000,
    batch_size: int = 256,
    seed: int = 0,
    learner: Adversarial = USUAL,
    watch: Callable[[int, Critic], None] | None = None,
) -> Critic:
    """A critic trained from scratch on two fixed sets of points or images, in float32 on the CPU.

    Args:
        real: (n, d), or images (n, channels, height, width).
        fake: (m, d), the generator's: a frozen one's samples, or draws of a density.
        steps: Updates.
        batch_size: Points of each side in an update, drawn with replacement.
        seed: Of weights and draws.
        learner: Objective, critic, its penalties, constraints and optimiser; a generator is not
            trained.
        watch: Called before the first update and after each with how many there were and the
            critic as it is then, without its losses.

    Raises:
        BadInput: Shapes do not fit, or what the learner asks for cannot be.

    Example:
        >>> import numpy as np
        >>> from saddlepoint.explore import trained_critic
        >>> rng = np.random.default_rng(0)
        >>> real, fake = rng.normal(0, 1, (500, 1)), rng.normal(3, 1, (500, 1))
        >>> critic = trained_critic(real, fake, steps=100, batch_size=64)
        >>> (critic.discriminator([[-1.0], [4.0]]) > 0.5).tolist()
        [True, False]
    """
    sides = [_float32(each) for each in (real, fake)]
    if sides[0].shape[1:] != sides[1].shape[1:]:
        raise BadInput(
            f"real points of {_shape(sides[0])} numbers cannot be told from fakes of "
            f"{_shape(sides[1])}: give both the same."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        duel = Duel(learner, Site(tuple(sides[0].shape[1:]), batch=batch_size))
        duel.generator = _Resampled(sides[1], seed)
        duel.critic.train()
        optimiser = learner.critic_optimiser.build(duel.critic.parameters())
        draws = _generator(seed, "examples")
        losses = []
        for step in range(steps):
            if watch is not None:
                watch(step, Critic(duel, np.zeros(0)))
            elapsed = Elapsed(step / steps, step * batch_size)
            for group in optimiser.param_groups:
                group.update(learner.critic_optimiser.settings(elapsed))
            chosen = torch.randint(len(sides[0]), (batch_size,), generator=draws)
            moment = Moment(progress=step / steps, number=step, update=step)
            turn = duel.critic_turn(Sight(sides[0][chosen]), Streams(seed, "critic", step), moment)
            optimiser.zero_grad(set_to_none=True)
            turn.total().backward(inputs=list(duel.critic.parameters()))
            duel.prepare_critic()
            optimiser.step()
            duel.project()
            losses.append(turn.terms["adversarial"].reduced.detach())
    if watch is not None:
        watch(steps, Critic(duel, np.zeros(0)))
    duel.critic.eval()
    return Critic(duel, np.asarray(torch.stack(losses).double().numpy()))


class _Resampled(nn.Module):
    """A generator that draws from a table of samples, whatever the latents."""

    def __init__(self, samples: Tensor, seed: int) -> None:
        super().__init__()
        self.samples = nn.Parameter(samples, requires_grad=False)
        self.draws = _generator(seed, "fakes")

    def forward(self, latents: Tensor) -> Tensor:
        chosen = torch.randint(len(self.samples), (len(latents),), generator=self.draws)
        return self.samples[chosen]


def _generator(seed: int, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(derive(seed, "critic", purpose))


def best_cost(objective: str, p: Tensor, q: Tensor) -> float:
    """The critic's cost at its best scores, of two vectors of probabilities on common atoms.

    Raises:
        BadInput: The objective's best critic depends on more than the densities.
    """
    entry = OBJECTIVES[objective]
    if entry.critic_cost is None:
        raise BadInput(f"the best critic of '{objective}' is no function of the densities alone.")
    return float(entry.critic_cost(p, q))


def _shape(points: Tensor) -> str:
    return "×".join(map(str, points.shape[1:]))


def _float32(x: ArrayLike) -> Tensor:
    points = np.asarray(x, dtype=np.float32)
    if points.ndim not in (2, 4) or not points.size or not np.isfinite(points).all():
        raise BadInput(
            "points should have the shape (n, d), or images (n, channels, height, width), and "
            f"finite numbers; these have {points.shape}."
        )
    return torch.from_numpy(points)
