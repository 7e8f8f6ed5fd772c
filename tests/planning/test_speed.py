"""The measurement of a step's time."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from torch import Tensor

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint.data.array import Array
from saddlepoint.errors import BadInput
from saddlepoint.planning import speed
from saddlepoint.run.training import Validation


def test_a_step_takes_what_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "PATIENCE_SECONDS", 0.2)
    began = time.perf_counter()
    each = speed.seconds_a_step(tiny("gan"))
    assert 0 < each <= (time.perf_counter() - began) / speed.LEAST_STEPS


def test_it_leaves_out_the_first_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of a second each, but for two that take a hundred."""
    now = [0.0]

    class State:
        def __init__(self, step: int) -> None:
            self.step = step

    def steps(_: object, every: int) -> object:
        for number in range(1, 100):
            now[0] += 100.0 if number <= 2 else 1.0
            yield State(number)

    monkeypatch.setattr(speed, "steps", steps)
    monkeypatch.setattr(speed.time, "perf_counter", lambda: now[0])
    assert speed.seconds_a_step(tiny("gan")) == pytest.approx(1.0)


@pytest.mark.parametrize(("recipe", "times"), [("dcgan", 3), ("gan", 1)])
def test_seeds_in_turn_take_their_number_of_times(
    monkeypatch: pytest.MonkeyPatch, recipe: str, times: int
) -> None:
    """Fully connected networks train side by side and are measured so."""
    now, seeds = [0.0], []

    class State:
        def __init__(self, step: int) -> None:
            self.step = step

    def steps(run: sp.Run, every: int) -> object:
        seeds.append(run.seeds)
        for number in range(1, 100):
            now[0] += 1.0
            yield State(number)

    monkeypatch.setattr(speed, "steps", steps)
    monkeypatch.setattr(speed.time, "perf_counter", lambda: now[0])
    run = tiny(recipe).replace(seeds=3)
    assert speed.seconds_a_step(run) == pytest.approx(times)
    assert seeds == [3 // times]
    assert speed.seconds_a_step(run, at_once=2) == pytest.approx(min(times, 2))
    assert speed.seconds_a_step(run, at_once=8) == pytest.approx(1)


def test_a_validation_takes_the_features_of_its_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    class Space:
        def of(self, x: Tensor) -> Tensor:
            now[0] += 0.1 * len(x)
            return x.flatten(1)

    monkeypatch.setattr(speed, "open_features", lambda *_: Space())
    monkeypatch.setattr(speed.time, "perf_counter", lambda: now[0])
    run = tiny("dcgan")

    def seconds(
        held_out: int, seeds: int = 1, labelled: bool = False, **validation: object
    ) -> float:
        training = run.training.replace(validation=Validation(**validation))
        described = run.replace(training=training, seeds=seeds)
        return speed.seconds_a_validation(described, (1, 8, 8), held_out, labelled)

    scored = {"score": "kernel", "features": "efficientnet-lite0", "samples": 60}
    assert seconds(500, **scored) == pytest.approx(6.0)
    assert seconds(50, **scored) == pytest.approx(5.0)
    assert seconds(500, seeds=2, **scored) == pytest.approx(12.0)
    assert seconds(500) == seconds(500, score="kernel", features="classifier") == 0.0
    assert seconds(500, labelled=True, **{**scored, "features": "auto"}) == 0.0
    # unlabelled images are compared in the features that would be opened
    assert seconds(500, **{**scored, "features": "auto"}) == pytest.approx(6.0)

    def slow(real: Tensor, fake: Tensor) -> float:
        assert real.shape == fake.shape == (60, 64)
        now[0] += 9.0
        return 0.0

    monkeypatch.setitem(speed.SCORES, "frechet", replace(speed.SCORES["frechet"], quick=slow))
    assert seconds(500, score="frechet", samples=60) == pytest.approx(15.0)


@pytest.mark.parametrize("shape", [(1, 12, 9), (4, 16, 16)])
def test_noise_has_the_shape_and_classes_enough(shape: tuple[int, int, int]) -> None:
    run = sp.recipes.image("digits", conditional=True, batch_size=100)
    noise = speed.on_noise(run, shape)
    info = noise.data.open().info
    assert isinstance(noise.data, Array)
    assert info.shape == shape
    assert len(info.classes) == 2
    assert info.counts["train"] >= 100


def test_noise_is_not_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "PATIENCE_SECONDS", 0.0)
    run = tiny("dcgan")
    scored = Validation(score="kernel", samples=40)
    run = run.replace(training=run.training.replace(validation=scored))
    assert speed.seconds_a_step(speed.on_noise(run, (1, 8, 8))) > 0


def test_times_that_make_no_sense_are_refused() -> None:
    for minutes in (0, -1, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="--minutes"):
            speed.check_minutes(minutes)
