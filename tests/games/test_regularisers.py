"""Regularisers: known values for every shape; the popular mistakes must fail here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from kit.turns import judged
from kit.turns import turn_of as turn
from saddlepoint.errors import BadInput
from saddlepoint.games.regulariser import Regulariser
from saddlepoint.games.regularisers import (
    REGULARISERS,
    AnyRegulariser,
    Centring,
    Drift,
    GradientPenalty,
    HistoricalAveraging,
    dragan,
    r1,
    r2,
    wgan_gp,
    wgan_lp,
)
from saddlepoint.games.turn import Turn
from saddlepoint.randomness import Streams
from saddlepoint.schedules import Cosine, Exponential, Piecewise, value_at

SHAPES = [(2,), (1, 7, 5), (2, 8, 8), (3, 5, 9), (4, 3, 3)]
PLACES = ["real", "fake", "between", "around"]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)
places = pytest.mark.parametrize("place", PLACES)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def batches(*shape: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    real, fake = torch.randn(2, *shape, dtype=dtype)
    return real, 2 * fake + 1


def linear(shape: tuple[int, ...]) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    w = torch.randn(shape, dtype=torch.float64)
    return w, lambda x: (x * w).flatten(1).sum(1) + 0.3


def half_square(x: Tensor) -> Tensor:
    """D(x) = ‖x‖²/2, whose gradient is x itself: the penalty shows where it was taken."""
    return x.square().flatten(1).sum(1) / 2


def seen(place: str, real: Tensor, fake: Tensor, **changes) -> Tensor:
    """The places x̂ at which a penalty asks the critic."""
    asked: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        asked.append(x.detach())
        return half_square(x)

    spread = changes.pop("spread", 0.5)
    whole = turn(critic, real, fake, **changes)
    asked.clear()
    GradientPenalty(place=place, target=1.0, spread=spread).values(whole)
    (x,) = asked
    return x


@shapes
@places
def test_a_linear_critic_has_the_norm_of_its_weights_everywhere(shape, place) -> None:
    w, critic = linear(shape)
    whole = turn(critic, *batches(6, *shape))
    norm = w.square().sum().sqrt()
    for target in (0.0, 0.7, 1.0):
        values = GradientPenalty(place=place, target=target).values(whole)
        torch.testing.assert_close(values, (norm - target).square().expand(6))


@pytest.mark.parametrize("pack", [1, 2])
@pytest.mark.parametrize("members", [None, 3])
def test_penalties_together_are_the_penalties_apart(pack: int, members: int | None) -> None:
    """One pass for R1, R2 and a two-sided penalty gives what three passes give."""
    torch.manual_seed(4)
    leading = () if members is None else (members,)
    weight = torch.randn(*leading, 4, 6, dtype=torch.float64, requires_grad=True)

    def critic(x: Tensor) -> Tensor:
        if pack > 1:  # the critic itself joins consecutive examples: one score for two
            x = x.unflatten(-2, (-1, pack)).flatten(-2)[..., :4]
        return (x @ weight).tanh().square().sum(-1)

    rows = (*leading, 6, 4 if pack == 1 else 2)
    real, fake = torch.randn(2, *rows, dtype=torch.float64)
    streams = Streams(3, "test") if members is None else Streams((3, 4, 5), "test")
    whole = turn(critic, real, fake, pack=pack, members=members, streams=streams)
    between = GradientPenalty(place="between", target=1.0)
    asked = [(penalty, whole) for penalty in (r1(1.0), r2(1.0), between)]
    together = GradientPenalty.together(asked)
    for (penalty, _), values in zip(asked, together, strict=True):
        apart = penalty.values(whole)
        torch.testing.assert_close(values, apart)
        assert values.shape == whole.real_score.shape
        (first,) = torch.autograd.grad(values.sum(), weight, retain_graph=True)
        (second,) = torch.autograd.grad(apart.sum(), weight)
        torch.testing.assert_close(first, second)


@shapes
def test_each_example_has_its_own_norm(shape) -> None:
    """Fails for one norm over the whole batch, and for a norm over some of the axes."""
    real, fake = batches(5, *shape)
    whole = turn(half_square, real, fake)
    for place, x in (("real", real), ("fake", fake)):
        norms = torch.stack([row.square().sum().sqrt() for row in x])
        assert norms.std() > 0.05
        values = GradientPenalty(place=place, target=1.0).values(whole)
        torch.testing.assert_close(values, (norms - 1).square())


@shapes
def test_interpolation_has_one_uniform_share_per_example(shape) -> None:
    """Fails for a normal ε, for one ε per batch and for one ε per number."""
    real, fake = batches(2000, *shape)
    x = seen("between", real, fake)
    shares = (x - fake) / (real - fake)
    one = shares.flatten(1).median(1).values
    torch.testing.assert_close(shares.flatten(1), one[:, None].expand_as(shares.flatten(1)))
    assert 0 <= one.min() < 0.01
    assert 0.99 < one.max() <= 1
    # Kolmogorov-Smirnov against U[0, 1]: 1.95/√n is the 0.1 % point
    sorted_shares = one.sort().values
    steps = torch.arange(1, 2001, dtype=torch.float64) / 2000
    assert (sorted_shares - steps).abs().max() < 1.95 / 2000**0.5


def test_the_share_multiplies_the_real_example() -> None:
    real, fake = torch.ones(50, 3), torch.zeros(50, 3)
    expected = Streams(3, "test").uniform((50,), "gradient_penalty", "between", "share")
    torch.testing.assert_close(seen("between", real, fake)[:, 0], expected)


@shapes
def test_noise_around_real_examples_is_uniform_per_number_and_scaled_by_the_deviation(shape):
    real = 3 * torch.randn(1500, *shape, dtype=torch.float64) - 1
    noise = ((seen("around", real, real, spread=0.25) - real) / (0.25 * real.std())).flatten(1)
    assert noise.min() >= 0
    assert noise.max() <= 1.001
    # α·U with independent α, U ~ U[0, 1]: mean 1/4, second moment 1/9
    assert noise.mean().item() == pytest.approx(0.25, abs=0.02)
    assert noise.square().mean().item() == pytest.approx(1 / 9, abs=0.015)
    # one α per example: two numbers of an example have covariance Var(α)/4 = 1/48
    pair = noise[:, :2] - noise[:, :2].mean(0)
    assert (pair[:, 0] * pair[:, 1]).mean().item() == pytest.approx(1 / 48, abs=0.01)
    assert not torch.allclose(noise[:, 0], noise[:, 1], atol=1e-3)


def test_the_deviation_of_a_member_is_its_own() -> None:
    real = torch.randn(2, 400, 3, dtype=torch.float64) * torch.tensor([1.0, 10.0])[:, None, None]
    scores = torch.zeros(2, 400)
    asked: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        asked.append(x.detach())
        return x.square().sum(-1)

    dragan().values(turn(critic, real, real, judged=lambda: judged(scores, scores)))
    size = (asked[-1] - real).mean((1, 2))
    assert (size[1] / size[0]).item() == pytest.approx(10, rel=0.2)


def test_one_sided_penalties_leave_gentle_slopes_alone() -> None:
    real = torch.tensor([[0.3, 0.4], [3.0, 4.0]])
    whole = turn(half_square, real, real)
    both = GradientPenalty(place="real", target=1.0).values(whole)
    one = GradientPenalty(place="real", target=1.0, one_sided=True).values(whole)
    torch.testing.assert_close(both, torch.tensor([0.25, 16.0]))
    torch.testing.assert_close(one, torch.tensor([0.0, 16.0]))


def test_r1_is_half_gamma_times_the_squared_norm() -> None:
    real, fake = batches(6, 3, 4, 4)
    whole = turn(half_square, real, fake)
    for penalty, x in ((r1(8.0), real), (r2(8.0), fake)):
        expected = 4.0 * x.flatten(1).square().sum(1)
        assert torch.equal(penalty.effective_weight(0.0) * penalty.values(whole), expected)


def test_the_published_penalties() -> None:
    penalty = wgan_gp()
    assert (penalty.place, penalty.target, penalty.one_sided) == ("between", 1.0, False)
    assert penalty.effective_weight(0.5) == 10.0
    assert (wgan_lp().place, wgan_lp().target, wgan_lp().one_sided) == ("between", 1.0, True)
    assert wgan_lp().effective_weight(0.5) == 10.0
    around = dragan()
    assert (around.place, around.target, around.spread, around.weight) == ("around", 1.0, 0.5, 10.0)


@pytest.mark.parametrize(
    "gamma",
    [
        Cosine(start=4.0, end=1.0),
        Exponential(start=4.0, end=1.0),
        Piecewise(points=((0.0, 4.0), (0.5, 1.0))),
    ],
    ids=lambda schedule: schedule.kind,
)
def test_gamma_may_be_a_schedule(gamma) -> None:
    for progress in (0.0, 0.3, 0.9):
        half = value_at(gamma, progress) / 2
        assert r1(gamma).effective_weight(progress) == pytest.approx(half)


def test_lazy_penalties_join_every_nth_step_with_n_times_the_weight() -> None:
    penalty = r1(gamma=2.0, every=4)
    assert [number for number in range(9) if penalty.due(number)] == [0, 4, 8]
    assert penalty.effective_weight(0.0) == 4.0
    steps = range(16)
    total = sum(penalty.effective_weight(0.0) for number in steps if penalty.due(number))
    assert total == sum(r1(gamma=2.0).effective_weight(0.0) for _ in steps)


def test_a_conditional_critic_is_a_closure() -> None:
    real, fake = batches(6, 2, 3, 3)
    label = torch.arange(6) % 3
    scale = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)[label]
    whole = turn(lambda x: scale * half_square(x), real, fake)
    expected = (scale * real.flatten(1).square().sum(1).sqrt() - 1).square()
    torch.testing.assert_close(GradientPenalty(target=1.0).values(whole), expected)


class Stacked(Streams):
    """One stream per member, side by side."""

    def __init__(self, *members: Streams) -> None:
        super().__init__(0)
        self.members = members

    def uniform(self, shape: tuple[int, ...], *purpose: int | str) -> Tensor:
        return torch.stack([member.uniform(shape[1:], *purpose) for member in self.members])


@places
@shapes
def test_members_get_what_they_get_alone(place, shape) -> None:
    members, batch = 3, 4
    w = torch.randn(members, *shape, dtype=torch.float64)
    real, fake = torch.randn(2, members, batch, *shape, dtype=torch.float64)
    streams = [Streams(seed, "member") for seed in range(members)]

    def together(x: Tensor) -> Tensor:
        return (x.sin() * w[:, None]).flatten(2).sum(2)

    penalty = GradientPenalty(place=place, target=1.0)
    values = penalty.values(turn(together, real, fake, streams=Stacked(*streams)))
    assert values.shape == (members, batch)
    for k in range(members):

        def alone(x: Tensor, k: int = k) -> Tensor:
            return (x.sin() * w[k]).flatten(1).sum(1)

        expected = penalty.values(turn(alone, real[k], fake[k], streams=streams[k]))
        torch.testing.assert_close(values[k], expected)


@pytest.mark.parametrize("grouped", [True, False], ids=["packed by the critic", "packed before"])
def test_a_pack_has_one_share_and_one_norm(grouped: bool) -> None:
    real, fake = batches(8, 3)
    if not grouped:
        real, fake = real.reshape(4, 6), fake.reshape(4, 6)
    asked: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        asked.append(x.detach())
        return x.reshape(4, 6).square().sum(1) / 2

    values = wgan_gp().values(turn(critic, real, fake, pack=2))
    shares = ((asked[-1] - fake) / (real - fake)).reshape(4, 6)
    torch.testing.assert_close(shares, shares[:, :1].expand(4, 6))
    assert shares[:, 0].unique().numel() == 4
    norm = asked[-1].reshape(4, 6).square().sum(1).sqrt()
    torch.testing.assert_close(values, (norm - 1).square())
    with pytest.raises(ValueError, match="do not fit scores"):
        wgan_gp().values(turn(lambda x: x.reshape(2, -1).sum(1), real, fake))


@places
@pytest.mark.parametrize(("target", "one_sided"), [(0.0, False), (1.0, False), (1.0, True)])
def test_the_gradient_in_the_weights_agrees_with_finite_differences(place, target, one_sided):
    real, fake = batches(4, 3)
    first = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    second = torch.randn(5, dtype=torch.float64, requires_grad=True)
    penalty = GradientPenalty(place=place, target=target, one_sided=one_sided)

    def value(a: Tensor, b: Tensor) -> Tensor:
        return penalty.values(turn(lambda x: 3 * (x @ a / 4).tanh() @ b, real, fake))

    assert value(first, second).max() > 0.01
    assert torch.autograd.gradcheck(value, (first, second))


def test_a_turn_without_real_examples_says_so() -> None:
    whole = turn(
        half_square, *batches(4, 3), examples=None, judged=lambda: judged(None, torch.zeros(4))
    )
    for ask in (lambda: whole.real, lambda: whole.real_score):
        with pytest.raises(LookupError, match="this turn has no real examples"):
            ask()
    assert (whole.fake_score == 0).all(), "fakes are judged all the same"


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_a_flat_critic_has_derivative_zero_and_no_nan(target) -> None:
    w = torch.zeros(3, requires_grad=True)
    whole = turn(lambda x: x @ w, *batches(4, 3, dtype=torch.float32))
    values = GradientPenalty(target=target).values(whole)
    torch.testing.assert_close(values, torch.full((4,), target**2))
    (gradient,) = torch.autograd.grad(values.sum(), w)
    assert torch.equal(gradient, torch.zeros(3))


def test_a_critic_that_ignores_its_input_is_flat() -> None:
    bias = torch.zeros((), requires_grad=True)
    whole = turn(lambda x: bias.expand(len(x)), *batches(4, 3))
    assert torch.equal(wgan_gp().values(whole), torch.ones(4, dtype=torch.float64))


@places
def test_a_critic_that_mixes_examples_is_refused_with_the_reason(place) -> None:
    whole = turn(half_square, *batches(4, 3), mixes_examples=True)
    with pytest.raises(BadInput, match="mixes the examples"):
        GradientPenalty(place=place).values(whole)
    Drift().values(whole)


def test_unequal_batches_cannot_be_paired() -> None:
    whole = turn(half_square, torch.randn(4, 3), torch.randn(6, 3))
    with pytest.raises(BadInput, match="pairs them"):
        wgan_gp().values(whole)
    assert r2(1.0).values(whole).shape == (6,)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_the_penalty_is_computed_in_float32_or_finer_whatever_surrounds_it(dtype) -> None:
    fine = torch.promote_types(dtype, torch.float32)
    critic = nn.Linear(16, 1).to(fine)
    real, fake = batches(4, 16, dtype=dtype)
    kinds: list[torch.dtype] = []

    def score(x: Tensor) -> Tensor:
        out = critic(x.to(fine)).squeeze(-1)
        kinds.append(out.dtype)
        return out

    with torch.autocast("cpu", dtype=torch.bfloat16):
        whole = turn(score, real, fake)
        values = GradientPenalty(target=1.0).values(whole)
    assert kinds[-1] == values.dtype == fine
    norm = critic.weight.double().norm()
    expected = (norm - 1).square().expand(4).to(fine)
    torch.testing.assert_close(values, expected, rtol=1e-5, atol=1e-7)


def test_drift_is_the_squared_score_of_real_examples() -> None:
    real_score = torch.tensor([1.0, -3.0])
    whole = turn(half_square, *batches(2, 3), judged=lambda: judged(real_score, real_score))
    assert torch.equal(Drift().values(whole), torch.tensor([1.0, 9.0]))
    assert Drift().effective_weight(0.0) == 1e-3


def test_centring_pulls_both_scores_of_a_pair_and_leaves_their_difference() -> None:
    real_score = torch.tensor([1.0, -3.0, 2.0], requires_grad=True)
    fake_score = torch.tensor([0.5, -1.0, -2.0], requires_grad=True)
    scores = real_score, fake_score
    values = Centring().values(turn(half_square, *batches(3, 3), judged=lambda: judged(*scores)))
    assert values.tolist() == [2.25, 16.0, 0.0]
    assert Centring().effective_weight(0.0) == 1e-2
    of_real, of_fake = torch.autograd.grad(values.sum(), scores)
    assert torch.equal(of_real, of_fake)
    assert of_real.tolist() == [3.0, -8.0, 0.0]


def history(**parameters: Tensor) -> Turn:
    x = torch.zeros(2, 1)
    return turn(half_square, x, x, parameters=parameters)


def test_historical_averaging_by_hand() -> None:
    """Fails without the 1/t, and for a mean that already holds the present value."""
    penalty = HistoricalAveraging()
    path = [torch.tensor([1.0, 2.0]), torch.tensor([5.0, 2.0]), torch.tensor([0.0, 8.0])]
    memory: dict[str, Tensor] = {}
    values = []
    for theta in path:
        whole = replace(history(w=theta), memory=memory)
        values.append(penalty.values(whole))
        penalty.remember(whole)
    # means before each step: none, (1, 2), (3, 2)
    torch.testing.assert_close(torch.cat(values), torch.tensor([0.0, 16.0, 9.0 + 36.0]))


def test_historical_averaging_pulls_towards_the_mean_which_is_a_constant() -> None:
    penalty = HistoricalAveraging()
    memory: dict[str, Tensor] = {}
    w, b = torch.tensor([[1.0, 2.0]]), torch.tensor([3.0])
    penalty.remember(replace(history(w=w, b=b), memory=memory))
    moved = [(w + 2).requires_grad_(), (b - 1).requires_grad_()]
    whole = replace(history(w=moved[0], b=moved[1]), memory=memory)
    value = penalty.values(whole)
    penalty.remember(whole)  # in place, before the backward pass
    assert value.shape == (1,)
    assert value.item() == 9.0
    gradients = torch.autograd.grad(value.sum(), moved)
    torch.testing.assert_close(gradients[0], torch.full((1, 2), 4.0))
    torch.testing.assert_close(gradients[1], torch.tensor([-2.0]))


def test_the_history_is_changed_in_place_and_only_when_told() -> None:
    penalty = HistoricalAveraging()
    theta = torch.tensor([4.0])
    memory = penalty.initial_memory({"w": theta})
    kept = dict(memory)
    whole = replace(history(w=theta), memory=memory)
    assert penalty.values(whole).item() == 0
    assert memory["count"] == 0
    penalty.remember(whole)
    assert all(memory[name] is tensor for name, tensor in kept.items())
    assert memory["count"] == 1
    assert memory["mean/w"].item() == 4.0


def test_a_history_restored_from_its_tensors_goes_on_exactly() -> None:
    penalty = HistoricalAveraging()
    path = torch.randn(6, 4)
    memory: dict[str, Tensor] = {}
    for step, theta in enumerate(path):
        if step == 3:
            memory = {name: tensor.clone() for name, tensor in memory.items()}
        whole = replace(history(w=theta), memory=memory)
        value = penalty.values(whole)
        penalty.remember(whole)
    torch.testing.assert_close(value, (path[5] - path[:5].mean(0)).square().sum()[None])


def test_members_have_histories_of_their_own() -> None:
    penalty = HistoricalAveraging()
    memory: dict[str, Tensor] = {}
    first = {"w": torch.zeros(3, 2, 2), "b": torch.zeros(3)}
    penalty.remember(replace(history(**first), memory=memory, members=3))
    second = {
        "w": torch.tensor([1.0, 2.0, 3.0])[:, None, None].expand(3, 2, 2),
        "b": torch.tensor([0.0, 1.0, 0.0]),
    }
    value = penalty.values(replace(history(**second), memory=memory, members=3))
    assert torch.equal(value, torch.tensor([[4.0], [17.0], [36.0]]))


def test_historical_averaging_ends_the_orbit_of_the_toy_game() -> None:
    """Value (f(x) − 1)(y − 1), f(x) = x below 0 and x² above (Salimans et al. 2016)."""

    def distance(weight: float) -> float:
        point = torch.tensor([1.5, 1.6], dtype=torch.float64, requires_grad=True)
        penalty, memory = HistoricalAveraging(weight=weight), {}
        for _ in range(1000):
            x, y = point
            value = (torch.where(x < 0, x, x * x) - 1) * (y - 1)
            whole = replace(history(w=point), memory=memory)
            (pull,) = torch.autograd.grad(penalty.values(whole).sum(), point)
            (slope,) = torch.autograd.grad(value, point)
            penalty.remember(whole)
            signs = torch.tensor([1.0, -1.0])
            with torch.no_grad():
                point -= 0.02 * (signs * slope + weight * pull)
        return (point.detach() - 1).norm().item()

    assert distance(0.0) > 0.5
    assert distance(0.25) < 0.03


REGULARISER_CLASSES = pytest.mark.parametrize("entry", REGULARISERS)


@REGULARISER_CLASSES
def test_every_entry_says_what_it_is_and_round_trips(entry: type[Regulariser]) -> None:
    assert all((entry.equation, entry.cures, entry.paper))
    description = entry(weight=Cosine(start=1.0), every=3)
    assert description.model_dump()["kind"] == entry.word()
    adapter: TypeAdapter[Regulariser] = TypeAdapter(AnyRegulariser)
    assert adapter.validate_json(description.model_dump_json()) == description


@REGULARISER_CLASSES
@shapes
def test_every_entry_keeps_the_contract(entry: type[Regulariser], shape: tuple[int, ...]) -> None:
    theta = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    penalty = entry()
    whole = turn(lambda x: (x * theta).flatten(1).sum(1), *batches(4, *shape))
    whole = replace(whole, parameters={"theta": theta})
    values = penalty.values(whole)
    assert values.shape in ((4,), (1,))
    assert values.isfinite().all()
    assert not whole.memory, "values must not touch the memory"
    assert torch.equal(values, penalty.values(whole)), "equal turns have equal values"
    torch.autograd.grad(values.sum(), theta, allow_unused=True)


def test_bad_descriptions_are_refused() -> None:
    for bad in ({"place": "nowhere"}, {"target": -1.0}, {"every": 0}, {"spread": 0.0}):
        with pytest.raises(ValidationError):
            GradientPenalty(**bad)
    with pytest.raises(ValidationError, match="set target above 0, or leave one-sided off"):
        GradientPenalty(one_sided=True)


def test_descriptions_need_no_torch() -> None:
    program = (
        "import sys\nfrom saddlepoint.games import constraints, regularisers\n"
        "regularisers.r1(1.0), constraints.SpectralNorm()\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
