"""Runs on few examples: the soundest reference there is, and a table that says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint.cli import main
from saddlepoint.evaluation import sides
from saddlepoint.report.page import build_report

CHEAP = ["kernel", "precision", "memorisation", "parzen"]
CPU = torch.device("cpu")


def run_on(tmp_path: Path, n: int) -> Path:
    images = np.random.default_rng(n).integers(0, 256, (n, 8, 8), dtype=np.uint8)
    out = tmp_path / f"on-{n}"
    sp.train(tiny("gan", steps=2, data=images), out, quiet=True)
    return out


def keys(x: torch.Tensor) -> set[bytes]:
    return {row.numpy().tobytes() for row in x}


def test_two_hundred_are_held_against_all_held_out_ones(tmp_path: Path) -> None:
    run = run_on(tmp_path, 300)  # 30 for tests, 30 for validation
    reference = sides.of_run(run, None)
    held = [reference.dataset.take(split, 300, CPU).x for split in ("test", "validation")]
    assert keys(reference.real.x) == keys(torch.cat(held))
    assert keys(reference.control.x) <= keys(reference.dataset.take("train", 300, CPU).x)
    assert len(reference.real) == len(reference.control) == 60
    evaluation = sp.evaluate(run, features="pixels", scores=CHEAP)
    assert evaluation.n == {"real": 60, "control": 60, "candidate": 60}
    assert evaluation.row("memorisation").control is None, "the control is training data"
    assert "test and validation splits; control: training examples" in str(evaluation)
    assert "parzen" not in {row.key for row in evaluation.rows}


def test_of_an_official_test_set_the_advice_is_more_validation(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (150, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x_train=images[:100], x_test=images[100:])
    sp.train(tiny("gan", steps=2, data=tmp_path / "a.npz"), tmp_path / "run", quiet=True)
    (note,) = (n for n in sides.of_run(tmp_path / "run", None).notes if "held out" in n)
    assert "train with a larger --data.split.validation for more" in note


def test_a_hundred_need_training_examples_in_the_reference(tmp_path: Path) -> None:
    run = run_on(tmp_path, 120)  # 12 and 12
    reference = sides.of_run(run, None)
    assert len(reference.real) == len(reference.control) == 60
    assert not keys(reference.real.x) & keys(reference.control.x)
    assert reference.unseen is not None
    assert len(reference.unseen) == 24
    evaluation = sp.evaluate(run, features="pixels", scores=CHEAP)
    assert "36 of the training examples" in str(evaluation)
    assert evaluation.row("memorisation").figure.estimate.n_real == 24
    tiny_one = sides.of_run(run_on(tmp_path, 90), None)
    assert tiny_one.unseen is not None
    assert len(tiny_one.unseen) == 0, "18 cannot show where their closest 5 % lie"


def test_fifty_are_the_reference_and_there_is_no_control(tmp_path: Path) -> None:
    evaluation = sp.evaluate(run_on(tmp_path, 50), features="pixels", scores=CHEAP)
    assert evaluation.n == {"real": 50, "control": 0, "candidate": 50}
    assert {row.key for row in evaluation.rows} == {"kernel", "precision"}
    assert "no control" in str(evaluation)
    with pytest.raises(sp.BadInput, match="has only 30"):
        sp.evaluate(run_on(tmp_path, 30), features="pixels", scores=CHEAP)


def test_a_second_evaluation_does_not_throw_the_first_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_on(tmp_path, 300)
    words = ["evaluate", str(run), "--scores", "kernel", "--features"]
    main([*words, "pixels"])
    folder = run / "evaluations"
    first = json.loads((folder / "pixels-step-2.json").read_text())
    main([*words, "pixels"])
    assert {path.name for path in folder.glob("*.json")} == {"pixels-step-2.json"}
    assert json.loads((folder / "pixels-step-2.json").read_text())["rows"] == first["rows"]
    main([*words, "pixels", "--seed", "3"])
    again = json.loads((folder / "pixels-step-2.json").read_text())
    assert again["rows"] == first["rows"]
    assert again["facts"] == first["facts"]
    other = json.loads((folder / "pixels-step-2-2.json").read_text())
    assert other["facts"]["request"]["seed"] == 3
    (folder / "pixels-step-2.json").write_text("changed by a user")
    main([*words, "pixels"])
    assert (folder / "pixels-step-2.json").read_text() == "changed by a user"
    page = build_report(run).read_text(encoding="utf-8")
    assert page.count('<table class="verdicts">') >= 2
    assert "were taken" not in page or "Read as" in page
    assert "Read as 300 images" in page, "what was done to the data stands in the report"
