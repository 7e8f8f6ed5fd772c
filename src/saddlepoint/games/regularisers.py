"""Regularisers: penalties that one player pays in one turn of the game.

A penalty returns unweighted values shaped like the batch; the caller multiplies the reduced term
by ``effective_weight``. Descriptions are torch-free; torch is imported when values are computed.

In equations D is the critic's score, p the data's density, q the generator's, θ the parameters of
the player that moves.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from saddlepoint.description import one_of
from saddlepoint.errors import BadInput
from saddlepoint.games.turn import Remembering, Turn
from saddlepoint.schedules import Coefficient, Elapsed, NonNegative, scaled, value_at

if TYPE_CHECKING:
    from torch import Tensor

Place = Literal["real", "fake", "between", "around"]


class Regulariser(Remembering):
    """A penalty on one turn.

    Attributes:
        equation: The penalty, as a reader would write it.
        cures: The trouble it is a remedy for.
        paper: Where it comes from.
        sees: What of a turn its values depend on: ``parameters``, ``real``, ``fake``, ``scores``,
            ``gradient`` (of each example's own score). A generator's turn has only its parameters.
    """

    equation: ClassVar[str]
    cures: ClassVar[str]
    paper: ClassVar[str]
    sees: ClassVar[frozenset[str]]

    weight: NonNegative = Field(1.0, description="Factor of the penalty in the player's loss.")
    every: int = Field(
        1,
        ge=1,
        description="Lazy regularisation (Karras et al. 2020): the penalty counts in every so "
        "many-th update of its player, with its weight multiplied by the same number.",
    )
    apart: bool = Field(
        False,
        description="The penalty has an optimiser step of its own in these updates, as in "
        "StyleGAN2, instead of joining the loss.",
    )

    @abstractmethod
    def values(self, turn: Turn) -> Tensor:
        """Unweighted values shaped like the batch, in float32 or finer; changes no memory.

        What belongs to the batch as a whole has a last axis of 1: (1,) or (members, 1).
        """

    @classmethod
    def together(cls, asked: Sequence[tuple[Self, Turn]]) -> list[Tensor]:
        """The values of several penalties of this kind in one turn; a kind may share their work."""
        return [penalty.values(turn) for penalty, turn in asked]

    def due(self, update: int) -> bool:
        """Whether the penalty counts in the player's update ``update`` of the run (from 0)."""
        return update % self.every == 0

    def effective_weight(self, elapsed: Elapsed | float) -> float:
        """The weight in an update in which the penalty is due: its value there · every."""
        return value_at(self.weight, elapsed) * self.every


class GradientPenalty(Regulariser):
    """(‖∇ₓD(x̂)‖ − target)² for each example, at one of four places.

    The norm runs over all axes of one critic input (with packing: of one pack). Target 0 takes
    no square root. The norm's derivative at a zero gradient is defined as 0. With ``one_sided``
    only norms above the target count: max(0, ‖∇ₓD(x̂)‖ − target)².

    Places:
        real: x̂ = x ~ p.
        fake: x̂ = G(z) ~ q.
        between: x̂ = εx + (1 − ε)G(z), one ε ~ U[0, 1) per critic input.
        around: x̂ = x + α·c·s·U with c = ``spread``, s the standard deviation of all numbers in
            the (member's) batch, U ~ U[0, 1) per coordinate and one α ~ U[0, 1) per critic input.
            This is the authors' released DRAGAN program with c = 0.5; their paper writes Gaussian
            noise N(0, cI) instead.

    The critic is run anew in float32 (finer inputs stay as they are), whatever the precision
    around it, and the result can be differentiated again.
    """

    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "r1": {"place": "real", "target": 0.0},
        "r2": {"place": "fake", "target": 0.0},
        "wgan_gp": {"place": "between", "target": 1.0, "one_sided": False, "weight": 10.0},
        "wgan_lp": {"place": "between", "target": 1.0, "one_sided": True, "weight": 10.0},
        "dragan": {"place": "around", "target": 1.0, "one_sided": False, "weight": 10.0},
    }
    tuned: ClassVar[frozenset[str]] = frozenset({"weight"})

    equation = "(‖∇ₓD(x̂)‖ − target)²"
    cures = "a critic that is too steep: cycles around the solution, exploding or lost gradients"
    paper = (
        "Gulrajani et al. 2017 (between), Kodali et al. 2017 (around), "
        "Petzka et al. 2018 (one-sided), Mescheder et al. 2018 (real, fake)"
    )
    sees = frozenset({"gradient", "real", "fake"})

    kind: Literal["gradient_penalty"] = "gradient_penalty"
    place: Place = Field("real", description="Where the gradient is taken.")
    target: float = Field(0.0, ge=0, description="The norm that costs nothing.")
    one_sided: bool = Field(False, description="Norms below the target cost nothing either.")
    spread: float = Field(0.5, gt=0, description="Size of the noise of the place 'around'.")

    @model_validator(mode="after")
    def _nothing_is_idle(self) -> Self:
        usual = type(self).model_fields["spread"].default
        if self.place != "around" and self.spread != usual:
            raise ValueError(
                "spread is the size of the noise of the place around, and the place is "
                f"{self.place}: choose that place, or leave spread at {usual}."
            )
        if self.one_sided and self.target == 0:
            raise ValueError(
                "one-sided lets norms below the target be, and none is below 0: set target above "
                "0, or leave one-sided off."
            )
        return self

    @property
    @override
    def name(self) -> str:
        return f"{self.word()}_{self.place}"

    @override
    def values(self, turn: Turn) -> Tensor:
        """The penalty of each critic input, in the shape of the scores.

        Raises:
            BadInput: The critic mixes examples, or 'between' gets unequal numbers of examples.
        """
        (values,) = self.together([(self, turn)])
        return values

    @classmethod
    @override
    def together(cls, asked: Sequence[tuple[Self, Turn]]) -> list[Tensor]:
        """The values of several gradient penalties on one critic, by one pass through it.

        Each example's gradient is its own, so the examples of all places may share a batch: R1
        and R2 cost one forward and one double backward pass instead of two.

        Raises:
            BadInput: As for ``values``.
        """
        import torch

        points = [penalty.points(turn) for penalty, turn in asked]
        first = asked[0][1]
        axis = first.real_score.dim() - 1
        whole = points[0] if len(points) == 1 else torch.cat(points, axis)
        gradient = _gradient(first.critic, whole)
        if len(points) == 1:
            return [asked[0][0].cost(gradient)]
        # a pack of examples has one score: the gradient may have fewer rows than the points
        per_score = whole.shape[axis] // gradient.shape[axis]
        parts = gradient.split([p.shape[axis] // per_score for p in points], axis)
        return [penalty.cost(part) for (penalty, _), part in zip(asked, parts, strict=True)]

    def cost(self, gradient: Tensor) -> Tensor:
        """The penalty of gradients (*batch shape, numbers per critic input)."""
        if self.target == 0:
            return gradient.square().sum(-1)
        excess = gradient.norm(dim=-1) - self.target  # PyTorch's norm has derivative 0 at zero
        return (excess.clamp(min=0) if self.one_sided else excess).square()

    def points(self, turn: Turn) -> Tensor:
        """Where the gradient is taken: x̂, critic inputs without gradient.

        Raises:
            BadInput: As for ``values``.
        """
        if turn.mixes_examples:
            raise BadInput(
                "a gradient penalty needs each example's own gradient, and this critic mixes the "
                "examples of a batch (batch normalisation, minibatch discrimination or minibatch "
                "standard deviation): choose a critic without them, or no gradient penalty."
            )
        if self.place == "fake":
            return _fine(turn.fake)
        real, batch_shape = _fine(turn.real), tuple(turn.real_score.shape)
        if self.place == "real":
            return real
        members = 0 if turn.members is None else 1  # streams add the members' axis themselves
        draw = turn.streams.uniform(batch_shape[members:], self.kind, self.place, "share")
        share = _per_example(draw.to(real), real, turn.pack)
        if self.place == "between":
            fake = _fine(turn.fake)
            if fake.shape != real.shape:
                raise BadInput(
                    "a gradient penalty between real and generated examples pairs them, and here "
                    f"are {tuple(real.shape)} real and {tuple(fake.shape)} generated numbers."
                )
            return share * real + (1 - share) * fake
        shape = tuple(real.shape[members:])
        noise = turn.streams.uniform(shape, self.kind, self.place, "noise").to(real)
        axes = tuple(range(len(batch_shape) - 1, real.dim()))  # of one member
        deviation = real.std(axes, correction=0, keepdim=True)
        return real + share * self.spread * deviation * noise


class Drift(Regulariser):
    """D(x)² for each real example: keeps scores near zero where only differences count."""

    equation = "D(x)²"
    cures = "scores that drift away in objectives that see only differences (Wasserstein)"
    paper = "Karras et al., Progressive Growing of GANs, 2018, appendix A.1 (ε_drift = 0.001)"
    sees = frozenset({"real", "scores"})

    kind: Literal["drift"] = "drift"
    weight: NonNegative = Field(1e-3, description="Factor of the penalty in the player's loss.")

    @override
    def values(self, turn: Turn) -> Tensor:
        return _fine(turn.real_score).square()


class HistoricalAveraging(Regulariser):
    """‖θₜ − (1/t) Σᵢ₌₀ᵗ⁻¹ θᵢ‖², the distance from the mean of the player's own past.

    θₜ are the parameters that step t (from 0) is about to update. The mean holds the values of
    the steps before and not the present one; in step 0 there is no past, and the penalty is 0.
    It is a constant of the gradient. The sum runs over all of a player's parameters: values have
    the shape (1,), or (members, 1).
    """

    equation = "‖θ − (1/t) Σᵢ θᵢ‖²"
    cures = "orbits around an equilibrium that plain gradient descent never reaches"
    paper = "Salimans et al., Improved Techniques for Training GANs, 2016, section 3.3"
    sees = frozenset({"parameters"})

    kind: Literal["historical_averaging"] = "historical_averaging"

    @override
    def initial_memory(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A zero mean per parameter, under its name, and how many steps went into it."""
        import torch

        means = {f"mean/{name}": torch.zeros_like(p.detach()) for name, p in parameters.items()}
        device = next(iter(parameters.values())).device
        return {"count": torch.zeros((), dtype=torch.int64, device=device), **means}

    @override
    def values(self, turn: Turn) -> Tensor:
        import torch

        shape = (1,) if turn.members is None else (turn.members, 1)
        memory = turn.memory or self.initial_memory(turn.parameters)
        squares = [
            _fine(p - memory[f"mean/{name}"]).square().reshape(*shape[:-1], -1).sum(-1, True)
            for name, p in turn.parameters.items()
        ]
        total = torch.stack(squares).sum(0)
        return torch.where(memory["count"] > 0, total, 0.0)

    @override
    def remember(self, turn: Turn) -> None:
        if not turn.memory:
            turn.memory.update(self.initial_memory(turn.parameters))
        turn.memory["count"].add_(1)
        for name, parameter in turn.parameters.items():
            mean = turn.memory[f"mean/{name}"]
            mean.add_((parameter.detach() - mean) / turn.memory["count"])


REGULARISERS: list[type[Regulariser]] = [GradientPenalty, Drift, HistoricalAveraging]
AnyRegulariser = Annotated[Regulariser, one_of(REGULARISERS)]


def r1(gamma: Coefficient, every: int = 1) -> GradientPenalty:
    """(γ/2)·‖∇D(x)‖² on real examples (Mescheder et al. 2018).

    Example:
        >>> from saddlepoint.games.regularisers import r1
        >>> penalty = r1(10.0, every=4)
        >>> penalty.place, penalty.weight, penalty.effective_weight(0.0)
        ('real', 5.0, 20.0)
    """
    return _preset("r1", weight=scaled(gamma, 0.5), every=every)


def r2(gamma: Coefficient, every: int = 1) -> GradientPenalty:
    """(γ/2)·‖∇D(G(z))‖² on generated examples (Mescheder et al. 2018)."""
    return _preset("r2", weight=scaled(gamma, 0.5), every=every)


def wgan_gp(weight: Coefficient = 10.0) -> GradientPenalty:
    """λ(‖∇D(x̂)‖ − 1)² between real and generated examples (Gulrajani et al. 2017).

    Example:
        >>> import torch
        >>> from saddlepoint.games.regularisers import wgan_gp
        >>> penalty = wgan_gp()
        >>> penalty.place, penalty.weight
        ('between', 10.0)
        >>> penalty.cost(torch.tensor([[3.0, 4.0], [0.6, 0.8]]))  # norms 5 and 1
        tensor([16.,  0.])
    """
    return _preset("wgan_gp", weight=weight)


def wgan_lp(weight: Coefficient = 10.0) -> GradientPenalty:
    """λ·max(0, ‖∇D(x̂)‖ − 1)², which lets the critic be flat (Petzka et al. 2018)."""
    return _preset("wgan_lp", weight=weight)


def dragan(weight: Coefficient = 10.0, spread: float = 0.5) -> GradientPenalty:
    """λ(‖∇D(x̂)‖ − 1)² around real examples (Kodali et al. 2017)."""
    return _preset("dragan", spread=spread, weight=weight)


def _preset(word: str, **settings: object) -> GradientPenalty:
    return GradientPenalty.model_validate({**GradientPenalty.presets[word], **settings})


def _fine(x: Tensor) -> Tensor:
    """``x`` in float32, or as it is if finer."""
    import torch

    return x.to(torch.promote_types(x.dtype, torch.float32))


def _per_example(values: Tensor, x: Tensor, pack: int) -> Tensor:
    """``values``, one per critic input, spread over the examples ``x`` and ready to multiply.

    Raises:
        ValueError: ``x`` has neither one nor ``pack`` examples per critic input.
    """
    axis = values.dim() - 1
    if x.shape[: axis + 1] == (*values.shape[:-1], pack * values.shape[-1]):
        values = values.repeat_interleave(pack, -1)
    elif x.shape[: axis + 1] != values.shape:
        raise ValueError(
            f"examples {tuple(x.shape)} do not fit scores {tuple(values.shape)} with pack={pack}"
        )
    return values.reshape(*values.shape, *(1 for _ in x.shape[axis + 1 :]))


def _gradient(critic: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """∇ₓD, flattened to (*batch shape, numbers per critic input).

    Consecutive examples of a pack end up in one row, because there is one score for them all.
    """
    import torch

    if not x.requires_grad:  # else the graph goes on to who made it: an unrolled generator
        x = x.detach().requires_grad_()
    with torch.autocast(x.device.type, enabled=False):
        score = critic(x)
        (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True, materialize_grads=True)
    return gradient.reshape(*score.shape, -1)
