"""Training on examples of which a share of the values is hidden."""

from pathlib import Path

import numpy as np
import pytest
import torch

import saddlepoint as sp
from kit.tiny import tensors
from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.explore import fill_in
from saddlepoint.learners.variational.description import Variational
from saddlepoint.learners.variational.missing import hidden_values
from saddlepoint.networks.mlp import Mlp
from saddlepoint.randomness import Streams
from saddlepoint.training.trained import Trained

SHAPE = (2, 4, 5)
IMAGES = DataInfo(name="pictures", shape=SHAPE, form="images", counts={}, fingerprint="")


def build(**described):
    networks = {"encoder": Mlp(hidden=(8,)), "decoder": Mlp(hidden=(8,))}
    described = {"latent": 3, "missing": 0.4, **networks, **described}
    return Variational(**described).learner(IMAGES, batch_size=4, seed=0)


def losses_of(learner, batch: Batch):
    return learner(learner.phases[0], batch, Streams(0, "train", 0))


def batch_of(n: int = 6) -> Batch:
    torch.manual_seed(0)
    return Batch(2 * torch.rand(n, *SHAPE) - 1, index=torch.arange(100, 100 + n))


# ---- What is hidden ----------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_is_hidden_and_places_and_examples_are_independent(share):
    hidden = hidden_values(torch.arange(20_000), (2, 5, 5), share).flatten(1).double()
    error = (share * (1 - share)) ** 0.5
    assert hidden.mean().item() == pytest.approx(share, abs=5 * error / 1000)
    assert (hidden.mean(0) - share).abs().max() < 5 * error / 20_000**0.5
    correlation = hidden.T.corrcoef() - torch.eye(50)
    assert correlation.abs().max() < 6 / 20_000**0.5
    neighbours = torch.corrcoef(torch.stack([hidden[:-1].flatten(), hidden[1:].flatten()]))
    assert neighbours[0, 1].abs() < 5 / 1000


def test_the_same_example_has_the_same_hidden_values_whatever_stands_beside_it():
    index = torch.tensor([[5, 2**40 + 1], [7, 5]])
    hidden = hidden_values(index, (3, 3), 0.5)
    assert hidden.shape == (2, 2, 3, 3)
    assert torch.equal(hidden[0, 0], hidden[1, 1])
    assert torch.equal(hidden[1, 0], hidden_values(torch.tensor(7), (3, 3), 0.5))
    assert not torch.equal(hidden[0, 0], hidden[1, 0])


# ---- The bound ---------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize(
    "likelihood", ["gaussian", "bernoulli", "categorical", "discretised_logistic"]
)
def test_the_bound_is_that_of_the_seen_values(likelihood, samples):
    """The sum over seen values, one by one; what stands at hidden places is no matter."""
    learner, batch = build(likelihood=likelihood, samples=samples), batch_of()
    losses = losses_of(learner, batch)
    seen = ~hidden_values(batch.index, SHAPE, 0.4)
    x = torch.where(seen, batch.x, 0.0)
    mean, log_variance = learner.posterior(x, seen)
    shape = (6, 3) if samples == 1 else (samples, 6, 3)
    noise = Streams(0, "train", 0).normal(shape, "posterior").view(samples, 6, 3)
    error = 0.0
    for each in noise:
        output = learner.autoencoder.decoder(mean + each * (log_variance / 2).exp())
        one = learner.likelihood.each(output, learner.log_scale, x, 3)
        error -= sum(one[i][seen[i]].sum() for i in range(6)) / (6 * samples)
    torch.testing.assert_close(losses.diagnostics["reconstruction"], error.detach())
    assert "bits_per_dimension" not in losses.diagnostics
    other = Batch(torch.where(seen, batch.x, 0.7), index=batch.index)
    assert torch.equal(losses.total(), losses_of(learner, other).total())


def test_the_encoder_is_told_which_values_were_seen():
    learner, x = build(), batch_of().x
    seen = torch.rand(6, *SHAPE) > 0.5
    zeros = torch.where(seen, x, 0.0)
    told, mean = learner.posterior(x, seen)[0], learner.posterior(zeros)[0]
    assert torch.equal(told, learner.posterior(zeros, seen)[0])
    assert not torch.equal(told, mean)  # a hidden value is no 0
    values = learner.measure(Batch(x), Streams(0, "held out", 0))
    assert torch.equal(learner.encode(x), learner.posterior(x, torch.ones_like(x).bool())[0])
    assert set(values) == set(learner.held_out)
    assert "40 % of the values of training examples are hidden" in learner.said[1]


@pytest.mark.parametrize(
    "described",
    [{}, {"likelihood": {"kind": "bernoulli", "binarise": "stochastic"}}, {"dequantise": True}],
    ids=str,
)
def test_hidden_values_change_no_bit_of_the_training(tmp_path: Path, described):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    hidden = hidden_values(torch.arange(60), (1, 8, 8), 0.3)[:, 0].numpy()
    others = np.where(hidden, rng.integers(0, 256, images.shape, dtype=np.uint8), images)
    seen = np.where(hidden, images, rng.integers(0, 256, images.shape, dtype=np.uint8))
    found = []
    for number, values in enumerate((images, others, seen)):
        run = sp.recipes.vae(values, steps=20, batch_size=16, device="cpu", precision="float32")
        run = run.replace(
            learner=run.learner.replace(missing=0.3, latent=3, **described),
            training=run.training.replace(log_every=10, sample_every=100),
        )
        sp.train(run, tmp_path / str(number), quiet=True)
        found.append(tensors(tmp_path / str(number), 20))
    weights = [name for name in found[0] if name.startswith(("learner/", "average/"))]
    assert len(weights) > 8
    assert all(found[0][name].tobytes() == found[1][name].tobytes() for name in weights)
    assert any(found[0][name].tobytes() != found[2][name].tobytes() for name in weights)


def test_mirrored_examples_are_refused(tmp_path: Path):
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    run = sp.recipes.vae(images, steps=2, batch_size=16, device="cpu")
    run = run.replace(learner=run.learner.replace(missing=0.3), data=run.data.replace(flip=True))
    with pytest.raises(BadInput, match=r"mirrored at random: leave --data\.flip false"):
        sp.train(run, tmp_path / "run", quiet=True)


def test_a_model_that_was_told_fills_in_from_what_was_seen():
    learner = build(likelihood="bernoulli")
    run = sp.recipes.vae("digits").replace(learner=learner.description)
    model, x = Trained(run, IMAGES, 0, learner), batch_of().x
    seen = torch.rand(6, *SHAPE) > 0.5
    filled = fill_in(model, x, seen, sweeps=4)
    total = torch.zeros(64, *SHAPE)
    padded = torch.where(seen, x, 0.0)
    padded, mask = (torch.cat([v, v[:1].expand(58, *SHAPE)]) for v in (padded, seen))
    with torch.no_grad():
        mean, log_variance = learner.posterior(padded, mask)
        for sweep in (2, 3):
            noise = Streams(0, "filling", 0, sweep).normal((64, 3), "posterior")
            z = mean + noise * (log_variance / 2).exp()
            total += 2 * learner.autoencoder.decoder(z).sigmoid() - 1
    expected = torch.where(seen, x, total[:6] / 2)
    torch.testing.assert_close(torch.from_numpy(filled.examples), expected)
