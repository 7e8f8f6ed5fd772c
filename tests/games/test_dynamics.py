"""Dynamics: the exact linearised step on xy and the Dirac-GAN, who sees what when, and toys."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.func import functional_call

from saddlepoint.errors import BadInput
from saddlepoint.games.bare import (
    BareGame,
    bilinear,
    dirac_gan,
    historical_averaging_toy,
    linearised,
    play,
    spectral_radius,
    tensors,
)
from saddlepoint.games.dynamics import (
    DYNAMICS,
    Alternating,
    AnyDynamics,
    Consensus,
    Dynamics,
    ExtraAdam,
    Extragradient,
    Optimistic,
    OptimisticAdam,
    Simultaneous,
)
from saddlepoint.games.objectives import OBJECTIVES, Objective
from saddlepoint.schedules import Cosine, Piecewise

ORIGIN = tensors(x=0.0, y=0.0)
DIRAC = tensors(critic=0.0, generator=0.0)
ALL = [kind() for kind in DYNAMICS]
AT_ONCE = [dynamics for dynamics in ALL if dynamics.kind != "alternating"]

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
every = pytest.mark.parametrize("dynamics", ALL, ids=lambda d: d.kind)
at_once = pytest.mark.parametrize("dynamics", AT_ONCE, ids=lambda d: d.kind)


def matrix(*rows: Sequence[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def on_xy(dynamics: Dynamics, rate: float) -> Tensor:
    return linearised(dynamics, partial(bilinear, rate), ORIGIN)


def close(actual: Tensor, expected: Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)


# ------------------------------------------------------------------ one step on min_x max_y xy

# The modulus by the rate n and, for games xᵀAy, a singular value s of A.
CLOSED_FORMS: dict[str, tuple[Dynamics, Callable[[float, float], float]]] = {
    "simultaneous": (Simultaneous(), lambda n, s: math.hypot(1, n * s)),
    "alternating": (Alternating(), lambda n, s: 1.0),
    "extragradient": (Extragradient(), lambda n, s: math.hypot(1 - (n * s) ** 2, n * s)),
    "consensus": (Consensus(strength=1.0), lambda n, s: math.hypot(1 - n * s**2, n * s)),
    "weak consensus": (Consensus(strength=0.3), lambda n, s: math.hypot(1 - 0.3 * n * s**2, n * s)),
    "extra adam": (ExtraAdam(), lambda n, s: math.hypot(1 - (n * s) ** 2, n * s)),
    "optimistic": (Optimistic(), lambda n, s: ((1 + (1 - 4 * (n * s) ** 2) ** 0.5) / 2) ** 0.5),
    "optimistic adam": (
        OptimisticAdam(),
        lambda n, s: ((1 + (1 - 4 * (n * s) ** 2) ** 0.5) / 2) ** 0.5,
    ),
}
TABLE = [
    ("simultaneous", 0.5, 1.1180340),
    ("alternating", 0.5, 1.0),
    ("extragradient", 0.5, 0.9013878),
    ("consensus", 0.5, 0.7071068),
    ("extra adam", 0.5, 0.9013878),
    ("optimistic", 0.5, 0.7071068),
    ("optimistic adam", 0.5, 0.7071068),
    ("optimistic", 0.1, 0.9949362),
]


@pytest.mark.parametrize(("name", "rate", "radius"), TABLE)
def test_the_tabulated_moduli_on_xy(name: str, rate: float, radius: float) -> None:
    """Also at the defective point (optimistic at ½): the Jacobian is exact, so 1e-8 is left."""
    dynamics, formula = CLOSED_FORMS[name]
    assert spectral_radius(on_xy(dynamics, rate)) == pytest.approx(radius, abs=1e-6)
    assert formula(rate, 1.0) == pytest.approx(radius, abs=1e-6)


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("rate", [0.01, 0.2, 0.45])
def test_the_moduli_on_xy_follow_their_formulas(name: str, rate: float) -> None:
    dynamics, formula = CLOSED_FORMS[name]
    assert spectral_radius(on_xy(dynamics, rate)) == pytest.approx(formula(rate, 1.0), abs=1e-12)


def test_the_linearised_steps_are_written_out() -> None:
    """x moves first under alternating dynamics; the memory's rows hold the last gradients."""
    n = 0.3
    close(on_xy(Simultaneous(), n), matrix([1, -n], [n, 1]))
    close(on_xy(Alternating(), n), matrix([1, -n], [n, 1 - n**2]))
    close(on_xy(Extragradient(), n), matrix([1 - n**2, -n], [n, 1 - n**2]))
    close(on_xy(Consensus(strength=2.0), n), matrix([1 - 2 * n, -n], [n, 1 - 2 * n]))
    expected = matrix([1, -2 * n, n, 0], [2 * n, 1, 0, n], [0, 1, 0, 0], [-1, 0, 0, 0])
    close(on_xy(Optimistic(), n), expected)


def test_alternating_dynamics_cycle_until_rate_2() -> None:
    assert spectral_radius(on_xy(Alternating(), 1.99)) == pytest.approx(1, abs=1e-9)
    assert spectral_radius(on_xy(Alternating(), 2.05)) > 1.5


def test_extragradient_imitates_the_implicit_step() -> None:
    """The proximal step z' = z − η v(z') has modulus 1/√(1 + η²); extragradient agrees to η²."""
    for rate in (0.5, 0.05):
        field = (torch.eye(2, dtype=torch.float64) - on_xy(Simultaneous(), rate)) / rate
        proximal = torch.linalg.inv(torch.eye(2, dtype=torch.float64) + rate * field)
        assert spectral_radius(proximal) == pytest.approx(1 / math.sqrt(1 + rate**2), abs=1e-12)
        gap = (on_xy(Extragradient(), rate) - proximal).abs().max()
        assert gap < 1.01 * rate**3


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_matrices_have_a_modulus_for_each_singular_value(name: str) -> None:
    """min_x max_y xᵀAy splits into one game for each singular value of A."""
    dynamics, formula = CLOSED_FORMS[name]
    a = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    a = a / torch.linalg.matrix_norm(a, 2)

    def game(start: Mapping[str, Tensor]) -> BareGame:
        costs = {"x": lambda z: z["x"] @ a @ z["y"], "y": lambda z: -(z["x"] @ a @ z["y"])}
        return BareGame(costs, start, 0.4)

    point = {"x": torch.zeros(2, dtype=torch.float64), "y": torch.zeros(3, dtype=torch.float64)}
    jacobian = linearised(dynamics, game, point)
    moduli = torch.linalg.eigvals(jacobian).abs()
    assert spectral_radius(jacobian) == moduli.max()
    for s in (0.0, *torch.linalg.svdvals(a).tolist()):
        assert (moduli - formula(0.4, s)).abs().min() < 1e-6


@pytest.mark.parametrize("dynamics", [Simultaneous(), Alternating(), Optimistic()], ids=str)
def test_small_steps_follow_the_exact_circle(dynamics: Dynamics) -> None:
    """x(t) = x₀ cos t − y₀ sin t, y(t) = y₀ cos t + x₀ sin t: the error is of first order."""
    x, y, t = 1.5, -0.5, 2.0
    exact = matrix([x * math.cos(t) - y * math.sin(t), y * math.cos(t) + x * math.sin(t)])[0]
    errors = []
    for rate in (0.02, 0.01):
        way = play(dynamics, bilinear(rate, tensors(x=x, y=y)), round(t / rate))
        errors.append(torch.stack([way["x"][-1], way["y"][-1]]) - exact)
    assert errors[1].norm() < 0.02 * t
    assert (2 * errors[1] - errors[0]).norm() < 1e-3


# ------------------------------------------------------------------------------- the Dirac-GAN


def dirac_step(dynamics: Dynamics, **settings: object) -> Tensor:
    return linearised(dynamics, lambda start: dirac_gan(start=start, **settings), DIRAC)


def eigenvalues(jacobian: Tensor, rate: float) -> Tensor:
    """Of the continuous-time field, from the step I + h·field; sorted."""
    spectrum = (torch.linalg.eigvals(jacobian) - 1) / rate
    order = np.lexsort((spectrum.imag.numpy(), spectrum.real.numpy()))
    return spectrum[torch.from_numpy(order)]


def pair(middle: float, discriminant: float) -> Tensor:
    """Middle ± √discriminant."""
    root = torch.tensor(complex(discriminant), dtype=torch.complex128).sqrt()
    both = torch.stack([middle - root, middle + root])
    return both[torch.from_numpy(np.lexsort((both.imag.numpy(), both.real.numpy())))]


@pytest.mark.parametrize("objective", ["minimax", "non_saturating"])
@pytest.mark.parametrize("regulariser", ["r1", "r2"])
@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.9, 1.0, 2.0])
def test_dirac_eigenvalues_with_a_zero_centred_penalty(
    objective: str, regulariser: str, gamma: float
) -> None:
    """−γ/2 ± √(γ²/4 − ¼); at γ = 1 the two meet and rounding leaves half the digits."""
    jacobian = dirac_step(
        Simultaneous(), objective=objective, regulariser=regulariser, strength=gamma, rate=0.2
    )
    expected = pair(-gamma / 2, gamma**2 / 4 - 0.25)
    close(eigenvalues(jacobian, 0.2), expected, 1e-6 if gamma == 1 else 1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=list(OBJECTIVES))
def test_dirac_eigenvalues_of_every_objective(objective: Objective) -> None:
    """−γ/2 ± √(γ²/4 − ab), where a and −b are the slopes of the two costs in the fake score."""

    def slope(cost: Callable[[Tensor, Tensor], Tensor]) -> float:
        real, fake = torch.zeros(2, dtype=torch.float64)
        return torch.autograd.functional.jacobian(lambda f: cost(real, f), fake).item()

    product = -slope(objective.critic) * slope(objective.generator)
    jacobian = dirac_step(
        Simultaneous(), objective=objective.name, regulariser="r1", strength=0.6, rate=0.2
    )
    close(eigenvalues(jacobian, 0.2), pair(-0.3, 0.09 - product), 1e-9)


@pytest.mark.parametrize(
    ("gamma", "radius"), [(0.0, 1.00499), (0.3, 0.97468), (1.0, 0.9), (2.0, 0.97320)]
)
def test_dirac_moduli_of_the_simultaneous_step(gamma: float, radius: float) -> None:
    jacobian = dirac_step(Simultaneous(), regulariser="r1", strength=gamma, rate=0.2)
    assert spectral_radius(jacobian) == pytest.approx(radius, abs=1e-5)


def test_the_critical_strength_is_1() -> None:
    """The slowest eigenvalue is furthest left at γ = 1."""

    def slowest(gamma: float) -> float:
        jacobian = dirac_step(Simultaneous(), regulariser="r1", strength=gamma, rate=0.01)
        return eigenvalues(jacobian, 0.01).real.max().item()

    assert slowest(1.0) == pytest.approx(-0.5, abs=1e-6)
    assert slowest(0.9) > slowest(1.0) + 0.04
    assert slowest(1.1) > slowest(1.0) + 0.04


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_dirac_eigenvalues_with_instance_noise(sigma: float) -> None:
    """−σ²/4 ± √(σ⁴/16 − ¼), from the cost's second derivative ¼ at score 0."""
    jacobian = dirac_step(Simultaneous(), regulariser="instance_noise", strength=sigma, rate=0.2)
    close(eigenvalues(jacobian, 0.2), pair(-(sigma**2) / 4, sigma**4 / 16 - 0.25), 1e-9)


def test_dirac_eigenvalues_with_consensus() -> None:
    """v turns with ±i/2 and ½‖v‖² has the Hessian ¼·I: −γ/4 ± i/2."""
    jacobian = dirac_step(Consensus(strength=0.8), rate=0.2)
    close(eigenvalues(jacobian, 0.2), pair(-0.2, -0.25))


def test_instance_noise_is_an_expectation() -> None:
    """Against a dense grid over both noises, away from the equilibrium."""
    z = tensors(critic=1.3, generator=-0.7)
    game = dirac_gan(regulariser="instance_noise", strength=0.8, start=z)
    noise = torch.linspace(-9, 9, 1501, dtype=torch.float64)
    weight = (-(noise**2) / 2).exp() / (-(noise**2) / 2).exp().sum()
    fake = z["critic"] * (z["generator"] + 0.8 * noise)
    real = z["critic"] * 0.8 * noise
    critic = (weight * (nn.functional.softplus(-real) + nn.functional.softplus(fake))).sum()
    generator = (weight * nn.functional.softplus(-fake)).sum()
    close(game.costs["critic"](game.values).detach(), critic, 1e-7)
    close(game.costs["generator"](game.values).detach(), generator, 1e-7)


def distances(dynamics: Dynamics, steps: int = 400, **settings: object) -> Tensor:
    way = play(dynamics, dirac_gan(rate=0.1, **settings), steps)
    return torch.hypot(way["critic"], way["generator"])


@pytest.mark.parametrize("dynamics", [Simultaneous(), Alternating()], ids=lambda d: d.kind)
@pytest.mark.parametrize("start", [(1.0, 1.0), (0.1, -0.2)])
@pytest.mark.parametrize("strength", [0.25, 10.0])
def test_wgan_and_wgan_gp_do_not_converge(
    dynamics: Dynamics, start: tuple[float, float], strength: float
) -> None:
    z = tensors(critic=start[0], generator=start[1])
    plain = distances(dynamics, objective="wasserstein", start=z)
    assert plain[-200:].min() > 0.9 * plain[0]
    penalised = distances(
        dynamics, objective="wasserstein", regulariser="wgan_gp", strength=strength, start=z
    )
    assert penalised[-200:].max() > 0.2
    assert penalised[-200:].max() > 0.2 * plain[0]


@pytest.mark.parametrize("dynamics", [Simultaneous(), Alternating()], ids=lambda d: d.kind)
@pytest.mark.parametrize(
    ("objective", "regulariser"),
    [
        ("wasserstein", "r1"),
        ("wasserstein", "r2"),
        ("minimax", "r1"),
        ("non_saturating", "r1"),
        ("non_saturating", "r2"),
        ("non_saturating", "instance_noise"),
    ],
)
def test_centred_penalties_and_noise_converge(
    dynamics: Dynamics, objective: str, regulariser: str
) -> None:
    gone = distances(dynamics, objective=objective, regulariser=regulariser)
    assert gone[0] == pytest.approx(math.sqrt(2))
    assert gone[-1] < 1e-3


@pytest.mark.parametrize("objective", ["wasserstein", "minimax", "non_saturating"])
def test_consensus_converges_without_a_penalty(objective: str) -> None:
    assert distances(Consensus(), objective=objective)[-1] < 2e-3
    assert distances(Simultaneous(), objective=objective)[-1] > 0.4


def test_noise_does_nothing_for_linear_costs() -> None:
    noisy = distances(
        Simultaneous(), 50, objective="wasserstein", regulariser="instance_noise", strength=2.0
    )
    close(noisy, distances(Simultaneous(), 50, objective="wasserstein"))


def test_penalties_of_the_dirac_gan_have_their_formulas() -> None:
    z = tensors(critic=-1.5, generator=0.4)

    def added(regulariser: str) -> float:
        game = dirac_gan(regulariser=regulariser, strength=0.6, start=z)
        plain = dirac_gan(start=z)
        return (game.costs["critic"](z) - plain.costs["critic"](z)).item()

    assert added("r1") == added("r2") == pytest.approx(0.6 / 2 * 1.5**2)
    assert added("wgan_gp") == pytest.approx(0.6 * 0.5**2)
    flat = dirac_gan("wasserstein", "wgan_gp", 5.0, start=DIRAC)
    assert flat.gradients("critic")["critic"] == 0  # the derivative of |ψ| at 0 counts as 0


def test_unknown_names_are_refused() -> None:
    with pytest.raises(BadInput, match="Did you mean 'non_saturating'"):
        dirac_gan("non_saturatin")
    with pytest.raises(BadInput, match="known are r1, r2, wgan_gp, instance_noise"):
        dirac_gan(regulariser="r3x")


# ------------------------------------------------------------------------ historical averaging


@pytest.mark.parametrize("start", [(2.0, 2.0), (-1.0, 2.0), (0.5, -1.0)])
def test_historical_averaging_converges_where_descent_orbits(start: tuple[float, float]) -> None:
    def gone(strength: float) -> Tensor:
        game = historical_averaging_toy(strength, start=tensors(x=start[0], y=start[1]))
        way = play(Alternating(), game, 1200)
        return torch.hypot(way["x"] - 1, way["y"] - 1)

    assert gone(0.0)[-600:].min() > 0.8
    averaged = gone(0.25)
    assert averaged[1200] < 0.05
    # n^(−1/(1 + λ²)), a power law: doubling n multiplies by 2^(−0.94) = 0.52
    assert averaged[1200] / averaged[600] == pytest.approx(2 ** (-1 / (1 + 0.25**2)), abs=0.05)


def test_the_mean_players_hold_the_running_mean() -> None:
    way = play(Alternating(), historical_averaging_toy(), 20)
    for name in "xy":
        counts = torch.arange(1, 22, dtype=torch.float64)
        close(way[f"{name}_mean"], way[name].cumsum(0) / counts)


def test_plain_simultaneous_descent_leaves_the_toy_s_equilibrium() -> None:
    way = play(Simultaneous(), historical_averaging_toy(0.0, start=tensors(x=1.1, y=1.0)), 800)
    gone = torch.hypot(way["x"] - 1, way["y"] - 1)
    assert gone[-400:].max() > 5 * gone[0]


# ------------------------------------------------------------------------- minimising one cost


@pytest.mark.parametrize(
    ("dynamics", "factor"),
    [
        (Alternating(), lambda s, a: 1 - s),
        (Simultaneous(), lambda s, a: 1 - s),
        (Extragradient(), lambda s, a: 1 - s + s**2),
        (Optimistic(), lambda s, a: (1 - 2 * s + math.sqrt(1 + 4 * s**2)) / 2),
        (Consensus(strength=0.5), lambda s, a: 1 - s * (1 + 0.5 * a)),
    ],
    ids=lambda d: getattr(d, "kind", ""),
)
def test_a_single_quadratic_contracts_by_its_closed_form(
    dynamics: Dynamics, factor: Callable[[float, float], float]
) -> None:
    """½ a x² at rate η, s = ηa: one player, where all dynamics are mere minimisers."""
    a, rate = 1.7, 0.1

    def game(start: Mapping[str, Tensor]) -> BareGame:
        return BareGame({"x": lambda z: a / 2 * z["x"] ** 2}, start, rate)

    radius = spectral_radius(linearised(dynamics, game, tensors(x=0.0)))
    assert radius == pytest.approx(factor(rate * a, a), abs=1e-12)


# -------------------------------------------------------------------- who sees what, and when


class Watched(BareGame):
    """Writes down what it is asked and where."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.log: list[tuple[str, str]] = []
        self.points: list[dict[str, float]] = []

    def gradients(
        self, turn: str, at: Mapping[str, Tensor] | None = None, create_graph: bool = False
    ) -> dict[str, Tensor]:
        self.log.append(("look", turn))
        self.points.append({n: t.item() for n, t in {**self.values, **(at or {})}.items()})
        return super().gradients(turn, at, create_graph)

    def update(self, turn: str, directions: Mapping[str, Tensor]) -> None:
        self.log.append(("move", turn))
        assert not any(direction.requires_grad for direction in directions.values())
        super().update(turn, directions)


class Blind(Watched):
    """Says that it does not move, so that lookaheads stay where they are; moves by ½."""

    def rate(self, turn: str) -> float:
        return 0.0

    def update(self, turn: str, directions: Mapping[str, Tensor]) -> None:
        self.values[turn] = (self.values[turn].detach() - 0.5 * directions[turn]).requires_grad_()


def watched(rates: object = 0.5, kind: type[Watched] = Watched) -> Watched:
    """Three players who chase one another: xy, yz, zx with squares; from (1, 2, 3)."""
    costs = {
        "x": lambda p: p["x"] * p["y"] + p["x"] ** 2,
        "y": lambda p: p["y"] * p["z"],
        "z": lambda p: p["z"] * p["x"] ** 2,
    }
    return kind(costs, tensors(x=1.0, y=2.0, z=3.0), rates)


def now(game: BareGame) -> dict[str, float]:
    return {name: value.item() for name, value in game.values.items()}


LOOKS, MOVES = ([(what, turn) for turn in "xyz"] for what in ("look", "move"))
START = {"x": 1.0, "y": 2.0, "z": 3.0}


def test_alternating_players_see_what_the_others_have_become() -> None:
    game = watched()
    Alternating().step(game, {}, 0.0)
    assert game.log == [entry for pair in zip(LOOKS, MOVES, strict=True) for entry in pair]
    assert game.points == [START, {**START, "x": -1.0}, {"x": -1.0, "y": 0.5, "z": 3.0}]
    assert now(game) == {"x": -1.0, "y": 0.5, "z": 2.5}


def test_simultaneous_players_all_look_before_any_moves() -> None:
    game = watched()
    Simultaneous().step(game, {}, 0.0)
    assert game.log == LOOKS + MOVES
    assert game.points == [START] * 3
    assert now(game) == {"x": -1.0, "y": 0.5, "z": 2.5}


def test_extragradient_looks_twice_and_moves_once_from_where_it_stood() -> None:
    game = watched({"x": 0.5, "y": 0.25, "z": 1.0})
    memory: dict[str, Tensor] = {}
    Extragradient().step(game, memory, 0.0)
    assert game.log == LOOKS + LOOKS + MOVES
    ahead = {"x": -1.0, "y": 1.25, "z": 2.0}  # each by its own rate; all players are ahead
    assert game.points == [START] * 3 + [ahead] * 3
    assert now(game) == {"x": 1 - 0.5 * (1.25 - 2), "y": 2 - 0.25 * 2, "z": 3 - 1.0 * 1}
    assert memory == {}


def test_optimistic_players_look_once_and_first_move_plainly() -> None:
    game, plain, memory = watched(), watched(), dict[str, Tensor]()
    Optimistic().step(game, memory, 0.0)
    Simultaneous().step(plain, {}, 0.0)
    assert now(game) == now(plain)
    assert {key: value.item() for key, value in memory.items()} == {"x/x": 4, "y/y": 3, "z/z": 1}
    x, y, z = now(game).values()
    Optimistic().step(game, memory, 0.0)
    assert game.log == 2 * (LOOKS + MOVES)
    assert now(game)["x"] == x - 0.5 * (2 * (y + 2 * x) - 4)
    assert now(game)["y"] == y - 0.5 * (2 * z - 3)
    assert memory["y/y"] == z


def test_consensus_pulls_along_the_size_of_all_gradients() -> None:
    """½‖v‖² with v = (y + 2x, z, x²): its gradient is (2(y + 2x) + 2x³, y + 2x, z)."""
    game = watched()
    Consensus(strength=0.25).step(game, {}, 0.0)
    assert game.log == LOOKS + MOVES
    pulled = {"x": 4 + 0.25 * (8 + 2), "y": 3 + 0.25 * 4, "z": 1 + 0.25 * 3}
    assert now(game) == {name: START[name] - 0.5 * pulled[name] for name in START}


def test_extragradient_without_a_lookahead_is_simultaneous() -> None:
    game, plain = watched(kind=Blind), watched()
    for _ in range(5):
        Extragradient().step(game, {}, 0.0)
        Simultaneous().step(plain, {}, 0.0)
    assert now(game) == now(plain) != START


def test_consensus_of_strength_0_is_simultaneous_also_at_the_end_of_a_schedule() -> None:
    fading = Consensus(strength=Piecewise(points=((0.0, 0.5), (1.0, 0.0))))
    results = {}
    for name, dynamics, progress in (
        ("plain", Simultaneous(), 0.0),
        ("zero", Consensus(strength=0.0), 0.0),
        ("faded", fading, 1.0),
        ("half", fading, 0.5),
        ("quarter", Consensus(strength=0.25), 0.0),
    ):
        game = watched()
        dynamics.step(game, {}, progress)
        results[name] = now(game)
    assert results["zero"] == results["faded"] == results["plain"]
    assert results["half"] == results["quarter"] != results["plain"]


def test_memory_saved_and_restored_goes_on_identically() -> None:
    start = tensors(critic=1.0, generator=0.3)
    whole = play(Optimistic(), dirac_gan(start=start), 12)
    memory: dict[str, Tensor] = {}
    game = dirac_gan(start=start)
    play(Optimistic(), game, 7, memory)
    saved = save({**{f"value/{n}": v.detach() for n, v in game.values.items()}, **memory})
    restored = load(saved)
    values = {name: restored.pop(f"value/{name}") for name in start}
    rest = play(Optimistic(), dirac_gan(start=values), 5, restored)
    for name in start:
        assert torch.equal(rest[name], whole[name][7:])
    forgotten = play(Optimistic(), dirac_gan(start=values), 5)
    assert not torch.equal(forgotten["critic"], rest["critic"])


@every
def test_an_equilibrium_stays_and_only_the_optimist_remembers(dynamics: Dynamics) -> None:
    memory: dict[str, Tensor] = {}
    way = play(dynamics, bilinear(0.3, ORIGIN), 3, memory)
    assert all((values == 0).all() for values in way.values())
    assert sorted(memory) == (["x/x", "y/y"] if dynamics.kind.startswith("optimistic") else [])
    assert not any(value.requires_grad for value in memory.values())


# ------------------------------------------------- networks, optimisers and tensors moved twice


class Nets:
    """A small critic and generator with Adam; turns may share tensors. Same noise in a step."""

    def __init__(self, turns: Sequence[str] = ("critic", "generator"), adam: bool = True) -> None:
        torch.manual_seed(3)
        self.modules = nn.ModuleDict(
            {
                "critic": nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)),
                "generator": nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)),
            }
        ).double()
        self.real = torch.randn(8, 2, dtype=torch.float64)
        self.noise = torch.randn(8, 3, dtype=torch.float64)
        self.turns = turns
        make = partial(torch.optim.Adam, lr=0.01) if adam else partial(torch.optim.SGD, lr=0.01)
        self.optimisers = {n: make(m.parameters()) for n, m in self.modules.items()}
        self.updates = 0

    def player(self, turn: str) -> str:
        return "critic" if turn.startswith("critic") else "generator"

    def parameters(self, turn: str) -> dict[str, Tensor]:
        named = self.modules.named_parameters()
        return {n: p for n, p in named if n.startswith(self.player(turn))}

    def cost(self, turn: str, values: Mapping[str, Tensor]) -> Tensor:
        def run(name: str, x: Tensor) -> Tensor:
            prefix = f"{name}."
            parameters = {
                n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)
            }
            return functional_call(self.modules[name], parameters, (x,))

        real = nn.functional.softplus(-run("critic", self.real)).mean()
        made = run("critic", run("generator", self.noise))
        fake = nn.functional.softplus(made).mean()
        return {
            "critic": real + fake,
            "critic on real": real,
            "critic on fake": fake,
            "generator": nn.functional.softplus(-made).mean(),
        }[turn]

    def gradients(
        self, turn: str, at: Mapping[str, Tensor] | None = None, create_graph: bool = False
    ) -> dict[str, Tensor]:
        values = {**dict(self.modules.named_parameters()), **(at or {})}
        movers = {name: values[name] for name in self.parameters(turn)}
        slopes = torch.autograd.grad(
            self.cost(turn, values), list(movers.values()), create_graph=create_graph
        )
        return dict(zip(movers, slopes, strict=True))

    def update(self, turn: str, directions: Mapping[str, Tensor]) -> None:
        for name, parameter in self.parameters(turn).items():
            parameter.grad = directions[name]
        self.optimisers[self.player(turn)].step()
        self.updates += 1

    def displacements(self, turn: str, directions: Mapping[str, Tensor]) -> dict[str, Tensor]:
        movers = self.parameters(turn)
        before = {name: p.detach().clone() for name, p in movers.items()}
        for name, parameter in movers.items():
            parameter.grad = directions[name]
        self.optimisers[self.player(turn)].step()
        with torch.no_grad():
            moved = {name: p - before[name] for name, p in movers.items()}
            for name, parameter in movers.items():
                parameter.copy_(before[name])
        return moved

    def displace(self, turn: str, displacements: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self.parameters(turn).items():
                parameter.add_(displacements[name])
        self.updates += 1

    def rate(self, turn: str) -> float:
        return float(self.optimisers[self.player(turn)].param_groups[0]["lr"])

    def flat(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.modules.parameters()])


def test_alternating_with_adam_is_the_usual_loop() -> None:
    game, usual = Nets(), Nets()
    for _ in range(3):
        Alternating().step(game, {}, 0.0)
        for turn in usual.turns:
            usual.modules.zero_grad()
            usual.cost(turn, dict(usual.modules.named_parameters())).backward()
            usual.optimisers[turn].step()
    assert torch.equal(game.flat(), usual.flat())


@every
def test_networks_make_one_optimiser_step_a_turn(dynamics: Dynamics) -> None:
    game, memory = Nets(), dict[str, Tensor]()
    before = game.flat()
    for _ in range(2):
        dynamics.step(game, memory, 0.5)
    assert game.updates == 4
    for optimiser in game.optimisers.values():
        steps = {int(state["step"]) for state in optimiser.state.values()}
        assert steps == {4 if dynamics.kind == "extra_adam" else 2}
    assert torch.isfinite(game.flat()).all()
    assert (game.flat() != before).all()
    assert all(p.is_leaf and p.requires_grad for p in game.modules.parameters())


class AdamByHand:
    """Adam's steps, written out (Kingma and Ba 2015), for one tensor."""

    def __init__(self, rate: float = 0.01, first: float = 0.9, second: float = 0.999) -> None:
        self.rate, self.decays = rate, (first, second)
        self.mean, self.square, self.count = torch.tensor(0.0), torch.tensor(0.0), 0

    def step(self, gradient: Tensor) -> Tensor:
        first, second = self.decays
        self.count += 1
        self.mean = first * self.mean + (1 - first) * gradient
        self.square = second * self.square + (1 - second) * gradient**2
        mean = self.mean / (1 - first**self.count)
        square = self.square / (1 - second**self.count)
        return -self.rate * mean / (square.sqrt() + 1e-8)


@pytest.mark.parametrize("dynamics", [ExtraAdam(), OptimisticAdam()], ids=lambda d: d.kind)
def test_the_adam_forms_are_those_of_their_papers(dynamics: Dynamics) -> None:
    """Algorithm 4 of Gidel et al., algorithm 1 of Daskalakis et al., on networks, by hand."""
    game, memory = Nets(), dict[str, Tensor]()
    at = {n: p.detach().clone().requires_grad_() for n, p in game.modules.named_parameters()}
    adams = {name: AdamByHand() for name in at}
    last: dict[str, Tensor] = {}

    def slopes(point: Mapping[str, Tensor]) -> dict[str, Tensor]:
        whole = {turn: game.gradients(turn, point) for turn in game.turns}
        return {n: g for gradients in whole.values() for n, g in gradients.items()}

    def moved(steps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {n: (p.detach() + steps[n]).requires_grad_() for n, p in at.items()}

    for _ in range(4):
        steps = {n: adams[n].step(g) for n, g in slopes(at).items()}
        if dynamics.kind == "extra_adam":
            at = moved({n: adams[n].step(g) for n, g in slopes(moved(steps)).items()})
        else:
            at = moved({n: 2 * step - last.get(n, step) for n, step in steps.items()})
            last = steps
        dynamics.step(game, memory, 0.0)
        for name, parameter in game.modules.named_parameters():
            close(parameter.detach(), at[name].detach())


@pytest.mark.parametrize(
    ("one", "other"), [(Extragradient(), ExtraAdam()), (Optimistic(), OptimisticAdam())], ids=str
)
def test_the_adam_forms_differ_with_adam_and_not_with_gradient_descent(
    one: Dynamics, other: Dynamics
) -> None:
    for adam in (False, True):
        games = Nets(adam=adam), Nets(adam=adam)
        for dynamics, game in zip((one, other), games, strict=True):
            memory: dict[str, Tensor] = {}
            for _ in range(3):
                dynamics.step(game, memory, 0.0)
        gap = (games[0].flat() - games[1].flat()).abs().max()
        assert (gap > 1e-4) if adam else (gap < 1e-14)


@at_once
def test_a_tensor_that_two_turns_move_gets_both_steps_once(dynamics: Dynamics) -> None:
    """With plain descent, splitting the critic's cost over two turns changes nothing."""
    split = Nets(("critic on real", "critic on fake", "generator"), adam=False)
    whole = Nets(adam=False)
    memories: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
    for _ in range(3):
        for game, memory in zip((split, whole), memories, strict=True):
            dynamics.step(game, memory, 0.0)
    close(split.flat(), whole.flat())


@every
def test_a_turn_played_twice_needs_alternating_dynamics(dynamics: Dynamics) -> None:
    game = Nets(("critic", "critic", "generator"))
    if dynamics.kind == "alternating":
        dynamics.step(game, {}, 0.0)
        assert game.updates == 3
    else:
        with pytest.raises(BadInput, match="'critic' is played 2 times a step"):
            dynamics.step(game, {}, 0.0)
        assert game.updates == 0


# --------------------------------------------------------------------------- the bare machinery


@every
def test_the_linearised_step_agrees_with_differences(dynamics: Dynamics) -> None:
    """On a game with curvature everywhere, memory included; differences are good to 1e-8."""

    def game(start: Mapping[str, Tensor]) -> BareGame:
        return dirac_gan("minimax", "instance_noise", 0.7, 0.3, start)

    exact = linearised(dynamics, game, DIRAC)
    memory_names = ["critic/critic", "generator/generator"] if len(exact) == 4 else []

    def after(state: Tensor) -> Tensor:
        moved = game(dict(zip(DIRAC, state, strict=False)))
        memory = dict(zip(memory_names, state[2:], strict=True))
        dynamics.step(moved, memory, 0.0)
        return torch.stack([*moved.values.values(), *memory.values()]).detach()

    units = 1e-4 * torch.eye(len(exact), dtype=torch.float64)
    differences = torch.stack([(after(u) - after(-u)) / 2e-4 for u in units], dim=1)
    assert exact.shape == (2 + len(memory_names),) * 2
    close(exact, differences, 1e-7)


def test_only_equilibria_are_linearised() -> None:
    with pytest.raises(BadInput, match=r"one step moves it by 0\.5"):
        linearised(Simultaneous(), partial(bilinear, 0.5), tensors(x=1.0, y=0.0))


def test_a_spectral_radius_is_a_modulus() -> None:
    assert spectral_radius(matrix([0, -2], [2, 0])) == pytest.approx(2)
    assert spectral_radius(matrix([-3, 100], [0, 1])) == pytest.approx(3)


def test_players_need_a_cost_a_start_and_a_rate() -> None:
    costs = {"x": lambda z: z["x"], "y": lambda z: z["y"]}
    with pytest.raises(BadInput, match="a cost and a starting point"):
        BareGame(costs, tensors(x=1.0), 0.1)
    with pytest.raises(BadInput, match=r"a cost and a rate: .* a rate for x\."):
        BareGame(costs, tensors(x=1.0, y=1.0), {"x": 0.1})


def test_playing_keeps_the_start_and_runs_progress_from_0_to_1() -> None:
    """½‖v‖² of ½x² is ½x², so a step with rate 1 multiplies x by −γ(progress)."""
    start = tensors(x=1.0)
    game = BareGame({"x": lambda z: z["x"] ** 2 / 2}, start, 1.0)
    way = play(Consensus(strength=Piecewise(points=((0.0, 2.0), (1.0, 4.0)))), game, 3)
    close(way["x"], matrix([1, -2, 6, -24])[0])
    assert start["x"] == 1
    assert not start["x"].requires_grad


# --------------------------------------------------------------------------------- descriptions


@pytest.mark.parametrize("kind", [each.word() for each in DYNAMICS])
def test_descriptions_are_found_by_kind_and_documented(kind: str) -> None:
    adapter = TypeAdapter(AnyDynamics)
    described = adapter.validate_python({"kind": kind})
    assert type(described).word() == kind
    assert adapter.validate_json(adapter.dump_json(described)) == described
    for text in (
        described.equation,
        described.cures,
        described.on_xy,
        described.paper,
        described.__doc__,
    ):
        assert text is not None
        assert text.strip()
    with pytest.raises(ValidationError):
        adapter.validate_python({"kind": kind, "strenght": 1.0})


@pytest.mark.parametrize(
    "strength",
    [-0.1, Cosine(start=1.0, end=-1.0), Piecewise(points=((0.0, 1.0), (0.5, -1.0), (1.0, 1.0)))],
    ids=str,
)
def test_a_negative_strength_is_refused(strength: object) -> None:
    with pytest.raises(ValidationError, match="negative somewhere"):
        Consensus(strength=strength)


def test_describing_a_dynamics_does_not_import_torch() -> None:
    program = (
        "import sys\nimport saddlepoint.games.bare\n"
        "from saddlepoint.games.dynamics import DYNAMICS\n"
        "[kind() for kind in DYNAMICS]\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
