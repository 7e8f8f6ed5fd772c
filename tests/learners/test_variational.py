"""The variational autoencoder: its formulas, and its bound where the truth is known exactly."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, MultivariateNormal, Normal, kl_divergence

from kit.linear_gaussian import (
    LINEAR,
    OFFSET,
    ORTHOGONAL,
    SKEW,
    VECTORS,
    exact_posterior,
    linear_gaussian,
    set_encoder,
)
from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.learners.losses import Losses
from saddlepoint.learners.variational import likelihoods
from saddlepoint.learners.variational.description import Variational
from saddlepoint.learners.variational.learner import VariationalLearner, kl_to_standard_normal
from saddlepoint.learners.variational.likelihoods import gaussian_log_likelihood
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.randomness import Streams
from saddlepoint.schedules import Cosine

LIKELIHOOD, NO_SCALE = likelihoods.Bernoulli(), torch.zeros(())
IMAGES = DataInfo(name="pictures", shape=(2, 8, 9), form="images", counts={}, fingerprint="")


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def build(data: DataInfo = VECTORS, **described) -> VariationalLearner:
    described = {"latent": 2, "encoder": LINEAR, "decoder": LINEAR, **described}
    learner = Variational(**described).learner(data, batch_size=4, seed=0)
    assert isinstance(learner, VariationalLearner)
    return learner


def losses_of(learner, x: Tensor, streams=None, progress: float = 0.0) -> Losses:
    (phase,) = learner.phases
    return learner(phase, Batch(x), streams or Streams(0, "train", 0), Moment(progress=progress))


# ---- Formulas ----------------------------------------------------------------------------------


def test_the_kl_term_is_that_of_two_normal_distributions():
    mean, log_variance = 3 * torch.randn(2, 50, 4, dtype=torch.float64)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1)
    kl = kl_to_standard_normal(mean, log_variance)
    assert kl.shape == (50,)
    torch.testing.assert_close(kl, expected, rtol=1e-10, atol=1e-10)
    assert kl_to_standard_normal(torch.zeros(1, 3), torch.zeros(1, 3)).item() == 0.0


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)])
def test_the_bernoulli_likelihood_is_that_of_pytorch(shape):
    logits = 4 * torch.randn(6, *shape, dtype=torch.float64)
    between = torch.rand(6, *shape, dtype=torch.float64)  # grey values count as probabilities
    for target in (between.round(), between):
        expected = Bernoulli(logits=logits, validate_args=False).log_prob(target)
        density = LIKELIHOOD.log_prob(logits, NO_SCALE, 2 * target - 1, len(shape))
        assert density.shape == (6,)
        torch.testing.assert_close(density, expected.flatten(1).sum(1), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)])
def test_the_gaussian_likelihood_is_that_of_pytorch(shape):
    mean, target = torch.randn(2, 6, *shape, dtype=torch.float64)
    for log_scale in (-2.0, 0.0, 0.7):
        log_scale = torch.tensor(log_scale, dtype=torch.float64)
        expected = Normal(mean, log_scale.exp()).log_prob(target).flatten(1).sum(1)
        density = gaussian_log_likelihood(mean, log_scale, target)
        assert density.shape == (6,)
        torch.testing.assert_close(density, expected, rtol=1e-10, atol=1e-10)


def test_extreme_logits_stay_finite():
    logits = torch.tensor([[1000.0, -1000.0, 30.0]], requires_grad=True)
    density = LIKELIHOOD.log_prob(logits, NO_SCALE, torch.tensor([[1.0, -1.0, 1.0]]), 1)
    assert abs(density.item()) < 1e-6
    density.sum().backward()
    assert torch.isfinite(logits.grad).all()


# ---- The bound, where log p(x) is known --------------------------------------------------------


class Signs(Streams):
    """All combinations of ±1 in place of normal numbers.

    Their mean is 0 and their covariance I, so the mean of any quadratic function over them is
    its mean over N(0, I), exactly. For a linear decoder the ELBO is such a function.
    """

    def normal(self, shape, *purpose):
        assert shape == (4, 2)
        return torch.tensor(list(itertools.product((-1.0, 1.0), repeat=2)))


def mean_elbo(learner: VariationalLearner, x: Tensor) -> float:
    """The exact expectation of the learner's own diagnostic at one example."""
    return losses_of(learner, x.expand(4, 3), Signs(0)).diagnostics["elbo"].item()


def some_examples() -> Tensor:
    return OFFSET + 2 * torch.randn(8, 3)


def test_the_bound_is_the_exact_likelihood_at_the_exact_posterior():
    """With orthogonal columns of W the true posterior is diagonal: the encoder can reach it."""
    learner, exact = linear_gaussian(ORTHOGONAL)
    covariance, gain = exact_posterior(ORTHOGONAL)
    assert (covariance - covariance.diagonal().diag()).abs().max() < 1e-6
    set_encoder(learner, gain, covariance.diagonal())
    for x in some_examples():
        assert mean_elbo(learner, x) == pytest.approx(exact.log_prob(x).item(), abs=1e-4)


def test_elsewhere_the_bound_is_below_by_the_divergence_from_the_posterior():
    """log p(x) − ELBO = KL(q(z|x) ‖ p(z|x)), here with correlated true posteriors."""
    learner, exact = linear_gaussian(SKEW)
    covariance, gain = exact_posterior(SKEW)
    assert abs(covariance[0, 1]) > 0.05
    for variance, error in ((covariance.diagonal(), 0.0), (torch.tensor([0.5, 0.2]), 0.3)):
        set_encoder(learner, gain + error, variance)
        for x in some_examples():
            q = MultivariateNormal((gain + error) @ (x - OFFSET), variance.diag())
            gap = kl_divergence(q, MultivariateNormal(gain @ (x - OFFSET), covariance)).item()
            elbo = mean_elbo(learner, x)
            log_likelihood = exact.log_prob(x).item()
            assert gap > 0.01
            assert elbo < log_likelihood
            assert elbo == pytest.approx(log_likelihood - gap, abs=2e-4 * (1 + gap))


def test_with_real_noise_the_bound_is_the_likelihood_up_to_monte_carlo_error():
    draws = 20_000
    learner, exact = linear_gaussian(ORTHOGONAL)
    covariance, gain = exact_posterior(ORTHOGONAL)
    set_encoder(learner, gain, covariance.diagonal())
    for number, x in enumerate(some_examples()[:4]):
        losses = losses_of(learner, x.expand(draws, 3), Streams(0, "train", number))
        standard_error = losses.terms["reconstruction"].values.std().item() / draws**0.5
        assert 1e-4 < standard_error < 0.05
        gap = losses.diagnostics["elbo"].item() - exact.log_prob(x).item()
        assert abs(gap) < 4 * standard_error


def test_a_random_learner_stays_below_the_likelihood_on_average():
    learner, exact = linear_gaussian(SKEW)  # the encoder has its initial weights
    x = exact.sample((20_000,))
    assert losses_of(learner, x).diagnostics["elbo"] < exact.log_prob(x).mean() - 0.1


def test_gradients_flow_through_the_sampled_latents():
    """The encoder's mean is moved by the reconstruction alone when the KL term has no weight."""
    learner = build(beta=0.0)
    losses_of(learner, torch.randn(4, 3)).total().backward()
    of_mean, of_log_variance = learner.autoencoder.posterior.weight.grad.chunk(2)
    assert of_mean.any()
    assert of_log_variance.any()
    assert learner.autoencoder.log_scale.grad.abs() > 0


# ---- Weights of the terms ----------------------------------------------------------------------


def test_beta_weights_the_kl_term_and_nothing_else():
    x = torch.randn(6, 3)
    learner = build(beta=Cosine(start=4.0, end=0.0))
    for progress, beta in ((0.0, 4.0), (0.5, 2.0), (1.0, 0.0)):
        losses = losses_of(learner, x, progress=progress)
        reconstruction, kl = losses.terms["reconstruction"], losses.terms["kl"]
        assert set(losses.terms) == {"reconstruction", "kl"}
        assert kl.weight == pytest.approx(beta, abs=1e-12)
        assert reconstruction.weight == 1.0
        plain = reconstruction.reduced + beta * kl.reduced
        torch.testing.assert_close(losses.total(), plain)
        diagnostics = losses.diagnostics
        torch.testing.assert_close(
            diagnostics["reconstruction"], reconstruction.values.detach().mean()
        )
        torch.testing.assert_close(diagnostics["kl"], kl.values.detach().mean())
        # the diagnostic stays the evidence lower bound, whatever the weight
        torch.testing.assert_close(
            diagnostics["elbo"], -diagnostics["reconstruction"] - diagnostics["kl"]
        )


def test_terms_are_per_example_and_unmasked():
    losses = losses_of(build(IMAGES), torch.rand(5, *IMAGES.shape))
    for term in losses.terms.values():
        assert term.values.shape == (5,)
        assert term.mask is None
    assert (losses.terms["kl"].values >= 0).all()


def test_the_terms_are_those_of_the_formulas():
    learner = build()
    x = torch.randn(6, 3)
    streams = Streams(1, "train", 2)
    losses = losses_of(learner, x, streams)
    mean, log_variance = learner.posterior(x)
    assert mean.shape == log_variance.shape == (6, 2)
    q = Normal(mean, (log_variance / 2).exp())
    z = q.loc + q.scale * streams.normal((6, 2), "posterior")
    expected = -learner.log_likelihood(x, z)
    torch.testing.assert_close(losses.terms["reconstruction"].values, expected)
    torch.testing.assert_close(losses.terms["kl"].values, kl_divergence(q, Normal(0.0, 1.0)).sum(1))


# ---- Likelihoods and data ----------------------------------------------------------------------


def test_the_bernoulli_likelihood_refuses_vectors():
    with pytest.raises(BadInput, match=r"Bernoulli likelihood needs images.*'gaussian'\."):
        build(VECTORS, likelihood="bernoulli")


def test_the_bernoulli_likelihood_rescales_images_to_probabilities():
    """−1 is black (0) and +1 is white (1)."""
    learner = build(IMAGES, likelihood="bernoulli")
    z = torch.randn(3, 2)
    logits = learner.autoencoder.decoder(z).detach()
    for value, expected in (
        (-1.0, (1 - logits.sigmoid()).log()),
        (1.0, logits.sigmoid().log()),
        (0.0, (logits.sigmoid().log() + (1 - logits.sigmoid()).log()) / 2),
    ):
        density = learner.log_likelihood(torch.full((3, *IMAGES.shape), value), z).detach()
        torch.testing.assert_close(density, expected.flatten(1).sum(1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("decoder", [LINEAR, Dcgan(width=2)], ids=lambda d: d.kind)
def test_bernoulli_samples_are_means_within_the_range_of_images(decoder):
    learner = build(IMAGES, likelihood="bernoulli", decoder=decoder)
    with torch.no_grad():
        for parameter in learner.autoencoder.decoder.parameters():
            parameter.mul_(20)
    sampled = learner.sample(40, seed=1)
    assert sampled.shape == (40, *IMAGES.shape)
    assert sampled.min() >= -1
    assert sampled.max() <= 1
    assert sampled.min() < -0.5
    assert sampled.max() > 0.5


def test_gaussian_samples_are_the_decoders_means():
    learner, _ = linear_gaussian(SKEW)
    sampled = learner.sample(20_000, seed=0)
    torch.testing.assert_close(sampled.mean(0), OFFSET, rtol=0, atol=0.05)
    torch.testing.assert_close(sampled.T.cov(), SKEW @ SKEW.T, rtol=0, atol=0.1)


def test_the_noise_is_learned_for_the_gaussian_likelihood_only():
    assert build().autoencoder.log_scale.requires_grad
    assert not build(IMAGES, likelihood="bernoulli").autoencoder.log_scale.requires_grad
    learner = build()
    with torch.no_grad():
        learner.autoencoder.log_scale.fill_(math.log(0.25))
    diagnostics = losses_of(learner, torch.randn(4, 3)).diagnostics["noise_std"]
    assert diagnostics.item() == pytest.approx(0.25)


# ---- Units: nats per example, and bits per dimension where they say something -------------------

PIXELS = DataInfo(
    name="pictures", shape=(1, 2, 3), form="images", counts={"validation": 5}, fingerprint=""
)


def grey(n: int) -> Tensor:
    """Images of 256 values in [−1, 1]."""
    return torch.randint(0, 256, (n, *PIXELS.shape)) / 127.5 - 1


def measured(learner: VariationalLearner, x: Tensor, seed: int = 0) -> dict[str, Tensor]:
    with torch.no_grad():
        return dict(learner.measure(Batch(x), Streams(seed, "held out", 0)))


@pytest.mark.parametrize(
    ("data", "described", "words"),
    [
        (PIXELS, {"likelihood": "bernoulli"}, "not a density"),
        (PIXELS, {"likelihood": "gaussian"}, "not a density"),
        (PIXELS, {"likelihood": "gaussian", "dequantise": True}, "density of dequantised pixels"),
        (VECTORS, {"likelihood": "gaussian"}, "density"),
    ],
)
def test_bits_per_dimension_are_said_of_dequantised_pixels_alone(data, described, words):
    learner = build(data, **described)
    assert learner.units["elbo"] == f"ELBO, nats per example ({words})"
    x = grey(4) if data.images else torch.randn(4, *data.shape)
    has_bits = words == "density of dequantised pixels"
    for values in (measured(learner, x), losses_of(learner, x).diagnostics):
        assert ("bits_per_dimension" in values) == has_bits
    assert ("bits_per_dimension" in learner.held_out) == has_bits
    assert ("bits_per_dimension" in learner.units) == has_bits
    (sentence,) = learner.said
    assert "nats per example" in sentence
    assert ("no bits per dimension" in sentence) != has_bits


def test_what_cannot_be_dequantised_is_refused():
    with pytest.raises(BadInput, match="these data are vectors"):
        build(VECTORS, dequantise=True)
    with pytest.raises(BadInput, match="dequantise is for the Gaussian likelihood"):
        build(PIXELS, likelihood="bernoulli", dequantise=True)


def test_dequantised_pixels_fill_their_grey_levels():
    learner = build(PIXELS, dequantise=True)
    levels = torch.arange(256).repeat(400, 1)
    x = learner.prepared(levels.view(400, 1, 1, 256) / 127.5 - 1, Streams(0, "train", 0)).flatten(1)
    spread = (x + 1) / 2 * 256
    assert (spread - levels).min() > -1e-4
    assert (spread - levels).max() < 1 + 1e-4
    torch.testing.assert_close((spread - levels).mean(), torch.tensor(0.5), rtol=0, atol=0.01)
    # the mean of a pixel's density stands for the pixel itself
    torch.testing.assert_close(learner.on_data(x).mean(0), levels[0] / 127.5 - 1, rtol=0, atol=2e-3)


def test_bits_per_dimension_of_uniform_pixels_are_those_of_their_entropy():
    """A density of 1/2 on [−1, 1] is one of 1/256 for each of the 256 values: 8 bits."""
    meaning = build(PIXELS, dequantise=True).meaning
    elbo = torch.tensor(6 * math.log(0.5), dtype=torch.float64)
    assert meaning.bits_per_dimension(elbo, 6).item() == pytest.approx(8)


def test_bits_per_dimension_do_not_depend_on_the_units_of_the_pixels():
    """y = (x' + 1)/2 in [0, 1] has the density 2^D p(x'): the offset is log₂ 256 and not 128."""
    learner = build(PIXELS, dequantise=True)
    with torch.no_grad():
        learner.autoencoder.log_scale.fill_(math.log(0.3))
    x, streams = grey(50), Streams(0, "held out", 0)
    values = measured(learner, x)
    z_streams = learner.prepared(x, streams)
    mean, log_variance = learner.posterior(z_streams)
    z = mean + streams.normal(tuple(mean.shape), "posterior") * (log_variance / 2).exp()
    in_unit = Normal((learner.autoencoder.decoder(z) + 1) / 2, 0.15)
    log_density = in_unit.log_prob((z_streams + 1) / 2).flatten(1).sum(1)
    elbo = log_density - kl_divergence(
        Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)
    ).sum(1)
    bits = -elbo / (6 * math.log(2)) + math.log2(256)
    torch.testing.assert_close(values["bits_per_dimension"], bits.detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", [1.0, 0.1, 0.01, 0.003, 0.001])
def test_bits_per_dimension_are_no_less_than_the_entropy_of_the_pixels(scale):
    """One pixel of two equally likely values has one bit; no density beats it, however narrow."""
    learner = build(PIXELS.replace(shape=(1, 1, 1)), latent=1, dequantise=True)
    x = torch.tensor([-1.0, 1.0]).repeat(2000).reshape(-1, 1, 1, 1)
    with torch.no_grad():
        for name, parameter in learner.named_parameters():
            parameter.fill_(0.0 if "bias" in name else 1.0)
        learner.autoencoder.posterior.weight[1] = 0.0
        learner.autoencoder.posterior.bias[1] = math.log(scale**2)
        learner.autoencoder.log_scale.fill_(math.log(scale))
    assert measured(learner, x)["bits_per_dimension"].mean().item() > 1.0
    assert not build(PIXELS, dequantise=False).meaning.offset, "where nothing would bound it"


def test_the_held_out_bound_is_that_of_the_training_batches_example_by_example():
    learner = build()
    x, streams = torch.randn(6, 3), Streams(3, "train", 1)
    losses, values = losses_of(learner, x, streams), learner.measure(Batch(x), streams)
    assert set(values) == set(learner.held_out)
    for name, each in values.items():
        assert each.shape == (6,)
        torch.testing.assert_close(each.detach().mean(), losses.diagnostics[name])
