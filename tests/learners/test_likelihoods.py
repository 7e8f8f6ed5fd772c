"""Likelihoods of the variational autoencoder: sums to 1, means, draws, and their meaning."""

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import Normal

from kit.parts import TINY
from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.learners.variational.description import Variational
from saddlepoint.learners.variational.learner import VariationalLearner
from saddlepoint.learners.variational.likelihood import Likelihood
from saddlepoint.learners.variational.likelihoods import (
    LIKELIHOODS,
    Bernoulli,
    Categorical,
    DiscretisedLogistic,
    Gaussian,
)
from saddlepoint.networks.mlp import Mlp
from saddlepoint.randomness import Streams

SHAPE = (2, 3, 4)
PIXELS = DataInfo(name="pictures", shape=SHAPE, form="images", counts={}, fingerprint="")
VECTORS = DataInfo(name="points", shape=(3,), form="vectors", counts={}, fingerprint="")
ALL = torch.arange(256, dtype=torch.float64) / 127.5 - 1  # every value of a pixel
ZERO = torch.zeros((), dtype=torch.float64)
STREAMS = Streams(0, "train", 0)

EVERY = [
    *(TINY["likelihoods", part.word()] for part in LIKELIHOODS),
    Gaussian(scale="each"),
    Gaussian(scale="fixed", std=0.3),
    Categorical(),
    DiscretisedLogistic(scale="each"),
    Bernoulli(binarise="threshold"),
    Bernoulli(binarise="stochastic"),
]
every = pytest.mark.parametrize("likelihood", EVERY, ids=lambda part: str(part.model_dump()))
EXACT = [each for each in EVERY if isinstance(each, Categorical | DiscretisedLogistic)]


def output_for(likelihood: Likelihood, n: int, scale: float = 2.0) -> Tensor:
    torch.manual_seed(1)
    return scale * torch.randn(n, *likelihood.decoded(SHAPE), dtype=torch.float64)


def grey(n: int) -> Tensor:
    torch.manual_seed(2)
    return torch.randint(0, 256, (n, *SHAPE), dtype=torch.float64) / 127.5 - 1


def build(data: DataInfo = PIXELS, **described) -> VariationalLearner:
    networks = {"encoder": Mlp(hidden=(8,)), "decoder": Mlp(hidden=(8,))}
    return Variational(**{"latent": 2, **networks, **described}).learner(data, batch_size=4, seed=0)


@pytest.mark.parametrize("likelihood", EXACT, ids=str)
@pytest.mark.parametrize("log_scale", [-9.0, -4.0, -1.0, 1.5])
def test_the_probabilities_of_all_levels_sum_to_one(likelihood, log_scale):
    output = output_for(likelihood, 5)
    levels = 256 if likelihood.kind == "discretised_logistic" else likelihood.levels
    values = ALL[:: 256 // levels]
    total = torch.zeros(5, *SHAPE, dtype=torch.float64)
    for value in values:
        x = value.expand(5, *SHAPE)
        total += likelihood.each(output, ZERO + log_scale, x, 3).exp()
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-12)


def test_the_discretised_logistic_is_the_difference_of_distribution_functions():
    """At inner levels the naive formula, where it does not cancel; at the ends the whole tails."""
    likelihood, log_scale = DiscretisedLogistic(), ZERO - 1.0
    scale, half = math.exp(-1.0), 1 / 255
    mean = torch.tensor([-1.2, 0.3, 0.9], dtype=torch.float64)
    for value in (ALL[0], ALL[7], ALL[128], ALL[255]):
        upper = torch.sigmoid((value + half - mean) / scale)
        lower = torch.sigmoid((value - half - mean) / scale)
        upper = torch.ones(3).double() if value == 1 else upper
        lower = torch.zeros(3).double() if value == -1 else lower
        found = likelihood.each(mean[:, None], log_scale, value.expand(3, 1), 1)[:, 0]
        torch.testing.assert_close(found, (upper - lower).log(), rtol=1e-9, atol=1e-9)


def test_far_pixels_have_finite_probabilities_and_gradients_in_float32():
    for likelihood in (DiscretisedLogistic(), DiscretisedLogistic(scale="each"), Categorical()):
        output = 1000 * output_for(likelihood, 4).float()
        output.requires_grad_()
        scale = torch.tensor(-9.0, requires_grad=True)
        value = likelihood.log_prob(output, scale, grey(4).float(), 3)
        assert value.dtype == torch.float32
        value.sum().backward()
        assert value.isfinite().all()
        assert output.grad.isfinite().all()


def test_the_categorical_likelihood_is_that_of_pytorch():
    for likelihood in (Categorical(), Categorical(levels=5)):
        output, x = output_for(likelihood, 6), grey(6)
        logits = output.view(6, likelihood.levels, *SHAPE).movedim(1, -1)
        value = ((x + 1) * 127.5).round().long()
        expected = TorchCategorical(logits=logits).log_prob(value * likelihood.levels // 256)
        torch.testing.assert_close(
            likelihood.log_prob(output, ZERO, x, 3), expected.flatten(1).sum(1)
        )
        presented = likelihood.presented(x)
        assert presented.unique().numel() <= likelihood.levels or likelihood.levels == 256
        torch.testing.assert_close(  # the bins that are presented are those that are scored
            likelihood.each(output, ZERO, presented, 3), likelihood.each(output, ZERO, x, 3)
        )


def test_a_deviation_for_each_value_is_decoded_and_has_a_floor():
    likelihood = Gaussian(scale="each", least_std=0.2)
    output, x = output_for(likelihood, 6, scale=20.0), grey(6)
    mean, raw = output[:, :2], output[:, 2:]
    std = 0.2 + raw.exp().log1p()
    expected = Normal(mean, std).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(likelihood.log_prob(output, ZERO, x, 3), expected)
    densest = Normal(0.0, 0.2).log_prob(torch.tensor(0.0)).item()
    assert likelihood.each(output, ZERO, mean, 3).max().item() <= densest + 1e-6


def test_shared_and_fixed_deviations_are_one_number():
    output, x = output_for(Gaussian(), 6), grey(6)
    expected = Normal(output, 0.3).log_prob(x).flatten(1).sum(1)
    shared = Gaussian().log_prob(output, ZERO + math.log(0.3), x, 3)
    torch.testing.assert_close(shared, expected)
    torch.testing.assert_close(
        Gaussian(scale="fixed", std=0.3).log_prob(output, ZERO + 5.0, x, 3), expected
    )
    one = Gaussian().each(output, ZERO + math.log(0.3), x, 3).flatten(1).sum(1)
    torch.testing.assert_close(shared, one)  # the two ways of its own


@every
def test_the_sum_over_values_is_the_log_probability_and_axes_in_front_are_kept(likelihood):
    output, x = output_for(likelihood, 6), likelihood.prepared(grey(6), STREAMS, 3)
    alone = likelihood.log_prob(output, ZERO, x, 3)
    assert alone.shape == (6,)
    torch.testing.assert_close(alone, likelihood.each(output, ZERO, x, 3).flatten(1).sum(1))
    twice = torch.stack([output, output + 0.1])
    together = likelihood.log_prob(twice, ZERO, x[None], 3)
    assert together.shape == (2, 6)
    torch.testing.assert_close(together[0], alone)


@every
def test_draws_have_the_mean_that_is_told(likelihood):
    """One output for 40,000 examples: draws against the mean, within five standard errors."""
    one = output_for(likelihood, 1, scale=1.0)
    many = one.expand(40_000, *one.shape[1:])
    log_scale = ZERO - 1.5
    drawn = likelihood.draw(many, log_scale, STREAMS, 3)
    assert drawn.shape == (40_000, *SHAPE)
    mean = likelihood.mean(one, log_scale, 3)[0]
    error = drawn.std(0) / 200
    rounding = 0.5 / 127.5 if likelihood.kind == "discretised_logistic" else 0.0
    assert ((drawn.mean(0) - mean).abs() < 5 * error + rounding).all()
    if likelihood.bounded:
        assert drawn.abs().max() <= 1
        assert likelihood.mean(output_for(likelihood, 50, 30.0), log_scale, 3).abs().max() <= 1


def test_the_mean_of_the_discretised_logistic_is_that_of_its_probabilities_within_half_a_level():
    likelihood = DiscretisedLogistic()
    mean = torch.linspace(-2, 2, 401, dtype=torch.float64)[:, None]
    for log_scale in (-7.0, -4.0, -1.0, 1.0):
        exact = sum(
            value * likelihood.each(mean, ZERO + log_scale, value.expand_as(mean), 1).exp()
            for value in ALL
        )
        told = likelihood.mean(mean, ZERO + log_scale, 1)
        assert (told - exact).abs().max() < 1.01 * 0.5 / 127.5


# ---- Binarisation ------------------------------------------------------------------------------


def test_a_threshold_binarises_above_127_and_is_the_same_each_time():
    likelihood = Bernoulli(binarise="threshold")
    x = (torch.arange(256) / 127.5 - 1).reshape(1, 1, 16, 16)
    binary = likelihood.prepared(x, STREAMS, 3)
    assert torch.equal(binary.flatten() > 0, torch.arange(256) > 127)
    assert set(binary.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(binary, likelihood.presented(x))


def test_stochastic_binarisation_is_drawn_from_the_streams_with_the_grey_value():
    likelihood = Bernoulli(binarise="stochastic")
    x = (torch.arange(256) / 127.5 - 1).expand(20_000, 256)
    drawn = likelihood.prepared(x, STREAMS, 1)
    share = (drawn + 1).mean(0) / 2
    assert (share - torch.arange(256) / 255).abs().max() < 5 * 0.5 / 20_000**0.5
    assert share[0] == 0
    assert share[255] == 1
    assert torch.equal(drawn, likelihood.prepared(x, STREAMS, 1))
    other = likelihood.prepared(x, Streams(0, "train", 1), 1)
    assert not torch.equal(drawn, other)


@pytest.mark.parametrize("binarise", ["threshold", "stochastic"])
def test_the_bound_is_one_on_the_binarised_pixels(binarise):
    learner = build(likelihood=Bernoulli(binarise=binarise))
    x, streams = grey(5).float(), Streams(4, "held out", 0)
    values = learner.measure(Batch(x), streams)
    binary = learner.prepared(x, streams)
    mean, log_variance = learner.posterior(binary)
    z = mean + streams.normal((5, 2), "posterior") * (log_variance / 2).exp()
    logits = learner.autoencoder.decoder(z)
    expected = -TorchBernoulli(logits=logits).log_prob((binary + 1) / 2).flatten(1).sum(1)
    torch.testing.assert_close(values["reconstruction"], expected, rtol=1e-5, atol=1e-5)


# ---- In which sense ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("likelihood", "words", "offset", "levels"),
    [
        (Bernoulli(), "not a density", None, 256),
        (Bernoulli(binarise="threshold"), "probability of pixels made black or white at 127", 0, 2),
        (
            Bernoulli(binarise="stochastic"),
            "probability of pixels made black or white at random",
            0,
            2,
        ),
        (Categorical(), "probability of pixels", 0, 256),
        (Categorical(levels=4), "probability of pixels in 4 bins", 0, 4),
        (DiscretisedLogistic(), "probability of pixels", 0, 256),
        (Gaussian(scale="each"), "not a density", None, 256),
    ],
    ids=str,
)
def test_a_likelihood_says_in_which_sense_it_is_one(likelihood, words, offset, levels):
    learner = build(likelihood=likelihood)
    assert (learner.meaning.words, learner.meaning.offset) == (words, offset)
    assert learner.units["elbo"] == f"ELBO, nats per example ({words})"
    values = learner.measure(Batch(grey(3).float()), Streams(0, "held out", 0))
    assert set(values) == set(learner.held_out)
    assert ("bits_per_dimension" in values) == (offset is not None)
    assert words in learner.said[0]
    if offset is not None:
        bits = -values["elbo"] / (24 * math.log(2))
        torch.testing.assert_close(values["bits_per_dimension"], bits)
        assert learner.units["bits_per_dimension"].endswith(f"pixels of {levels} values")


def test_uniform_pixels_cost_eight_bits():
    """A decoder that says nothing: 8 bits per dimension of 256 values, 2 of four, 1 of two."""
    for likelihood, bits in (
        (Categorical(), 8),
        (Categorical(levels=4), 2),
        (Bernoulli(binarise="threshold"), 1),
    ):
        learner = build(likelihood=likelihood)
        with torch.no_grad():
            for parameter in learner.parameters():
                parameter.zero_()
        values = learner.measure(Batch(grey(3).float()), Streams(0, "held out", 0))
        torch.testing.assert_close(values["bits_per_dimension"], torch.full((3,), float(bits)))


def test_no_likelihood_of_pixels_takes_vectors():
    for likelihood in (each for each in EVERY if each.of_images):
        with pytest.raises(BadInput, match=r"likelihood needs images.*'gaussian'\."):
            build(VECTORS, likelihood=likelihood)


@pytest.mark.parametrize("likelihood", [Categorical(), DiscretisedLogistic(), Bernoulli()], ids=str)
def test_only_the_gaussian_likelihood_dequantises(likelihood):
    with pytest.raises(BadInput, match="dequantise is for the Gaussian likelihood"):
        build(likelihood=likelihood, dequantise=True)


@every
def test_samples_are_means_of_the_shape_of_the_data(likelihood):
    learner = build(likelihood=likelihood)
    sampled = learner.sample(5, seed=0)
    assert sampled.shape == (5, *SHAPE)
    output = learner.autoencoder.decoder(learner.latents(5, 0))
    expected = likelihood.mean(output, learner.log_scale, 3)
    torch.testing.assert_close(sampled, expected.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"std": 0.5}, "std is of the scale 'fixed', and this is 'shared'"),
        ({"least_std": 0.5}, "least-std is of the scale 'each'"),
        ({"scale": "fixed", "least_std": 0.5}, "least-std is of the scale 'each'"),
    ],
)
def test_what_a_scale_does_not_read_is_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        Gaussian(**settings)


def test_a_word_stands_for_a_likelihood_and_others_are_told():
    assert Variational(likelihood="bernoulli").likelihood == Bernoulli()
    assert Variational(likelihood="discretised-logistic").likelihood == DiscretisedLogistic()
    with pytest.raises(ValidationError, match="choose from gaussian, bernoulli"):
        Variational(likelihood="poisson")
