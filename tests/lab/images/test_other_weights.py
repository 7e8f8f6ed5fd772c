"""A start from other weights: who learns what, rows, claims, and a small run of all of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kit.outcomes import quickly
from saddlepoint.errors import BadInput
from saddlepoint.lab import EXPERIMENTS, PerSeed, over_time
from saddlepoint.lab.bench import Budget, Trained
from saddlepoint.lab.images import other_weights as module
from saddlepoint.lab.images.other_weights import (
    FROZEN,
    LOWER,
    NOTHING,
    RECIPES,
    SCORES,
    STARTS,
    WEIGHTS,
    claims,
    described,
    material,
    opened,
    reading,
    rows_of,
)
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out
from saddlepoint.training import run_directory

EXPERIMENT = EXPERIMENTS["other-weights"]
STEPS = range(10, 101, 10)


def cells(start: str, first: float, last: float, spread: float = 0.1) -> list[Trained]:
    """Three seeds whose distances fall from ``first`` to ``last``, each ``spread`` above the one
    before.
    """
    made = []
    for seed in range(3):
        values = (np.linspace(first, last, 10) + spread * seed)[:, None]
        courses = dict.fromkeys((*SCORES, "kernel within"), (STEPS, values))
        (figures,) = over_time.figures(courses)
        made.append(
            Trained(f"dcgan from {start}, seed {seed}", 100, 1.0, "cpu", "a processor", [figures])
        )
    return made


def test_source_and_target_have_no_class_in_common() -> None:
    images = material("digits")
    dataset = opened("digits")
    counts = dict.fromkeys(range(10), 0)
    for split, count in dataset.info.counts.items():
        for label in dataset.take(split, count, torch.device("cpu")).label.tolist():
            counts[label] += 1
    assert len(images.source) == sum(counts[label] for label in range(5))
    source = {image.tobytes() for image in images.source}
    assert not any(image.tobytes() in source for image in images.target)
    run = described("digits", "dcgan", NOTHING)
    info = run.data.open().info
    assert info.counts["test"] == info.counts["validation"] == images.held
    assert info.counts["train"] == len(images.target) - 2 * images.held >= 200


def test_starts_differ_in_where_they_begin_alone() -> None:
    runs = {start: described("digits", "dcgan", start, Path("there")) for start in STARTS}
    assert runs[NOTHING].init.run is None
    assert runs[WEIGHTS].init.run == runs[FROZEN].init.run == Path("there")
    assert runs[FROZEN].training.freeze == LOWER["dcgan"]
    plain = {
        run.model_copy(
            update={"init": None, "training": run.training.replace(freeze=())}
        ).model_dump_json(exclude={"data"})
        for run in runs.values()
    }
    assert len(plain) == 1


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_frozen_layers_are_the_lower_half_of_the_critic(recipe: str) -> None:
    run = described("fashion-mnist", recipe, FROZEN, Path("there"))
    learner = run.learner.learner(run.data.open().info, batch_size=2, seed=0)
    names = [f"critic.{name}" for name, _ in learner.players["critic"].named_parameters()]
    frozen = [any(n == part or n.startswith(f"{part}.") for part in LOWER[recipe]) for n in names]
    assert frozen == sorted(frozen, reverse=True), "no layer above one that learns is frozen"
    assert 0.3 <= sum(frozen) / len(frozen) <= 0.6
    for part in LOWER[recipe]:
        assert any(n == part or n.startswith(f"{part}.") for n in names)


def test_rows_hold_each_start_and_when_the_other_gets_there() -> None:
    rows = rows_of([*cells(NOTHING, 2.0, 1.0), *cells(WEIGHTS, 1.0, 0.5)])
    assert [(r["start"], r["tenth"], r["step"]) for r in rows] == [
        (start, tenth, 10 * tenth) for start in (NOTHING, WEIGHTS) for tenth in (1, 2, 5, 10)
    ]
    assert rows[0]["kernel"] == PerSeed.of([2.0, 2.1, 2.2])
    assert rows[0]["within"] == pytest.approx(2.2)
    assert [r["later"] for r in rows] == [None] * 4 + [100, None, None, None]


def test_claims_are_of_the_first_tenth_and_of_the_end() -> None:
    def held(weights: tuple[float, float], nothing: tuple[float, float]) -> list[bool]:
        rows = rows_of([*cells(NOTHING, *nothing), *cells(WEIGHTS, *weights)])
        return [claim.holds for claim in claims(rows)]

    assert held((1.0, 0.5), (2.0, 1.0)) == [True, True]
    assert held((1.85, 0.5), (2.0, 1.0)) == [False, True]  # its worst seed is not below their best
    assert held((1.0, 1.09), (2.0, 1.0)) == [True, True]  # its mean is as their worst
    assert held((1.0, 1.11), (2.0, 1.0)) == [True, False]
    assert claims(rows_of(cells(WEIGHTS, 1.0, 0.5))) == [], "nothing to compare with"
    lost = cells(WEIGHTS, 1.0, 0.5)
    lost[1].seeds[0]["kernel @ 10"] = lost[1].seeds[0]["kernel @ 100"] = None
    made = claims(rows_of([*cells(NOTHING, 2.0, 1.0), *lost]))
    assert [claim.holds for claim in made] == [False, False], "a seed without a number"


def test_the_reading_says_when_a_start_from_nothing_is_as_far() -> None:
    said = reading(rows_of([*cells(NOTHING, 2.0, 1.0), *cells(WEIGHTS, 1.0, 0.5)]))
    assert "dcgan-two-core from other weights has 1.100 ± 0.100 at step 10" in said
    assert "at step 100, and ends at 0.600 ± 0.100 against 1.100 ± 0.100" in said
    ahead = reading(rows_of([*cells(NOTHING, 2.0, 1.0), *cells(WEIGHTS, 0.9, 0.5)]))
    assert "at no checkpoint" in ahead


def test_too_few_images_or_none_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="images of two classes or more"):
        opened("ring")
    few = tmp_path / "few.npz"
    np.savez(few, x=np.zeros((60, 8, 8), np.uint8), y=np.arange(60) % 2)
    with pytest.raises(BadInput, match="half of the classes have only 30 images"):
        material(str(few))


def test_it_trains_sources_first_and_measures_every_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FEATURES", "pixels")
    monkeypatch.setattr(module, "WIDTHS", {"dcgan": 4})
    small = Budget(seeds=1, steps=10, seconds=1)
    one = replace(EXPERIMENT, fast=small)
    with quickly():
        findings = carry_out(one, tmp_path / "out", LabOptions(fast=True, at_once=1))
    assert [(r["start"], r["tenth"]) for r in findings.rows] == [
        (start, tenth) for start in STARTS for tenth in (1, 2, 5, 10)
    ]
    assert len(findings.claims) == 2
    assert findings.controls[0]["recipe"] == "unseen images"
    for name in ("distance.png", "samples.png"):
        assert (tmp_path / "out" / name).exists()
    source = run_directory.read(tmp_path / "out/dcgan-source")
    assert source.resolved["steps"] == 20
    target = run_directory.read(tmp_path / "out/dcgan-1-0")
    assert target.resolved["init"]["step"] == 20
    assert str(target.run.init.run) == str(tmp_path / "out/dcgan-source")
