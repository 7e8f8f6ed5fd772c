"""The bounds of semi-supervised autoencoders, where the truth is known exactly."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from kit.classes import LINEAR, losses, m1m2, m2, points
from saddlepoint.learners.semisupervised.joint_model import (
    JointEncoder,
    JointModel,
    entropy,
    unlabelled_bound,
)
from saddlepoint.learners.semisupervised.observations import Features
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.randomness import Streams


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def some_costs(n: int = 20, classes: int = 4) -> tuple[Tensor, Tensor]:
    costs = 5 * torch.randn(n, classes, dtype=torch.float64) + 30
    return costs, torch.randn(n, classes, dtype=torch.float64).mul(3).log_softmax(-1)


# ---- The sum over classes ----------------------------------------------------------------------


def test_the_unlabelled_bound_is_the_sum_over_classes_less_the_entropy() -> None:
    costs, log_q = some_costs()
    found = unlabelled_bound(costs, log_q)
    for row, (cost, q) in enumerate(zip(costs.tolist(), log_q.exp().tolist(), strict=True)):
        mean = sum(p * each for p, each in zip(q, cost, strict=True))
        disorder = -sum(p * math.log(p) for p in q)
        assert found[row].item() == pytest.approx(mean - disorder, abs=1e-9)
        assert entropy(log_q)[row].item() == pytest.approx(disorder, abs=1e-9)


def test_at_its_best_classes_the_bound_is_minus_log_of_the_sum() -> None:
    """Only with the entropy subtracted, once: added, left out or counted K times it is missed."""
    costs, _ = some_costs()
    best = (-costs).log_softmax(-1)
    exact = -(-costs).logsumexp(-1)
    torch.testing.assert_close(unlabelled_bound(costs, best), exact)
    mean, disorder = (best.exp() * costs).sum(-1), entropy(best)
    wrong = {
        "added": mean + disorder,
        "left out": mean,
        "inside the sum, unweighted": mean - costs.shape[-1] * disorder,
    }
    for name, value in wrong.items():
        assert (value - exact).abs().max() > 0.1, name


def test_elsewhere_it_is_higher_by_the_divergence_of_the_classes() -> None:
    costs, log_q = some_costs()
    best = (-costs).log_softmax(-1)
    divergence = (log_q.exp() * (log_q - best)).sum(-1)
    gap = unlabelled_bound(costs, log_q) + (-costs).logsumexp(-1)
    torch.testing.assert_close(gap, divergence)
    assert (gap > 0).all()


def test_of_a_certain_class_the_unlabelled_bound_is_the_labelled_one() -> None:
    costs, _ = some_costs()
    for label in range(costs.shape[1]):
        logits = torch.full_like(costs, -1e4)
        logits[:, label] = 0
        certain = logits.log_softmax(-1)
        torch.testing.assert_close(unlabelled_bound(costs, certain), costs[:, label])


# ---- A mixture of linear-Gaussian models, whose likelihood is known ------------------------------

MIXING = torch.tensor([[0.5, 0.4], [1.0, 0.2], [1.0, -0.4]], dtype=torch.float64)  # orthogonal
MIDDLES = torch.tensor([[0.3, -0.7, 1.1], [-0.5, 0.2, 0.4]], dtype=torch.float64)
PRIOR = torch.tensor([0.25, 0.75], dtype=torch.float64)
NOISE = 0.6
COVARIANCE = MIXING @ MIXING.T + NOISE**2 * torch.eye(3, dtype=torch.float64)
SIGNS = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=2)), dtype=torch.float64)


def known_model() -> JointModel:
    """x = W z + c_y + σ ε with its exact posteriors q(z|x, y) and q(y|x), all linear in x."""
    learner = m2(points((1, 3), 8), class_prior="frequencies")
    model = learner.model.double()
    posterior = torch.linalg.inv(torch.eye(2) + MIXING.T @ MIXING / NOISE**2)
    assert (posterior - posterior.diagonal().diag()).abs().max() < 1e-12
    gain = posterior @ MIXING.T / NOISE**2
    precision = torch.linalg.inv(COVARIANCE)
    with torch.no_grad():
        decoder = model.decoder.layers[0]
        decoder.weight.copy_(torch.cat([MIXING, MIDDLES.T], 1))
        decoder.bias.zero_()
        model.observation.log_scale.fill_(math.log(NOISE))
        model.encoder.head.weight.copy_(
            torch.cat([torch.cat([gain, -gain @ MIDDLES.T], 1), torch.zeros(2, 5)])
        )
        model.encoder.head.bias.copy_(torch.cat([torch.zeros(2), posterior.diagonal().log()]))
        model.classifier[1].weight.copy_(MIDDLES @ precision)
        level = ((MIDDLES @ precision) * MIDDLES).sum(1) / 2
        model.classifier[1].bias.copy_(PRIOR.log() - level)
        model.log_prior.copy_(PRIOR.log())
    return model


def log_joint(x: Tensor) -> Tensor:
    """Log p(x, y) of every class, (n, K)."""
    parts = [MultivariateNormal(middle, COVARIANCE).log_prob(x) for middle in MIDDLES]
    return PRIOR.log() + torch.stack(parts, -1)


def mean_costs(model: JointModel, x: Tensor) -> Tensor:
    """E L(x, y) of every class, exactly: L is quadratic in ε, and signs have its moments."""
    costs = model.costs(x.expand(len(SIGNS), -1), SIGNS)
    return costs.mean(0, keepdim=True)


def test_the_bounds_are_the_exact_likelihoods_at_the_exact_posteriors() -> None:
    model = known_model()
    for x in 2 * torch.randn(8, 1, 3, dtype=torch.float64):
        joint = log_joint(x)
        costs = mean_costs(model, x)
        torch.testing.assert_close(costs, -joint)
        log_q = model.log_q(x)
        torch.testing.assert_close(log_q, joint.log_softmax(-1))
        torch.testing.assert_close(unlabelled_bound(costs, log_q), -joint.logsumexp(-1))
        for label in range(2):
            y = torch.full((4,), label)
            cost = model.cost(x.expand(4, -1), y, SIGNS).mean(0)
            torch.testing.assert_close(cost, -joint[0, label])


def test_with_other_posteriors_the_bound_is_above_minus_the_likelihood() -> None:
    model = known_model()
    with torch.no_grad():
        model.classifier[1].weight.add_(0.5)
        model.encoder.head.bias.add_(0.3)
    for x in 2 * torch.randn(8, 1, 3, dtype=torch.float64):
        joint = log_joint(x)
        found = unlabelled_bound(mean_costs(model, x), model.log_q(x))
        assert (found + joint.logsumexp(-1) > 0.01).all()


# ---- What the bound is made of -----------------------------------------------------------------


def test_every_class_costs_what_it_costs_alone() -> None:
    learner = m2(points((1, 1, 1)), encoder=Mlp(hidden=(8, 8)), decoder=Mlp(hidden=(8,)))
    x, noise = torch.randn(5, 3), torch.randn(5, 2)
    every = learner.model.costs(x, noise)
    for label in range(3):
        alone = learner.model.cost(x, torch.full((5,), label), noise)
        torch.testing.assert_close(every[:, label], alone)
    assert every.std(1).min() > 1e-3


@pytest.mark.parametrize(
    "network",
    [
        Mlp(hidden=(7,), activation="softplus"),
        Mlp(hidden=(7, 6), norm="layer"),
        Mlp(hidden=(4,), activation="maxout", pieces=2),
        Mlp(hidden=(7,), waves=3),
        LINEAR,
        Dcgan(width=2, norm="none"),
    ],
    ids=["softplus", "layer norm", "maxout", "waves", "linear", "dcgan"],
)
def test_an_encoder_of_all_classes_is_that_of_each(network: Mlp | Dcgan) -> None:
    """An Mlp maps the example once for all classes; a convolution sees the class as planes."""
    encoder = JointEncoder(network, (1, 8, 8), 3, 2, "learner.encoder")
    assert encoder.flat == isinstance(network, Mlp)
    x = torch.randn(4, 1, 8, 8)
    found = encoder.of_all(x)
    assert found.shape == (4, 3, 4)
    for label in range(3):
        y = torch.eye(3)[[label] * 4]
        torch.testing.assert_close(found[:, label], encoder(x, y), rtol=1e-4, atol=1e-5)
    assert found.std(1).min() > 1e-4


def test_the_labelled_bound_has_the_terms_of_the_formula() -> None:
    learner = m2(points((1, 3)), class_prior="frequencies")
    model = learner.model
    x, noise, label = torch.randn(6, 3), torch.randn(6, 2), torch.tensor([0, 1, 1, 0, 1, 0])
    y = torch.eye(2)[label]
    mean, log_variance = model.encoder(x, y).chunk(2, -1)
    q = Normal(mean, (log_variance / 2).exp())
    z = q.loc + q.scale * noise
    likelihood = Normal(model.decoder(torch.cat([z, y], -1)), 1.0).log_prob(x).sum(-1)
    prior = torch.tensor([0.25, 0.75]).log()[label]
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(model.cost(x, label, noise), -(likelihood + prior - kl))


def test_the_prior_of_classes_is_uniform_unless_frequencies_are_asked_for() -> None:
    assert m2(points((1, 3))).model.log_prior.tolist() == pytest.approx([math.log(0.5)] * 2)


def test_the_weights_of_a_normal_prior_cost_half_their_squares_once_a_data_set() -> None:
    learner = m2(points(examples=10), weight_prior=3.0)
    x, label = torch.randn(3, 3), torch.tensor([0, -1, 1])
    terms = losses(learner, x, label).terms
    squares = sum(p.detach().square().sum().item() for p in learner.parameters())
    cost = terms["weights"].weight * terms["weights"].reduced.item()
    assert cost == pytest.approx(3.0 * squares / 2 / 10, rel=1e-5)
    assert "weights" not in losses(m2(), x, label).terms
    of_m1 = losses(m1m2(weight_prior=1.0), x, label, phase=0).terms["weights"].reduced.item()
    features = m1m2().features.parameters()
    assert of_m1 == pytest.approx(sum(p.detach().square().sum().item() for p in features), rel=1e-5)


# ---- Features that do not count ------------------------------------------------------------------


def test_features_that_do_not_count_are_no_part_of_their_likelihood() -> None:
    features = Features(3)
    features.alive.copy_(torch.tensor([True, False, True]))
    output, x = torch.randn(5, 6), torch.randn(5, 3)
    mean, log_variance = output.chunk(2, -1)
    density = Normal(mean, (log_variance / 2).exp()).log_prob(x)
    torch.testing.assert_close(features.log_prob(output, x), density[:, [0, 2]].sum(-1))
    noise = torch.randn(5, 3)
    drawn = features.drawn(output, noise)
    torch.testing.assert_close(drawn[:, 1], noise[:, 1])
    scaled = (mean + noise * (log_variance / 2).exp())[:, [0, 2]]
    torch.testing.assert_close(drawn[:, [0, 2]], scaled)


def test_the_drawn_noise_is_that_of_its_purpose() -> None:
    """The estimate of a batch is a function of the streams alone."""
    learner, x, label = m2(), torch.randn(3, 3), torch.tensor([0, -1, 1])
    first, again, other = (
        losses(learner, x, label, Streams(0, "train", step)).total() for step in (0, 0, 1)
    )
    assert first == again != other
