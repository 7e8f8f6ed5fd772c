"""InfoGAN's codes: what cells become, what refutes the claims, and a small run of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from saddlepoint.lab import EXPERIMENTS
from saddlepoint.lab.bench import Budget, Trained
from saddlepoint.lab.images.infogan_codes import MODELS, claims, rows_of, run_of
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out
from saddlepoint.learners.adversarial.auxiliaries import LateRecogniser, Recogniser
from saddlepoint.learners.adversarial.description import Adversarial

GOOD = {"class": 2.29, "number-1": 0.5, "number-2": 0.6, "error": 0.04}
PLAIN = {"class": 0.01, "number-1": -0.2, "number-2": -0.2, "error": 0.7}


def cell(model: str, seed: int, **changes: float | None) -> Trained:
    figures: dict[str, float | None] = dict(GOOD if model == MODELS[0] else PLAIN)
    return Trained(
        f"digits, {model}, seed {seed}", 10, 60.0, "cpu", "a processor", [figures | changes]
    )


def verdicts(*cells: Trained) -> list[bool]:
    return [claim.holds for claim in claims(rows_of(cells))]


def test_a_row_has_every_seed_of_its_model() -> None:
    first, second = rows_of(
        [cell("InfoGAN", 0), cell("InfoGAN", 1, error=0.06), cell(MODELS[1], 0)]
    )
    assert (first["model"], second["model"]) == MODELS
    assert getattr(first["error"], "values", None) == (0.04, 0.06)
    assert getattr(second["class"], "values", None) == (0.01,)


def test_each_claim_is_refuted_by_one_seed_that_breaks_it() -> None:
    plain = cell(MODELS[1], 0)
    assert verdicts(cell("InfoGAN", 0), plain) == [True] * 5
    assert verdicts(cell("InfoGAN", 0, **{"class": 2.2}), plain) == [False, *[True] * 4]
    assert verdicts(cell("InfoGAN", 0, **{"number-2": -0.1}), plain) == [True, False, *[True] * 3]
    assert verdicts(cell("InfoGAN", 0, error=0.2), plain) == [True, True, False, True, True]
    known = cell(MODELS[1], 1, **{"class": 0.06})
    assert verdicts(cell("InfoGAN", 0), plain, known) == [True, True, True, False, True]
    near = cell(MODELS[1], 1, error=0.03)
    assert verdicts(cell("InfoGAN", 0), plain, near) == [*[True] * 4, False]


def test_a_seed_without_a_number_fails_what_it_would_have_to_show() -> None:
    assert verdicts(cell("InfoGAN", 0, **{"class": None}), cell(MODELS[1], 0))[0] is False
    assert verdicts(cell("InfoGAN", 0, error=None), cell(MODELS[1], 0))[2] is False


def test_the_control_is_the_same_game_without_the_term() -> None:
    with_term, without = (run_of("digits", model).learner for model in MODELS)
    assert isinstance(with_term, Adversarial)
    assert isinstance(without, Adversarial)
    (part,), (late,) = with_term.auxiliaries, without.auxiliaries
    assert isinstance(part, Recogniser)
    assert isinstance(late, LateRecogniser)
    shared = ("discrete", "continuous", "hidden", "norm", "floor")
    assert all(getattr(part, name) == getattr(late, name) for name in shared)
    assert without.replace(auxiliaries=with_term.auxiliaries) == with_term


def test_a_small_run_has_both_data_a_picture_and_five_claims(tmp_path: Path) -> None:
    digits = load_digits()
    path = tmp_path / "mine.npz"
    images = (digits.images[:400] * 15.9).astype(np.uint8)
    np.savez(path, x=images, y=digits.target[:400])
    experiment = replace(EXPERIMENTS["infogan-codes"], fast=Budget(seeds=1, steps=5))
    findings = carry_out(experiment, tmp_path / "out", LabOptions(fast=True, data=path, at_once=1))
    assert [row["data"] for row in findings.rows] == ["digits", "digits", "mine", "mine"]
    assert len(findings.claims) == 5
    with Image.open(tmp_path / "out" / "codes.png") as picture:
        assert min(picture.size) > 300
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert str(tmp_path) not in json.dumps(result)
