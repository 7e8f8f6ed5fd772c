"""Semi-supervised autoencoders: their objective over batches, hidden labels, stages, samples."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import saddlepoint as sp
from kit.classes import Still, losses, m1m2, m2, points
from kit.parts import TRAINING
from kit.tiny import same_bits, tensors
from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput, RunStopped
from saddlepoint.learners.semisupervised.description import M1M2, M2
from saddlepoint.learners.semisupervised.joint_model import unlabelled_bound
from saddlepoint.learners.semisupervised.learner import SemiSupervisedLearner
from saddlepoint.learners.variational.likelihood import Likelihood
from saddlepoint.learners.variational.likelihoods import LIKELIHOODS, Bernoulli, Gaussian
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.randomness import Streams
from saddlepoint.run.description import Run
from saddlepoint.training.validation import HeldOut

STILL = Still(0)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


# ---- The objective over batches ----------------------------------------------------------------

X = 2 * torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
LABEL = torch.tensor([0, 1, -1, -1, -1, -1])
ALPHA = 0.7


def objective(learner: SemiSupervisedLearner) -> float:
    """J/N of the six examples, from its definition."""
    model, noise = learner.model, torch.zeros(6, 2)
    x = learner.seen(X, STILL)
    costs, log_q = model.costs(x, noise), model.log_q(x)
    labelled = [costs[i, LABEL[i]].item() for i in (0, 1)]
    unlabelled = unlabelled_bound(costs, log_q)[2:].tolist()
    surprise = [-log_q[i, LABEL[i]].item() for i in (0, 1)]
    n = 6
    return (sum(labelled) + sum(unlabelled) + ALPHA * n * sum(surprise) / 2) / n


def batches(labelled: int | None, size: int) -> list[list[int]]:
    """All batches, equally likely: of so many labelled examples, which come first, or of any."""
    if labelled is None:
        return [list(each) for each in itertools.combinations(range(6), size)]
    firsts = itertools.combinations((0, 1), labelled)
    others = list(itertools.combinations((2, 3, 4, 5), size - labelled))
    return [[*first, *other] for first in firsts for other in others]


@pytest.mark.parametrize(
    ("in_batch", "size"), [(1, 2), (1, 3), (1, 5), (2, 3), (2, 5), (None, 1), (None, 3), (None, 6)]
)
@pytest.mark.parametrize("build", [m2, m1m2])
def test_a_batch_estimates_the_objective_of_the_data_whatever_its_share_of_labels(
    build: Any, in_batch: int | None, size: int
) -> None:
    learner = build(points(in_batch=in_batch), classifier_weight=ALPHA)
    if build is m1m2:
        learner.model.observation.alive.fill_(True)
    every = batches(in_batch, size)
    totals = [losses(learner, X[b], LABEL[b], STILL).total().item() for b in every]
    assert sum(totals) / len(totals) == pytest.approx(objective(learner), rel=1e-5)
    assert len(every) == 1 or np.std(totals) > 0.01


@pytest.mark.parametrize(("in_batch", "size"), [(1, 2), (2, 5), (None, 3)])
def test_m1_also_learns_from_every_example_alike(in_batch: int | None, size: int) -> None:
    learner = m1m2(points(in_batch=in_batch))
    error, information, mean = learner.features.bound(X, torch.zeros(6, 4))
    every = batches(in_batch, size)
    totals = [losses(learner, X[b], LABEL[b], STILL, phase=0).total().item() for b in every]
    expected = (error + information).mean().item()
    assert sum(totals) / len(totals) == pytest.approx(expected, rel=1e-5)
    # and the moments that decide which features count are those of the data
    taken = []
    for b in every:
        losses(learner, X[b], LABEL[b], STILL, phase=0)
        taken.append(learner._moments / (1 - 0.99))
    _, first, second = torch.stack(taken).mean(0) / size
    torch.testing.assert_close(first, mean.mean(0))
    torch.testing.assert_close(second, mean.square().mean(0))


def test_where_all_labels_are_known_the_objective_has_no_unlabelled_part() -> None:
    learner = m2(points((3, 3)))
    label = torch.tensor([0, 1, 0, 1, 0, 1])
    found = learner(learner.phases[0], Batch(X, label), STILL)
    costs, log_q = learner.model.costs(X, torch.zeros(6, 2)), learner.model.log_q(X)
    rows = torch.arange(6)
    expected = costs[rows, label].mean() - 0.1 * log_q[rows, label].mean()
    torch.testing.assert_close(found.total(), expected)
    assert "entropy" not in found.diagnostics
    assert "all 6 training labels are known" in learner.said[0]


def test_the_classifier_learns_from_labels_with_its_weight() -> None:
    """Its gradient from the labelled example alone is α over all of the data."""
    gradients = []
    for alpha in (0.0, 1.0, 2.0):
        learner = m2(points(in_batch=1), classifier_weight=alpha)
        losses(learner, X[[0, 2, 3]], LABEL[[0, 2, 3]], STILL).total().backward()
        gradients.append(learner.model.classifier[1].weight.grad)
    one, two = gradients[1] - gradients[0], gradients[2] - gradients[0]
    torch.testing.assert_close(two, 2 * one)
    surprise = -m2().model.log_q(X[:1])
    learner = m2()
    (-learner.model.log_q(X[:1])[0, 0]).backward()
    torch.testing.assert_close(one, learner.model.classifier[1].weight.grad)
    assert surprise.shape == (1, 2)


# ---- Hidden labels -----------------------------------------------------------------------------


def images(n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, 8, 8), dtype=np.uint8), np.arange(n) % 3


def described(labels: np.ndarray, kind: str = "m2", **data: Any) -> Run:
    tiny = Mlp(hidden=(6,))
    names = {"classifier": tiny, "encoder": tiny, "decoder": tiny, "latent": 2}
    more = {"features": 4, "features_encoder": tiny, "features_decoder": tiny}
    learner = M2(**names) if kind == "m2" else M1M2(**names, **more, least_deviation=0.0)
    data = {"labelled": 12, "labelled_in_batch": 3, **data}
    source = sp.describe_data((images()[0], labels), **data)
    return Run(data=source, learner=learner, training=TRAINING.replace(steps=4))


def known(labels: np.ndarray) -> Tensor:
    batch = described(labels).data.open().take("train", 1000, torch.device("cpu"))
    return torch.where(batch.labelled, batch.label, -1)


def scrambled(labels: np.ndarray, hidden: bool) -> np.ndarray:
    """Labels exchanged between examples whose labels are hidden, or among known ones."""
    rng = np.random.default_rng(1)
    before, labels = known(labels), labels.copy()
    for _ in range(60):
        other = labels.copy()
        i, j = rng.integers(0, len(labels), 2)
        other[[i, j]] = other[[j, i]]
        # The choice of known labels depends on hidden ones: only what leaves it as it is counts.
        if torch.equal(known(other), before) == hidden:
            labels = other
            before = known(labels)
    return labels


@pytest.mark.parametrize("kind", ["m2", "m1_m2"])
def test_hidden_labels_change_no_bit_of_training_and_known_ones_do(
    tmp_path: Path, kind: str
) -> None:
    _, labels = images()
    hidden, other = scrambled(labels, hidden=True), scrambled(labels, hidden=False)
    assert (hidden != labels).sum() > 10
    for name, given in (("a", labels), ("b", hidden), ("c", other)):
        run = described(given, kind)
        sp.train(run, tmp_path / name, quiet=True)
    # of validation examples labels are known, and errors are measured there: weights are compared
    first, second, third = (tensors(tmp_path / name, 4) for name in "abc")
    assert same_bits(first, second)
    assert not same_bits(first, third)


def test_batches_hold_the_labelled_examples_first() -> None:
    """What the objective relies on."""
    data = described(images()[1]).data.open()
    loader = data.loader("train", 8, seed=0, device=torch.device("cpu"))
    for cursor in range(5):
        batch = loader.batch(cursor)
        assert batch.labelled is not None
        assert batch.labelled.tolist() == [True] * 3 + [False] * 5
    assert data.info.labelled_in_batch == 3
    by_chance = described(images()[1], labelled_in_batch=None).data.open()
    assert by_chance.info.labelled_in_batch is None


# ---- Stages ------------------------------------------------------------------------------------


def test_deviations_are_those_of_the_posterior_means_over_the_data() -> None:
    learner = m1m2(points((3, 3)))
    mean = learner.features.statistics(X)[0].detach()
    for _ in range(1500):
        losses(learner, X, LABEL, STILL, phase=0)
        learner.phases[0].prepare()
    torch.testing.assert_close(
        learner.features.deviations(), mean.std(0, correction=0), rtol=1e-3, atol=1e-4
    )


def test_dead_features_are_told_when_m2_begins_and_then_play_no_part() -> None:
    learner = m1m2(points((3, 3)), least_deviation=0.1)
    deviations = torch.tensor([0.5, 0.05, 0.0, 0.2])
    middle = torch.tensor([1.0, 3.0, -2.0, 0.0])
    moments = torch.stack([torch.ones(4), middle, middle**2 + deviations**2])
    learner.features.moments.copy_(0.3 * moments)
    assert not learner.model.observation.alive.any()
    learner.enter(1)
    assert learner.model.observation.alive.tolist() == [True, False, False, True]
    seen = learner.seen(X, Streams(0, "train", 0))
    assert not seen[:, [1, 2]].any()
    assert seen[:, [0, 3]].all()
    # their noise is their value, whatever M2 says of them
    z = torch.randn(5, 6)
    with torch.no_grad():
        before = learner.decode(z, torch.zeros(5, dtype=torch.int64))
        learner.model.decoder.layers[0].bias[[1, 2, 5, 6]] += 3
        torch.testing.assert_close(learner.decode(z, torch.zeros(5, dtype=torch.int64)), before)
        learner.model.decoder.layers[0].bias[0] += 3
        assert (learner.decode(z, torch.zeros(5, dtype=torch.int64)) - before).abs().max() > 0.01


def test_features_are_drawn_anew_at_every_step_and_classified_by_their_means() -> None:
    learner = m1m2()
    learner.model.observation.alive.fill_(True)
    drawn = [learner.seen(X, Streams(0, "train", step)) for step in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    mean, log_variance = learner.features.statistics(X)
    torch.testing.assert_close(learner.seen(X, None), mean.detach())
    many = torch.stack([learner.seen(X, Streams(0, "train", n)) for n in range(2000)])
    torch.testing.assert_close(many.mean(0), mean.detach(), rtol=0, atol=0.12)
    torch.testing.assert_close(many.std(0), (log_variance.detach() / 2).exp(), rtol=0.1, atol=0)
    torch.testing.assert_close(learner.classify(X), learner.model.log_q(mean).detach())


def test_a_first_model_that_learnt_nothing_ends_the_run() -> None:
    learner = m1m2()
    learner.features.moments.copy_(torch.tensor([[1.0], [0.0], [1e-4]]).expand(3, 4))
    with pytest.raises(RunStopped, match=r"no feature of M1 deviates by more than 0\.1 .* 0\.01\)"):
        learner.enter(1)


def test_m2_begins_where_m1_ends_which_then_stays_as_it_is(tmp_path: Path) -> None:
    run = described(images()[1], "m1_m2")
    run = run.replace(training=run.training.replace(keep=4))
    sp.train(run, tmp_path / "run", quiet=True)
    at = {step: tensors(tmp_path / "run", step) for step in (1, 2, 3, 4)}

    def moved(player: str, first: int, second: int) -> bool:
        names = [n for n in at[1] if n.startswith(f"learner/{player}.") and "alive" not in n]
        return any(not np.array_equal(at[first][n], at[second][n]) for n in names)

    assert moved("features", 1, 2)
    assert not moved("features", 2, 4)
    assert not moved("model", 1, 2)
    assert moved("model", 2, 3)
    # the averaged model knows which features count, too
    alive = [at[4][f"{part}/model.observation.alive"] for part in ("learner", "average")]
    assert alive[0].all()
    assert (alive[0] == alive[1]).all()
    assert not at[2]["learner/model.observation.alive"].any()


# ---- Classes, samples, latents -----------------------------------------------------------------


@pytest.mark.parametrize("build", [m2, m1m2])
def test_it_classifies_samples_and_encodes(build: Any) -> None:
    learner = build(points((1, 1, 1)))
    assert learner.classifies == "labels"
    assert learner.uses_labels
    log_q = learner.classify(X)
    torch.testing.assert_close(log_q.exp().sum(-1), torch.ones(6))
    torch.testing.assert_close(learner.classify(X[2:4]), log_q[2:4])
    assert learner.classify(X[:0]).shape == (0, 3)
    label = torch.tensor([0, 1, 2, 0, 1, 2])
    z = learner.encode(X, label)
    assert z.shape == (6, len(learner.columns))
    torch.testing.assert_close(learner.encode(X), learner.encode(X, log_q.argmax(-1)))
    mean = learner.model.encoder(learner.seen(X, None), torch.eye(3)[label]).chunk(2, -1)[0]
    torch.testing.assert_close(z[:, :2], mean.detach())
    assert not z[:, 2:].any()
    assert learner.decode(z, label).shape == (6, 3)
    samples = learner.sample(100, seed=3, label=torch.ones(100, dtype=torch.int64))
    assert torch.equal(samples[:7], learner.sample(7, 3, torch.ones(7, dtype=torch.int64)))
    for wrong in (torch.tensor([0, 1, 3, 0, 0, 0]), torch.tensor([0.0] * 6), torch.tensor([0])):
        with pytest.raises(BadInput, match="labels"):
            learner.encode(X, wrong)
    with pytest.raises(BadInput, match="give a label for each latent"):
        learner.decode(z)


def test_samples_of_a_class_are_those_of_its_distribution() -> None:
    """x = W z + c_y of a linear decoder: means, covariances and frequencies of classes."""
    learner = m2(points((1, 3)), class_prior="frequencies")
    layer = learner.model.decoder.layers[0]
    mixing, middles = layer.weight.detach().split([2, 2], 1)
    for label in range(2):
        drawn = learner.sample(20_000, 0, torch.full((20_000,), label))
        expected = middles[:, label] + layer.bias.detach()
        torch.testing.assert_close(drawn.mean(0), expected, rtol=0, atol=0.02)
        torch.testing.assert_close(drawn.T.cov(), mixing @ mixing.T, rtol=0, atol=0.03)
    assert learner.labels(20_000, 0).float().mean().item() == pytest.approx(0.75, abs=0.02)
    assert m2(points((1, 3))).labels(20_000, 0).float().mean().item() == pytest.approx(
        0.5, abs=0.02
    )


def test_errors_are_measured_where_a_label_is_known() -> None:
    learner = m2()
    predicted = learner.classify(X).argmax(-1)
    label = torch.where(torch.tensor([True, True, False, True, False, True]), predicted, -1)
    label[0] = 1 - predicted[0]
    measured = learner.measure(Batch(X, label, label >= 0), STILL)
    assert measured["bound"].shape == (6,)
    assert measured["error"].tolist() == [1, 0, 0, 0]
    assert set(measured) == set(learner.held_out)

    class Held:
        info = points()

        def take(self, split: str, n: int, device: torch.device) -> Batch:
            return Batch(X[:4], label[:4], label[:4] >= 0)

    found = HeldOut(learner, Held(), 3, torch.device("cpu")).measured(learner, 0)
    assert found["validation/error"] == [pytest.approx(1 / 3)]
    assert set(found) == {"validation/bound", "validation/error"}
    label[:] = -1
    assert "validation/error" not in HeldOut(learner, Held(), 3, torch.device("cpu")).measured(
        learner, 0
    )


def test_the_error_of_validation_examples_chooses_the_best_checkpoint(tmp_path: Path) -> None:
    run = described(images()[1])
    best = {"scalar": "validation/error", "mode": "min"}
    run = run.replace(training=run.training.replace(best=best))
    sp.train(run, tmp_path / "run", quiet=True)
    written = json.loads((tmp_path / "run" / "checkpoints" / "best.json").read_text())
    assert written["scalar"] == "validation/error"
    assert 0 <= written["value"] <= 1
    model = sp.load(tmp_path / "run")
    assert model.step == written["step"]
    validation = run.data.open().take("validation", 1000, torch.device("cpu"))
    wrong = model.learner.classify(validation.x).argmax(-1) != validation.label
    assert wrong.float().mean().item() == pytest.approx(written["value"])
    assert model.sample(3, label=model.of_class("1", 3)).shape == (3, 1, 8, 8)


# ---- Likelihoods ------------------------------------------------------------------------------


PICTURES: dict[str, Any] = {"shape": (1, 4, 4), "form": "images"}
SAID = [
    *LIKELIHOODS,
    lambda: Gaussian(scale="each"),
    lambda: Gaussian(scale="fixed", std=0.5),
    lambda: Bernoulli(binarise="stochastic"),
    lambda: Bernoulli(binarise="threshold"),
]


@pytest.mark.parametrize("build", [m2, m1m2])
@pytest.mark.parametrize("made", SAID)
def test_every_likelihood_of_the_autoencoder_is_one_of_these(build: Any, made: Any) -> None:
    """Its log-probability is that of the part, of the examples as it sees them."""
    likelihood: Likelihood = made()
    learner: SemiSupervisedLearner = build(points(**PICTURES), likelihood=likelihood)
    x = torch.rand(6, *PICTURES["shape"]) * 2 - 1
    streams = Streams(0, "train", 0)
    found = losses(learner, x, LABEL, streams, phase=0)
    assert torch.isfinite(found.total())
    owner = learner.model if build is m2 else learner.features
    output = torch.randn(6, *likelihood.decoded(PICTURES["shape"]))
    seen = likelihood.prepared(x, streams, 3)
    expected = likelihood.log_prob(output, torch.zeros(()), seen, 3)
    torch.testing.assert_close(owner.observation.log_prob(output, seen), expected)
    z = torch.zeros(6, len(learner.columns))
    assert learner.decode(z, LABEL.clamp(min=0)).shape == x.shape
    grey = learner.classify(x)
    assert grey.shape == (6, 2)
    if isinstance(likelihood, Bernoulli) and likelihood.binarise == "threshold":
        torch.testing.assert_close(grey, learner.classify(x.sign()))


def test_a_scale_is_learned_where_there_is_one() -> None:
    for likelihood, learned in ((Gaussian(), True), (Bernoulli(), False)):
        model = m2(points(**PICTURES), likelihood=likelihood).model
        assert model.observation.log_scale.requires_grad is learned


# ---- What is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("info", "options", "words"),
    [
        ({"classes": (), "class_counts": ()}, {}, "points has no labels"),
        ({"classes": ("a",), "class_counts": (3,)}, {}, "the single class 'a'"),
        ({"class_counts": (2, 0)}, {}, "no training example .* is of the class 'b'"),
        ({}, {"likelihood": "bernoulli"}, "the Bernoulli likelihood needs images"),
        ({}, {"encoder": Mlp(hidden=(4, 4), norm="batch")}, "--learner.encoder.norm to none"),
        ({}, {"classifier": Mlp(minibatch="std")}, "--learner.classifier.minibatch to none"),
        ({}, {"decoder": Mlp(norm="virtual")}, "--learner.decoder.norm to none"),
        ({}, {"decoder": Dcgan(norm="none")}, "needs images, and these data are vectors"),
    ],
)
def test_what_cannot_be_learnt_is_refused_in_a_sentence(
    info: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    data: DataInfo = points(**info)
    for build in (m2, m1m2):
        with pytest.raises(BadInput, match=words) as refused:
            build(data, **options)
        assert str(refused.value).endswith(".")


def test_several_seeds_in_one_program_are_refused() -> None:
    for family in (M2(likelihood="gaussian"), M1M2(likelihood="gaussian")):
        with pytest.raises(BadInput, match="leave --seeds at 1"):
            family.learner(points(), batch_size=3, seed=(0, 1))


def test_too_few_labels_for_every_class_are_refused_before_training() -> None:
    with pytest.raises(BadInput, match="labelled = 2 is fewer than the 3 classes"):
        described(images()[1], labelled=2).data.open()


def test_weights_start_with_the_deviation_that_is_asked_for() -> None:
    learner = m1m2(initial_deviation=1e-3, features_encoder=Mlp(hidden=(400,)))
    weight = learner.features.encoder[1].weight
    assert weight.std().item() == pytest.approx(1e-3, rel=0.1)
    assert not any(p.any() for n, p in learner.named_parameters() if n.endswith("bias"))
    assert m1m2().features.posterior.weight.std().item() > 0.1
