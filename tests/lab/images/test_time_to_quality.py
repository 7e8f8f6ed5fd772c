"""Time to a distance: read off curves made up for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from saddlepoint.lab.bench import Trained
from saddlepoint.lab.findings import PerSeed
from saddlepoint.lab.images.time_to_quality import (
    AIM,
    IMAGE,
    PLAIN,
    claims,
    curve,
    described,
    figure,
    rows_of,
    time_to,
)


def cell(recipe: str, distances: Sequence[float], minutes: float, seed: int = 0) -> Trained:
    """A training of 100 steps whose checkpoints have these distances."""
    steps = [100 * (k + 1) // len(distances) for k in range(len(distances))]
    figures: dict[str, float | None] = {
        f"kernel @ {step}": value for step, value in zip(steps, distances, strict=True)
    }
    title = f"{recipe}, seed {seed}"
    return Trained(title, 100, 60 * minutes, "cpu", "a processor", [figures])


@pytest.mark.parametrize(
    ("distances", "reached"),
    [
        ((4, 3, 2, 1), 7.5),  # 2 at three quarters of ten minutes
        ((1, 1, 1, 1), 2.5),
        ((4, 1, 3, 1), 10.0),  # it was there and left again
        ((4, 3, 3, 3), None),
        ((4, 1, 1, float("nan")), None),
    ],
)
def test_the_time_to_a_distance_is_when_it_is_there_to_stay(
    distances: Sequence[float], reached: float | None
) -> None:
    assert time_to(cell(IMAGE, distances, 10), 2.0) == reached


def test_checkpoints_share_the_processor_time_by_their_steps() -> None:
    minutes, values = curve(cell(PLAIN, (3, 2), 8))
    assert minutes.tolist() == [4, 8]
    assert values.tolist() == [3, 2]


@pytest.mark.parametrize(("second", "holds"), [((3, 1, 1, 1), True), ((3, 3, 3, 1), False)])
def test_a_fifth_of_the_time_in_every_seed(second: Sequence[float], holds: bool) -> None:
    trained = [
        cell(PLAIN, (3, 2), 40),
        cell(PLAIN, (3, 2), 40, seed=1),
        cell(IMAGE, (3, 1, 1, 1), 14),
        cell(IMAGE, second, 14, seed=1),
    ]
    rows = rows_of(trained)
    assert rows[0]["reached"] == PerSeed.of([None, None])
    assert rows[1]["share"] == PerSeed.of([7 / 40, 7 / 40 if holds else 14 / 40])
    (claim,) = claims(rows)
    assert claim.holds == holds
    assert f"{AIM:.0%}" in claim.statement


def test_a_distance_that_is_never_reached_refutes() -> None:
    rows = rows_of([cell(PLAIN, (3, 2), 40), cell(IMAGE, (9, 9), 14)])
    assert rows[1]["share"] == PerSeed.of([None])
    assert not claims(rows)[0].holds


def test_image_alone_claims_nothing() -> None:
    assert claims(rows_of([cell(IMAGE, (3, 2), 14)])) == []


def test_seeds_with_other_numbers_of_checkpoints_are_drawn_and_shown(tmp_path: Path) -> None:
    """Each measures its own speed, so that their steps differ."""
    trained = [cell(PLAIN, (3, 2), 40), cell(IMAGE, (3, 2, 1), 14), cell(IMAGE, (3, 2), 13, seed=1)]
    path = tmp_path / "distance.png"
    figure(trained).save(path)
    assert path.stat().st_size > 0
    assert rows_of(trained)[1]["steps"] == PerSeed.of([100, 100])


def test_both_see_the_same_data_and_keep_their_checkpoints() -> None:
    runs = [described(recipe) for recipe in (PLAIN, IMAGE)]
    assert runs[0].data == runs[1].data
    assert [run.recipe for run in runs] == [PLAIN, IMAGE]
    assert all(run.training.keep >= 14 for run in runs)
