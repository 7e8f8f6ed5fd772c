"""Every coefficient of every part may be a schedule, of progress or of images."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kit.fields import Spot, spots
from kit.outcomes import Workshop, resumed
from kit.parts import BATCH, TRAINING, at, changed
from saddlepoint.run.description import Run
from saddlepoint.schedules import Piecewise, Schedule

PROBE = Piecewise(points=((0.0, 0.5), (1.0, 0.25)))


def takes_a_schedule(spot: Spot) -> bool:
    try:
        whole = changed(spot.whole, spot.path, PROBE)
    except ValidationError:
        return False
    return isinstance(at(whole, spot.path), Schedule)


SPOTS = {spot.name: spot for spot in spots() if takes_a_schedule(spot)}


def following(spot: Spot, images: int | None) -> Run:
    """The tiny run with half of the value at its end, over the training or over images."""
    value = at(spot.whole, spot.path)
    if isinstance(value, Schedule):
        return changed(spot.whole, spot.path, value.replace(images=images))
    # a half-life, which is none by default, is a number of images
    start = 50.0 if value is None else value or 0.5
    points = ((0.0, start), (1.0, start / 2))
    return changed(spot.whole, spot.path, Piecewise(points=points, images=images))


def test_the_coefficients_are_found() -> None:
    fields = {spot.field for spot in SPOTS.values()}
    assert fields >= {"learning_rate", "momentum", "beta2", "weight", "std", "strength", "beta"}
    assert "averaging_half_life" in fields


@pytest.mark.parametrize("name", SPOTS)
def test_as_many_images_as_the_run_has_are_its_progress(shop: Workshop, name: str) -> None:
    """Both axes are read everywhere, and a run that counts images resumes to the same bits."""
    of_progress = shop.outcome(following(SPOTS[name], None))
    counting = following(SPOTS[name], TRAINING.steps * BATCH)
    of_images = shop.outcome(counting)
    assert of_images.same(of_progress)
    assert of_images.same(resumed(shop.place_of(counting)))
    sooner = shop.outcome(following(SPOTS[name], BATCH // 2))
    assert not sooner.same(of_progress)
