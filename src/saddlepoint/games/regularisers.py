"""Regularisers: penalties that one player pays in one turn of the game.

A penalty returns unweighted values shaped like the batch; the caller multiplies the reduced term
by ``effective_weight``. Descriptions are torch-free; torch is imported when values are computed.

In equations D is the critic's score, p the data's density, q the generator's, θ the parameters of
the player that moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from saddlepoint.description import one_of
from saddlepoint.errors import BadInput
from saddlepoint.games.regulariser import Regulariser
from saddlepoint.games.turn import Turn
from saddlepoint.schedules import Coefficient, NonNegative, scaled

if TYPE_CHECKING:
    from torch import Tensor

Place = Literal["real", "fake", "between", "around"]


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

    With ``differences`` σ and target 0 the value is ((D(x̂ + σn) − D(x̂))/σ)², n ~ N(0, I) anew for
    each number of each input: no second derivative is taken. As σ → 0 its mean is ‖∇ₓD(x̂)‖² and
    its variance 2‖∇ₓD(x̂)‖⁴, both exact for a linear critic; so is the mean of its gradient in the
    weights. Critics that mix examples are refused as ever: moving a whole batch at once would also
    count how each score depends on the other examples. So are critics that drop units, two passes
    of which differ without any step.
    Paper: Lin et al., Diffusion Adversarial Post-Training, 2025 (approximated R1).
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
    differences: float | None = Field(
        None,
        gt=0,
        description="Estimate the squared norm by the difference of two scores, a random step of "
        "this size apart, instead of differentiating twice; 0.01 for images. None: exactly.",
    )
    precision: Literal["float32", "run"] = Field(
        "float32",
        description="In what these scores are computed: float32, or as the run computes; in "
        "bfloat16 rounding then adds to them.",
    )

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
        if self.differences is None and self.precision != "float32":
            raise ValueError(
                "precision is that of differences, and this penalty differentiates, in float32: "
                "set differences (to 0.01, for example), or leave precision at float32."
            )
        if self.differences is not None and self.target != 0:
            raise ValueError(
                "differences of scores estimate the squared norm of a gradient, of which the "
                f"distance of the norm from a target ({self.target:g}) is no mean: set target to "
                "0, or leave differences out."
            )
        return self

    @property
    @override
    def name(self) -> str:
        return f"{self.word()}_{self.place}"

    @property
    @override
    def compares_passes(self) -> bool:
        return self.differences is not None

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
        ways: dict[str | None, list[int]] = {}
        for number, (penalty, _) in enumerate(asked):
            way = None if penalty.differences is None else penalty.precision
            ways.setdefault(way, []).append(number)
        values: dict[int, Tensor] = {}
        for each, numbers in ways.items():
            estimate = cls._by_gradients if each is None else cls._by_differences
            values |= zip(numbers, estimate([asked[n] for n in numbers]), strict=True)
        return [values[number] for number in range(len(asked))]

    @classmethod
    def _by_gradients(cls, asked: Sequence[tuple[Self, Turn]]) -> list[Tensor]:
        from saddlepoint.games.slopes import gradients

        points = [penalty.points(turn) for penalty, turn in asked]
        first = asked[0][1]
        slopes = gradients(first.critic, points, first.real_score.dim() - 1)
        return [penalty.cost(slope) for (penalty, _), slope in zip(asked, slopes, strict=True)]

    @classmethod
    def _by_differences(cls, asked: Sequence[tuple[Self, Turn]]) -> list[Tensor]:
        """The estimates in one precision; scores that the turn has anyway are not computed again.

        They are of use if they are as precise as asked, and if another pass of the critic is the
        same function. Else both scores come from one pass.
        """
        import torch

        from saddlepoint.games.slopes import squared_differences

        first, in_float32 = asked[0][1], asked[0][0].precision == "float32"
        places = [(penalty, turn, penalty.points(turn)) for penalty, turn in asked]
        device = places[0][2].device.type
        autocast = torch.is_autocast_enabled(device)
        known: list[Tensor | None] = [None] * len(asked)
        if first.repeatable and not (autocast and in_float32):
            known = [
                {"real": turn.real_score, "fake": turn.fake_score}.get(penalty.place)
                for penalty, turn in asked
            ]
        with torch.autocast(device, enabled=autocast and not in_float32):
            return squared_differences(
                first.critic,
                [x for _, _, x in places],
                [penalty.direction(x, turn) for penalty, turn, x in places],
                [penalty.differences or 0.0 for penalty, _, _ in places],
                known,
                first.real_score.dim() - 1,
            )

    def cost(self, gradient: Tensor) -> Tensor:
        """The penalty of gradients (*batch shape, numbers per critic input)."""
        if self.target == 0:
            return gradient.square().sum(-1)
        excess = gradient.norm(dim=-1) - self.target  # PyTorch's norm has derivative 0 at zero
        return (excess.clamp(min=0) if self.one_sided else excess).square()

    def direction(self, x: Tensor, turn: Turn) -> Tensor:
        """The n ~ N(0, I), one number for each of ``points``."""
        shape = tuple(x.shape[0 if turn.members is None else 1 :])
        return turn.streams.normal(shape, self.kind, self.place, "direction").to(x)

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
        from saddlepoint.games.slopes import fine, per_example

        if self.place == "fake":
            return fine(turn.fake)
        real, batch_shape = fine(turn.real), tuple(turn.real_score.shape)
        if self.place == "real":
            return real
        members = 0 if turn.members is None else 1  # streams add the members' axis themselves
        draw = turn.streams.uniform(batch_shape[members:], self.kind, self.place, "share")
        share = per_example(draw.to(real), real, turn.pack)
        if self.place == "between":
            fake = fine(turn.fake)
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
        from saddlepoint.games.slopes import fine

        return fine(turn.real_score).square()


class Centring(Regulariser):
    """(D(x) + D(G(z)))² for each pair: the scores of a relativistic game have their middle at 0.

    It pulls both scores of a pair alike, so that their difference, all that such a game sees, is
    left to the game.
    """

    equation = "(D(x) + D(G(z)))²"
    cures = "the level of scores, which drifts where only their differences count (relativistic)"
    paper = "Adversarial Flow Models, 2025 (program; weight 0.01)"
    sees = frozenset({"real", "fake", "scores"})

    kind: Literal["centring"] = "centring"
    weight: NonNegative = Field(1e-2, description="Factor of the penalty in the player's loss.")

    @override
    def values(self, turn: Turn) -> Tensor:
        from saddlepoint.games.slopes import fine

        return (fine(turn.real_score) + fine(turn.fake_score)).square()


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

        from saddlepoint.games.slopes import fine

        shape = (1,) if turn.members is None else (turn.members, 1)
        memory = turn.memory or self.initial_memory(turn.parameters)
        squares = [
            fine(p - memory[f"mean/{name}"]).square().reshape(*shape[:-1], -1).sum(-1, True)
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


REGULARISERS: list[type[Regulariser]] = [GradientPenalty, Drift, Centring, HistoricalAveraging]
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
