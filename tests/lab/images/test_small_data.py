"""``image`` beside other recipes: what is taken away, rows, claims, and that figures decide."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

from saddlepoint import recipes
from saddlepoint.lab.bench import Trained
from saddlepoint.lab.findings import Row
from saddlepoint.lab.images.models_on_data import row, title
from saddlepoint.lab.images.small_data import (
    FEW,
    HELD_OUT,
    IMAGE,
    LARGE,
    OTHERS,
    SCORES,
    chosen,
    claims,
    described,
    one_changed,
)
from saddlepoint.learners.adversarial.description import Adversarial


def trained(model: str, value: float | None, copies: float = 0.0, data: str = "faces") -> Trained:
    """A cell whose scores have this value ± 0.1."""
    figures: dict[str, float | None] = {"images": 640.0}
    for name in SCORES:
        centre = copies if name == "memorisation" else value
        for key, each in ((name, centre), (f"{name} control", 0.2)):
            for end, distance in (("", 0.0), (" low", -0.1), (" high", 0.1)):
                figures[key + end] = None if each is None else each + distance
    return Trained(title(data, model, 0), 10, 60.0, "cpu", "a processor", [figures])


def table(own: tuple[float, ...], other: tuple[float, ...], copies: float = 0.0) -> list[Row]:
    rows = [row(trained(IMAGE, value, copies), SCORES) for value in own]
    return rows + [row(trained("dcgan", value), SCORES) for value in other]


@pytest.fixture
def colour(tmp_path: Path) -> str:
    rng = np.random.default_rng(0)
    path = tmp_path / "own.npz"
    np.savez(path, x=rng.integers(0, 256, (FEW + 2 * HELD_OUT + 10, 8, 8, 3), dtype=np.uint8))
    return str(path)


def test_two_hundred_images_are_learned_and_the_others_held_out(colour: str) -> None:
    runs = described(colour)
    counts = runs[IMAGE].data.open().info.counts
    assert counts == {"train": FEW, "validation": HELD_OUT, "test": HELD_OUT}
    assert all(run.data == runs[IMAGE].data for run in runs.values())


def test_each_part_of_image_is_changed_by_itself(colour: str) -> None:
    """What ``train FOLDER`` chooses now, whatever it is."""
    runs = described(colour)
    options = chosen(FEW, (3, 8, 8))
    whole = runs[IMAGE].learner
    assert isinstance(whole, Adversarial)
    assert bool(whole.lenses) == (options["augment"] != "none")
    assert bool(whole.auxiliaries) == options["reconstruct"]
    changed = one_changed(options)
    assert changed.keys() == runs.keys() - {IMAGE, *OTHERS}
    known = inspect.signature(recipes.image, eval_str=True).parameters
    for model, others in changed.items():
        assert runs[model] != runs[IMAGE]
        (option,) = [name for name in others if others[name] != options.get(name)]
        assert option in known
    assert runs["image without averaging"].training.averaging_half_life == 0


@pytest.mark.parametrize("part", ["augmentation", "reconstruction"])
def test_a_part_that_was_chosen_is_taken_away_and_one_that_was_not_added(part: str) -> None:
    options = {"network": "r3", "augment": "none", "reconstruct": False}
    assert f"image with {part}" in one_changed(options)
    options |= {"augment": "fixed", "reconstruct": True}
    changed = one_changed(options)
    assert f"image without {part}" in changed
    assert changed["image with dcgan"]["network"] == "dcgan"


def test_of_many_images_nothing_is_changed() -> None:
    assert set(described(LARGE)) == {IMAGE, *OTHERS}


@pytest.mark.parametrize(
    ("own", "other", "holds"),
    [
        ((1.0, 1.0), (1.0, 1.2), True),
        ((1.0, 1.0), (0.7, 0.7), False),  # wholly below
        ((1.0, 1.0), (0.7, 0.85), True),  # one seed overlaps
        ((0.5, 0.5), (1.0, 1.0), True),
    ],
)
def test_image_loses_where_all_of_anothers_intervals_lie_below_all_of_its_own(
    own: tuple[float, ...], other: tuple[float, ...], holds: bool
) -> None:
    rows = table(own, other)
    assert claims(rows)[0].holds == holds


@pytest.mark.parametrize(("copies", "holds"), [(0.0, True), (0.1, True), (0.3, False)])
def test_copies_are_no_success(copies: float, holds: bool) -> None:
    claim = claims(table((1.0,), (1.0,), copies))[-1]
    assert "copies" in claim.statement
    assert claim.holds == holds


def test_what_has_no_number_is_not_nearer_and_image_needs_one() -> None:
    rows = [row(trained(IMAGE, 1.0), SCORES), row(trained("dcgan", None), SCORES)]
    assert claims(rows)[0].holds
    rows = [row(trained(IMAGE, None), SCORES), row(trained("dcgan", 1.0), SCORES)]
    assert not claims(rows)[0].holds
    assert not claims([row(trained("dcgan", 1.0), SCORES)])  # nothing to say without image
