"""Hidden values filled in, held to the conditional distribution of a Gaussian; and manifolds."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal

import saddlepoint as sp
from kit.linear_gaussian import (
    NOISE,
    OFFSET,
    ORTHOGONAL,
    VECTORS,
    exact_posterior,
    linear_gaussian,
    set_encoder,
)
from kit.tiny import tiny
from saddlepoint.errors import BadInput
from saddlepoint.explore import fill_in, manifold
from saddlepoint.learners.variational.description import Variational
from saddlepoint.training.trained import Trained


def exact_model() -> Trained:
    learner, _ = linear_gaussian(ORTHOGONAL)
    covariance, gain = exact_posterior(ORTHOGONAL)
    set_encoder(learner, gain, covariance.diagonal())
    run = sp.recipes.vae("ring").replace(learner=Variational(latent=2))
    return Trained(run, VECTORS, 0, learner)


def conditional(x: torch.Tensor, hidden: int) -> tuple[torch.Tensor, float]:
    """Mean and variance of one number of N(b, W Wᵀ + σ² I), given the others."""
    covariance = ORTHOGONAL @ ORTHOGONAL.T + NOISE**2 * torch.eye(3)
    others = [i for i in range(3) if i != hidden]
    gain = covariance[hidden, others] @ torch.linalg.inv(covariance[others][:, others])
    variance = covariance[hidden, hidden] - gain @ covariance[others, hidden]
    return OFFSET[hidden] + (x[:, others] - OFFSET[others]) @ gain, variance.item()


def test_with_the_exact_posterior_it_is_gibbs_sampling_of_the_conditional():
    x = torch.tensor([[1.0, 0.5, 2.0]]).expand(6400, 3).clone()
    seen = torch.tensor([True, True, False])
    filled = fill_in(exact_model(), x, seen, sweeps=60)
    mean, variance = conditional(x, 2)
    drawn = filled.last[:, 2]
    assert drawn.mean() == pytest.approx(mean[0].item(), abs=5 * (variance / 6400) ** 0.5)
    assert drawn.var() == pytest.approx(variance, rel=0.1)
    assert filled.examples[:, 2].mean() == pytest.approx(mean[0].item(), abs=0.02)
    assert np.array_equal(filled.last[:, :2], x[:, :2].numpy())
    assert np.array_equal(filled.examples[:, :2], x[:, :2].numpy())


def test_the_errors_stand_beside_the_control_and_near_the_best_that_there_is():
    _, exact = linear_gaussian(ORTHOGONAL)
    torch.manual_seed(0)
    x = exact.sample((2000,))
    seen = torch.tensor([True, True, False])
    filled = fill_in(exact_model(), x, seen.expand_as(x), sweeps=200)
    errors = filled.errors(x)
    _, variance = conditional(x, 2)
    assert errors["model"].value == pytest.approx(variance, rel=0.1)
    # of the control all values are hidden at that place: the mean of all others, no better
    assert errors["means"].value > 2 * errors["model"].value
    assert errors["gain"].low > 0
    difference = errors["means"].value - errors["model"].value
    assert errors["gain"].value == pytest.approx(difference)


def test_hidden_values_are_never_read():
    model, x = exact_model(), torch.randn(70, 3)
    seen = torch.rand(70, 3) > 0.4
    filled = fill_in(model, x, seen, sweeps=3, seed=1)
    for other in (float("nan"), 1e6):
        changed = torch.where(seen, x, other)
        again = fill_in(model, changed, seen, sweeps=3, seed=1)
        assert np.array_equal(filled.examples, again.examples)
        assert np.array_equal(filled.last, again.last)
    fewer = fill_in(model, x[:65], seen[:65], sweeps=1)
    assert fewer.examples.shape == (65, 3)


def test_the_control_is_the_mean_of_what_was_seen_at_a_place():
    x = torch.tensor([[1.0, 5.0, 9.0], [3.0, 7.0, 9.0], [8.0, 9.0, 9.0]])
    seen = torch.tensor([[True, True, False], [True, False, False], [False, True, False]])
    filled = fill_in(exact_model(), x, seen, sweeps=1)
    assert filled.with_means.tolist() == [[1, 5, 4.5], [3, 7, 4.5], [2, 9, 4.5]]
    filled = fill_in(exact_model(), x, seen, sweeps=1, means=[6.0, 7.0, 8.0])
    assert filled.with_means.tolist() == [[1, 5, 8], [3, 7, 8], [6, 9, 8]]
    with pytest.raises(BadInput, match=r"shape \(1, 2\)"):
        fill_in(exact_model(), x, seen, means=[6.0, 7.0])


@pytest.mark.parametrize("likelihood", ["bernoulli", "categorical", "discretised_logistic"])
@pytest.mark.parametrize("pixels", ["drawn", "mean"])
def test_images_of_every_likelihood_are_filled_in(likelihood, pixels):
    run = tiny("vae", likelihood=likelihood)
    data = run.data.open()
    learner = run.learner.learner(data.info, batch_size=16, seed=0)
    x = data.take("test", 3, torch.device("cpu")).x
    seen = torch.zeros(8, 8, dtype=torch.bool)
    seen[:4] = True
    filled = fill_in(Trained(run, data.info, 0, learner), x, seen, sweeps=2, pixels=pixels)
    assert np.array_equal(filled.examples[:, :, :4], x[:, :, :4].numpy())
    assert np.abs(filled.last).max() <= 1
    assert (filled.last[:, :, 4:] != filled.with_means[:, :, 4:]).any()


def test_what_cannot_be_filled_in_is_refused():
    model, x = exact_model(), torch.randn(4, 3)
    with pytest.raises(BadInput, match="sweeps = 0"):
        fill_in(model, x, torch.ones(3), sweeps=0)
    with pytest.raises(BadInput, match=r"observed has the shape \(2,\)"):
        fill_in(model, x, torch.ones(2))
    with pytest.raises(BadInput, match="a value that was seen is not finite"):
        fill_in(model, x * float("nan"), torch.ones(3))
    with pytest.raises(BadInput, match="give the same examples"):
        fill_in(model, x, torch.tensor([True, True, False]), sweeps=1).errors(x[:2])


# ---- The manifold of two latents ---------------------------------------------------------------


def test_a_manifold_shows_equally_likely_places():
    model = exact_model()
    found = manifold(model, side=4)
    shares = Normal(0.0, 1.0).cdf(torch.from_numpy(found.latents))
    expected = torch.tensor([0.125, 0.375, 0.625, 0.875])
    torch.testing.assert_close(shares[0, :, 0], expected)
    torch.testing.assert_close(shares[:, 0, 1], expected.flip(0))  # the second one grows upwards
    decoded = torch.from_numpy(found.latents) @ ORTHOGONAL.T + OFFSET
    torch.testing.assert_close(torch.from_numpy(found.examples), decoded)
    with pytest.raises(BadInput, match="vectors of 3 numbers have no picture"):
        found.picture()


def test_a_manifold_of_images_is_one_sheet_also_of_a_member_and_of_a_gan():
    for name, options in (("vae", {}), ("gan", {})):
        run = tiny(name, **options).replace(seeds=2)
        run = run.replace(learner=run.learner.replace(latent=2))
        info = run.data.open().info
        model = Trained(run, info, 0, run.learner.learner(info, batch_size=16, seed=(0, 1)))
        first, second = manifold(model, side=3), manifold(model, side=3, member=1)
        assert first.examples.shape == (3, 3, 1, 8, 8)
        assert not np.array_equal(first.examples, second.examples)
        assert first.picture().size[0] == first.picture().size[1] >= 24


def test_a_manifold_needs_two_latents():
    run = tiny("vae")
    info = run.data.open().info
    model = Trained(run, info, 0, run.learner.learner(info, batch_size=16, seed=0))
    with pytest.raises(BadInput, match=r"needs two latents, and this model has 20.*latent 2"):
        manifold(model)
    with pytest.raises(BadInput, match="side = 0"):
        manifold(exact_model(), side=0)
