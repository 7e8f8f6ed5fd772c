"""What is watched of a training: the figures, the sentences, and that it changes no bit."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

import saddlepoint as sp
from kit.crash import crashed
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.learners.adversarial.judgement import watched_scores
from saddlepoint.pages import markup
from saddlepoint.report.gather import gather
from saddlepoint.symptoms.known import SYMPTOMS, findings
from saddlepoint.symptoms.samples import CONTROL, DIVERSITY, NEAR, SPREAD, near_training
from saddlepoint.training import watching
from saddlepoint.training.averaging import Average
from saddlepoint.training.record import History, read_record
from saddlepoint.training.watching import MOST, NAMES, Reference, Watch, small


def modes(k: int, n: int, seed: int, kept: int | None = None) -> Tensor:
    """Points at ``kept`` of k equal, narrow modes on a circle."""
    random = torch.Generator().manual_seed(seed)
    angle = torch.randint(kept or k, (n,), generator=random) * (2 * math.pi / k)
    centres = torch.stack([angle.cos(), angle.sin()], 1)
    return centres + 0.02 * torch.randn(n, 2, generator=random)


@pytest.mark.parametrize(("kept", "share"), [(8, 1.0), (4, 0.5), (2, 0.25), (1, 0.125)])
def test_diversity_is_the_share_of_modes_that_are_kept(kept: int, share: float) -> None:
    reference = Reference.of(modes(8, 2000, 0), modes(8, 500, 1))
    got = reference.figures(modes(8, 256, 2, kept))[DIVERSITY]
    assert got == pytest.approx(share, rel=0.2)


def test_two_far_modes_have_lost_diversity_where_a_mean_distance_sees_little() -> None:
    real = modes(8, 2000, 0)
    far = modes(2, 256, 1)
    assert float(torch.pdist(far).mean() / torch.pdist(real[:256]).mean()) > 0.75
    assert Reference.of(real, real[:100]).figures(far)[DIVERSITY] < 0.3


def test_smooth_images_are_compared_as_if_they_spread() -> None:
    real = gaussian(1000, 0)
    shrunk = 0.6 * gaussian(256, 1)
    assert Reference.of(real, real[:100]).figures(shrunk)[DIVERSITY] < 0.1
    forgiving = Reference.of(real, real[:100], watching.SMOOTH).figures(shrunk)
    assert forgiving[DIVERSITY] == pytest.approx(1.0, rel=0.2)
    assert forgiving[SPREAD] == pytest.approx(0.6, rel=0.05)
    few = Reference.of(real, real[:100], watching.SMOOTH).figures(0.1 * gaussian(256, 1))
    assert few[DIVERSITY] == pytest.approx(0.05, rel=0.05)


def test_one_sample_and_noise_are_the_ends_of_diversity() -> None:
    real = modes(8, 2000, 0)
    reference = Reference.of(real, modes(8, 500, 1))
    assert reference.figures(real[:1].repeat(256, 1))[DIVERSITY] == pytest.approx(0.05, rel=0.01)
    assert reference.figures(100 * torch.randn(256, 2))[DIVERSITY] == MOST


def gaussian(n: int, seed: int) -> Tensor:
    return torch.randn(n, 20, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("held_out", [500, 10])  # with ten, training examples take their place
def test_copies_lie_near_and_fresh_examples_do_not(held_out: int) -> None:
    training = gaussian(1000, 0)
    reference = Reference.of(training, gaussian(held_out, 1))
    fresh = reference.figures(gaussian(256, 2))
    copies = reference.figures(training[:256] + 0.01 * gaussian(256, 3))
    half = reference.figures(torch.cat([training[:128], gaussian(128, 4)]))
    assert fresh[NEAR] <= 0.02
    assert copies[NEAR] == 1.0
    assert half[NEAR] == pytest.approx(0.5, abs=0.02)
    assert fresh[CONTROL] == copies[CONTROL] <= 0.02


def test_the_threshold_is_half_the_distance_of_the_closest_held_out_examples() -> None:
    training = torch.zeros(40, 1)
    training[:20] = torch.arange(20.0)[:, None] / 100  # pairs that differ
    held_out = torch.full((80, 1), 5.0)
    held_out[::2, 0] = torch.arange(40) * -0.1 - 0.2  # the first half, at 0.2, 0.3, ...
    reference = Reference.of(training, held_out)
    # the round(0.05 · 41) = second smallest of 40 is 0.3
    assert reference.near == pytest.approx(0.15)
    assert reference.control == 0.0
    assert reference.figures(torch.tensor([[-0.1], [-0.2]]))[NEAR] == 0.5


@pytest.mark.parametrize("noise", [0.0, 0.003])
@pytest.mark.parametrize("repeated", [0.04, 0.2, 0.6])
def test_copies_are_seen_where_held_out_examples_repeat_training_ones(
    repeated: float, noise: float
) -> None:
    training, held_out = gaussian(1000, 0), gaussian(500, 1)
    order = torch.randperm(500, generator=torch.Generator().manual_seed(5))
    number = int(repeated * 500)
    held_out[order[:number]] = training[:number] + noise * gaussian(number, 6)
    reference = Reference.of(training, held_out)
    assert reference.near > 0.5 * Reference.of(training, gaussian(500, 1)).near
    copies, fresh = (reference.figures(x) for x in (training[:256], gaussian(256, 2)))
    assert reference.control == pytest.approx(repeated, abs=0.06)
    for figures, there in ((copies, True), (fresh, False)):
        readings = {name: [(step, figures[name]) for step in range(5)] for name in (NEAR, CONTROL)}
        assert any(sign.there for sign in near_training(readings)) is there


def test_data_that_are_all_alike_have_no_threshold() -> None:
    reference = Reference.of(torch.ones(100, 3), torch.ones(50, 3))
    assert reference.near == 0.0
    assert reference.figures(torch.ones(256, 3))[NEAR] == 0.0


def test_samples_that_are_not_finite_have_no_figures() -> None:
    reference = Reference.of(gaussian(100, 0), gaussian(100, 1))
    broken = reference.figures(torch.full((256, 20), math.inf))
    assert all(math.isnan(value) for value in broken.values())


def test_images_shrink_to_means_over_boxes() -> None:
    x = torch.arange(2 * 3 * 64 * 32.0).reshape(2, 3, 64, 32)
    expected = x.reshape(2, 3, 16, 4, 16, 2).mean((3, 5)).flatten(1)
    torch.testing.assert_close(small(x), expected)
    assert small(torch.zeros(2, 1, 8, 8)).shape == (2, 64)
    assert small(torch.zeros(2, 5)).shape == (2, 5)


def test_the_area_under_the_curve_counts_pairs_in_order() -> None:
    real = torch.tensor([[1.0, 2.0, 3.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    fake = torch.tensor([[0.0, 1.0, 3.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    watched = watched_scores(OBJECTIVES["hinge"], real, fake)
    assert watched["critic/auc"].tolist() == [0.625, 0.0]
    assert "critic/auc" not in watched_scores(OBJECTIVES["wasserstein"], real, fake)


@pytest.mark.parametrize(("recipe", "seeds"), [("dcgan", 1), ("gan", 2), ("vae", 1)])
def test_watching_changes_no_bit(tmp_path: Path, recipe: str, seeds: int) -> None:
    run = tiny(recipe, training={"log_every": 2}).replace(seeds=seeds)  # so no line is extra
    for name, watch in {"with": True, "without": False}.items():
        each = run.replace(training=run.training.replace(watch=watch))
        sp.train(each, tmp_path / name, quiet=True)
    for step in (4, 8, 12):
        assert same_bits(tensors(tmp_path / "with", step), tensors(tmp_path / "without", step))
    recorded = {name: read_record(tmp_path / name).scalars.keys() for name in ("with", "without")}
    assert recorded["with"] - recorded["without"] == set(NAMES)
    history = read_record(tmp_path / "with")
    measured = [
        step
        for step, value in zip(history.steps, history.scalars[DIVERSITY], strict=True)
        if value is not None
    ]
    assert measured == [4, 6, 8, 12], "with every checkpoint and picture"


def test_the_figures_are_those_of_the_saved_model(tmp_path: Path) -> None:
    run = tiny("dcgan")
    sp.train(run, tmp_path / "run", quiet=True)
    data = run.data.open()
    cpu = torch.device("cpu")
    training, held_out = (small(data.take(s, 4000, cpu).x) for s in ("train", "validation"))
    seed = watching.derive(run.seed, "watch")
    samples = small(sp.load(tmp_path / "run", 12).sample(watching.SAMPLES, seed=seed))
    expected = Reference.of(training, held_out[: watching.SAMPLES]).figures(samples)
    history = read_record(tmp_path / "run")
    for name, value in expected.items():
        assert history.scalars[name][-1] == pytest.approx(value, abs=1e-6)


def sick(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {DIVERSITY: [0.05], SPREAD: [0.1], NEAR: [0.0], CONTROL: [0.0]}
    monkeypatch.setattr(Watch, "figures", lambda self, learner: figures)


def test_a_symptom_is_said_once_recorded_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sick(monkeypatch)
    sp.train(tiny("gan", steps=40), tmp_path / "run")
    said = capsys.readouterr().err
    assert said.count("diversity collapsed, steps 18 to 24: two samples look alike 20 times") == 1
    history = read_record(tmp_path / "run")
    events = [each for each in history.events if each["event"] == "symptom"]
    assert [each["step"] for each in events] == [24]
    (found,) = findings(history.readings())
    assert events[0]["detail"] == found.sentence
    assert found.sentence in said
    summary = gather(tmp_path / "run")
    assert summary.symptoms == (found,)
    assert set(summary.watched) == set(SYMPTOMS) - {"plateau"}
    page = sp.build_report(tmp_path / "run").read_text()
    assert "At the end: diversity collapsed." in page
    assert markup.text(found.evidence.figures) in page
    assert "still there" in page


def test_a_run_without_symptoms_says_for_what_it_was_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = {DIVERSITY: [0.9], SPREAD: [0.9], NEAR: [0.0], CONTROL: [0.0]}
    monkeypatch.setattr(Watch, "figures", lambda self, learner: healthy)
    run = tiny("gan", steps=8)
    sp.train(run, tmp_path / "run", quiet=True)
    page = sp.build_report(tmp_path / "run").read_text()
    assert "None came." in page
    assert SYMPTOMS["near-training"].title in page
    unseen = run.replace(
        training=run.training.replace(watch=False), learner=tiny("wgan-gp-mlp").learner
    )
    sp.train(unseen, tmp_path / "unseen", quiet=True)
    assert "Symptoms" not in sp.build_report(tmp_path / "unseen").read_text()


def test_a_resumed_run_goes_on_with_what_was_read_and_says_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick(monkeypatch)
    for name, at in {"early": 22, "late": 27}.items():  # before it is said at 24, and after
        crashed(tiny("gan", steps=32), at, tmp_path / name, monkeypatch)
        sp.resume(tmp_path / name, quiet=True)
        events = [e for e in read_record(tmp_path / name).events if e["event"] == "symptom"]
        assert [each["step"] for each in events] == [24]


def test_readings_are_those_of_each_member_without_what_was_not_finite() -> None:
    history = History(
        steps=[1, 2, 3],
        scalars={"a": [1.0, None, 3.0], "b": [None, 2.0, 5.0]},
        members={"a": [[0.0, 2.0], [], [None, 3.0]]},
    )
    assert history.readings() == [
        {"a": [(1, 0.0)], "b": [(2, 2.0), (3, 5.0)]},
        {"a": [(1, 2.0), (3, 3.0)], "b": [(2, 2.0), (3, 5.0)]},
    ]
    assert history.readings(2)[1] == {"a": [(1, 2.0)], "b": [(2, 2.0)]}


def test_statistics_are_settled_once_for_each_update(monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny("dcgan")
    learner = run.learner.learner(run.data.open().info, batch_size=16, seed=0)
    average = Average(learner, 0.5)
    calls: list[int] = []
    monkeypatch.setattr(type(learner), "recalibrate", lambda self, seed: calls.append(seed))
    for seed in (1, 1, 2, 2):
        average.settle(seed)
    average.update(1)
    average.settle(2)
    average.load_state_dict(average.state_dict())
    average.settle(2)
    assert calls == [1, 2, 2, 2]
