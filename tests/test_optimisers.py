"""Optimisers: what their descriptions build, held against the update written by hand."""

import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from saddlepoint.errors import BadInput
from saddlepoint.optimisers import Adam, AnyOptimiser, RmsProp, Sgd
from saddlepoint.schedules import Cosine, Elapsed, Exponential, Piecewise, coefficient_from

ADAPTER = TypeAdapter(AnyOptimiser)
FALLING = Exponential(start=1e-2, end=1e-4)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def parameter(*values: float) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(values, dtype=torch.float64))


def trajectory(build, gradients: torch.Tensor) -> torch.Tensor:
    """Where the optimiser that ``build`` makes goes under the given gradients."""
    x = parameter(*[1.0] * gradients.shape[1])
    optimiser = build([x])
    points = []
    for gradient in gradients:
        x.grad = gradient.clone()
        optimiser.step()
        points.append(x.detach().clone())
    return torch.stack(points)


def some_gradients(steps: int = 20) -> torch.Tensor:
    return torch.randn(steps, 5, dtype=torch.float64) * torch.tensor([1e-3, 0.1, 1.0, 10.0, 1e3])


def test_the_first_step_of_adam_has_the_length_of_the_learning_rate():
    gradients = torch.tensor([[1e-3, -0.1, 1.0, -10.0, 1e3]], dtype=torch.float64)
    moved = trajectory(Adam(learning_rate=3e-3, beta1=0.5).build, gradients)[0] - 1
    torch.testing.assert_close(moved, -3e-3 * gradients[0].sign(), rtol=0, atol=3e-3 * 1e-4)
    larger = moved[gradients[0].abs() > 0.05]  # where eps plays no part
    torch.testing.assert_close(larger.abs(), torch.full_like(larger, 3e-3), rtol=1e-6, atol=0)


@pytest.mark.parametrize(("beta1", "beta2"), [(0.5, 0.999), (0.0, 0.9), (0.9, 0.99)])
def test_adam_without_decay_is_pytorchs_adam(beta1, beta2):
    gradients = some_gradients()
    actual = trajectory(
        Adam(learning_rate=1e-2, beta1=beta1, beta2=beta2, eps=1e-6).build, gradients
    )

    def plain(parameters):
        return torch.optim.Adam(
            parameters, lr=1e-2, betas=(beta1, beta2), eps=1e-6, fused=False, foreach=False
        )

    torch.testing.assert_close(actual, trajectory(plain, gradients), rtol=0, atol=1e-12)


def test_adam_follows_its_equations():
    """Kingma and Ba 2015, algorithm 1."""
    gradients = some_gradients()
    x, m, v = torch.ones(5, dtype=torch.float64), torch.zeros(5), torch.zeros(5)
    expected = []
    for t, g in enumerate(gradients, start=1):
        m, v = 0.6 * m + 0.4 * g, 0.97 * v + 0.03 * g**2
        x = x - 0.02 * (m / (1 - 0.6**t)) / ((v / (1 - 0.97**t)).sqrt() + 1e-4)
        expected.append(x)
    described = Adam(learning_rate=0.02, beta1=0.6, beta2=0.97, eps=1e-4)
    actual = trajectory(described.build, gradients)
    torch.testing.assert_close(actual, torch.stack(expected), rtol=0, atol=1e-12)


def test_weight_decay_is_decoupled_from_the_gradient():
    """Without gradient, weights shrink by 1 − rate · decay; Adam's moments never see the decay."""
    still = torch.zeros(3, 2, dtype=torch.float64)
    actual = trajectory(Adam(learning_rate=0.1, weight_decay=0.5).build, still)
    expected = torch.tensor([0.95, 0.95**2, 0.95**3], dtype=torch.float64)
    torch.testing.assert_close(actual[:, 0], expected, rtol=0, atol=1e-12)


def test_sgd_with_momentum_follows_its_equations():
    gradients = some_gradients() * 1e-2
    x, velocity, expected = torch.ones(5, dtype=torch.float64), torch.zeros(5), []
    for g in gradients:
        velocity = 0.7 * velocity + g
        x = x - 0.05 * velocity
        expected.append(x)
    actual = trajectory(Sgd(learning_rate=0.05, momentum=0.7).build, gradients)
    torch.testing.assert_close(actual, torch.stack(expected), rtol=0, atol=1e-12)
    plain = trajectory(Sgd(learning_rate=0.05).build, gradients)
    torch.testing.assert_close(plain, 1 - 0.05 * gradients.cumsum(0), rtol=0, atol=1e-12)


def test_rmsprop_follows_its_equations():
    gradients = some_gradients()
    x, square, expected = torch.ones(5, dtype=torch.float64), torch.zeros(5), []
    for g in gradients:
        square = 0.8 * square + 0.2 * g**2
        x = x - 1e-3 * g / (square.sqrt() + 1e-6)
        expected.append(x)
    actual = trajectory(RmsProp(learning_rate=1e-3, decay=0.8, eps=1e-6).build, gradients)
    torch.testing.assert_close(actual, torch.stack(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("description", [Adam, Sgd, RmsProp], ids=lambda d: d.__name__)
def test_the_learning_rate_follows_its_schedule(description):
    described = description(learning_rate=FALLING)
    (group,) = described.build([parameter(1.0)]).param_groups
    assert group["lr"] == pytest.approx(1e-2)
    for progress, rate in ((0.0, 1e-2), (0.5, 1e-3), (1.0, 1e-4), (3.0, 1e-4)):
        assert described.settings(progress)["lr"] == pytest.approx(rate)
    assert set(described.settings(0.0)) <= set(group)


def test_momentum_follows_its_schedule():
    described = Sgd(momentum=Piecewise(points=((0.0, 0.5), (0.5, 0.7))))
    (group,) = described.build([parameter(1.0)]).param_groups
    assert group["momentum"] == 0.5
    assert described.settings(0.25)["momentum"] == pytest.approx(0.6)
    assert described.settings(1.0)["momentum"] == pytest.approx(0.7)


def test_changed_settings_change_the_next_step():
    described = Sgd(learning_rate=FALLING)
    x = parameter(1.0)
    optimiser = described.build([x])
    lengths = []
    for progress in (0.0, 1.0):
        optimiser.param_groups[0].update(described.settings(progress))
        before = x.item()
        x.grad = torch.ones_like(x)
        optimiser.step()
        lengths.append(before - x.item())
    assert lengths == pytest.approx([1e-2, 1e-4])


@pytest.mark.parametrize("description", [Adam(), Sgd(), RmsProp()], ids=lambda d: d.kind)
def test_optimisers_take_a_generator_of_parameters(description):
    """``module.parameters()`` can be walked only once."""
    module = torch.nn.Linear(2, 3)
    (group,) = description.build(module.parameters()).param_groups
    assert len(group["params"]) == 2


@pytest.mark.parametrize(
    "description",
    [Adam(learning_rate=FALLING, weight_decay=0.1), Sgd(momentum=0.9), RmsProp(decay=0.5)],
    ids=lambda d: d.kind,
)
def test_descriptions_survive_json(description):
    assert ADAPTER.validate_json(ADAPTER.dump_json(description)) == description


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "adam", "beta1": 1.0},
        {"kind": "adam", "beta2": -0.1},
        {"kind": "adam", "eps": 0.0},
        {"kind": "adam", "weight_decay": -1.0},
        {"kind": "adam", "learning_rate": math.nan},
        {"kind": "sgd", "beta1": 0.5},
        {"kind": "rmsprop", "decay": 1.0},
        {"kind": "adagrad"},
    ],
    ids=str,
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(wrong)


@pytest.mark.parametrize("rate", [-1e-3, "cosine:1e-3:-1e-3", "piecewise:0=1:0.5=-1:1=1"])
@pytest.mark.parametrize("kind", [Adam, Sgd, RmsProp])
def test_a_negative_rate_is_refused_in_a_sentence(kind, rate) -> None:
    value = coefficient_from(rate) if isinstance(rate, str) else rate
    with pytest.raises(ValidationError, match="is negative somewhere"):
        kind(learning_rate=value)


def test_decays_that_follow_a_schedule_cannot_be_slowed():
    for described in (
        Adam(beta2=Cosine(start=0.9, end=0.99)),
        Sgd(momentum=Piecewise(points=((0.0, 0.5), (0.5, 0.7)))),
    ):
        with pytest.raises(BadInput, match="to a power, which a schedule has not"):
            described.slowed(0.5)
    assert Adam(beta2=0.81).slowed(0.5).beta2 == pytest.approx(0.9)


@pytest.mark.parametrize("images", [None, 100])
def test_beta2_follows_its_schedule(images):
    described = Adam(beta2=Cosine(start=0.9, end=0.99, images=images))
    (group,) = described.build([parameter(1.0)]).param_groups
    assert group["betas"] == pytest.approx((0.5, 0.9))
    for progress, seen, expected in ((0.0, 0, 0.9), (0.5, 50, 0.945), (1.0, 200, 0.99)):
        elapsed = Elapsed(progress, seen)
        assert described.settings(elapsed)["betas"] == pytest.approx((0.5, expected))
