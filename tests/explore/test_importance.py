"""Importance-weighted likelihoods and active units, where the truth is known exactly."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import saddlepoint as sp
from kit.linear_gaussian import (
    OFFSET,
    ORTHOGONAL,
    SKEW,
    VECTORS,
    exact_posterior,
    linear_gaussian,
    set_encoder,
)
from kit.tiny import tiny
from saddlepoint.errors import BadInput
from saddlepoint.explore import active_units, importance_weighted
from saddlepoint.learners.variational.description import Variational
from saddlepoint.training.trained import Trained


def trained(learner, **described) -> Trained:
    run = sp.recipes.vae("ring").replace(learner=Variational(latent=2, **described))
    return Trained(run, VECTORS, 0, learner)


def examples(n: int = 100) -> torch.Tensor:
    torch.manual_seed(0)
    return OFFSET + 2 * torch.randn(n, 3)


def mismatched():
    """A model of correlated latents, whose encoder gives each the right mean and variance."""
    learner, exact = linear_gaussian(SKEW)
    covariance, gain = exact_posterior(SKEW)
    set_encoder(learner, gain, covariance.diagonal())
    return learner, exact


@pytest.mark.parametrize("samples", [1, 7])
def test_with_the_exact_posterior_every_draw_is_the_likelihood(samples):
    learner, exact = linear_gaussian(ORTHOGONAL)
    covariance, gain = exact_posterior(ORTHOGONAL)
    set_encoder(learner, gain, covariance.diagonal())
    x = examples()
    found = importance_weighted(trained(learner), x, samples=samples)
    np.testing.assert_allclose(found.each, exact.log_prob(x).numpy(), atol=1e-4)
    np.testing.assert_allclose(found.effective, samples, rtol=1e-4)
    assert found.nats.value == pytest.approx(found.elbo.value, abs=1e-4)


def test_elsewhere_it_rises_with_the_draws_from_the_elbo_to_the_likelihood():
    """The gap at k = 1 is KL(q ‖ p(z|x)); it falls about like 1/k, and no step goes down."""
    learner, exact = mismatched()
    x = examples()
    covariance, _ = exact_posterior(SKEW)
    gap = 0.5 * (covariance.diagonal().log().sum() - torch.logdet(covariance)).item()
    truth = exact.log_prob(x).double().numpy()
    gaps = []
    for samples in (1, 4, 16, 256):
        repeats = [
            truth - importance_weighted(trained(learner), x, samples=samples, seed=seed).each
            for seed in range(40)
        ]
        gaps.append((np.mean(repeats), np.std(repeats) / math.sqrt(40 * len(x))))
    assert gaps[0][0] == pytest.approx(gap, abs=5 * gaps[0][1])
    for (more, error), (less, other) in itertools.pairwise(gaps):
        assert more - less > -4 * math.hypot(error, other)
        assert less > -4 * other
    assert gaps[0][0] > 3 * gaps[1][0] > 6 * gaps[2][0]
    assert abs(gaps[-1][0]) < 0.02 * gap + 4 * gaps[-1][1]


def test_the_elbo_beside_it_is_that_of_the_same_draws_and_lower():
    learner, _ = mismatched()
    found = importance_weighted(trained(learner), examples(), samples=50)
    assert found.elbo.value < found.nats.value
    assert (found.effective >= 1).all()
    assert (found.effective < 50).all()
    assert found.words == "density"
    assert found.bits is None
    assert "log p(x) ≥" in str(found)


def test_an_example_does_not_depend_on_the_others():
    learner, _ = mismatched()
    model, x = trained(learner), examples(70)
    whole = importance_weighted(model, x, samples=30).each
    few = importance_weighted(model, x[:66], samples=30).each
    assert np.array_equal(whole[:66], few)
    assert not np.array_equal(whole, importance_weighted(model, x, samples=30, seed=1).each)


def test_dequantised_pixels_are_drawn_once_and_have_bits():
    run = tiny("vae", steps=1)
    learner = run.learner.replace(dequantise=True).learner(
        run.data.open().info, batch_size=16, seed=0
    )
    model = Trained(run, run.data.open().info, 0, learner)
    x = run.data.open().take("test", 5, torch.device("cpu")).x
    found = importance_weighted(model, x, samples=3)
    bits = -found.nats.value / (64 * math.log(2)) + 7
    assert found.bits.value == pytest.approx(bits)
    assert "bits per dimension ≤" in str(found)


def test_active_units_are_those_whose_mean_tells_examples_apart():
    learner, exact = linear_gaussian(ORTHOGONAL)
    covariance, gain = exact_posterior(ORTHOGONAL)
    set_encoder(learner, torch.stack([gain[0], torch.zeros(3)]), covariance.diagonal())
    torch.manual_seed(0)
    found = active_units(trained(learner), exact.sample((20_000,)))
    assert found.count == 1
    # the law of total variance: Var E[z|x] + E Var[z|x] = 1
    assert found.variances[0] == pytest.approx(1 - covariance[0, 0].item(), abs=0.03)
    assert found.variances[1] < 1e-12
    assert str(found) == "1 of 2 latent dimensions are active"
    assert active_units(trained(learner), exact.sample((10,)), threshold=10).count == 0


def test_a_member_of_several_seeds_is_looked_at_alone(tmp_path):
    run = tiny("vae", steps=4, precision="float32").replace(seeds=2, seed=5)
    run = run.replace(training=run.training.replace(averaging=0.0))
    sp.train(run, tmp_path / "both", quiet=True)
    sp.train(run.replace(seeds=1, seed=6), tmp_path / "alone", quiet=True)
    x = run.data.open().take("test", 6, torch.device("cpu")).x
    both, alone = sp.load(tmp_path / "both"), sp.load(tmp_path / "alone")
    found = importance_weighted(both, x, samples=5, member=1).each
    np.testing.assert_allclose(found, importance_weighted(alone, x, samples=5).each, rtol=1e-3)
    with pytest.raises(BadInput, match="no member 2: the run has 2"):
        importance_weighted(both, x, member=2)


def test_what_cannot_be_looked_at_is_refused():
    learner, _ = mismatched()
    with pytest.raises(BadInput, match=r"shape \(2, 4\): \(n, 3\) are needed"):
        importance_weighted(trained(learner), torch.zeros(2, 4))
    with pytest.raises(BadInput, match="samples = 0"):
        importance_weighted(trained(learner), examples(), samples=0)
    with pytest.raises(BadInput, match="two or more"):
        active_units(trained(learner), examples(1))
    run = tiny("gan", data="ring")
    gan = Trained(run, VECTORS, 0, run.learner.learner(VECTORS, batch_size=4, seed=0))
    with pytest.raises(BadInput, match="the run's learner is 'adversarial'"):
        importance_weighted(gan, examples())


def test_evaluating_an_autoencoder_says_how_likely_it_finds_test_examples(tmp_path: Path) -> None:
    run = sp.recipes.vae("digits", likelihood="categorical", steps=3, batch_size=16, device="cpu")
    sp.train(run, tmp_path / "run", quiet=True)
    row = sp.evaluate(tmp_path / "run", scores="log_likelihood").row("log_likelihood")
    x = run.data.open().take("test", 10**6, torch.device("cpu")).x
    expected = importance_weighted(sp.load(tmp_path / "run"), x, samples=100)
    assert row.figure.estimate == expected.nats
    assert expected.bits is not None
    assert f"{expected.bits.value:.3f} bits per dimension" in row.figure.notes[0]
    assert "probability of pixels" in row.figure.notes[0]
    assert row.control is None


def test_a_game_has_no_likelihood(tmp_path: Path) -> None:
    run = sp.recipes.gan("digits", steps=2, batch_size=16, device="cpu")
    sp.train(run, tmp_path / "run", quiet=True)
    with pytest.raises(sp.BadInput, match="none of the scores log_likelihood applies"):
        sp.evaluate(tmp_path / "run", scores="log_likelihood")
