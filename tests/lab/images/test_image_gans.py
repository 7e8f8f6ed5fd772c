"""First figures of image GANs: what a cell's figures become, and a small run of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.outcomes import quickly
from saddlepoint.lab import EXPERIMENTS, Interval, side_by_side
from saddlepoint.lab.bench import Trained
from saddlepoint.lab.images import image_gans
from saddlepoint.lab.images.image_gans import SCORES, claims, closed, control, row
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out


def figures(**changes: float | None) -> dict[str, float | None]:
    made: dict[str, float | None] = {"untrained": 4.0, "images": 640.0}
    for name in SCORES:
        for key, value in ((name, 1.0), (f"{name} control", 0.0)):
            made |= {key: value, f"{key} low": value - 0.1, f"{key} high": value + 0.1}
    return made | changes


def trained(title: str, **changes: float | None) -> Trained:
    return Trained(title, 10, 60.0, "cpu", "a processor", [figures(**changes)])


def test_the_share_of_the_gap_is_counted_from_untrained_to_real():
    assert closed(figures()) == pytest.approx(0.75)
    assert closed(figures(kernel=0.0)) == pytest.approx(1.0)
    assert closed(figures(kernel=4.0)) == 0.0
    assert closed({**figures(), "kernel control": 2.0, "kernel": 3.0}) == pytest.approx(0.5)
    assert closed(figures(kernel=None)) is None


def test_rows_have_intervals_and_the_control_stands_below():
    made = row(trained("dcgan seed 1"))
    assert (made["recipe"], made["seed"], made["turns"], made["images"]) == ("dcgan", 1, 10, 640)
    assert made["kernel"] == Interval(1.0, 0.9, 1.1)
    below = control(trained("dcgan seed 1"))
    assert below["coverage"] == Interval(0.0, -0.1, 0.1)
    assert below["closed"] is None
    assert made.keys() == below.keys()


def test_a_recipe_that_closes_half_in_one_seed_alone_is_refuted():
    rows = [row(trained("sngan seed 0")), row(trained("sngan seed 1", kernel=3.0))]
    (claim,) = claims(rows)
    assert not claim.holds
    assert "75.0, 25.0 %" in claim.evidence
    assert claims(rows[:1])[0].holds


def test_it_is_long_and_has_a_control_and_pictures(tmp_path: Path, monkeypatch):
    experiment = EXPERIMENTS["image-gans"]
    assert experiment.long
    monkeypatch.setattr(image_gans, "DATA", "digits")
    monkeypatch.setattr(image_gans, "RECIPES", ("dcgan", "r3gan"))
    monkeypatch.setattr(image_gans, "SAMPLES", 100)
    monkeypatch.setattr(side_by_side, "_steps", lambda *_: 3)
    with quickly():
        options = LabOptions(seeds=2, minutes=0.01, at_once=1)
        findings = carry_out(experiment, tmp_path / "out", options)
    assert [(r["recipe"], r["seed"]) for r in findings.rows] == [
        ("dcgan", 0),
        ("dcgan", 1),
        ("r3gan", 0),
        ("r3gan", 1),
    ]
    for made in findings.rows:
        assert made["turns"] == 3
        assert isinstance(made["untrained"], float)
    # each seed has a generator of its own
    assert findings.rows[0]["untrained"] != findings.rows[1]["untrained"]
    assert len(findings.controls) == 1
    assert len(findings.claims) == 2
    assert (tmp_path / "out" / "samples.png").exists()
