"""Best and trained critics of two fixed distributions, held to closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from saddlepoint.errors import BadInput
from saddlepoint.explore import (
    best_cost,
    best_discriminator,
    density_ratio,
    smoothed_density,
    trained_critic,
)
from saddlepoint.explore.critics import USUAL
from saddlepoint.games.constraints import WeightClipping
from saddlepoint.games.regularisers import wgan_gp
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam


def normal(mean: float, deviation: float = 1.0):
    constant = math.log(deviation * math.sqrt(2 * math.pi))
    return lambda x: -(((np.asarray(x)[:, 0] - mean) / deviation) ** 2) / 2 - constant


def draws(mean: float, count: int = 40_000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, int(10 * mean)]).normal(mean, 1.0, (count, 1))


X = np.linspace(-3, 5, 161)[:, None]


@pytest.mark.parametrize("theta", [0.0, 1.0, 3.0])
def test_the_best_discriminators_logit_is_linear_between_equal_normals(theta):
    ratio = density_ratio(normal(0.0), normal(theta))(X)
    assert np.allclose(ratio, theta**2 / 2 - theta * X[:, 0])
    probability = best_discriminator(normal(0.0), normal(theta))(X)
    p, q = np.exp(normal(0.0)(X)), np.exp(normal(theta)(X))
    assert np.allclose(probability, p / (p + q))


def test_where_nothing_has_mass_the_best_discriminator_says_a_half():
    nowhere = lambda x: np.full(len(x), -np.inf)  # noqa: E731
    assert best_discriminator(nowhere, nowhere)(X).tolist() == [0.5] * len(X)
    assert best_discriminator(normal(0.0), nowhere)(X).tolist() == [1.0] * len(X)


def test_a_trained_discriminator_is_near_the_best_one_and_so_is_its_cost():
    """2·JSD − log 4 at θ = 2 is −.712633 (the critic's cost is its negative)."""
    critic = trained_critic(draws(0.0), draws(2.0), steps=400, batch_size=256)
    best = best_discriminator(normal(0.0), normal(2.0))(X)
    mass = np.exp(normal(0.0)(X)) + np.exp(normal(2.0)(X))
    error = np.abs(critic.discriminator(X) - best)
    assert error[mass > 0.05].max() < 0.05
    assert (error * mass).sum() / mass.sum() < 0.02
    cost = critic.cost(draws(0.0, seed=1), draws(2.0, seed=1))
    assert cost == pytest.approx(0.712633, abs=0.02)
    assert len(critic.losses) == 400
    assert critic.losses[-50:].mean() < critic.losses[0]


def test_the_same_seed_gives_the_same_critic_and_nothing_else_draws():
    options = {"steps": 5, "batch_size": 16}
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, again = (trained_critic(draws(0.0), draws(1.0), seed=3, **options) for _ in range(2))
    other = trained_critic(draws(0.0), draws(1.0), seed=4, **options)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(first.scores(X), again.scores(X))
    assert not np.array_equal(first.scores(X), other.scores(X))


LINEAR = USUAL.replace(
    critic=Mlp(hidden=()),
    critic_optimiser=Adam(learning_rate=0.02, beta1=0.0, beta2=0.9),
)


def test_a_critic_that_is_watched_is_trained_as_one_that_is_not():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0, 1, (200, 1)), rng.normal(1, 1, (200, 1))
    seen = []

    def watch(updates, critic):
        torch.rand(3)
        seen.append((updates, critic.scores(real[:2])))

    settings = {"steps": 4, "batch_size": 32, "seed": 1}
    watched = trained_critic(real, fake, watch=watch, **settings)
    alone = trained_critic(real, fake, **settings)
    assert (watched.scores(real) == alone.scores(real)).all()
    assert [updates for updates, _ in seen] == [0, 1, 2, 3, 4]
    assert (seen[-1][1] == alone.scores(real[:2])).all()
    assert (seen[0][1] != seen[-1][1]).all(), "as it is then"


def test_a_linear_critic_with_gradient_penalty_overshoots_as_theory_says():
    """Maximising sW − λ(|s| − 1)² gives the slope 1 + W/(2λ).

    With λ > W/2 a slope below 0 would also have an optimum, −(1 − W/(2λ)), and could be stuck.
    """
    learner = LINEAR.replace(objective="wasserstein", critic_regularisers=(wgan_gp(0.8),))
    critic = trained_critic(draws(2.0), draws(0.0), steps=400, batch_size=512, learner=learner)
    assert critic.lipschitz(X) == pytest.approx(1 + 2 / 1.6, abs=0.05)
    value = critic.value(draws(2.0), draws(0.0))
    assert value / critic.lipschitz(X) == pytest.approx(2.0, abs=0.03)


def test_a_clipped_linear_critic_values_k_times_the_distance():
    learner = LINEAR.replace(objective="wasserstein", constraints=(WeightClipping(limit=0.25),))
    critic = trained_critic(draws(2.0), draws(0.0), steps=60, batch_size=128, learner=learner)
    assert critic.lipschitz(X) == pytest.approx(0.25)
    assert critic.value(draws(2.0), draws(0.0)) == pytest.approx(0.5, abs=0.02)


def test_slopes_are_those_of_the_scores():
    critic = trained_critic(draws(0.0), draws(1.0), steps=20, batch_size=32)
    step = 1e-2
    rise = np.abs(critic.scores(X + step) - critic.scores(X - step)) / (2 * step)
    assert np.median(np.abs(critic.slopes(X) - rise)) < 1e-2 * np.median(rise) + 1e-3
    assert critic.lipschitz(X) >= critic.slopes(X).max()


def test_the_best_cost_is_the_games():
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.5, 0.5])
    divergence = math.log(2) / 2  # half of the mass is apart
    assert best_cost("minimax", p, q) == pytest.approx(math.log(4) - 2 * divergence)
    with pytest.raises(BadInput, match="no function of the densities alone"):
        best_cost("wasserstein", p, q)


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((0, 1)), np.array([[np.nan]])])
def test_points_that_are_none_are_refused(bad):
    with pytest.raises(BadInput, match="finite numbers"):
        trained_critic(bad, draws(0.0), steps=1)
    with pytest.raises(BadInput, match="cannot be told from"):
        trained_critic(np.zeros((4, 2)), draws(0.0), steps=1)


def test_the_gradient_of_a_linear_critic_is_its_weight_and_the_slope_its_length():
    critic = trained_critic(draws(0.0), draws(2.0), steps=30, batch_size=32, learner=LINEAR)
    (weight,) = (p for p in critic.duel.critic.parameters() if p.numel() == 1 and p.dim() == 2)
    gradients = critic.gradients(X)
    assert gradients.shape == X.shape
    assert gradients == pytest.approx(np.full(X.shape, weight.item()))
    assert critic.slopes(X) == pytest.approx(np.abs(gradients[:, 0]))


def test_a_critic_is_watched_from_before_its_first_update_to_after_its_last():
    seen: dict[int, float] = {}
    options = {"steps": 3, "batch_size": 16}
    watched = trained_critic(
        draws(0.0),
        draws(2.0),
        watch=lambda updates, critic: seen.update({updates: critic.scores([[0.5]]).item()}),
        **options,
    )
    assert list(seen) == [0, 1, 2, 3]
    assert len(set(seen.values())) == 4
    assert watched.scores([[0.5]]).item() == seen[3]
    alone = trained_critic(draws(0.0), draws(2.0), **options)
    assert alone.scores([[0.5]]).item() == seen[3], "to watch changes nothing"


def test_a_critic_of_images_sees_their_shape():
    rng = np.random.default_rng(0)
    dark, light = rng.normal(-1, 0.1, (40, 1, 8, 8)), rng.normal(1, 0.1, (40, 1, 8, 8))
    learner = USUAL.replace(critic=Dcgan(width=4, norm="none"))
    critic = trained_critic(dark, light, steps=20, batch_size=8, learner=learner)
    assert critic.scores(dark).mean() > critic.scores(light).mean()
    assert critic.gradients(dark).shape == dark.shape
    assert critic.slopes(dark).shape == (40,)
    with pytest.raises(BadInput, match="1×8×8 numbers cannot be told from fakes of 1×8×9"):
        trained_critic(dark, np.zeros((4, 1, 8, 9)), steps=1)


# ---- The density of a sampler ------------------------------------------------------------------


def test_a_smoothed_density_is_the_convolution():
    rng = np.random.default_rng(0)
    spread, bandwidth = 0.5, 0.1
    smooth = smoothed_density(rng.normal(1.0, spread, (400_000, 2)), bandwidth)
    assert float(smooth.heights.sum()) * smooth.cell**2 == pytest.approx(1.0, abs=1e-6)
    variance = spread**2 + bandwidth**2
    places = np.array([[1.0, 1.0], [1.5, 1.0], [1.0, 0.2]])
    exact = np.exp(-((places - 1.0) ** 2).sum(1) / 2 / variance) / (2 * np.pi * variance)
    assert np.exp(smooth.log_density(places)) == pytest.approx(exact, rel=0.03)
    assert smooth.log_density([[99.0, 0.0]]).tolist() == [-np.inf]


def test_one_sample_gives_the_kernel_itself():
    smooth = smoothed_density([[0.3, -0.2]], 0.2)
    for distance in (0.0, 0.2, 0.4):
        exact = math.exp(-((distance / 0.2) ** 2) / 2) / (2 * math.pi * 0.04)
        seen = float(np.exp(smooth.log_density([[0.3 + distance, -0.2]]))[0])
        assert seen == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize(
    ("samples", "bandwidth", "sentence"),
    [
        (np.zeros((5, 3)), 1.0, "shape \\(n, 2\\)"),
        ([[0.0, np.inf]], 1.0, "finite"),
        ([[0.0, 0.0]], 0.0, "above 0"),
        ([[0.0, 0.0], [1e4, 1e4]], 0.01, "take a larger bandwidth"),
    ],
)
def test_samples_without_a_density_are_refused(samples, bandwidth, sentence):
    with pytest.raises(BadInput, match=sentence):
        smoothed_density(samples, bandwidth)
