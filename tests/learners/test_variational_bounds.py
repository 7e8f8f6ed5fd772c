"""What is trained besides the ELBO: free bits, importance weights, several seeds at once."""

import math

import pytest
import torch
from pydantic import ValidationError
from torch.distributions import Normal

from kit.double import Doubled
from kit.linear_gaussian import (
    ORTHOGONAL,
    SKEW,
    exact_posterior,
    linear_gaussian,
    set_encoder,
)
from kit.tiny import tiny
from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.data.member_batches import MemberLoader
from saddlepoint.learners.learner import Learner
from saddlepoint.learners.variational.bound_terms import (
    kl_by_dimension,
    kl_to_standard_normal,
    log_mean_exp,
    log_prior_ratio,
    with_free_bits,
)
from saddlepoint.learners.variational.description import Variational
from saddlepoint.networks.mlp import Mlp
from saddlepoint.randomness import Streams
from saddlepoint.training.device import Policy
from saddlepoint.training.step import Batches, Stepper

CPU = torch.device("cpu")
IMAGES = DataInfo(name="pictures", shape=(1, 4, 5), form="images", counts={}, fingerprint="")


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def build(**described):
    networks = {"encoder": Mlp(hidden=(8,)), "decoder": Mlp(hidden=(8,))}
    described = {"latent": 3, **networks, **described}
    return Variational(**described).learner(IMAGES, batch_size=4, seed=0)


def losses_of(learner, x, seed: int = 0):
    (phase,) = learner.phases
    return learner(phase, Batch(x), Streams(seed, "train", 0))


# ---- Free bits ---------------------------------------------------------------------------------


def test_free_bits_are_the_sum_of_what_is_above_them():
    mean, log_variance = torch.randn(2, 50, 4, dtype=torch.float64) * torch.tensor([2, 1, 0.1, 0])
    each = kl_by_dimension(mean, log_variance)
    torch.testing.assert_close(each.sum(-1), kl_to_standard_normal(mean, log_variance))
    for free in (0.0, 0.1, 1.0, 100.0):
        charged = with_free_bits(each, free)
        assert charged.shape == (50,)
        expected = each.mean(0).clamp(min=free).sum()
        torch.testing.assert_close(charged.mean(), expected)


def test_a_dimension_within_its_free_bits_gets_no_gradient():
    mean = torch.tensor([[2.0, 0.1], [-1.0, -0.1]], requires_grad=True)
    with_free_bits(kl_by_dimension(mean, torch.zeros(2, 2)), 0.5).mean().backward()
    assert mean.grad[:, 0].tolist() == [1.0, -0.5]
    assert mean.grad[:, 1].tolist() == [0.0, 0.0]


def test_free_bits_change_the_loss_and_not_what_is_reported():
    x = torch.rand(6, *IMAGES.shape)
    plain, free = losses_of(build(beta=2.0), x), losses_of(build(beta=2.0, free_bits=0.3), x)
    for name, value in plain.diagnostics.items():
        assert torch.equal(value, free.diagnostics[name])
    torch.testing.assert_close(plain.terms["kl"].reduced, plain.diagnostics["kl"])
    assert free.terms["kl"].reduced > 0.9 - 1e-6  # at least λ a dimension
    assert free.terms["kl"].weight == 2.0


# ---- The importance-weighted bound -------------------------------------------------------------


def test_the_mean_weight_is_formed_in_logarithms():
    values = torch.tensor([[-1000.0, 0.0], [-1001.0, math.log(3)]])
    expected = torch.tensor([-1000 + math.log((1 + math.exp(-1)) / 2), math.log(2)])
    torch.testing.assert_close(log_mean_exp(values, 0), expected)


def test_the_log_ratio_of_prior_and_posterior_is_that_of_their_densities():
    mean, log_variance, noise = torch.randn(3, 5, 7, 4, dtype=torch.float64)
    std = (log_variance / 2).exp()
    z = mean + std * noise
    expected = Normal(0.0, 1.0).log_prob(z) - Normal(mean, std).log_prob(z)
    torch.testing.assert_close(log_prior_ratio(z, noise, log_variance), expected.sum(-1))


def test_the_trained_bound_is_that_of_the_formula():
    learner, x = build(samples=4, likelihood="bernoulli"), torch.rand(6, *IMAGES.shape)
    losses = losses_of(learner, x)
    mean, log_variance = learner.posterior(x)
    q = Normal(mean, (log_variance / 2).exp())
    noise = Streams(0, "train", 0).normal((4, 6, 3), "posterior")
    weights = []
    for each in noise:
        z = q.loc + q.scale * each
        prior = Normal(0.0, 1.0).log_prob(z).sum(1)
        weights.append(learner.log_likelihood(x, z) + prior - q.log_prob(z).sum(1))
    weights = torch.stack(weights)
    bound = weights.double().exp().mean(0).log().float()
    torch.testing.assert_close(losses.terms["importance_weighted"].values, -bound)
    torch.testing.assert_close(losses.diagnostics["elbo"], weights.mean().detach())
    torch.testing.assert_close(losses.diagnostics["importance_weighted"], bound.mean().detach())
    assert losses.diagnostics["elbo"] < losses.diagnostics["importance_weighted"]


def test_it_lies_between_the_elbo_and_the_likelihood_and_rises_with_the_draws():
    learner, exact = linear_gaussian(SKEW)
    covariance, gain = exact_posterior(SKEW)
    set_encoder(learner, gain, covariance.diagonal())
    x = exact.sample((20_000,))
    means = []
    for samples in (2, 4, 16):
        learner.description = learner.description.replace(samples=samples)
        values = learner.measure(Batch(x), Streams(0, "held out", samples))
        means.append((values["elbo"].mean(), values["importance_weighted"].mean()))
    truth = exact.log_prob(x).mean()
    bounds = [each for _, each in means]
    assert means[0][0] < bounds[0] < bounds[1] < bounds[2] < truth + 0.01


def test_at_the_exact_posterior_it_is_the_likelihood_of_each_example():
    learner, exact = linear_gaussian(ORTHOGONAL)
    covariance, gain = exact_posterior(ORTHOGONAL)
    set_encoder(learner, gain, covariance.diagonal())
    learner.description = learner.description.replace(samples=3)
    x = exact.sample((50,))
    values = learner.measure(Batch(x), Streams(0, "held out", 0))
    torch.testing.assert_close(
        values["importance_weighted"].detach(), exact.log_prob(x), rtol=0, atol=1e-4
    )


def test_what_it_reports_has_names_and_units():
    learner = build(samples=2, likelihood="categorical")
    values = learner.measure(Batch(torch.rand(3, *IMAGES.shape)), Streams(0, "held out", 0))
    assert set(values) == set(learner.held_out) <= set(learner.units)
    bits = -values["importance_weighted"] / (20 * math.log(2))
    torch.testing.assert_close(values["bits_per_dimension"], bits)
    assert "−importance_weighted / (D ln 2)" in learner.said[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"beta": 0.5}, "beta changes the KL term"), ({"free_bits": 1}, "free-bits changes the KL")],
)
def test_nothing_weighs_the_kl_term_of_a_bound_that_has_none(settings, words):
    with pytest.raises(ValidationError, match=words):
        Variational(samples=2, **settings)


# ---- Several seeds in one program --------------------------------------------------------------

SEEDS = (3, 4, 5)
FORMS = [
    {},
    {"likelihood": "bernoulli"},
    {"likelihood": {"kind": "bernoulli", "binarise": "stochastic"}, "beta": 0.5},
    {"likelihood": {"kind": "gaussian", "scale": "each", "least_std": 0.3}, "free_bits": 0.05},
    {"likelihood": {"kind": "categorical", "levels": 4}, "samples": 3},
    {"likelihood": "discretised_logistic"},
    {"dequantise": True, "samples": 2},
]


def trained(described: dict, seed: int | tuple[int, ...], steps: int) -> Learner:
    """A learner in float64 after ``steps`` steps of plain SGD on the digits."""
    run = tiny("vae")
    sgd = {"kind": "sgd", "learning_rate": 1e-5}
    networks = {"encoder": Mlp(hidden=(12,)), "decoder": Mlp(hidden=(12,))}
    description = run.learner.replace(latent=3, optimiser=sgd, **networks).replace(**described)
    data = run.data.open()
    learner = description.learner(data.info, batch_size=16, seed=seed).double()
    if isinstance(seed, tuple):
        loader = MemberLoader(data, "train", 16, seeds=seed, device=CPU)
    else:
        loader = data.loader("train", 16, seed=seed, device=CPU)
    stepper = Stepper(learner, Policy(CPU, "float32"), Batches(Doubled(loader), 16), seed)
    for number in range(steps):
        stepper.step(number, number / steps)
    return learner


@pytest.mark.parametrize("described", FORMS, ids=str)
def test_a_member_equals_the_single_run(described):
    """Float64, plain SGD, 1e-8; also what it measures, encodes and samples."""
    together, start = trained(described, SEEDS, 40), trained(described, SEEDS[1], 0)
    x = tiny("vae").data.open().take("test", 6, CPU).x.double()
    measured = together.measure(Batch(x), Streams(SEEDS, "held out", 0))
    encoded, sampled = together.encode(x), together.sample(5, seed=1)
    for member, seed in enumerate(SEEDS):
        alone = trained(described, seed, 40)
        for name, value in alone.state_dict().items():
            part = together.state_dict()[name][member]
            torch.testing.assert_close(part, value, rtol=0, atol=1e-8)
        for name, value in alone.measure(Batch(x), Streams(seed, "held out", 0)).items():
            torch.testing.assert_close(measured[name][member], value, rtol=1e-7, atol=1e-7)
        torch.testing.assert_close(encoded[member], alone.encode(x), rtol=0, atol=1e-7)
        torch.testing.assert_close(sampled[member], alone.sample(5, seed=1), rtol=0, atol=1e-7)
    moved = max((alone.state_dict()[n] - p).abs().max() for n, p in start.named_parameters())
    assert moved > 1e-4, "nothing was trained"
