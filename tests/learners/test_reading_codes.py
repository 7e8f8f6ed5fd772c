"""What a recogniser says of examples: bounds, classes, pictures, and how runs are scored by it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import saddlepoint as sp
from kit.drawn import BATCH, POINTS
from saddlepoint.cli import main
from saddlepoint.errors import BadInput
from saddlepoint.evaluation.recognising import recognised
from saddlepoint.learners.adversarial.auxiliaries import LateRecogniser, Recogniser
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.learner import AdversarialLearner
from saddlepoint.learners.adversarial.priors import Coded
from saddlepoint.learners.adversarial.recognition import Recognition
from saddlepoint.networks.mlp import Mlp
from saddlepoint.training.own_data import open_own_data

PRIOR = Coded(categorical=(3, 2), uniform=1, names=("kind", "side", "slant"))


def build(*auxiliaries: Any, seed: int | tuple[int, ...] = 0, **changes: Any) -> AdversarialLearner:
    given = {
        "latent": 2,
        "prior": PRIOR,
        "generator": Mlp(hidden=(9,)),
        "critic": Mlp(hidden=(7,)),
        "auxiliaries": auxiliaries,
        **changes,
    }
    learner = Adversarial(**given).learner(POINTS, batch_size=BATCH, seed=seed).double()
    assert isinstance(learner, AdversarialLearner)
    return learner


@pytest.mark.parametrize("part", [Recogniser(), LateRecogniser(), Recogniser(floor=None)])
def test_information_is_entropy_and_log_q_of_the_samples(part: Any) -> None:
    """Worked out by hand from q's parameters, across the border of a block."""
    learner = build(part)
    n = 300
    each = learner.information(n, 5)
    z, x = learner.latents(n, 5), learner.sample(n, 5)
    learner.eval()
    (recognition,) = (m for m in learner.duel.auxiliaries.values() if isinstance(m, Recognition))
    with torch.no_grad():
        q = recognition(learner.duel.critic(x).features)
    assert list(each) == ["kind", "side", "slant"]
    kind = math.log(3) + q["kind"].log_softmax(1)[torch.arange(n), z[:, 2:5].argmax(1)]
    torch.testing.assert_close(each["kind"], kind, rtol=0, atol=1e-6)
    mean, deviation = q["slant"].T
    normal = torch.distributions.Normal(mean, deviation)
    torch.testing.assert_close(each["slant"], math.log(2) + normal.log_prob(z[:, 7].double()))


def test_a_recogniser_that_knows_all_reaches_the_entropy_and_one_that_knows_nothing_0() -> None:
    learner = build(Recogniser(hidden=0))
    (recognition,) = (m for m in learner.duel.auxiliaries.values() if isinstance(m, Recognition))
    for parameter in recognition.parameters():
        torch.nn.init.zeros_(parameter)
    each = learner.information(256, 0)
    assert each["kind"].abs().max() < 1e-6
    assert each["side"].abs().max() < 1e-6


def test_members_read_as_they_would_alone() -> None:
    part = Recogniser(hidden=6, norm="layer")
    both = build(part, seed=(0, 5))
    x = both.sample(70, 1)[0]
    for member, seed in enumerate((0, 5)):
        alone = build(part, seed=seed)
        torch.testing.assert_close(both.classify(x)[member], alone.classify(x))
        torch.testing.assert_close(
            both.information(70, 2)["slant"][member], alone.information(70, 2)["slant"]
        )


def test_each_example_is_classified_on_its_own() -> None:
    learner = build(Recogniser())
    x = learner.sample(300, 0)
    whole = learner.classify(x)
    assert learner.classifies == "groups"
    assert whole.shape == (300, 3)
    torch.testing.assert_close(whole.exp().sum(1), torch.ones(300, dtype=whole.dtype))
    torch.testing.assert_close(learner.classify(x[17:20]), whole[17:20])


def test_without_a_recogniser_nothing_is_read() -> None:
    learner = build()
    assert learner.information(10, 0) == {}
    assert learner.classifies == ""
    with pytest.raises(BadInput, match="not to classify"):
        learner.classify(learner.sample(3, 0))


def test_the_learner_says_what_its_bounds_are() -> None:
    learner = build(Recogniser())
    assert learner.headline[:3] == tuple(
        f"critic/information_{name}" for name in ("kind", "side", "slant")
    )
    assert learner.units["critic/information_kind"] == "nats, at most 1.099"
    assert "0.693 + E log q" in learner.units["critic/information_slant"]
    assert learner.forms["critic/information_kind"].format(1.0) == "I(kind) 1.00 of 1.10"
    assert build(LateRecogniser()).headline[2] == "recogniser/information_slant"


def test_a_codes_picture_changes_nothing_else_along_a_row() -> None:
    learner = build(Recogniser())
    pictures = learner.further_pictures(3)
    assert {name: tuple(grid.shape) for name, grid in pictures.items()} == {
        "code-kind": (6, 3, 2),
        "code-side": (6, 2, 2),
        "code-slant": (6, 10, 2),
    }
    z = learner.latents(6, 3).repeat_interleave(3, 0)
    z[:, 2:5] = torch.eye(3).repeat(6, 1)
    torch.testing.assert_close(pictures["code-kind"].flatten(0, 1), learner.decode(z))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("codes") / "run"
    run = sp.recipes.infogan_two_core(
        "digits", width=4, dense=16, noise=4, numbers=1, steps=4, batch_size=16, device="cpu"
    )
    sp.train(run, where, quiet=True)
    return where


def test_a_run_is_scored_by_what_it_recognises(trained: Path) -> None:
    main(
        [
            "evaluate",
            str(trained),
            "--features",
            "pixels",
            "--scores",
            "classification_error",
            "information",
            "frechet",
        ]
    )
    (stored,) = (trained / "evaluations").glob("*.json")
    rows = {row["score"]: row for row in json.loads(stored.read_text())["rows"]}
    model = sp.load(trained)
    dataset = open_own_data(trained, None)
    batch = dataset.take("test", 10_000, torch.device("cpu"))
    train = dataset.take("train", 10_000, torch.device("cpu"))
    assert batch.label is not None
    assert train.label is not None
    groups = model.classify(batch.x).argmax(1)
    # the matching by trying every order would take 10! of them: it is tested elsewhere
    from saddlepoint.metrics.matching import best_matching

    found = model.classify(train.x).argmax(1).numpy()
    matched = best_matching(found, train.label.numpy(), 10, 10)
    error = float((matched[groups.numpy()] != batch.label.numpy()).mean())
    row = rows["classification_error"]
    assert row["value"] == pytest.approx(error)
    assert row["low"] < row["value"] < row["high"]
    assert "without labels" in row["notes"][0]
    assert row.get("control") is None
    information = rows["information"]
    n = information["n_fake"]
    each = model.information(n, 0)
    assert information["value"] == pytest.approx(float(sum(v.mean() for v in each.values())))
    assert "class " in information["notes"][0]
    assert "of 2.303" in information["notes"][0]


def test_held_out_labels_do_not_choose_the_matching(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, dataset = sp.load(trained), open_own_data(trained, None)
    before = recognised(model, dataset, 64, 0)
    take = dataset.take

    def shuffled(split: str, n: int, device: torch.device) -> Any:
        batch = take(split, n, device)
        if split == "train":
            return batch
        assert batch.label is not None
        return type(batch)(batch.x, batch.label.flip(0))

    monkeypatch.setattr(dataset, "take", shuffled)
    after = recognised(model, dataset, 64, 0)
    assert before is not None
    assert after is not None
    assert np.array_equal(before.classes, after.classes)
    assert not np.array_equal(before.labels, after.labels)


def test_pictures_of_codes_are_in_the_run_and_its_report(trained: Path) -> None:
    names = {path.name for path in (trained / "samples").glob("code-*.png")}
    assert names == {"code-class.png", "code-number-1.png"}
    main(["report", str(trained)])
    page = (trained / "report.html").read_text()
    assert "What it learned" in page
    assert "Code class" in page
    assert "critic/information_class, last (nats, at most 2.303)" in page


def test_examples_of_another_shape_are_refused(trained: Path) -> None:
    with pytest.raises(BadInput, match=r"\(n, 1, 8, 8\) are needed"):
        sp.load(trained).classify(torch.zeros(3, 1, 9, 9))
