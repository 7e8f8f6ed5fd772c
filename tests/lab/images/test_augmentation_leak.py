"""Whether generators draw turned pictures: the measure in closed form, claims, a small run."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kit.outcomes import quickly
from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.bench import Budget, Trained
from saddlepoint.lab.findings import Row
from saddlepoint.lab.images import augmentation_leak as module
from saddlepoint.lab.images.augmentation_leak import (
    ANGLES,
    ANY,
    QUARTERS,
    SAFE,
    SETTINGS,
    SIDE,
    Setting,
    claims,
    controls,
    described,
    drawn,
    nearest,
    pictures,
    reading,
    row,
    shares,
)
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out

EXPERIMENT = EXPERIMENTS["augmentation-leak"]


# ---- The measure -------------------------------------------------------------------------------


def test_a_quarter_turn_of_an_l_is_that_of_its_pixels() -> None:
    upright = drawn(0.0, 1, -1)
    assert upright.shape == (SIDE, SIDE)
    assert upright.sum() == pytest.approx(2 * 8 + 3.5 * 2)  # stem and the rest of the foot
    for turns in range(4):
        turned = drawn(turns * math.pi / 2, 1, -1)
        assert turned == pytest.approx(np.rot90(upright, -turns))  # from right to down
        assert (turned == pytest.approx(upright)) == (turns == 0), "no turn is another"


def test_pictures_are_upright_of_several_brightnesses_and_at_nine_places() -> None:
    images = pictures(600).astype(float)
    assert shares(images) == {"turned": 0.0, "like": 1.0}
    assert images.max() <= 255
    assert images.max(axis=(1, 2)).min() >= 0.6 * 255 - 1
    assert len(np.unique((images > 0).reshape(600, -1), axis=0)) == 9
    assert not np.array_equal(pictures(600), pictures(600, seed=1))


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_pictures_are_found_whatever_their_brightness(turns: int) -> None:
    images = np.rot90(pictures(60), turns, axes=(1, 2)) / 127.5 - 1
    assert shares(images) == {"turned": 1.0, "like": 1.0}
    angles, likeness = nearest(images)
    assert set(angles) == {(-turns * ANGLES // 4) % ANGLES}
    assert likeness.min() > 0.999
    mixed = np.concatenate([images, pictures(20) / 127.5 - 1])
    assert shares(mixed)["turned"] == pytest.approx(60 / 80)


def test_a_small_turn_is_not_counted_and_a_larger_one_is() -> None:
    step = 2 * math.pi / ANGLES
    for angle, turned in ((0.9 * step, 0.0), (-0.9 * step, 0.0), (2.1 * step, 1.0)):
        assert shares(drawn(angle, 0, 1)[None])["turned"] == turned


def test_what_is_no_picture_counts_for_nothing() -> None:
    noise = np.random.default_rng(0).normal(size=(200, SIDE, SIDE))
    found = shares(noise)
    assert found == {"turned": None, "like": 0.0}
    half = np.concatenate([noise, np.rot90(pictures(200), axes=(1, 2))])
    assert shares(half) == {"turned": 1.0, "like": 0.5}
    assert shares(np.full((2, SIDE, SIDE), np.nan)) == {"turned": None, "like": None}
    assert shares(np.zeros((2, SIDE, SIDE)))["like"] == 0.0


def test_controls_see_what_the_lens_does_to_real_pictures() -> None:
    upright, *turned = controls()
    assert upright["turned"] == PerSeed((0.0,))
    assert len(turned) == 2
    for each, seen in zip(turned, (0.6, 0.7), strict=True):
        assert each["seen"] == pytest.approx(seen)
        assert isinstance(each["turned"], PerSeed)
        assert each["turned"].mean == pytest.approx(seen, abs=0.04)  # four deviations of 2,000
        assert isinstance(each["like"], PerSeed)
        assert each["like"].finite[0] > 0.95


# ---- The experiment ----------------------------------------------------------------------------


def test_trainings_differ_in_their_lens_alone_and_stack_their_seeds() -> None:
    plain, *lensed = (described(each) for each in SETTINGS)
    assert plain.learner.lenses == ()
    for setting, run in zip(SETTINGS[1:], lensed, strict=True):
        (lens,) = run.learner.lenses
        assert (lens.p, lens.transforms) == (setting.p, module.TURNS[setting.how][:1])
        assert run.learner.replace(lenses=()) == plain.learner
        assert run.learner.stacks()
        assert run.training == plain.training
    assert {each.p for each in SETTINGS} == {0.0, 0.5, SAFE, 1.0}


def table(turned: float = 0.01, leaked: float = 0.7, like: float = 0.9) -> list[Row]:
    made = []
    for each in SETTINGS:
        share = leaked if each.p == 1 else turned
        figures = [{"turned": share, "like": like}, {"turned": share + 0.02, "like": like}]
        made.append(row(each, Trained(each.title, 1, 1.0, "cpu", "a processor", figures)))
    return made


def test_claims_are_refuted_by_other_rows() -> None:
    assert [claim.holds for claim in claims(table())] == [True, True, True]
    assert [claim.holds for claim in claims(table(turned=0.09))] == [True, False, True]
    assert [claim.holds for claim in claims(table(leaked=0.4))] == [True, True, False]
    assert [claim.holds for claim in claims(table(like=0.7))] == [False, True, True]
    one = [{**r, "turned": PerSeed((0.0, 1.0 if r["p"] == 1 else 0.0))} for r in table()]
    assert [claim.holds for claim in claims(one)] == [True, True, True]
    broken = [{**r, "turned": PerSeed((None, 0.0))} for r in table()]
    assert [claim.holds for claim in claims(broken)] == [True, False, False]
    part = [r for r in table() if r["p"] != 1]
    assert [claim.holds for claim in claims(part)] == [True, True, False]
    assert "quarter turns, p = 0.8: 2.0 ± 1.4 % of the pictures are drawn" in reading(table())


def test_it_runs_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTINGS", (Setting(QUARTERS, 0.0), Setting(ANY, 1.0)))
    monkeypatch.setattr(module, "PICTURES", 100)
    monkeypatch.setattr(module, "SAMPLES", 64)
    tiny = replace(EXPERIMENT, full=Budget(seeds=2, steps=2, seconds=1))
    with quickly():
        findings = carry_out(tiny, tmp_path / "out", LabOptions(at_once=1))
    assert [r["setting"] for r in findings.rows] == ["no lens", "any angle, p = 1"]
    for made in findings.rows:
        assert isinstance(made["like"], PerSeed)
        assert len(made["like"].values) == 2
    assert list(findings.claims) == claims(findings.rows)
    assert (tmp_path / "out" / "samples.png").stat().st_size > 1000


@pytest.mark.slow
def test_nothing_leaks_at_p_08_and_all_does_at_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole training of two seeds, some minutes of a core."""
    monkeypatch.setattr(module, "SETTINGS", (Setting(QUARTERS, SAFE), Setting(QUARTERS, 1.0)))
    whole = replace(EXPERIMENT, full=replace(EXPERIMENT.full, seeds=2))
    findings = carry_out(whole, tmp_path / "out", LabOptions())
    assert [claim.holds for claim in findings.claims] == [True] * 3, findings.claims
