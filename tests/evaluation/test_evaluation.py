"""Evaluations: what is compared with what, what is printed and written, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

import saddlepoint as sp
from kit.refusal import fails
from kit.tiny import tiny
from saddlepoint.cli import main
from saddlepoint.evaluation import files, showing, sides
from saddlepoint.evaluation.progress import telling
from saddlepoint.evaluation.scorer import Scorer, Settings
from saddlepoint.evaluation.sources import Preparation, two_sides
from saddlepoint.features.classifier import ClassifierSpace
from saddlepoint.features.interface import FeatureSpace
from saddlepoint.metrics import frechet, kernel
from saddlepoint.metrics.estimate import (
    BLOCKS,
    blocks,
    difference,
    jackknife,
    mean_of,
    proportion,
)
from saddlepoint.scores.copies import PAIRS
from saddlepoint.scores.declaration import SCORES

CHEAP = ["frechet", "kernel", "precision", "coverage"]


def gaussian(n: int, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).normal(size=(n, 3))).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SADDLEPOINT_DATA", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evaluated") / "digits"
    sp.train(tiny("dcgan"), out, quiet=True)
    return out


@pytest.fixture(scope="module")
def seeds_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evaluated") / "seeds"
    sp.train(tiny("gan", data="ring").replace(seeds=3), out, quiet=True)
    return out


def test_two_sources_give_the_scores_of_their_samples() -> None:
    real, fake = gaussian(800), gaussian(300, 1.5, seed=1)
    evaluation = sp.evaluate(real=real, fake=fake, n=300, scores=CHEAP)
    assert evaluation.n == {"real": 300, "control": 300, "candidate": 300}
    assert [row.key for row in evaluation.rows] == CHEAP
    reference, side = two_sides(real, fake, None, 300, 0, Preparation())
    row = evaluation.row("kernel")
    assert row.figure.estimate.value == pytest.approx(
        kernel.kernel_distance(reference.real.x, side.x)
    )
    assert row.control is not None
    assert row.control.estimate.value == pytest.approx(
        kernel.kernel_distance(reference.real.x, reference.control.x)
    )
    together = torch.cat([reference.real.x, reference.control.x])
    assert len(together.unique(dim=0)) == 600, "reference and control share no example"


def test_a_wrong_scale_is_worse_than_real_and_fresh_data_are_as_real() -> None:
    bad = sp.evaluate(real=gaussian(1200), fake=gaussian(600, 1.5, seed=1), scores=CHEAP)
    for key in CHEAP:
        assert showing.verdict(bad.row(key)) == "worse than real", key
    good = sp.evaluate(real=gaussian(1200), fake=gaussian(600, seed=1), scores=CHEAP)
    assert sum(row.judgement.kind == "as real" for row in good.rows) >= 3


def test_fresh_data_are_called_as_real_in_nineteen_of_twenty_trials() -> None:
    """The interval of (candidate − control) covers 0 for a candidate that is real."""
    covered, trials = 0, 60
    for seed in range(trials):
        random = torch.Generator().manual_seed(seed)
        real, fake, other = (torch.randn(200, 3, generator=random) for _ in range(3))
        candidate = frechet.frechet_estimate(real, fake)
        control = frechet.frechet_estimate(real, other)
        gap = difference(candidate, control)
        covered += gap.low <= 0 <= gap.high
    assert covered >= stats.binom.ppf(0.005, trials, 0.93)


def test_a_run_is_held_against_the_test_split(digits_run: Path) -> None:
    evaluation = sp.evaluate(digits_run, features="pixels", scores=CHEAP)
    reference = sides.of_run(digits_run, None)
    assert evaluation.n["real"] == evaluation.n["control"] == evaluation.n["candidate"] == 180
    assert evaluation.facts["step"] == 12
    data = reference.dataset
    cpu = torch.device("cpu")
    assert torch.equal(reference.real.x, data.take("test", 180, cpu).x)
    assert torch.equal(reference.control.x, data.take("validation", 180, cpu).x)
    again = sp.evaluate(digits_run, features="pixels", scores=CHEAP)
    assert [r.figure for r in again.rows] == [r.figure for r in evaluation.rows]
    other = sp.evaluate(digits_run, features="pixels", scores=CHEAP, seed=5)
    assert [r.figure for r in other.rows] != [r.figure for r in evaluation.rows]
    assert [r.control for r in other.rows][:2] == [r.control for r in evaluation.rows][:2]


def test_every_score_applies_somewhere_and_is_explained(digits_run: Path, seeds_run: Path) -> None:
    images = sp.evaluate(digits_run, features="classifier", scores="all")
    points = sp.evaluate(seeds_run, n=400, scores="all")
    seen = {row.key for row in (*images.rows, *points.rows)}
    # of learners that say something themselves: tests/learners/test_reading_codes.py and
    # tests/explore/test_importance.py; of samples of classes: tests/scores/test_conditional.py
    elsewhere = {"classification_error", "information", "log_likelihood"}
    assert seen == set(SCORES) - elsewhere - {"class_accuracy", "class_kernel_distance"}
    for score in SCORES.values():
        assert score.asks.endswith((".", "?"))
        assert score.blind
        assert score.paper
    for row in (*images.rows, *points.rows):
        estimate = row.figure.estimate
        if math.isfinite(estimate.value):
            assert estimate.low <= estimate.value <= estimate.high, row.key
        assert estimate.method
        assert row.control is not None


def test_seeds_are_scored_one_by_one_and_summed_up(seeds_run: Path) -> None:
    evaluation = sp.evaluate(seeds_run, scores=CHEAP)
    each = [member["rows"] for member in evaluation.facts["members"]]
    assert len(each) == 3
    values = [rows[0]["value"] for rows in each]
    assert len(set(values)) == 3
    estimate = evaluation.rows[0].figure.estimate
    assert estimate.value == pytest.approx(np.mean(values))
    half = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) / math.sqrt(3)
    assert estimate.high - estimate.value == pytest.approx(half)
    assert "3 seeds" in estimate.method


def test_samples_are_scored_as_a_saved_picture_would_be(digits_run: Path, tmp_path: Path) -> None:
    model = sp.load(digits_run)
    side = sides.drawn(model, "it", 180, 0)
    levels = (side.x + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-4)
    assert float((side.x - model.sample(180)).abs().max()) <= 1 / 255 + 1e-6
    main(["sample", str(digits_run), "--n", "180", "--out", str(tmp_path / "saved.npz")])
    saved = two_sides("digits", tmp_path / "saved.npz", None, 180, 0, Preparation())[1].x
    ordered, scored = (x.flatten(1).sum(1).sort().values for x in (saved, side.x))
    assert torch.allclose(ordered, scored, atol=0.02)


def test_files_and_table(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["evaluate", str(digits_run), "--features", "pixels", "--scores", "kernel", "mmd_test"])
    said = capsys.readouterr().out
    assert "kernel distance ↓" in said
    assert "control" in said
    assert "delete-block jackknife" in said
    stored = json.loads((digits_run / "evaluations/pixels-step-12.json").read_text())
    assert [row["score"] for row in stored["rows"]] == ["kernel", "mmd_test"]
    first = stored["rows"][0]
    assert first["low"] < first["value"] < first["high"]
    assert first["n_real"] == first["control"]["n_real"] == 180
    assert first["minus_control"]["value"] == pytest.approx(
        first["value"] - first["control"]["value"]
    )
    assert "p_value" in stored["rows"][1]
    assert Image.open(digits_run / "evaluations/pixels-step-12.png").size[0] > 300


def test_samples_stand_above_the_training_images_nearest_to_them(
    digits_run: Path, tmp_path: Path
) -> None:
    reference = sides.of_run(digits_run, 100)
    assert reference.train is not None
    fresh, copies = reference.control.x[:90], reference.train.x[300:310].flip(-1)
    candidate = sides.Side("ten mirrored copies", torch.cat([fresh, copies]))
    settings = Settings(features=("pixels",), scores=("memorisation",))
    with telling(quiet=True) as tell:
        evaluation = Scorer(reference, settings, tell).evaluation(candidate, {})
    closest, theirs, first, nearest = evaluation.pictures["nearest"]
    assert closest.shape == theirs.shape == (PAIRS, 1, 8, 8)
    originals = {x.tobytes() for x in reference.train.x[300:310].numpy()}
    assert {x.tobytes() for x in theirs[:10]} == originals
    assert np.array_equal(closest[:10], np.flip(theirs[:10], -1))
    assert np.array_equal(first, fresh[:PAIRS].numpy())
    assert {x.tobytes() for x in nearest} <= {x.tobytes() for x in reference.train.x.numpy()}
    written = files.write_to(evaluation, tmp_path / "out")
    assert [path.name for path in written][2] == "evaluation-nearest.png"
    assert Image.open(written[2]).size[0] > 8 * PAIRS


def test_classes_are_found_among_the_datas_own_alone(
    digits_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classifier of other classes has an Inception-type score, but no classes to find."""
    scores = ("inception_type", "classes", "classes_kl")
    evaluation = sp.evaluate(digits_run, scores=scores)
    assert [row.key for row in evaluation.rows] == list(scores)
    monkeypatch.setattr(ClassifierSpace, "shares_from", FeatureSpace.shares_from)
    evaluation = sp.evaluate(digits_run, scores=scores)
    assert [row.key for row in evaluation.rows] == ["inception_type"]


def test_few_samples_are_flagged_with_the_number_needed(digits_run: Path) -> None:
    evaluation = sp.evaluate(digits_run, features="pixels", scores="frechet")
    needed = frechet.samples_needed(64)
    assert needed > 180
    assert any(f"{needed:,}" in note for note in evaluation.row("frechet").figure.notes)


def test_a_folder_is_brought_to_the_runs_size(tmp_path: Path, digits_run: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(90):
        pixels = random.integers(0, 255, (11, 13, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    evaluation = sp.evaluate(real=folder, fake=digits_run, features="pixels", scores="kernel")
    assert evaluation.n["real"] == 45
    swapped = sp.evaluate(real="digits", fake=folder, features="pixels", scores="kernel", n=80)
    assert swapped.n == {"real": 80, "control": 80, "candidate": 80}


def test_user_networks_and_several_spaces(digits_run: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 5))
    evaluation = sp.evaluate(
        digits_run, features=["pixels", network], scores=["kernel", "memorisation"]
    )
    assert [row.key for row in evaluation.rows] == ["kernel", "memorisation", "kernel"]
    assert len({row.space for row in evaluation.rows}) == 2


def test_features_of_real_examples_are_computed_once(
    digits_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saddlepoint.features.pixel_space import PixelSpace

    sp.evaluate(digits_run, features="pixels", scores="kernel")
    calls = []
    original = PixelSpace.of

    def counted(self: PixelSpace, images: torch.Tensor, progress: object = None) -> torch.Tensor:
        calls.append(len(images))
        return original(self, images, progress)  # type: ignore[arg-type]

    monkeypatch.setattr(PixelSpace, "of", counted)
    sp.evaluate(digits_run, features="pixels", scores="kernel", seed=9)
    assert calls == [180], "only the new samples went through the space"


def test_data_that_moved_are_found_by_their_fingerprint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    old = tmp_path / "old.npy"
    np.save(old, random.integers(0, 256, (500, 8, 8), dtype=np.uint8))
    for name, width in (("a", 16), ("b", 24)):
        run = tiny("gan", steps=2, data=old, generator={"hidden": (width,)})
        sp.train(run, tmp_path / name, quiet=True)
    moved = tmp_path / "new place" / "moved.npy"
    moved.parent.mkdir()
    old.rename(moved)
    words = ("--features", "pixels", "--scores", "kernel")
    for command in (("evaluate", "a"), ("compare", "a", "b")):
        assert "--data PATH" in fails(capsys, *command, *words)
        main([*command, *words, "--data", str(moved)])
        capsys.readouterr()
    np.save(tmp_path / "other.npy", random.integers(0, 256, (500, 8, 8), dtype=np.uint8))
    assert "other.npy" in fails(capsys, "evaluate", "a", *words, "--data", "other.npy")


# Mistakes


def test_mistakes_are_one_sentence(
    tmp_path: Path, digits_run: Path, seeds_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "wide.npy", np.zeros((200, 5), dtype=np.float32))
    np.save(tmp_path / "good.npy", gaussian(200))
    wide, good = (str(tmp_path / f"{name}.npy") for name in ("wide", "good"))
    run = str(digits_run)
    for words, expected in (
        ((), "either a run, or both"),
        ((run, "--real", good), "either a run, or both"),
        (("--real", good), "either a run, or both"),
        ((str(tmp_path / "nothing"),), "is no run"),
        ((run, "--scores", "kernal"), "Did you mean 'kernel'"),
        ((run, "--features", "pixel"), "Did you mean 'pixels'"),
        ((run, "--n", "10000"), "has only 180"),
        ((run, "--n", "3"), "too few"),
        (("--real", good, "--fake", wide), "shape"),
        ((run, "--checkpoint", "newest"), "--checkpoint"),
    ):
        assert expected in fails(capsys, "evaluate", *words), words
    ring = str(seeds_run)
    for words, expected in (
        ((run,), "two or more runs"),
        ((run, run), "named twice"),
        ((run, ring), "different data"),
    ):
        assert expected in fails(capsys, "compare", *words), words


def test_samples_that_are_not_finite_are_refused() -> None:
    reference, _ = two_sides(gaussian(200), gaussian(100), None, None, 0, Preparation())
    with telling(quiet=True) as tell:
        scorer = Scorer(reference, Settings(scores=["kernel"]), tell)
        bad = torch.full((100, 3), math.nan)
        with pytest.raises(sp.BadInput, match="100 of 100 samples"):
            scorer.evaluation(sides.Side("bad", bad), {})


# Intervals


def test_blocks_are_disjoint_and_even() -> None:
    for n in (40, 41, 999):
        parts = blocks(n)
        assert len(parts) == BLOCKS
        assert [i for part in parts for i in range(n)[part]] == list(range(n))
        sizes = {part.stop - part.start for part in parts}
        assert max(sizes) - min(sizes) <= 1
    with pytest.raises(sp.BadInput, match="at least 40"):
        blocks(39)


def test_the_jackknife_of_a_mean_is_students_interval_of_block_means() -> None:
    x = np.random.default_rng(0).normal(size=200)
    left = [np.delete(x, np.arange(200)[part]).mean() for part in blocks(200)]
    estimate = jackknife(x.mean(), left, 200, 200)
    means = x.reshape(20, 10).mean(1)
    half = stats.t.ppf(0.975, 19) * means.std(ddof=1) / math.sqrt(20)
    assert estimate.high - estimate.value == pytest.approx(half)
    assert estimate.value - estimate.low == pytest.approx(half)


def test_intervals_of_means_and_shares_cover() -> None:
    random = np.random.default_rng(1)
    means = [mean_of(random.normal(size=15), 0, 15) for _ in range(400)]
    covered = sum(e.low <= 0 <= e.high for e in means)
    assert abs(covered - 380) <= stats.binom.std(400, 0.95) * 3
    for p in (0.02, 0.3):
        shares = [proportion(int(random.binomial(100, p)), 100, 0, 100) for _ in range(400)]
        assert sum(e.low <= p <= e.high for e in shares) >= 375
    assert proportion(0, 20, 0, 20).low == 0
    assert proportion(20, 20, 0, 20).high == 1
    low, high = stats.binomtest(7, 30).proportion_ci(0.95)
    assert proportion(7, 30, 0, 30).low == pytest.approx(low)
    assert proportion(7, 30, 0, 30).high == pytest.approx(high)
