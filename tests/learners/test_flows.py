"""Posteriors that a flow bends: the formulas with a known transformation, and zuko where it is."""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from pydantic import ValidationError
from torch import nn

import saddlepoint as sp
from kit.linear_gaussian import (
    LINEAR,
    SKEW,
    VECTORS,
    exact_posterior,
    linear_gaussian,
    set_encoder,
)
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.data.batch import Batch
from saddlepoint.errors import BadInput
from saddlepoint.explore import importance_weighted
from saddlepoint.learners.variational.description import Variational
from saddlepoint.randomness import Streams

without_zuko = pytest.mark.skipif(find_spec("zuko") is not None, reason="zuko is installed")
with_zuko = pytest.mark.skipif(find_spec("zuko") is None, reason="zuko is not installed")


class Triangular(nn.Module):
    """What zuko's flows offer, of one linear map: z = L z₀, whatever the context."""

    def __init__(self, latent: int, context: int, transforms: int, hidden_features: tuple) -> None:
        super().__init__()
        covariance, _ = exact_posterior(SKEW)
        self.lower = nn.Parameter(torch.linalg.cholesky(covariance))
        self.asked = (latent, context, transforms)

    @property
    def transform(self) -> nn.Module:
        return self

    def forward(self, context: torch.Tensor) -> SimpleNamespace:
        assert context.shape[-1] == self.asked[1]
        return SimpleNamespace(
            call_and_ladj=lambda start: (
                start @ self.lower.T,
                torch.logdet(self.lower).expand(start.shape[:-1]),
            )
        )


@pytest.fixture
def bent(monkeypatch: pytest.MonkeyPatch):
    """A linear-Gaussian learner whose bent posterior is the exact one, with its correlations."""
    zuko = ModuleType("zuko")
    zuko.flows = SimpleNamespace(MAF=Triangular, NSF=Triangular)
    monkeypatch.setitem(sys.modules, "zuko", zuko)
    plain, exact = linear_gaussian(SKEW)
    description = Variational(latent=2, encoder=LINEAR, decoder=LINEAR, flow="autoregressive")
    learner = description.learner(VECTORS, batch_size=4, seed=0)
    learner.load_state_dict(plain.state_dict(), strict=False)
    covariance, gain = exact_posterior(SKEW)
    inverse = torch.linalg.inv(torch.linalg.cholesky(covariance))
    set_encoder(learner, inverse @ gain, torch.ones(2))
    return learner, exact


def test_a_flow_to_the_exact_posterior_closes_the_gap(bent):
    """Every single draw gives log p(x): log q counts the determinant, with its sign."""
    learner, exact = bent
    torch.manual_seed(0)
    x = exact.sample((50,))
    values = learner.measure(Batch(x), Streams(0, "held out", 0))
    torch.testing.assert_close(values["elbo"].detach(), exact.log_prob(x), rtol=0, atol=1e-4)
    likelihood, ratio = learner.weights(x, Streams(0, "held out", 1), 5)
    expected = exact.log_prob(x).expand(5, 50)
    torch.testing.assert_close((likelihood + ratio).detach(), expected, rtol=0, atol=1e-4)
    _, gain = exact_posterior(SKEW)
    torch.testing.assert_close(learner.encode(x), (x - exact.loc) @ gain.T, rtol=0, atol=1e-5)


def test_the_flow_learns_with_the_encoder(bent):
    learner, exact = bent
    with torch.no_grad():
        learner.autoencoder.flow.transform.lower.add_(0.3)
    losses = learner(learner.phases[0], Batch(exact.sample((64,))), Streams(0, "train", 0))
    losses.total().backward()
    gradient = learner.autoencoder.flow.transform.lower.grad
    assert gradient.isfinite().all()
    assert gradient.any()


def test_a_flow_stands_alone_and_without_free_bits(bent):
    description = bent[0].description
    assert not description.stacks()
    with pytest.raises(BadInput, match="several seeds in one program are not for flows"):
        description.learner(VECTORS, batch_size=4, seed=(0, 1))
    with pytest.raises(ValidationError, match="free-bits need the KL of each latent dimension"):
        Variational(flow="spline", free_bits=0.1)
    with pytest.raises(ValidationError, match="flow-layers are of a flow"):
        Variational(flow_layers=3)


@without_zuko
def test_what_is_missing_is_named_with_the_command_that_installs_it():
    with pytest.raises(BadInput, match=r'needs zuko.*pip install "saddlepoint\[flows\]"'):
        Variational(flow="spline").learner(VECTORS, batch_size=4, seed=0)


@with_zuko
@pytest.mark.parametrize("kind", ["autoregressive", "spline"])
def test_the_determinant_of_zukos_flows_is_that_of_their_jacobian(kind):
    learner = Variational(latent=3, flow=kind).learner(VECTORS, batch_size=4, seed=0).double()
    flow = learner.autoencoder.flow
    torch.manual_seed(0)
    start, features = torch.randn(5, 3).double(), torch.randn(5, 256).double()
    z, determinant = flow(start, features)
    assert z.shape == (5, 3)
    for i in range(5):
        jacobian = torch.autograd.functional.jacobian(
            lambda s, i=i: flow(s[None], features[i : i + 1])[0][0], start[i]
        )
        torch.testing.assert_close(jacobian.det().abs().log(), determinant[i])


@with_zuko
@pytest.mark.parametrize("kind", ["autoregressive", "spline"])
def test_a_learner_with_zukos_flow_has_a_bound(kind):
    learner = Variational(latent=3, flow=kind).learner(VECTORS, batch_size=4, seed=0)
    x = torch.randn(40, 3)
    values = learner.measure(Batch(x), Streams(0, "held out", 0))
    torch.testing.assert_close(values["elbo"], -values["reconstruction"] - values["kl"])
    learner(learner.phases[0], Batch(x), Streams(0, "train", 0)).total().backward()
    assert all(p.grad.isfinite().all() for p in learner.autoencoder.flow.parameters())


@with_zuko
def test_a_run_with_a_flow_resumes_to_the_same_bits_and_is_looked_at(tmp_path: Path):
    run = tiny("vae")
    run = run.replace(learner=run.learner.replace(flow="spline", latent=3))
    sp.train(run, tmp_path / "whole", quiet=True)
    sp.train(run.replace(training=run.training.replace(steps=4)), tmp_path / "part", quiet=True)
    sp.resume(tmp_path / "part", steps=12, quiet=True)
    assert same_bits(tensors(tmp_path / "whole", 12), tensors(tmp_path / "part", 12))
    x = run.data.open().take("test", 4, torch.device("cpu")).x
    found = importance_weighted(sp.load(tmp_path / "whole"), x, samples=5)
    assert found.elbo.value < found.nats.value
