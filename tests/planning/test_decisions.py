"""What ``image`` chooses, on sizes, counts and speeds made up for it."""

from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saddlepoint import recipes
from saddlepoint.data.splitting import LEAST_COMPARED
from saddlepoint.errors import BadInput
from saddlepoint.planning import decisions
from saddlepoint.planning.decisions import Situation

SLOW, FAST = 0.2, 0.0001  # seconds of a step at 32×32
MADE = (decisions.network, decisions.augmentation, decisions.reconstruction, decisions.length)


def situation(images: int = 1000, side: int = 32, **more: object) -> Situation:
    return Situation(images, (3, side, side), seconds=0.1, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sizes", "seconds", "minutes", "expected"),
    [
        ({(28, 28): 10}, SLOW, None, (28, 28)),  # what agrees and is small stays as it is
        ({(48, 32): 10}, SLOW, None, (48, 32)),
        ({(64, 64): 10}, SLOW, None, 32),  # 10,000 steps of 0.8 s are more than 20 minutes
        ({(64, 64): 10}, SLOW, 240, 64),  # and less than 240
        ({(400, 300): 5, (30, 30): 4}, FAST, None, 256),
        ({(400, 300): 4, (70, 90): 5}, FAST, None, 64),  # 128 would enlarge more than half
        ({(20, 20): 5, (25, 25): 5}, FAST, None, 16),  # 32 would enlarge all
        ({(12, 12): 5, (14, 14): 5}, FAST, None, 16),  # the smallest that there is
        ({(400, 300): 5, (40, 40): 4}, 100.0, 1, 32),  # above which the time decides
    ],
)
def test_the_side_is_the_longest_that_enlarges_few_and_is_usable_in_time(
    sizes: dict[tuple[int, int], int], seconds: float, minutes: float | None, expected: object
) -> None:
    assert decisions.side(Counter(sizes), lambda: seconds, minutes) == expected


def test_nothing_is_measured_for_a_size_that_time_does_not_decide() -> None:
    def measured() -> float:
        raise AssertionError

    for sizes in ({(16, 16): 9}, {(63, 90): 5, (30, 30): 2}, {(20, 20): 5, (25, 25): 5}):
        side = decisions.side(Counter(sizes), measured, None)
        if isinstance(side, int):
            assert decisions.side_reason(Counter(sizes), side, measured)


@pytest.mark.parametrize(
    ("sizes", "chosen", "reason", "instead"),
    [
        ({(200, 200): 5, (50, 50): 1}, 32, "samples of 64×64 would take some 2 h 13 min", "64"),
        ({(90, 70): 5, (80, 100): 4}, 64, "70 pixels a side or less, and 128×128 would", "128"),
        ({(20, 20): 5, (25, 25): 5}, 16, "20 pixels a side or less, and 32×32 would", "32"),
        (
            {(12, 12): 5, (14, 14): 5},
            16,
            "the smallest there is; half of the pictures have 12",
            "8",
        ),
        ({(900, 900): 5, (800, 800): 5}, 256, "the largest there is", "512"),
    ],
)
def test_the_reason_for_a_size_is_what_kept_it_from_being_larger(
    sizes: dict[tuple[int, int], int], chosen: int, reason: str, instead: str
) -> None:
    said, option = decisions.side_reason(Counter(sizes), chosen, lambda: SLOW)
    assert reason in said
    assert option.endswith(f"--data.size {instead}")
    assert option.startswith("--minutes") == ("would take" in said)


@given(st.dictionaries(st.tuples(*[st.integers(8, 400)] * 2), st.integers(1, 50), min_size=1))
@settings(max_examples=50, deadline=None)
def test_the_median_side_is_that_of_all_pictures_in_a_row(
    sizes: dict[tuple[int, int], int],
) -> None:
    row = sorted(min(size) for size, count in sizes.items() for _ in range(count))
    assert decisions.median_side(Counter(sizes)) == row[(len(row) - 1) // 2]


def test_no_pictures_have_no_median() -> None:
    with pytest.raises(ValueError, match="no median"):
        decisions.median_side(Counter())


@pytest.mark.parametrize(
    ("images", "batch"), [(2, 2), (5, 5), (10, 8), (24, 12), (100, 50), (128, 64), (10**5, 64)]
)
def test_a_batch_is_at_most_half_of_the_images_but_eight(images: int, batch: int) -> None:
    assert decisions.batch_of(images) == batch


def test_few_images_are_changed_and_many_are_not_and_none_is_rebuilt() -> None:
    few, some, many = (situation(images) for images in (200, 3000, 5000))
    assert [decisions.augmentation(each).options["augment"] for each in (few, some, many)] == [
        "adaptive",
        "adaptive",
        "none",
    ]
    for each in (few, some, many):
        assert decisions.reconstruction(each).options == {"reconstruct": False}


@pytest.mark.parametrize(
    ("side", "graphics", "width"),
    [(28, False, 32), (64, False, 32), (128, False, 32), (256, False, 16), (256, True, 32)],
)
def test_larger_images_have_narrower_networks(side: int, graphics: bool, width: int) -> None:
    assert decisions.network(situation(side=side, graphics=graphics)).options["width"] == width


@pytest.mark.parametrize("side", [8, 16, 28, 32, 48, 64, 128, 256])
def test_r3_is_wide_enough_for_its_groups_at_every_size(side: int) -> None:
    """And half as wide is not."""
    from saddlepoint.networks.network import Site

    def built(width: int) -> None:
        network = recipes.image("digits", network="r3", width=width).learner.generator
        network.generator(Site(shape=(3, side, side), inputs=64, place="learner.generator"))

    width = decisions.network(situation(side=side, given={"network": "r3"})).options["width"]
    built(width)
    if side > 8:
        with pytest.raises(BadInput, match="groups of 16"):
            built(width // 2)


def test_minutes_become_steps_by_the_measured_speed() -> None:
    for minutes, steps in ((1.0, 600), (30.0, 18_000), (1e-4, 1)):
        decision = decisions.length(situation(minutes=minutes))
        assert decision.options["steps"] == steps
        assert ("though usable samples" in decision.reason) == (steps < 5000)


@given(
    minutes=st.floats(0.1, 3000),
    validating=st.floats(0.01, 100),
    seconds=st.floats(0.001, 10),
)
@settings(max_examples=200, deadline=None)
def test_validations_are_in_the_minutes_and_take_a_fifth_at_most(
    minutes: float, validating: float, seconds: float
) -> None:
    made = Situation(1000, (3, 32, 32), seconds=seconds, validating=validating, minutes=minutes)
    options = decisions.length(made).options
    steps, every = options["steps"], options["training.checkpoint_every"]
    times = -(-steps // every)
    whole = steps * seconds + times * validating
    assert times == 1 or times * validating <= 0.2 * 60 * minutes
    if times == 1:
        # one that was asked for takes what it takes, and training has four fifths at least
        assert steps * seconds >= 0.8 * 60 * minutes - seconds
    else:
        assert whole <= 60 * minutes + seconds
        # nothing is left over but what whole steps make of it
        assert whole >= 60 * minutes - seconds - validating * steps / every
    if steps > 1000 and validating < 1:
        assert every * seconds <= decisions.VALIDATING_SECONDS + seconds
        assert times >= 20 or times * validating > 0.1 * 60 * minutes


def test_steps_between_validations_that_were_asked_for_stay() -> None:
    made = situation(minutes=10.0, validating=5.0, checkpoint_every=100)
    decision = decisions.length(made)
    assert "training.checkpoint_every" not in decision.options
    assert decision.options["steps"] == 4000  # of .1 s, and .05 s for the validations
    assert "40 validations" in decision.line
    assert (
        "5 s for each of 12 validation"
        in decisions.length(
            replace(made, minutes=None, checkpoint_every=None, validating=5.0, seconds=0.05)
        ).line
    )


def test_the_pace_of_several_seeds_is_said_to_be_theirs() -> None:
    assert "100 ms a step of 3 seeds" in decisions.length(situation(seeds=3)).line
    assert "seeds" not in decisions.length(situation()).line


def test_an_option_that_was_given_is_not_proposed() -> None:
    line = decisions.network(situation(given={"network": "r3"})).line
    assert line.endswith("r3, 32 channels: as asked (--width 64)")
    line = decisions.network(situation(given={"width": 24})).line
    assert line.endswith("dcgan, 24 channels: as asked (--network r3)")


def test_pictures_come_every_half_minute_and_a_hundred_times_in_a_long_training() -> None:
    for minutes, seconds in ((1.0, 30.0), (50.0, 30.0), (600.0, 360.0)):
        options = decisions.length(situation(minutes=minutes)).options
        assert options["training.sample_seconds"] == seconds


def test_without_minutes_samples_are_to_be_usable() -> None:
    assert decisions.length(situation()).options["steps"] == decisions.usable_steps(32) == 5000
    assert decisions.length(situation(side=64)).options["steps"] == 10_000
    # a small batch needs as many updates
    assert decisions.length(situation(images=20)).options["steps"] == 5000


@pytest.mark.parametrize("decide", MADE)
def test_what_was_asked_stays_and_is_said(decide: object) -> None:
    own = decide(situation()).options  # type: ignore[operator]
    other = {"network": "r3", "width": 24, "augment": "fixed", "reconstruct": False}
    other |= {"steps": 77, "batch_size": 10, "half_life": 5.0, "training.sample_seconds": 30.0}
    asked = {name: other[name] for name in own}
    decision = decide(situation(given=asked))  # type: ignore[operator]
    assert decision.options == asked
    assert "as asked" in decision.line
    assert not decision.instead


def test_every_decision_is_an_option_of_the_recipe_and_names_one_that_changes_it() -> None:
    options = inspect.signature(recipes.image, eval_str=True).parameters
    common = {"steps", "batch_size"}
    for images in (50, 100_000):
        for decide in MADE:
            decision = decide(situation(images))
            by_place = {name for name in decision.options if "." in name}
            assert decision.options.keys() - by_place <= options.keys() | common
            assert by_place <= {"training.sample_seconds"}
            assert "--" in decision.instead
            chosen = {n: value for n, value in decision.options.items() if n not in by_place}
            run = recipes.image("digits", **chosen)
            assert run.recipe == "image"


@pytest.mark.parametrize(
    ("grey", "transparent", "channels"),
    [(False, 0, None), (False, 49, None), (False, 50, 4), (True, 90, 2)],
)
def test_transparency_of_most_pictures_is_learned(
    grey: bool, transparent: int, channels: int | None
) -> None:
    assert decisions.channels_of(grey, transparent, 100) == channels
    assert decisions.channels_of(grey, 0, 0) is None  # an array has no headers


@pytest.mark.parametrize(
    ("images", "share"),
    [(30, None), (159, None), (160, 0.26), (304, 0.14), (394, 0.11), (400, None)],
)
def test_enough_is_held_out_for_scores_where_that_leaves_most_to_train_on(
    images: int, share: float | None
) -> None:
    assert decisions.held_out_share(images) == share
    if share is not None:
        assert round(images * share) >= LEAST_COMPARED


@pytest.mark.parametrize(
    ("held_out", "features", "scored"), [(39, True, False), (40, True, True), (400, False, False)]
)
def test_checkpoints_are_scored_where_images_and_features_allow(
    held_out: int, features: bool, scored: bool
) -> None:
    decision = decisions.validation(held_out, features)
    assert bool(decision.options) == scored
    assert "--" in decision.instead
