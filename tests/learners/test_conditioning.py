"""Players that are told classes: heads, norms, who is told what, and K + 1 classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, cross_entropy, softplus

import saddlepoint as sp
from kit.drawn import CLASSED as DATA
from kit.tiny import tiny
from saddlepoint.cli import main
from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.games.constraints import SpectralNorm, WeightNorm
from saddlepoint.games.moment import Moment
from saddlepoint.games.regularisers import r1, wgan_gp
from saddlepoint.learners.adversarial.conditioning import (
    CONDITIONINGS,
    Classifier,
    Concatenation,
    Conditioning,
    KPlusOne,
    Projection,
)
from saddlepoint.learners.adversarial.costs import FeatureMatching, Unrolled
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.learner import AdversarialLearner
from saddlepoint.learners.adversarial.lenses import InstanceNoise, Pack, UnitRange
from saddlepoint.learners.losses import Losses
from saddlepoint.networks.class_norm import ClassBatchNorm, labelled
from saddlepoint.networks.critic import Critic, CriticOutput
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.noise import GaussianNoise
from saddlepoint.networks.resnet import ResNet
from saddlepoint.networks.weight_norm import normalise_lengths, start_by
from saddlepoint.randomness import Streams
from saddlepoint.training.record import read_record

BATCH, CLASSES = 8, 3
POINTS = DATA.model_copy(update={"shape": (3,), "form": "vectors"})
MLP = Mlp(hidden=(7,), activation="leaky_relu")
LABEL = torch.tensor([0, 1, 2, 0, 1, 2, 2, 1])
TOLD = [each for each in CONDITIONINGS if each().tells_generator]
CLASSIFYING = [each for each in CONDITIONINGS if each().classifies]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def built(classes: Conditioning, data: DataInfo = DATA, **described: Any) -> AdversarialLearner:
    described = {"latent": 4, "generator": MLP, "critic": MLP, **described}
    learner = Adversarial(classes=classes, **described).learner(data, batch_size=BATCH, seed=0)
    assert isinstance(learner, AdversarialLearner)
    return learner


def examples(data: DataInfo = DATA) -> Tensor:
    return torch.rand(BATCH, *data.shape) * 2 - 1


def turn(learner: AdversarialLearner, phase: str, label: Tensor = LABEL, step: int = 0) -> Losses:
    (found,) = (each for each in learner.phases if each.name == phase)
    streams = Streams(0, "train", step)
    loss: Any = found.loss
    moment = Moment(whole_graph=True)
    if "Dataless" in type(found).__name__:
        return loss(streams, moment)
    torch.manual_seed(1)
    return loss(Batch(examples(), label), streams, moment)


# ---- Heads -------------------------------------------------------------------------------------


@pytest.mark.parametrize("alone", [False, True])
def test_a_projection_is_the_product_of_features_and_the_direction_of_the_class(
    alone: bool,
) -> None:
    critic = built(Projection(alone=alone)).critic
    x = examples()
    output = critic(x, LABEL)
    directions = critic.told.directions.weight.T  # (classes, features)
    features = critic.backbone(x).detach()
    for row in range(BATCH):
        expected = sum(f * v for f, v in zip(features[row], directions[LABEL[row]], strict=True))
        if not alone:
            expected = expected + critic.head(features[row])[0]
        assert output.score[row].item() == pytest.approx(expected.item(), abs=1e-5)
    assert (critic.head is None) is alone
    assert output.logits is None


def test_the_score_of_k_plus_one_classes_is_the_odds_against_the_fake_class() -> None:
    """With a further logit of 0, softmax gives the fake class 1 − σ(score)."""
    critic = built(KPlusOne()).critic
    output = critic(10 * examples())
    with_fake = torch.cat([output.logits, torch.zeros(BATCH, 1)], 1).softmax(1)
    torch.testing.assert_close(output.score.sigmoid(), 1 - with_fake[:, -1])
    expected = binary_cross_entropy(1 - with_fake[:, -1], torch.ones(BATCH), reduction="none")
    torch.testing.assert_close(softplus(-output.score), expected)


def test_an_auxiliary_classifier_leaves_the_score_as_it_is() -> None:
    critic = built(Classifier()).critic
    x = examples()
    output = critic(x)
    torch.testing.assert_close(output.score, critic.head(critic.backbone(x)).squeeze(1))
    torch.testing.assert_close(output.logits, critic.told.logits(critic.backbone(x)))


# ---- What joins the losses ----------------------------------------------------------------------


def test_a_classifiers_terms_are_cross_entropies_of_reals_and_of_fakes() -> None:
    learner = built(Classifier(real=0.5, fake=0.25, generator=0.1))
    losses = turn(learner, "critic")
    torch.manual_seed(1)
    real = examples()
    z = learner.duel.latents(Streams(0, "train", 0))
    fake = learner.generator(z, LABEL)
    for name, x, weight in (("classes_real", real, 0.5), ("classes_fake", fake, 0.25)):
        expected = cross_entropy(learner.critic(x).logits, LABEL)
        assert losses.terms[name].reduced.item() == pytest.approx(expected.item(), rel=1e-5)
        assert losses.terms[name].weight == weight
    generators = turn(learner, "generator")
    assert generators.terms["classes"].weight == 0.1
    assert set(generators.terms) == {"adversarial", "classes"}


def test_the_labels_of_a_turn_without_a_batch_come_as_often_as_in_the_data() -> None:
    learner = built(Classifier())
    seen = []
    for step in range(300):
        z = learner.duel.latents(Streams(0, "train", step))
        label = torch.bucketize(
            Streams(0, "train", step).uniform((BATCH,), "labels").double(),
            torch.tensor([0.2, 0.5, 1.0], dtype=torch.float64),
            right=True,
        )
        expected = cross_entropy(learner.critic(learner.generator(z, label)).logits, label)
        if step < 3:
            found = turn(learner, "generator", step=step).terms["classes"].reduced
            assert found.item() == pytest.approx(expected.item(), rel=1e-5)
        seen.append(label)
    shares = torch.cat(seen).bincount() / (300 * BATCH)
    torch.testing.assert_close(shares, torch.tensor([0.2, 0.3, 0.5]), atol=0.03, rtol=0)


def test_of_k_plus_one_classes_only_known_labels_are_asked_for() -> None:
    learner = built(KPlusOne(), critic_weight=0.5)
    some = torch.where(torch.arange(BATCH) < 3, LABEL, -1)
    losses = turn(learner, "critic", some)
    torch.manual_seed(1)
    real = examples()
    fake = learner.generator(learner.duel.latents(Streams(0, "train", 0)))
    on_real, on_fake = learner.critic(real), learner.critic(fake)
    expected = cross_entropy(on_real.logits[:3], LABEL[:3])
    assert losses.terms["classes_real"].reduced.item() == pytest.approx(expected.item(), rel=1e-5)
    # ½ [E log(1 + exp(−s(x))) + E log(1 + exp(s(G)))], as the authors have it
    game = 0.5 * (softplus(-on_real.score).mean() + softplus(on_fake.score).mean())
    assert losses.terms["adversarial"].reduced.item() == pytest.approx(game.item(), rel=1e-5)
    hidden = turn(learner, "critic", torch.full_like(LABEL, -1))
    assert hidden.terms["classes_real"].reduced.item() == 0.0
    wrong = (on_real.logits[:3].argmax(1) != LABEL[:3]).float().mean().item()
    assert losses.diagnostics["critic/class_error"].item() == pytest.approx(wrong)


def test_labelled_examples_beside_the_others_are_no_part_of_the_game() -> None:
    apart = DATA.model_copy(update={"labelled_in_batch": 3})
    learner = built(KPlusOne(), apart, critic_weight=0.5, lenses=(UnitRange(),))
    label = torch.where(torch.arange(BATCH) < 3, LABEL, -1)
    losses = turn(learner, "critic", label)
    torch.manual_seed(1)
    x = (examples() + 1) / 2
    latents = learner.duel.latents(Streams(0, "train", 0))
    assert len(latents) == BATCH - 3
    known, real = learner.critic(x[:3]), learner.critic(x[3:])
    fake = learner.critic((learner.generator(latents) + 1) / 2)
    told = cross_entropy(known.logits, LABEL[:3])
    game = 0.5 * (softplus(-real.score).mean() + softplus(fake.score).mean())
    terms = losses.terms
    assert terms["classes_real"].reduced.item() == pytest.approx(told.item(), rel=1e-5)
    assert terms["adversarial"].reduced.item() == pytest.approx(game.item(), rel=1e-5)


def test_features_are_matched_with_those_of_the_game_alone() -> None:
    apart = DATA.model_copy(update={"labelled_in_batch": 3})
    learner = built(KPlusOne(), apart, cost=FeatureMatching())
    losses = turn(learner, "generator", torch.where(torch.arange(BATCH) < 3, LABEL, -1))
    torch.manual_seed(1)
    real = examples()[3:]
    fake = learner.generator(learner.duel.latents(Streams(0, "train", 0)))
    means = [learner.critic(each).features.mean(0) for each in (real, fake)]
    expected = (means[0] - means[1]).square().sum().item()
    assert losses.terms["adversarial"].reduced.item() == pytest.approx(expected, rel=1e-5)


def test_unrolling_sees_the_labelled_examples_beside_the_others() -> None:
    apart = DATA.model_copy(update={"labelled_in_batch": 3})
    label = torch.where(torch.arange(BATCH) < 3, LABEL, -1)
    other = label.clone()
    other[0] = 2
    costs = []
    for each in (label, other):
        learner = built(KPlusOne(), apart, cost=Unrolled(steps=1, rate=0.1))
        costs.append(turn(learner, "generator", each).total().item())
    assert costs[0] != costs[1]


def test_a_known_label_counts() -> None:
    learner = built(KPlusOne())
    some = torch.where(torch.arange(BATCH) < 3, LABEL, -1)
    other = some.clone()
    other[0] = 2
    first, second = (turn(learner, "critic", each).total().item() for each in (some, other))
    assert first != second


@pytest.mark.parametrize("kind", [Concatenation, Projection])
def test_a_point_between_has_the_one_label_of_its_two_ends(
    kind: type[Conditioning], monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = built(kind(), objective="wasserstein", critic_regularisers=(wgan_gp(1.0),))
    judged: list[tuple[Tensor, Tensor]] = []
    forward = Critic.forward

    def seen(self: Critic, x: Tensor, label: Tensor | None = None) -> CriticOutput:
        assert label is not None
        judged.append((x.detach(), label))
        return forward(self, x, label)

    monkeypatch.setattr(Critic, "forward", seen)
    turn(learner, "critic")
    (ends, label), (between, one) = judged
    real, fake = ends.split(BATCH)
    assert torch.equal(label, LABEL.repeat(2))
    assert torch.equal(one, LABEL)
    share = ((between - fake) / (real - fake)).flatten(1)
    assert share.std(1).max() < 1e-3  # each lies on the line between the pair whose label it has
    assert 0 <= share.min() <= share.max() <= 1


@pytest.mark.parametrize("kind", TOLD)
def test_a_fake_has_the_label_of_the_real_example_beside_it(
    kind: type[Conditioning], monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = built(kind())
    told: list[Tensor] = []
    forward = type(learner.generator).forward

    def seen(self: nn.Module, z: Tensor, label: Tensor | None = None, **more: Any) -> Tensor:
        assert label is not None
        told.append(label)
        return forward(self, z, label, **more)  # type: ignore[call-arg]

    monkeypatch.setattr(type(learner.generator), "forward", seen)
    turn(learner, "critic")
    assert torch.equal(told[0], LABEL)


@pytest.mark.parametrize("kind", [Concatenation, Projection])
def test_the_critic_is_told_the_label(kind: type[Conditioning]) -> None:
    critic = built(kind()).critic
    x = examples()
    same = critic(x, LABEL).score
    other = critic(x, (LABEL + 1) % CLASSES).score
    assert ((same - other).abs() > 1e-6).all()
    with pytest.raises(BadInput, match="made for classes"):
        critic(x)


@pytest.mark.parametrize("kind", CLASSIFYING)
def test_the_critic_is_not_told_what_it_is_to_tell(kind: type[Conditioning]) -> None:
    with pytest.raises(BadInput, match="without classes"):
        built(kind()).critic(examples(), LABEL)


def test_unrolling_sees_the_terms_of_classes() -> None:
    learner = built(Classifier(fake=0.0), cost=Unrolled(steps=1, rate=0.1))
    plain = built(Classifier(real=0.0, fake=0.0), cost=Unrolled(steps=1, rate=0.1))
    plain.load_state_dict(learner.state_dict())
    first, second = (turn(each, "generator").terms["adversarial"] for each in (learner, plain))
    assert first.reduced.item() != pytest.approx(second.reduced.item(), abs=1e-7)


def test_spectral_normalisation_divides_the_projection_too() -> None:
    critic = built(Projection(), objective="hinge", constraints=(SpectralNorm(),)).critic.eval()
    largest = torch.linalg.matrix_norm(critic.told.directions.weight, 2)
    assert largest.item() == pytest.approx(1.0, abs=0.05)


# ---- Norms -------------------------------------------------------------------------------------


def test_class_batch_norm_is_batch_norm_with_the_gain_and_bias_of_the_class() -> None:
    norm = ClassBatchNorm(4)
    norm.hold(CLASSES)
    nn.init.normal_(norm.gains)
    nn.init.normal_(norm.biases)
    x = torch.randn(BATCH, 4, 5, 3) * 3 + 2
    with labelled([norm], LABEL):
        found = norm(x)
    for channel in range(4):
        values = x[:, channel]
        standard = (values - values.mean()) / (values.var(unbiased=False) + 1e-5).sqrt()
        for row, label in enumerate(LABEL):
            gain, bias = norm.gains[label, channel], norm.biases[label, channel]
            torch.testing.assert_close(found[row, channel], standard[row] * gain + bias)
    with pytest.raises(BadInput, match="give it a label"):
        norm(x)


@pytest.mark.parametrize(
    "network", [Dcgan(width=3, norm="class_batch"), ResNet(width=3, norm="class_batch")]
)
def test_a_generators_norms_alone_can_tell_it_the_class(network: Any) -> None:
    learner = built(Projection(), generator=network, critic=Dcgan(width=2, norm="none"))
    z = torch.randn(BATCH, 4)
    first = learner.generator(z, LABEL)
    torch.testing.assert_close(first, learner.generator(z, LABEL.flip(0)))  # all gains are 1
    norms = [m for m in learner.generator.modules() if isinstance(m, ClassBatchNorm)]
    assert norms
    with torch.no_grad():
        for norm in norms:
            nn.init.normal_(norm.gains)
    assert (learner.generator(z, LABEL) - learner.generator(z, LABEL.flip(0))).abs().max() > 1e-3
    losses = turn(learner, "generator")
    losses.total().backward()
    assert all(norm.gains.grad is not None for norm in norms)


def test_norms_of_classes_need_classes() -> None:
    network = Dcgan(width=2, norm="class_batch")
    with pytest.raises(BadInput, match=r"generator.norm class_batch .* --learner.classes"):
        built(CONDITIONINGS[0](), generator=network, critic=Dcgan(width=2))
    with pytest.raises(BadInput, match=r"critic.norm class_batch"):
        built(Projection(), critic=network)


# ---- Weight norm, noise, averages ---------------------------------------------------------------


def test_weight_norm_starts_so_that_units_have_mean_0_and_variance_1() -> None:
    network = nn.Sequential(
        nn.Conv2d(2, 5, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(5 * 9 * 6, 4),
        nn.Tanh(),
        nn.Linear(4, 2),
    )
    normalise_lengths(network)
    x = 3 * torch.randn(64, 2, 11, 8) + 1
    start_by(network, lambda: network(x))
    seen = x
    for layer in network:
        seen = layer(seen)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            axes = [axis for axis in range(seen.dim()) if axis != 1]
            torch.testing.assert_close(
                seen.mean(axes), torch.zeros(seen.shape[1]), atol=1e-4, rtol=0
            )
            variance = seen.var(axes, unbiased=False)
            torch.testing.assert_close(variance, torch.ones(seen.shape[1]), atol=1e-3, rtol=0)
            weight, length = layer.weight, layer.parametrizations.weight.original0
            direction = layer.parametrizations.weight.original1
            flat = direction.flatten(1)
            expected = length.flatten()[:, None] * flat / flat.norm(dim=1, keepdim=True)
            torch.testing.assert_close(weight.flatten(1), expected)


def test_the_first_batch_starts_the_critic_once() -> None:
    learner = built(KPlusOne(), constraints=(WeightNorm(),))
    before = {n: p.detach().clone() for n, p in learner.critic.named_parameters()}
    turn(learner, "critic")
    started = {n: p.detach().clone() for n, p in learner.critic.named_parameters()}
    assert any(not torch.equal(before[n], started[n]) for n in before)
    turn(learner, "critic", step=1)
    assert all(torch.equal(p, started[n]) for n, p in learner.critic.named_parameters())
    other = built(KPlusOne(), constraints=(WeightNorm(),))
    other.load_state_dict(learner.state_dict())
    turn(other, "critic", step=2)
    assert all(torch.equal(p, started[n]) for n, p in other.critic.named_parameters())
    without = built(KPlusOne(), constraints=(WeightNorm(by_data=False),))
    before = {n: p.detach().clone() for n, p in without.critic.named_parameters()}
    turn(without, "critic")
    assert all(torch.equal(p, before[n]) for n, p in without.critic.named_parameters())


def test_lengths_can_stay_as_the_first_batch_set_them() -> None:
    learner = built(KPlusOne(), constraints=(WeightNorm(lengths="fixed"),))
    fixed = {n for n, p in learner.critic.named_parameters() if not p.requires_grad}
    assert fixed
    assert all(n.startswith("backbone.") and n.endswith("original0") for n in fixed)
    turn(learner, "critic").total().backward()
    lengths = learner.critic.told.logits.parametrizations.weight.original0
    assert lengths.grad is not None
    directions = built(KPlusOne(), constraints=(WeightNorm(),), critic=Mlp(hidden=(400, 400)))
    v = directions.critic.backbone[-2].parametrizations.weight.original1
    assert v.std().item() == pytest.approx(0.05, rel=0.02)


def test_noise_is_added_in_training_alone() -> None:
    layer = GaussianNoise(0.3)
    x = torch.randn(200, 200)
    noise = layer(x) - x
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    assert torch.equal(layer.eval()(x), x)
    body = Mlp(hidden=(5, 5), noise_input=0.3, noise=0.5)
    critic = built(KPlusOne(), critic=body).critic
    deviations = [m.deviation for m in critic.modules() if isinstance(m, GaussianNoise)]
    assert deviations == [0.3, 0.5, 0.5]


# ---- Runs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSIFYING)
def test_a_trained_critic_tells_classes_by_averaged_weights(
    tmp_path: Path, kind: type[Conditioning]
) -> None:
    run = tiny("gan", 6)
    run = run.replace(learner=run.learner.replace(classes=kind()))
    sp.train(run, tmp_path / "run", quiet=True)
    model = sp.load(tmp_path / "run")
    x = run.data.open().take("test", 20, torch.device("cpu")).x
    said = model.classify(x)
    assert said.shape == (20, 10)
    torch.testing.assert_close(said.exp().sum(1), torch.ones(20))
    alone = torch.cat([model.classify(each[None]) for each in x])
    torch.testing.assert_close(said, alone, rtol=1e-4, atol=1e-5)
    last = sp.load(tmp_path / "run", "latest").learner.critic.state_dict()
    assert any((value != 0).any() for value in last.values())
    row = sp.evaluate(tmp_path / "run", scores="classification_error").row("classification_error")
    assert 0 <= row.figure.estimate.value <= 1


@pytest.mark.parametrize("kind", CLASSIFYING)
def test_errors_of_classes_are_recorded_and_reported(
    tmp_path: Path, kind: type[Conditioning]
) -> None:
    run = tiny("gan", 6, training={"best": {"scalar": "validation/error", "mode": "min"}})
    run = run.replace(learner=run.learner.replace(classes=kind()))
    sp.train(run, tmp_path / "run", quiet=True)
    history = read_record(tmp_path / "run")
    model = sp.load(tmp_path / "run", "latest")
    held = run.data.open().take("validation", 1000, torch.device("cpu"))
    wrong = model.classify(held.x).argmax(1) != held.label
    assert history.steps[-1] == 6
    assert history.scalars["validation/error"][-1] == pytest.approx(wrong.double().mean().item())
    error = history.scalars["critic/class_error"][-1]
    assert error is not None
    assert 0 <= error <= 1
    page = sp.build_report(tmp_path / "run").read_text(encoding="utf-8")
    of = "share of labelled examples whose likeliest class is another"
    assert f"critic/class_error, last ({of})" in page
    assert f"validation/error, last ({of}, held-out examples)" in page
    assert "training labels are known; critic/class_error is" in page


@pytest.mark.parametrize("kind", CLASSIFYING)
def test_a_critic_that_compares_examples_is_not_asked_about_one(kind: type[Conditioning]) -> None:
    learner = built(kind(), critic=MLP.replace(minibatch="std"))
    assert learner.held_out == ()
    assert learner.measure(Batch(examples()[:3], LABEL[:3]), Streams(0)) == {}
    assert "critic/class_error" in learner.headline
    assert "validation" not in " ".join(learner.said)


@pytest.mark.parametrize("kind", CLASSIFYING)
def test_classes_are_read_off_what_the_critic_sees(kind: type[Conditioning]) -> None:
    """Lenses that always change examples do so here too; what is drawn is left out."""
    lenses = (UnitRange(), InstanceNoise(std=0.5))
    learner = built(kind(), lenses=lenses).eval()
    x = examples()
    expected = learner.critic((x + 1) / 2).logits.log_softmax(1)
    torch.testing.assert_close(learner.classify(x), expected)


def test_it_learns_classes(tmp_path: Path) -> None:
    """Two classes of points, far apart: conditional samples lie where their class does."""
    random = np.random.default_rng(0)
    label = random.integers(0, 2, 600)
    points = (random.normal(size=(600, 2)) * 0.3 + np.where(label, 2.0, -2.0)[:, None]).astype(
        np.float32
    )
    np.savez(tmp_path / "two.npz", x=points, labels=label)
    for classes in (Concatenation(), Projection(), Classifier()):
        run = sp.recipes.gan(tmp_path / "two.npz", steps=400, batch_size=64, device="cpu")
        small = {"generator": Mlp(hidden=(32, 32)), "critic": Mlp(hidden=(32, 32))}
        run = run.replace(learner=run.learner.replace(classes=classes, **small))
        out = tmp_path / classes.kind
        sp.train(run, out, quiet=True)
        model = sp.load(out)
        for which, middle in ((0, -2.0), (1, 2.0)):
            drawn = model.sample(200, label=torch.full((200,), which))
            assert (drawn.sign() == np.sign(middle)).float().mean() > 0.9, (classes.kind, which)


def test_a_class_is_named_at_sampling(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "dcgan-two-core", "--data", "digits", "--conditional", "--width", "4"]
    words += ["--steps", "2", "--batch-size", "16", "--device", "cpu", "--quiet"]
    main([*words, "--out", str(tmp_path / "run")])
    out = str(tmp_path / "sevens.npy")
    main(["sample", str(tmp_path / "run"), "--class", "7", "--n", "5", "--out", out])
    assert np.load(out).shape[0] == 5
    with pytest.raises(SystemExit) as stop:
        main(["sample", str(tmp_path / "run"), "--class", "seven", "--n", "5"])
    assert stop.value.code == 2
    assert "seven" in capsys.readouterr().err


# ---- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [each for each in CONDITIONINGS if each().uses_classes])
def test_labels_that_are_missing_or_of_one_class_are_refused(kind: type[Conditioning]) -> None:
    for info, words in (
        ({"classes": (), "class_counts": ()}, "pictures has no labels"),
        (
            {"classes": ("a",), "class_counts": (100,)},
            "all training examples of pictures are of one",
        ),
    ):
        with pytest.raises(BadInput, match=words) as refused:
            built(kind(), DATA.model_copy(update=info))
        assert "--learner.classes" in str(refused.value)


@pytest.mark.parametrize("kind", TOLD)
def test_labels_that_are_partly_known_are_refused(kind: type[Conditioning]) -> None:
    with pytest.raises(BadInput, match="only 50 of 100 training examples"):
        built(kind(), DATA.model_copy(update={"class_counts": (10, 20, 20)}))


def test_what_does_not_go_with_classes_is_refused() -> None:
    with pytest.raises(BadInput, match="a pack of examples has no one class"):
        built(Projection(), lenses=(Pack(),))
    with pytest.raises(BadInput, match="leave --seeds at 1"):
        Adversarial(classes=Projection(), latent=4, generator=MLP, critic=MLP).learner(
            DATA, batch_size=BATCH, seed=(0, 1)
        )


def test_who_learns_from_labels_is_known() -> None:
    """A notice says of others that labels which were asked for are idle."""
    assert {kind.word() for kind in CONDITIONINGS if built(kind()).learns_labels} == {
        kind.word() for kind in CONDITIONINGS if kind().uses_classes
    }


def test_games_without_classes_read_no_label() -> None:
    learner = built(CONDITIONINGS[0]())
    some = turn(learner, "critic", LABEL).total()
    other = turn(learner, "critic", (LABEL + 1) % CLASSES).total()
    assert some.item() == other.item()


def test_penalties_and_feature_matching_go_with_every_kind() -> None:
    for kind in CONDITIONINGS:
        for described in ({"critic_regularisers": (r1(1.0),)}, {"cost": FeatureMatching()}):
            learner = built(kind(), **described)
            for phase in ("critic", "generator"):
                assert torch.isfinite(turn(learner, phase).total()), (kind, phase)


def test_codes_are_read_off_samples_of_classes(tmp_path: Path) -> None:
    run = sp.recipes.infogan("digits", conditional=True, width=4, steps=2, batch_size=16)
    sp.train(run, tmp_path / "run", quiet=True)
    model = sp.load(tmp_path / "run")
    bounds = model.information(70, seed=3)
    assert set(bounds) == {code.name for code in model.learner.codes}
    assert all(values.shape == (70,) for values in bounds.values())


def test_points_are_told_by_an_embedding() -> None:
    critic = built(Concatenation(embedding=6), POINTS).critic
    assert critic.backbone.told.shape == (3 + 6,)
