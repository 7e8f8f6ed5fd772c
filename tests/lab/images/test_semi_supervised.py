"""Classes from few labels: its rows and claims, its control, and a small run of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import saddlepoint as sp
from kit.idx_files import idx_contents, write
from kit.outcomes import quickly
from saddlepoint.errors import BadInput
from saddlepoint.lab import EXPERIMENTS, PerSeed, side_by_side
from saddlepoint.lab.findings import Row
from saddlepoint.lab.images import semi_supervised
from saddlepoint.lab.images.semi_supervised import (
    CONTROL,
    GAME,
    M2,
    STACKED,
    alone,
    claims,
    error_of,
)
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out
from saddlepoint.learners.semisupervised.description import M1M2
from saddlepoint.run.description import Run

EXPERIMENT = EXPERIMENTS["semi-supervised"]


def row(method: str, *errors: float, data: str = "mnist", labels: int = 100) -> Row:
    return {
        "data": data,
        "labels": labels,
        "method": method,
        "error": PerSeed.of(errors),
        "published": "",
        "steps": 10,
        "core_seconds": 1.0,
    }


def test_claims_compare_the_worst_seed_with_the_best_of_the_control() -> None:
    control = row(CONTROL, 0.2, 0.3)
    good = claims([control, row(M2, 0.05, 0.1), row(STACKED, 0.03, 0.06)])
    assert [claim.holds for claim in good] == [True, True, True, True]
    assert "mnist with 100 labels: 7.50 ± 3.54 against 25.00 ± 7.07" in good[0].evidence
    bad = claims([control, row(M2, 0.05, 0.21), row(STACKED, 0.06, 0.06)])
    assert [claim.holds for claim in bad] == [False, True, False, False]
    other = [row(CONTROL, 0.2, data="fashion-mnist"), row(M2, 0.3, data="fashion-mnist")]
    assert [claim.holds for claim in claims([control, row(M2, 0.05), *other])] == [False, True]


def test_errors_are_counted_where_labels_are_known() -> None:
    predicted, label = torch.tensor([0, 1, 2, 0]), torch.tensor([0, 2, -1, 0])
    assert error_of(predicted, label) == pytest.approx(1 / 3)


def pictures(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Three classes that a classifier learns from few labels: where a square is bright."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3
    images = rng.integers(0, 60, (n, 8, 8), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 3] += 150
    return images, labels


def test_the_control_sees_labelled_images_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semi_supervised, "CONTROL_STEPS", 100)
    images, labels = pictures()
    run = sp.recipes.vae_m2_two_core((images, labels), labels=12, width=8)
    found = alone(run, 0)
    assert found["error"] < 0.1
    assert alone(run, 0)["error"] == found["error"]
    # what has no label is noise now, and changes nothing
    source = run.data.open().take("train", 1000, torch.device("cpu"))
    assert int(source.labelled.sum()) == 12
    unlabelled = [
        x.numpy() for x, known in zip(source.x, source.labelled, strict=True) if not known
    ]
    others = images.copy()
    for index, image in enumerate(images):
        if any(np.allclose(image / 127.5 - 1, x[0]) for x in unlabelled):
            others[index] = 0
    again = sp.recipes.vae_m2_two_core((others, labels), labels=12, width=8)
    assert alone(again, 0)["error"] == found["error"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Little data where the built-in ones would be fetched, and a few steps a training."""
    write(tmp_path / "fashion-mnist", idx_contents(train=400, test=40)[1])
    monkeypatch.setenv("SADDLEPOINT_DATA", str(tmp_path))
    monkeypatch.setattr(semi_supervised, "CONTROL_STEPS", 3)
    monkeypatch.setattr(semi_supervised, "IMAGES_TAKEN", 400)
    monkeypatch.setattr(semi_supervised, "MORE", 150)
    monkeypatch.setattr(side_by_side, "_steps", lambda *_: 4)
    full = semi_supervised.described

    def any_feature(*asked: Any) -> Run:
        """In so few steps no feature of M1 need come to life."""
        run = full(*asked)
        if not isinstance(run.learner, M1M2):
            return run
        return run.replace(learner=run.learner.replace(least_deviation=0.0))

    monkeypatch.setattr(semi_supervised, "described", any_feature)
    images, labels = pictures(500)
    np.savez(tmp_path / "mine.npz", x=images, y=labels)
    return tmp_path


def test_a_small_run_measures_every_method_on_data_of_ones_own(small: Path) -> None:
    options = LabOptions(seeds=1, minutes=0.01, at_once=1, data=small / "mine.npz", only="on mine")
    with quickly():
        findings = carry_out(EXPERIMENT, small / "out", options)
    found = [(r["data"], r["labels"], r["method"]) for r in findings.rows]
    assert found[:7] == [
        *(("mine", 100, method) for method in (CONTROL, M2, STACKED, GAME)),
        *(("mine", 150, method) for method in (CONTROL, M2, STACKED)),
    ]
    for made in findings.rows:
        assert isinstance(made["error"], PerSeed)
        assert all(0 <= error <= 1 for error in made["error"].finite)
    assert len(findings.claims) == 4
    assert "the classifier alone" in findings.reading
    for name in ("error.png", "samples.png", "page.md"):
        assert (small / "out" / name).exists()
    page = (small / "out" / "page.md").read_text()
    assert "--data mine.npz" in page
    assert str(small) not in page


def test_one_method_alone_can_be_measured(small: Path) -> None:
    options = LabOptions(seeds=1, minutes=0.01, at_once=1, data=small / "mine.npz", only=GAME)
    with quickly():
        findings = carry_out(EXPERIMENT, small / "out", options)
    measured = [row for row in findings.rows if row["method"] != CONTROL]
    assert [(row["data"], row["method"]) for row in measured] == [("mine", GAME)]
    assert (small / "out" / "samples.png").exists()


def test_data_without_labels_are_refused(small: Path) -> None:
    np.save(small / "bare.npy", pictures(60)[0])
    options = LabOptions(seeds=1, minutes=0.01, at_once=1, data=small / "bare.npy")
    with pytest.raises(BadInput, match="has no labels"):
        carry_out(EXPERIMENT, small / "out", options)
