"""The contract of every objective: what the code computes is what its entry says it does."""

import itertools
import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.optimize import OptimizeResult, linprog, minimize_scalar
from torch import Tensor

from saddlepoint.divergences.f_divergences import F_DIVERGENCES, FDivergence, kullback_leibler
from saddlepoint.errors import BadInput
from saddlepoint.games.objectives import OBJECTIVES, Objective, smoothed, weighted
from saddlepoint.learners.adversarial.description import Adversarial

LOG_4 = 1.3862943611198906
LOG_2 = 0.6931471805599453

Player = str
PLAYERS: tuple[Player, ...] = ("critic", "generator")
CROSS_ENTROPY = ("minimax", "non_saturating", "maximum_likelihood")
SMOOTHED = [smoothed(OBJECTIVES[name], target) for name in CROSS_ENTROPY for target in (0.9, 0.6)]
WEIGHTED = [weighted(game, 0.5) for game in (*OBJECTIVES.values(), SMOOTHED[0])]
GAMES = {game.name: game for game in (*OBJECTIVES.values(), *SMOOTHED, *WEIGHTED)}
# The others' optimum depends on more than the densities at a point.
CLOSED = {name: game for name, game in GAMES.items() if game.optimal_score is not None}


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
games = pytest.mark.parametrize("objective", GAMES.values(), ids=list(GAMES))
closed = pytest.mark.parametrize("objective", CLOSED.values(), ids=list(CLOSED))
pairs = pytest.mark.parametrize("pair", PAIRS.values(), ids=list(PAIRS))
players = pytest.mark.parametrize("player", PLAYERS)
f_divergences = pytest.mark.parametrize("f", F_DIVERGENCES, ids=lambda f: f.name)


def random_distributions(count: int) -> list[tuple[Tensor, Tensor]]:
    """Pairs on five points, from nearly equal to nearly disjoint."""
    scales = torch.logspace(-1, 0.7, count, dtype=torch.float64)
    both = [(s * torch.randn(2, 5, dtype=torch.float64)).softmax(-1) for s in scales]
    return [(p, q) for p, q in both]


def cost(objective: Objective, player: Player, scores: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """The expected cost over independent pairs: real at point i and fake at point j."""
    real, fake = torch.broadcast_tensors(scores[:, None], scores[None, :])
    return (p[:, None] * q[None, :] * getattr(objective, player)(real, fake)).sum()


def newton(objective: Objective, p: Tensor, q: Tensor) -> Tensor:
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


def linear_program(
    objective: Objective, p: Tensor, q: Tensor, distances: Tensor | None = None
) -> OptimizeResult:
    """The best scores for a critic whose costs are sums of pieces, linear between integers.

    Unknowns: the scores, then a bound on the real and on the fake cost at each point, which lies
    above the tangents of that cost.
    """
    n, zero = len(p), double([0.0])
    rows, right = [], []
    for k, tangent_at in itertools.product((0, 1), (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)):
        at = double([tangent_at]).requires_grad_()
        height = objective.critic(at, zero) if k == 0 else objective.critic(zero, at)
        if k == 1:  # the constant belongs to the real cost
            height = height - objective.critic(zero, zero)
        (slope,) = torch.autograd.grad(height.sum(), at)
        for i in range(n):
            row = np.zeros(3 * n)
            row[i], row[(k + 1) * n + i] = slope.item(), -1.0
            rows.append(row)
            right.append((slope * at - height).item())
    if distances is not None:
        for i, j in itertools.permutations(range(n), 2):
            row = np.zeros(3 * n)
            row[i], row[j] = 1.0, -1.0
            rows.append(row)
            right.append(distances[i, j].item())
    weights = np.concatenate([np.zeros(n), p, q])
    return linprog(weights, A_ub=np.array(rows), b_ub=right, bounds=(None, None))


def curved(objective: Objective) -> bool:
    """Whether the critic's cost bends anywhere between its kinks."""
    scores = torch.randn(2, 50, dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(lambda s: objective.critic(*s).sum(), scores)
    return bool(hessian.abs().max() > 0)


def best_scores(objective: Objective, p: Tensor, q: Tensor) -> Tensor:
    if curved(objective):
        return newton(objective, p, q)
    return torch.as_tensor(linear_program(objective, p, q).x[: len(p)])


@games
def test_shift_invariance_is_as_stated(objective):
    """Whether adding one number to all scores changes nothing, as in relativistic games."""
    real, fake = torch.randn(2, 50, dtype=torch.float64)
    moved = objective.critic(real + 1.5, fake + 1.5)
    assert torch.allclose(objective.critic(real, fake), moved) is objective.shift_invariant


@closed
@pairs
def test_the_optimal_critic_is_as_stated(objective, pair):
    p, q = pair()
    scores = best_scores(objective, p, q)
    least = cost(objective, "critic", scores, p, q)
    assert torch.isfinite(scores).all()
    torch.testing.assert_close(objective.critic_cost(p, q), least, rtol=0, atol=1e-10)
    gap = scores - objective.optimal_score(p, q)
    if objective.shift_invariant:
        gap = gap - gap.mean()
    assert gap.abs().max() < 1e-5


@games
def test_the_critic_has_one_valley(objective):
    """Its cost is convex in the scores, so that a stationary point is the optimum."""
    one, other = 4 * torch.randn(2, 2, 2000, dtype=torch.float64)
    between = (objective.critic(*one) + objective.critic(*other)) / 2
    middle = objective.critic(*((one + other) / 2))
    assert (middle <= between + 1e-9 * between.abs()).all()


@closed
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


@closed
def test_what_the_generator_descends_is_least_at_the_data(objective):
    for p, q in random_distributions(200):
        assert objective.divergence(p, p).item() == pytest.approx(0.0, abs=1e-12)
        if "no divergence" not in objective.descends:
            assert objective.divergence(p, q) > 1e-6


def test_the_pearson_form_rewards_dropping_a_small_mode():
    """Why it is called no divergence: 2 KL(p‖m) − ½ Δ falls below its value at q = p."""
    p, q = double([0.9, 0.1]), double([1.0, 0.0])
    assert OBJECTIVES["least_squares_pearson"].divergence(p, q) < -0.005


AT_EQUALITY = dict.fromkeys(CROSS_ENTROPY, LOG_4) | {
    "least_squares": 0.25,
    "least_squares_pearson": 1.0,
    "hinge": 2.0,
    "relativistic": LOG_2,
    **{f.name: 0.0 for f in F_DIVERGENCES},
}


@closed
@pairs
def test_equal_distributions_leave_the_critic_nothing(objective, pair):
    """Its best cost is then that of a critic which sees one single point."""
    p, _ = pair()
    point = double([1.0])
    scores = best_scores(objective, p, p.clone())
    alone = cost(objective, "critic", best_scores(objective, point, point), point, point).item()
    assert cost(objective, "critic", scores, p, p).item() == pytest.approx(alone, abs=1e-9)
    assert objective.critic_cost(p, p).item() == pytest.approx(alone, abs=1e-12)
    assert AT_EQUALITY.get(objective.name, alone) == pytest.approx(alone, abs=1e-12)


DISJOINT = dict.fromkeys((*CROSS_ENTROPY, "least_squares", "hinge", "relativistic"), 0.0) | {
    "least_squares_pearson": 0.0,
    "f_kl": -math.inf,
    "f_reverse_kl": -math.inf,
    "f_pearson": -math.inf,
    "f_hellinger": -2.0,
    "f_jensen_shannon": -LOG_2,
}


@pytest.mark.parametrize("name", DISJOINT)
def test_the_critics_cost_on_disjoint_supports(name):
    p, q = double([0.25, 0.75, 0.0, 0.0]), double([0.0, 0.0, 0.5, 0.5])
    assert OBJECTIVES[name].critic_cost(p, q).item() == pytest.approx(DISJOINT[name], abs=1e-12)


def test_the_divergences_of_disjoint_supports_are_at_their_bounds():
    p, q = double([0.25, 0.75, 0.0, 0.0]), double([0.0, 0.0, 0.5, 0.5])
    assert OBJECTIVES["minimax"].divergence(p, q).item() == pytest.approx(2 * LOG_2, abs=1e-12)
    assert OBJECTIVES["hinge"].divergence(p, q).item() == pytest.approx(2.0, abs=1e-12)
    assert OBJECTIVES["non_saturating"].divergence(p, q).item() == math.inf
    zeros = double([0.5, 0.5, 0.0]), double([0.25, 0.75, 0.0])
    assert math.isfinite(kullback_leibler(*zeros).item())


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


def test_the_relativistic_game_descends_more_than_the_non_saturating_one():
    for p, q in random_distributions(100):
        more = OBJECTIVES["relativistic"].divergence(p, q)
        assert more >= OBJECTIVES["non_saturating"].divergence(p, q)
        swapped = LOG_2 - OBJECTIVES["relativistic"].critic_cost(p, q)
        jensen_shannon = OBJECTIVES["minimax"].divergence(p, q) / 2
        assert jensen_shannon <= swapped <= 2 * jensen_shannon


@pairs
def test_costs_of_the_generator_at_the_optimal_critic(pair):
    """Maximum likelihood: −1 whatever q is. Pearson: half of Σ (2q − (p + q))² / (p + q)."""
    p, q = pair()
    likelihood, pearson = OBJECTIVES["maximum_likelihood"], OBJECTIVES["least_squares_pearson"]
    value = cost(likelihood, "generator", likelihood.optimal_score(p, q), p, q)
    assert value.item() == pytest.approx(-1.0, abs=1e-12)
    value = cost(pearson, "generator", pearson.optimal_score(p, q), p, q)
    stated = ((2 * q - (p + q)) ** 2 / (p + q)).sum() / 2
    assert value.item() == pytest.approx(stated.item(), abs=1e-12)


def test_the_least_squares_game_descends_an_f_divergence():
    """f(u) is the stated divergence at the densities (u, 1); its curvature is as stated."""
    u = torch.logspace(-2, 2, 41, dtype=torch.float64)
    for name, curvature in (
        ("least_squares", 1 / (u * (1 + u) ** 3)),
        ("least_squares_pearson", 2 * (1 - u) / (u * (1 + u) ** 3)),
    ):

        def f(at: Tensor, name: str = name) -> Tensor:
            return OBJECTIVES[name].divergence(at, torch.ones_like(at))

        actual = torch.autograd.functional.hessian(f, u).diagonal()
        torch.testing.assert_close(actual, curvature, rtol=1e-9, atol=1e-12)


def test_the_hinge_leaves_the_score_free_where_the_densities_agree():
    hinge, point = OBJECTIVES["hinge"], double([1.0])
    inside = [cost(hinge, "critic", double([s]), point, point).item() for s in (-1, -0.3, 0, 1)]
    assert inside == [2.0] * 4
    assert cost(hinge, "critic", double([1.5]), point, point).item() == 2.5
    beyond = double([1.1, 3.0])
    of_real, of_fake = gradients(hinge, "critic", beyond, -beyond)
    assert of_real.abs().max() == of_fake.abs().max() == 0


def earth_movers_distance(p: Tensor, q: Tensor, distances: Tensor) -> float:
    """The primal program: the cheapest plan that carries p to q."""
    n = len(p)
    rows, columns = np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))
    marginals = np.concatenate([p, q])
    return linprog(
        distances.flatten().tolist(), A_eq=np.vstack([rows, columns]), b_eq=marginals
    ).fun


def on_a_line() -> Tensor:
    return double([0.0, 0.3, 1.0, 1.1, 2.7, 4.0])[:, None]


def in_the_plane() -> Tensor:
    return torch.randn(6, 2, dtype=torch.float64)


@pytest.mark.parametrize("places", [on_a_line, in_the_plane])
def test_the_wasserstein_critic_finds_the_earth_movers_distance(places):
    game, x = OBJECTIVES["wasserstein"], places()
    assert game.constraint == "lipschitz"
    p, q = torch.rand(2, 6, dtype=torch.float64).softmax(-1)
    distances = torch.cdist(x, x)
    scores = torch.as_tensor(linear_program(game, p, q, distances).x[:6])
    distance = earth_movers_distance(p, q, distances)
    assert cost(game, "critic", scores, p, q).item() == pytest.approx(-distance, abs=1e-9)
    if x.shape[1] == 1:
        in_order = ((p - q).cumsum(0)[:-1].abs() * x[:, 0].diff()).sum().item()
        assert distance == pytest.approx(in_order, abs=1e-9)
    q = q.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(cost(game, "generator", scores, p, q), q)
    q = q.detach()
    for i in range(1, 6):  # carry a little mass from the first point to another
        moved = q.clone()
        moved[0], moved[i] = q[0] - 1e-6, q[i] + 1e-6
        change = (earth_movers_distance(p, moved, distances) - distance) / 1e-6
        assert (gradient[i] - gradient[0]).item() == pytest.approx(change, abs=1e-4)


def test_only_the_constrained_game_is_unbounded_without_its_constraint():
    p, q = two_points()
    for objective in OBJECTIVES.values():
        if not curved(objective):
            unbounded = linear_program(objective, p, q).status == 3
            assert unbounded is (objective.constraint == "lipschitz")
        else:
            assert objective.constraint is None


def value_of_f(f: FDivergence, u: Tensor) -> Tensor:
    return f.integrand(u, torch.ones_like(u))


@f_divergences
def test_an_f_divergence_fits_its_definition(f):
    u = torch.logspace(-3, 3, 61, dtype=torch.float64).requires_grad_()
    (slope,) = torch.autograd.grad(value_of_f(f, u).sum(), u)
    torch.testing.assert_close(f.activation(f.best_score(u)), slope, rtol=1e-9, atol=1e-9)
    assert (slope.diff() > 0).all()
    assert value_of_f(f, double([1.0])).item() == 0
    torch.testing.assert_close(f.integrand(3 * u, 3 * torch.ones_like(u)), 3 * value_of_f(f, u))


@f_divergences
def test_the_conjugate_is_a_supremum(f):
    """f*(t) = sup_u (ut − f(u)) at every t = f'(u) that a ratio of densities can have."""
    for ratio in torch.logspace(-2, 2, 17, dtype=torch.float64):
        score = f.best_score(ratio)
        t = f.activation(score).item()

        def below(log_u: float, t: float = t) -> float:
            return (value_of_f(f, double([math.exp(log_u)])) - t * math.exp(log_u)).item()

        optimum = minimize_scalar(below, bounds=(-8, 8), method="bounded", options={"xatol": 1e-7})
        assert f.conjugate(score).item() == pytest.approx(-optimum.fun, rel=1e-6, abs=1e-6)


# Written out for p = (0.3, 0.7) and q = (0.55, 0.45), in the conventions of the descriptions.
BY_HAND = {
    "f_kl": 0.3 * math.log(0.3 / 0.55) + 0.7 * math.log(0.7 / 0.45),
    "f_reverse_kl": 0.55 * math.log(0.55 / 0.3) + 0.45 * math.log(0.45 / 0.7),
    "f_pearson": 0.25**2 / 0.55 + 0.25**2 / 0.45,
    "f_hellinger": 2 - 2 * (math.sqrt(0.3 * 0.55) + math.sqrt(0.7 * 0.45)),
    "f_jensen_shannon": 0.5 * (0.3 * math.log(0.3 / 0.425) + 0.7 * math.log(0.7 / 0.575))
    + 0.5 * (0.55 * math.log(0.55 / 0.425) + 0.45 * math.log(0.45 / 0.575)),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_f_divergences_by_hand(name):
    p, q = two_points()
    assert OBJECTIVES[name].divergence(p, q).item() == pytest.approx(BY_HAND[name], abs=1e-12)
    assert OBJECTIVES[name].critic_cost(p, q).item() == pytest.approx(-BY_HAND[name], abs=1e-12)


@pytest.mark.parametrize("name", CROSS_ENTROPY)
def test_smoothing_bounds_the_critic_and_leaves_the_generator_its_cost(name):
    plain, p, q = OBJECTIVES[name], *two_gaussians()
    for target in (0.9, 0.6, 1.0):
        game = smoothed(plain, target)
        best = newton(game, p, q).sigmoid()
        torch.testing.assert_close(best, target * p / (p + q), rtol=0, atol=1e-7)
        assert game.generator is plain.generator
        assert f"α = {target:g};  generator" in game.equation
    real, fake = torch.randn(2, 50, dtype=torch.float64)
    torch.testing.assert_close(game.critic(real, fake), plain.critic(real, fake))


def test_smoothing_the_fakes_would_add_their_density_to_the_optimum():
    """The reason there is no such option: D* = (αp + βq) / (p + q) grows with q."""
    p, q = two_points()
    alpha, beta = 0.9, 0.1
    scores = double([0.0, 0.0])
    for _ in range(2000):
        d = scores.sigmoid()
        scores = scores - 4 * (p * (d - alpha) + q * (d - beta))
    torch.testing.assert_close(scores.sigmoid(), (alpha * p + beta * q) / (p + q))


@pytest.mark.parametrize("target", [0.5, 0.0, 1.01, -1.0, math.nan])
def test_a_smoothing_target_out_of_range_is_refused(target):
    with pytest.raises(BadInput, match=r"real target .* is out of range: use above 0\.5"):
        smoothed(OBJECTIVES["minimax"], target)


@pytest.mark.parametrize("name", [name for name in GAMES if name not in CROSS_ENTROPY])
def test_games_without_labels_are_not_smoothed(name):
    with pytest.raises(BadInput, match=r"no labels to smooth .*minimax, non_saturating"):
        smoothed(GAMES[name], 0.9)


@games
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
    # A vector instruction and a single one may round log and exp to neighbouring numbers.
    torch.testing.assert_close(whole.reshape(-1), torch.stack(alone), rtol=1e-13, atol=1e-13)


@games
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
    slopes = torch.autograd.grad(total, (real, fake), allow_unused=True)
    return [torch.zeros_like(real) if g is None else g for g in slopes]


# By their nature: float32 ends at exp(88).
EXPONENTIAL = ("maximum_likelihood", "f_kl", "f_reverse_kl", "f_hellinger")
WIDE = [name for name in GAMES if not name.startswith(EXPONENTIAL)]


@players
@pytest.mark.parametrize(("limit", "name"), [(30, n) for n in GAMES] + [(1000, n) for n in WIDE])
def test_costs_and_gradients_stay_finite_in_float32(name, player, limit):
    objective = GAMES[name]
    real, fake = torch.cartesian_prod(
        torch.linspace(-limit, limit, 41), torch.linspace(-limit, limit, 41)
    ).T
    assert torch.isfinite(getattr(objective, player)(real, fake)).all()
    for gradient in gradients(objective, player, real, fake):
        assert torch.isfinite(gradient).all()


@games
def test_the_generator_sees_the_real_score_if_it_says_so(objective):
    real, fake = torch.randn(2, 100, dtype=torch.float64)
    of_real, of_fake = gradients(objective, "generator", real, fake)
    assert bool(of_real.abs().max() > 0) is objective.generator_sees_real
    assert of_fake.abs().min() > 0


def sigmoid(s: Tensor) -> Tensor:
    return 1 / (1 + (-s).exp())


def naive_cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    return -sigmoid(real).log() - (1 - sigmoid(fake)).log()


# The table of the f-GAN paper: activation g and conjugate f*, Jensen-Shannon with its ½.
F_GAN = {
    "f_kl": (lambda s: s, lambda t: (t - 1).exp()),
    "f_reverse_kl": (lambda s: -(-s).exp(), lambda t: -1 - (-t).log()),
    "f_pearson": (lambda s: s, lambda t: t**2 / 4 + t),
    "f_hellinger": (lambda s: 1 - (-s).exp(), lambda t: t / (1 - t)),
    "f_jensen_shannon": (
        lambda s: (2 * sigmoid(s)).log() / 2,
        lambda t: -(2 - (2 * t).exp()).log() / 2,
    ),
}

NAIVE = {
    ("minimax", "critic"): naive_cross_entropy,
    ("minimax", "generator"): lambda real, fake: (1 - sigmoid(fake)).log(),
    ("non_saturating", "critic"): naive_cross_entropy,
    ("non_saturating", "generator"): lambda real, fake: -sigmoid(fake).log(),
    ("maximum_likelihood", "critic"): naive_cross_entropy,
    ("maximum_likelihood", "generator"): lambda real, fake: -(sigmoid(fake) / sigmoid(-fake)),
    ("least_squares", "critic"): lambda real, fake: 0.5 * (real - 1) ** 2 + 0.5 * fake**2,
    ("least_squares", "generator"): lambda real, fake: 0.5 * (fake - 1) ** 2,
    ("least_squares_pearson", "critic"): lambda r, f: 0.5 * (r - 1) ** 2 + 0.5 * (f + 1) ** 2,
    ("least_squares_pearson", "generator"): lambda real, fake: 0.5 * real**2 + 0.5 * fake**2,
    ("hinge", "critic"): lambda r, f: torch.where(r < 1, 1 - r, 0) + torch.where(f > -1, 1 + f, 0),
    ("hinge", "generator"): lambda real, fake: -fake,
    ("wasserstein", "critic"): lambda real, fake: -(real - fake),
    ("wasserstein", "generator"): lambda real, fake: -fake,
    ("relativistic", "critic"): lambda real, fake: -sigmoid(real - fake).log(),
    ("relativistic", "generator"): lambda real, fake: -sigmoid(fake - real).log(),
    **{(n, "critic"): lambda r, f, g=g, c=c: -g(r) + c(g(f)) for n, (g, c) in F_GAN.items()},
    **{(n, "generator"): lambda r, f, g=g, c=c: -c(g(f)) for n, (g, c) in F_GAN.items()},
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


@games
def test_players_pull_the_scores_the_right_way(objective):
    """The critic raises real scores and lowers fake ones; the generator raises fake ones.

    Between the best scores of four times as many fakes and four times as many reals: beyond what
    any densities call for, squares pull back and the hinge lets go.
    """
    low, high = double([-2.0]), double([2.0])
    if objective.optimal_score is not None:
        few, many = double([0.2]), double([0.8])
        low, high = objective.optimal_score(few, many), objective.optimal_score(many, few)
    assert low < high
    real, fake = low + (high - low) * (0.01 + 0.98 * torch.rand(2, 50, dtype=torch.float64))
    of_real, of_fake = gradients(objective, "critic", real, fake)
    assert (of_real < 0).all()
    assert (of_fake > 0).all()
    (pull,) = gradients(objective, "generator", real, fake)[1:]
    to_zero = objective.name.startswith("least_squares_pearson")
    towards = fake.sign() if to_zero else -1.0
    assert (pull * towards > 0).all()


@objectives
def test_an_entry_is_found_under_its_name_and_documented(objective):
    assert OBJECTIVES[objective.name] is objective
    described = Adversarial(objective=objective.name, constraints=({"kind": "spectral_norm"},))
    assert described.objective == objective.name
    for text in (objective.equation, objective.descends, objective.paper):
        assert text.strip()
    assert objective.use_when.endswith(".")
    assert len(objective.use_when) <= 80


def test_an_unknown_objective_is_refused_with_a_hint():
    with pytest.raises(ValidationError, match="Did you mean 'minimax'"):
        Adversarial(objective="minmax")
    with pytest.raises(ValidationError, match="known: minimax, non_saturating") as refusal:
        Adversarial(objective="qqqqqq")
    assert "Did you mean" not in str(refusal.value)
