"""Games that are bare functions of a few numbers, moved by plain gradient descent in float64.

They show in milliseconds, and exactly, what a dynamics does around an equilibrium. Torch is
imported when a function is called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.games.dynamics import Dynamics
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.schedules import Elapsed

if TYPE_CHECKING:
    from torch import Tensor

Tensors = Mapping[str, "Tensor"]
Cost = Callable[[Tensors], "Tensor"]
Rate = float | Callable[[int], float]


class BareGame:
    """Players that are one tensor each; every player descends its own cost.

    Attributes:
        costs: For each player, a scalar function of all tensors, by name. A player has the name
            of its tensor; the order is that of the turns.
        values: The tensors as they are now.
        rates: For each player its step size, or a function from how many updates the player
            has made to the size of the next.
        updates: How many updates each player has made.

    Raises:
        BadInput: The costs, tensors and rates do not belong to the same players.
    """

    def __init__(
        self, costs: Mapping[str, Cost], start: Tensors, rates: Rate | Mapping[str, Rate]
    ) -> None:
        import torch

        self.costs = dict(costs)
        self.rates = dict(rates) if isinstance(rates, Mapping) else dict.fromkeys(costs, rates)
        for what, names in (("starting point", start), ("rate", self.rates)):
            if set(names) != set(costs):
                raise BadInput(
                    f"every player needs a cost and a {what}: there are costs for"
                    f" {', '.join(costs)}, and a {what} for {', '.join(names)}."
                )
        with torch.no_grad():  # not detach(), which would cut forward derivatives too
            self.values = {name: start[name].clone() for name in costs}
        for value in self.values.values():
            value.requires_grad_()
        self.updates = dict.fromkeys(costs, 0)

    @property
    def turns(self) -> Sequence[str]:
        """The players in the order of their costs."""
        return tuple(self.costs)

    def parameters(self, turn: str) -> dict[str, Tensor]:
        """The player's tensor under the player's name."""
        return {turn: self.values[turn]}

    def gradients(
        self, turn: str, at: Tensors | None = None, create_graph: bool = False
    ) -> dict[str, Tensor]:
        """The derivative of the player's cost by its tensor, at the game's point or ``at``."""
        import torch

        point = {**self.values, **(at or {})}
        (gradient,) = torch.autograd.grad(
            self.costs[turn](point),
            [point[turn]],
            create_graph=create_graph,
            allow_unused=True,
            materialize_grads=True,
        )
        return {turn: gradient}

    def update(self, turn: str, directions: Tensors) -> None:
        """Replace the player's tensor z by z − η · direction."""
        self.displace(turn, self.displacements(turn, directions))

    def displacements(self, turn: str, directions: Tensors) -> dict[str, Tensor]:
        """−η · direction of the player's tensor."""
        return {turn: -self.rate(turn) * directions[turn]}

    def displace(self, turn: str, displacements: Tensors) -> None:
        """Move the player's tensor so far."""
        import torch

        with torch.no_grad():
            moved = self.values[turn] + displacements[turn]
        self.values[turn] = moved.requires_grad_()
        self.updates[turn] += 1

    def rate(self, turn: str) -> float:
        """The size of the player's next step."""
        rate = self.rates[turn]
        return rate(self.updates[turn]) if callable(rate) else rate


MakeGame = Callable[[Tensors], BareGame]


def play(
    dynamics: Dynamics, game: BareGame, steps: int, memory: dict[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Carry out ``steps`` steps; return every tensor's way (steps + 1, ...), start included.

    Progress runs from 0 at the first step to 1 at the last; of a schedule over images, a step is
    one. ``memory`` is used and changed.
    """
    import torch

    memory = {} if memory is None else memory
    way = {name: [value.detach()] for name, value in game.values.items()}
    for number in range(steps):
        dynamics.step(game, memory, Elapsed(number / max(steps - 1, 1), images=number))
        for name, value in game.values.items():
            way[name].append(value.detach())
    return {name: torch.stack(values) for name, values in way.items()}


def linearised(
    dynamics: Dynamics, make_game: MakeGame, point: Tensors, progress: float = 0.0
) -> Tensor:
    """The Jacobian of one step at an equilibrium, exact up to rounding.

    The step is a map of the game's tensors together with what the dynamics remembers, and so is
    the Jacobian: flattened, the tensors of ``point`` in the game's order, then the memory.
    Forward derivatives are carried through the step as it is, without finite differences,
    whose errors of size ε would grow to √ε in the eigenvalues where two of them coincide.

    Args:
        dynamics: Whose step.
        make_game: From starting tensors to a game there; its rates must not change with time.
        point: The equilibrium, float64.
        progress: Where schedules are read.

    Raises:
        BadInput: The step moves ``point``, so that it is no equilibrium.
    """
    import torch
    from torch.autograd import forward_ad

    game = make_game(point)
    memory: dict[str, Tensor] = {}
    dynamics.step(game, memory, Elapsed(progress))
    moved = max((game.values[name] - point[name]).abs().max().item() for name in game.values)
    if not moved < 1e-9:
        raise BadInput(f"the point is no equilibrium: one step moves it by {moved:.3g}.")
    rest = [point[name].detach() for name in game.values] + list(memory.values())
    names = (*game.values, *memory)
    players = len(game.values)

    def tangent(tensor: Tensor) -> Tensor:
        derivative = forward_ad.unpack_dual(tensor).tangent
        return torch.zeros_like(tensor) if derivative is None else derivative

    columns = []
    for index, tensor in enumerate(rest):
        for unit in torch.eye(tensor.numel(), dtype=tensor.dtype):
            with forward_ad.dual_level():
                moving = list(rest)
                moving[index] = forward_ad.make_dual(tensor, unit.reshape(tensor.shape))
                game = make_game(dict(zip(names[:players], moving[:players], strict=True)))
                memory = dict(zip(names[players:], moving[players:], strict=True))
                dynamics.step(game, memory, Elapsed(progress))
                after = {**game.values, **memory}
                columns.append(torch.cat([tangent(after[name]).flatten() for name in names]))
    return torch.stack(columns, dim=1)


def spectral_radius(jacobian: Tensor) -> float:
    """The largest modulus of an eigenvalue: below 1, a step contracts near its fixed point."""
    import torch

    return torch.linalg.eigvals(jacobian).abs().max().item()


def tensors(**numbers: float) -> dict[str, Tensor]:
    """Named float64 scalars: a point of a game whose players are numbers."""
    import torch

    return {name: torch.tensor(number, dtype=torch.float64) for name, number in numbers.items()}


def bilinear(rate: float = 0.1, start: Tensors | None = None) -> BareGame:
    """min_x max_y xy, from (1, 1) unless told otherwise; the equilibrium is (0, 0).

    In continuous time x(t) = x₀ cos t − y₀ sin t and y(t) = y₀ cos t + x₀ sin t: it turns, and
    neither approaches nor leaves.
    """
    costs: dict[str, Cost] = {"x": lambda z: z["x"] * z["y"], "y": lambda z: -z["x"] * z["y"]}
    return BareGame(costs, start or tensors(x=1.0, y=1.0), rate)


def _zero_centred(slope: Tensor, strength: float) -> Tensor:
    return strength / 2 * slope.square()


def _one_centred(slope: Tensor, strength: float) -> Tensor:
    return strength * (slope.abs() - 1).square()  # the derivative of |ψ| at 0 counts as 0


# Penalties of the critic as functions of its slope ψ, which is its gradient everywhere.
DIRAC_PENALTIES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "r1": _zero_centred,
    "r2": _zero_centred,
    "wgan_gp": _one_centred,
}
DIRAC_REGULARISERS = (*DIRAC_PENALTIES, "instance_noise")


def dirac_gan(
    objective: str = "non_saturating",
    regulariser: str | None = None,
    strength: float = 1.0,
    rate: float = 0.2,
    start: Tensors | None = None,
) -> BareGame:
    """The Dirac-GAN of Mescheder, Geiger and Nowozin 2018: the least GAN that can fail.

    The data are the number 0, the generator makes the number θ, the critic scores D(x) = ψx;
    θ = ψ = 0 is the equilibrium, though "wgan_gp" drives ψ away from it. The tensors are "critic"
    (ψ) and "generator" (θ); they start at (1, 1).

    In continuous time and with R1 of strength γ, objectives whose costs have slope ½ at score 0
    (minimax, non-saturating) have the eigenvalues −γ/2 ± √(γ²/4 − ¼): near the equilibrium
    nothing draws in without γ, and γ = 1 draws in fastest.

    Args:
        objective: A name of ``OBJECTIVES``.
        regulariser: None; "r1" or "r2", γ/2 ψ²; "wgan_gp", λ(|ψ| − 1)²; "instance_noise",
            N(0, σ²) added to what the critic sees.
        strength: γ, λ or σ.
        rate: Step size of both players.
        start: Where to start.

    Raises:
        BadInput: An unknown name.
    """
    import numpy as np
    import torch

    for name, known in ((objective, OBJECTIVES), (regulariser, DIRAC_REGULARISERS)):
        if name is not None and name not in known:
            raise BadInput(
                f"'{name}' is not known here; known are {', '.join(known)}."
                f"{did_you_mean(name, known)}"
            )
    pair = OBJECTIVES[objective]
    penalty = DIRAC_PENALTIES.get(regulariser or "")
    noise = strength if regulariser == "instance_noise" else 0.0
    # The expectation over the noise by Gauss's rule, in a fixed number of points and so exactly
    # repeatable; without noise the rule's single point is 0.
    points, weights = map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(24 if noise else 1))
    both = weights[:, None] * weights[None, :] / (2 * math.pi)

    def scores(z: Tensors) -> tuple[Tensor, Tensor]:
        real = z["critic"] * noise * points
        fake = z["critic"] * (z["generator"] + noise * points)
        return real[:, None], fake[None, :]

    def critic(z: Tensors) -> Tensor:
        cost = (both * pair.critic(*scores(z))).sum()
        return cost if penalty is None else cost + penalty(z["critic"], strength)

    def generator(z: Tensors) -> Tensor:
        return (both * pair.generator(*scores(z))).sum()

    start = start or tensors(critic=1.0, generator=1.0)
    return BareGame({"critic": critic, "generator": generator}, start, rate)


def historical_averaging_toy(
    strength: float = 0.25, rate: float = 0.05, start: Tensors | None = None
) -> BareGame:
    """min_x max_y (f(x) − 1)(y − 1), f(x) = x for x < 0 else x² (Salimans et al. 2016, 3.3).

    The equilibrium is (1, 1). Plain descent orbits it under alternating dynamics and runs away
    under simultaneous ones. Historical averaging adds λ(x − x̄)² to the cost of x, and likewise
    for y, where x̄ is the mean of the points so far, the start included. The means are players
    here, none where ``strength`` is 0: descent of ½(x̄ − x)² at rates 1/2, 1/3, ... is a running
    mean.

    Near the equilibrium, where the value is 2(x − 1)(y − 1), the players come to rest about
    their means within some 1/(2λη) steps, and in n steps the means approach as
    n^(−1/(1 + λ²)): a large λ is slow for ever, a small one is slow to begin. The defaults begin
    within 40 steps and go on as n^(−0.94).

    Args:
        strength: λ; 0 leaves plain descent.
        rate: η of x and y.
        start: Where x and y start; (2, 2) unless told.
    """
    import torch

    def value(z: Tensors) -> Tensor:
        x = z["x"]
        return (torch.where(x < 0, x, x.square()) - 1) * (z["y"] - 1)

    start = start or tensors(x=2.0, y=2.0)
    if strength == 0:
        return BareGame({"x": value, "y": lambda z: -value(z)}, start, rate)

    def drawn(z: Tensors, name: str) -> Tensor:
        return strength * (z[name] - z[f"{name}_mean"]).square()

    costs: dict[str, Cost] = {
        "x": lambda z: value(z) + drawn(z, "x"),
        "y": lambda z: -value(z) + drawn(z, "y"),
        "x_mean": lambda z: (z["x_mean"] - z["x"]).square() / 2,
        "y_mean": lambda z: (z["y_mean"] - z["y"]).square() / 2,
    }

    def share(updates: int) -> float:
        return 1 / (updates + 2)  # of the next point among all so far

    rates: dict[str, Rate] = {"x": rate, "y": rate, "x_mean": share, "y_mean": share}
    whole = {"x_mean": start["x"], "y_mean": start["y"], **start}
    return BareGame(costs, whole, rates)
