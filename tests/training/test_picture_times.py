"""Pictures of samples by steps and by time: when they come, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

import saddlepoint as sp
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.report.gather import gather
from saddlepoint.training.pace import Pace, PictureTimes


def test_pictures_by_steps_come_at_their_multiples() -> None:
    times = PictureTimes(5, None)
    assert [step for step in range(1, 16) if times.due(step, 1e9)] == [5, 10, 15]
    with pytest.raises(ValueError, match="by steps"):
        times.within(1.0, 0.0)


@pytest.mark.parametrize(("seconds", "first"), [(100.0, 30.0), (12.0, 12.0)])
def test_the_first_picture_by_time_comes_early(seconds: float, first: float) -> None:
    times = PictureTimes(1, seconds)
    assert not times.due(500, first - 0.1)
    assert times.due(500, first)
    times.drawn(first + 7)
    assert not times.due(501, first + 7 + seconds - 0.1), "the clock starts at a picture's end"
    assert times.due(501, first + 7 + seconds)


@pytest.mark.parametrize("work", [0.0, 3.0, 12.0, 12.5, 100.0, 1234.5])
@pytest.mark.parametrize("elapsed", [0.0, 5.0])
def test_the_pictures_to_come_are_those_that_come(work: float, elapsed: float) -> None:
    """Against carrying it out: steps of a hundredth of a second, pictures of three seconds."""
    times = PictureTimes(1, 20.0)
    expected = times.within(work, elapsed)
    now, came = elapsed, 0
    for _ in range(round(100 * work) - 1):  # the last step has its picture in any case
        now += 0.01
        if times.due(1, now):
            came += 1
            now += 3.0
            times.drawn(now)
    assert came + 1 == expected


def test_the_time_left_counts_them() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    pace.start(0, 0)
    for step in range(1, 11):
        now[0] += 1.0
        pace.step(step, step)
    with pace.pause("picture"):
        now[0] += 4.0
    times = PictureTimes(1, 25.0)
    times.drawn(pace.elapsed)
    # 100 seconds of steps: pictures after 25, 50 and 75 of them, and one at the end
    left = pace.left(10, 110, {}, {"picture": lambda s: times.within(s, pace.elapsed)})
    assert left == pytest.approx(100 + 4 * 4)
    assert pace.left(10, 110, {"picture": 50}, {}) == pytest.approx(100 + 3 * 4)


def test_pictures_by_time_change_no_bit_and_come_instead_of_those_by_steps(tmp_path: Path) -> None:
    run = tiny("dcgan")
    often = run.replace(training=run.training.replace(sample_seconds=1e-6))
    seldom = run.replace(training=run.training.replace(sample_seconds=1e6))
    for name, each in {"steps": run, "often": often, "seldom": seldom}.items():
        sp.train(each, tmp_path / name, quiet=True)
    frames = {
        name: [frame.step for frame in gather(tmp_path / name).frames]
        for name in ("steps", "often", "seldom")
    }
    assert frames == {"steps": [0, 6, 12], "often": [*range(13)], "seldom": [0, 12]}
    bits = {name: tensors(tmp_path / name, 12) for name in frames}
    assert same_bits(bits["steps"], bits["often"])
    assert same_bits(bits["steps"], bits["seldom"])


def test_a_report_shows_steps_that_are_not_even(tmp_path: Path) -> None:
    run = tiny("gan", training={"sample_every": 7})
    sp.train(run, tmp_path / "run", quiet=True)
    (tmp_path / "run/samples/step-00000007.png").rename(tmp_path / "run/samples/step-00000011.png")
    page = sp.build_report(tmp_path / "run").read_text()
    assert all(f"step {step}" in page for step in (0, 11, 12))
    assert (tmp_path / "run/samples/timeline.gif").stat().st_size > 0


def test_no_time_at_all_is_no_interval() -> None:
    with pytest.raises(ValidationError, match="sample_seconds"):
        tiny("gan", training={"sample_seconds": 0.0})
