"""The contract of every objective: what the code computes is what its entry says it does."""

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from saddlepoint.games.objectives import OBJECTIVES, Objective
from saddlepoint.learners.description import Adversarial

LOG_4 = 1.3862943611198906
LOG_2 = 0.6931471805599453

Player = str
PLAYERS: tuple[Player, ...] = ("critic", "generator")


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def double(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def two_points() -> tuple[Tensor, Tensor]:
    return double([0.3, 0.7]), double([0.55, 0.45])


def two_gaussians() -> tuple[Tensor, Tensor]:
    """N(0, 1) and N(0.8, 1.3²) on a grid that holds 99.9 % of both, as probabilities."""
    x = torch.linspace(-4.2, 5.4, 33, dtype=torch.float64)
    standard = torch.distributions.Normal(0.0, 1.0)
    ends = double([-4.2, 5.4])
    held = [standard.cdf((ends - m) / s).diff().item() for m, s in ((0.0, 1.0), (0.8, 1.3))]
    assert sum(held) / 2 > 0.999
    p, q = (-(x**2) / 2).exp(), (-(((x - 0.8) / 1.3) ** 2) / 2).exp()
    return p / p.sum(), q / q.sum()


PAIRS = {"two points": two_points, "two Gaussians": two_gaussians}

objectives = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=list(OBJECTIVES))
pairs = pytest.mark.parametrize("pair", PAIRS.values(), ids=list(PAIRS))
players = pytest.mark.parametrize("player", PLAYERS)


def cost(objective: Objective, player: Player, scores: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """The expected cost over independent pairs: real at point i and fake at point j."""
    real, fake = torch.broadcast_tensors(scores[:, None], scores[None, :])
    return (p[:, None] * q[None, :] * getattr(objective, player)(real, fake)).sum()


def best_scores(objective: Objective, p: Tensor, q: Tensor) -> Tensor:
    """Damped Newton; the pseudo-inverse leaves directions that cost nothing alone."""

    def value(scores: Tensor) -> Tensor:
        return cost(objective, "critic", scores, p, q)

    scores = torch.zeros_like(p)
    for _ in range(100):
        gradient = torch.autograd.functional.jacobian(value, scores)
        if gradient.abs().max() < 1e-14:
            break
        hessian = torch.autograd.functional.hessian(value, scores)
        step = torch.linalg.pinv(hessian, rtol=1e-13, hermitian=True) @ gradient
        size = 1.0
        while value(scores - size * step) > value(scores) and size > 1e-6:
            size /= 2
        scores = scores - size * step
    return scores


def shift_invariant(objective: Objective) -> bool:
    """Whether adding one number to all scores changes nothing (relativistic objectives)."""
    real, fake = torch.randn(2, 50, dtype=torch.float64)
    return torch.allclose(objective.critic(real, fake), objective.critic(real + 1.5, fake + 1.5))


@objectives
@pairs
def test_the_optimal_critic_is_as_stated(objective, pair):
    p, q = pair()
    found = best_scores(objective, p, q)
    least = cost(objective, "critic", found, p, q)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(objective.critic_cost(p, q), least, rtol=0, atol=1e-10)
    gap = found - objective.optimal_score(p, q)
    if shift_invariant(objective):
        gap = gap - gap.mean()
    assert gap.abs().max() < 1e-5


@objectives
@pairs
def test_the_generator_descends_what_is_stated(objective, pair):
    """At the fixed optimal critic, along directions that keep q a distribution."""
    p, q = pair()
    scores = objective.optimal_score(p, q)
    q = q.clone().requires_grad_()
    (actual,) = torch.autograd.grad(cost(objective, "generator", scores, p, q), q)
    (stated,) = torch.autograd.grad(objective.divergence(p, q), q)
    assert stated.std() > 1e-3  # a constant would make the comparison empty
    torch.testing.assert_close(actual - actual.mean(), stated - stated.mean(), rtol=0, atol=1e-10)


@objectives
@pairs
def test_equal_distributions_leave_the_critic_nothing(objective, pair):
    p, _ = pair()
    scores = best_scores(objective, p, p.clone())
    at_optimum = cost(objective, "critic", scores, p, p)
    assert at_optimum.item() == pytest.approx(LOG_4, abs=1e-9)
    assert objective.critic_cost(p, p).item() == pytest.approx(LOG_4, abs=1e-12)


def test_the_jensen_shannon_divergence_of_disjoint_supports_is_log_2():
    p, q = double([0.25, 0.75, 0.0, 0.0]), double([0.0, 0.0, 0.5, 0.5])
    assert OBJECTIVES["minimax"].divergence(p, q).item() == pytest.approx(2 * LOG_2, abs=1e-12)
    for objective in OBJECTIVES.values():
        assert objective.critic_cost(p, q).item() == pytest.approx(0.0, abs=1e-12)


def test_the_non_saturating_game_has_its_closed_form():
    """KL(q‖p) − 2·JSD(p‖q), written out with numbers; infinite once q leaves p's support."""
    p, q = [0.3, 0.7], [0.55, 0.45]
    kl = sum(b * math.log(b / a) for a, b in zip(p, q, strict=True))
    jsd = sum(
        a / 2 * math.log(2 * a / (a + b)) + b / 2 * math.log(2 * b / (a + b))
        for a, b in zip(p, q, strict=True)
    )
    stated = OBJECTIVES["non_saturating"].divergence(double(p), double(q)).item()
    assert stated == pytest.approx(kl - 2 * jsd, abs=1e-12)
    outside = OBJECTIVES["non_saturating"].divergence(double([1.0, 0.0]), double([0.5, 0.5]))
    assert outside.item() == math.inf
    inside = OBJECTIVES["non_saturating"].divergence(double([0.5, 0.5]), double([1.0, 0.0]))
    assert math.isfinite(inside.item())


@objectives
@players
@pytest.mark.parametrize("shape", [(), (7,), (3, 5)])
def test_costs_are_elementwise(objective, player, shape):
    real, fake = torch.randn(2, *shape, dtype=torch.float64)
    whole = getattr(objective, player)(real, fake)
    assert whole.shape == shape
    alone = [
        getattr(objective, player)(r, f)
        for r, f in zip(real.reshape(-1), fake.reshape(-1), strict=True)
    ]
    assert torch.equal(whole.reshape(-1), torch.stack(alone))


@objectives
@players
def test_each_cost_depends_on_its_own_scores_only(objective, player):
    real, fake = torch.randn(2, 6, dtype=torch.float64)
    for which in (0, 1):

        def of(scores: Tensor, which: int = which) -> Tensor:
            other = (scores, fake) if which == 0 else (real, scores)
            return getattr(objective, player)(*other)

        jacobian = torch.autograd.functional.jacobian(of, (real, fake)[which])
        assert torch.equal(jacobian, torch.diag(jacobian.diagonal()))


def gradients(objective: Objective, player: Player, real: Tensor, fake: Tensor) -> list[Tensor]:
    real, fake = real.clone().requires_grad_(), fake.clone().requires_grad_()
    total = getattr(objective, player)(real, fake).sum()
    found = torch.autograd.grad(total, (real, fake), allow_unused=True)
    return [torch.zeros_like(real) if g is None else g for g in found]


@objectives
@players
@pytest.mark.parametrize("limit", [30.0, 1000.0])
def test_costs_and_gradients_stay_finite_in_float32(objective, player, limit):
    real, fake = torch.cartesian_prod(
        torch.linspace(-limit, limit, 41), torch.linspace(-limit, limit, 41)
    ).T
    assert torch.isfinite(getattr(objective, player)(real, fake)).all()
    for gradient in gradients(objective, player, real, fake):
        assert torch.isfinite(gradient).all()


@objectives
def test_the_generator_sees_the_real_score_if_it_says_so(objective):
    real, fake = torch.randn(2, 100, dtype=torch.float64)
    of_real, of_fake = gradients(objective, "generator", real, fake)
    assert bool(of_real.abs().max() > 0) is objective.generator_sees_real
    assert of_fake.abs().min() > 0


def naive_cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    d_real, d_fake = 1 / (1 + (-real).exp()), 1 / (1 + (-fake).exp())
    return -d_real.log() - (1 - d_fake).log()


NAIVE = {
    ("minimax", "critic"): naive_cross_entropy,
    ("minimax", "generator"): lambda real, fake: (1 - 1 / (1 + (-fake).exp())).log(),
    ("non_saturating", "critic"): naive_cross_entropy,
    ("non_saturating", "generator"): lambda real, fake: -(1 / (1 + (-fake).exp())).log(),
}


@pytest.mark.parametrize(("name", "player"), NAIVE)
def test_costs_equal_the_formula_of_the_paper(name, player):
    real, fake = torch.cartesian_prod(*[torch.linspace(-12, 12, 49, dtype=torch.float64)] * 2).T
    actual = getattr(OBJECTIVES[name], player)(real, fake)
    torch.testing.assert_close(actual, NAIVE[name, player](real, fake), rtol=1e-9, atol=1e-9)


def test_the_minimax_generator_saturates_and_the_other_does_not():
    """Fakes that the critic rejects outright: the first gradient vanishes, the second is −1."""
    rejected = double([-40.0])
    _, minimax = gradients(OBJECTIVES["minimax"], "generator", rejected, rejected)
    _, other = gradients(OBJECTIVES["non_saturating"], "generator", rejected, rejected)
    assert abs(minimax.item()) < 1e-15
    assert other.item() == pytest.approx(-1.0, abs=1e-12)
    undecided = double([0.0])
    for name in ("minimax", "non_saturating"):
        _, gradient = gradients(OBJECTIVES[name], "generator", undecided, undecided)
        assert gradient.item() == pytest.approx(-0.5)


@objectives
def test_players_pull_the_scores_the_right_way(objective):
    """The critic raises real scores and lowers fake ones; the generator raises fake ones."""
    real, fake = torch.randn(2, 50, dtype=torch.float64)
    of_real, of_fake = gradients(objective, "critic", real, fake)
    assert (of_real < 0).all()
    assert (of_fake > 0).all()
    assert (gradients(objective, "generator", real, fake)[1] < 0).all()


@objectives
def test_an_entry_is_found_under_its_name_and_documented(objective):
    assert OBJECTIVES[objective.name] is objective
    assert Adversarial(objective=objective.name).objective == objective.name
    for text in (objective.equation, objective.descends, objective.paper):
        assert text.strip()


def test_an_unknown_objective_is_refused_with_a_hint():
    with pytest.raises(ValidationError, match="Did you mean 'minimax'"):
        Adversarial(objective="minmax")
    with pytest.raises(ValidationError, match="known: minimax, non_saturating") as refusal:
        Adversarial(objective="qqqqqq")
    assert "Did you mean" not in str(refusal.value)
