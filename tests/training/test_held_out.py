"""What a learner measures of held-out examples, recorded with every checkpoint."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import saddlepoint as sp
from saddlepoint.report.page import build_report
from saddlepoint.training.record import read_record


def vae(data: object, **changes: object) -> sp.Run:
    run = sp.recipes.vae(data, steps=6, batch_size=16, device="cpu", precision="float32")
    training = run.training.replace(checkpoint_every=3, log_every=2, sample_every=100)
    return run.replace(training=training, learner=run.learner.replace(**changes))


def test_the_bound_is_recorded_of_training_and_of_held_out_examples(tmp_path: Path) -> None:
    sp.train(vae("digits", dequantise=True), tmp_path / "run", quiet=True)
    history = read_record(tmp_path / "run")
    held_out = dict(zip(history.steps, history.scalars["validation/elbo"], strict=True))
    assert [step for step, value in held_out.items() if value is not None] == [3, 6]
    assert all(value is not None for value in history.scalars["elbo"])
    for place in ("", "validation/"):
        bits, elbo = (history.scalars[f"{place}{n}"][-1] for n in ("bits_per_dimension", "elbo"))
        assert bits == pytest.approx(-elbo / (64 * math.log(2)) + 7, rel=1e-4)
    resolved = json.loads((tmp_path / "run" / "run.json").read_text())["resolved"]
    words = "ELBO, nats per example (density of dequantised pixels)"
    assert resolved["units"]["elbo"] == words
    assert resolved["units"]["validation/elbo"] == f"{words}, held-out examples"
    page = build_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "ELBO, nats per example (density of dequantised pixels), held-out examples" in page


def test_what_is_no_density_is_said_and_has_no_bits_per_dimension(tmp_path: Path) -> None:
    sp.train(vae("digits"), tmp_path / "run", quiet=True)
    history = read_record(tmp_path / "run")
    assert not [name for name in history.scalars if "bits" in name]
    said = [event["detail"] for event in history.events if event["event"] == "note"]
    assert any("no bits per dimension: not a density" in sentence for sentence in said)
    page = build_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "ELBO, nats per example (not a density)" in page


def test_an_overfitted_run_has_a_worse_bound_on_held_out_examples(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    run = vae(images, optimiser={"kind": "adam", "learning_rate": 3e-3, "beta1": 0.9})
    training = run.training.replace(steps=1500, averaging=0.0, checkpoint_every=1500, log_every=100)
    sp.train(run.replace(training=training), tmp_path / "run", quiet=True)
    scalars = read_record(tmp_path / "run").scalars
    assert scalars["elbo"][-1] > scalars["validation/elbo"][-1] + 10


def test_held_out_figures_repeat_after_a_resume_and_choose_the_best(tmp_path: Path) -> None:
    run = vae("digits")
    training = run.training.replace(best={"scalar": "validation/elbo", "mode": "max"})
    run = run.replace(training=training)
    sp.train(run, tmp_path / "whole", quiet=True)
    first = run.replace(training=training.replace(steps=3))
    sp.train(first, tmp_path / "parts", quiet=True)
    sp.resume(tmp_path / "parts", steps=6, reschedule=True, quiet=True)
    best = [
        json.loads((tmp_path / name / "checkpoints" / "best.json").read_text())
        for name in ("whole", "parts")
    ]
    assert best[0] == best[1]
    assert best[0]["scalar"] == "validation/elbo"


def test_of_several_seeds_each_has_the_figures_that_it_would_have_alone(tmp_path: Path) -> None:
    run = vae("digits", dequantise=True).replace(seeds=2, seed=3)
    sp.train(run, tmp_path / "both", quiet=True)
    sp.train(run.replace(seeds=1, seed=4), tmp_path / "alone", quiet=True)
    both, alone = read_record(tmp_path / "both"), read_record(tmp_path / "alone")
    for name in ("validation/elbo", "validation/bits_per_dimension", "elbo", "noise_std"):
        figures = both.members[name][-1]
        assert figures[1] == pytest.approx(alone.scalars[name][-1], rel=1e-4)
        assert figures[0] != figures[1]
