"""Whether mirrored pictures look like the originals: level, power, and what must not mislead."""

from __future__ import annotations

import numpy as np
from scipy import stats
from sklearn.datasets import load_digits

from kit.pictures import glance_at, smooth_pictures
from saddlepoint.planning.mirroring import Mirrored, mirror_test, mirroring


def digits() -> np.ndarray:
    return (load_digits().images[:, None] * 15.9375).round().astype(np.uint8)


def test_the_level_holds_where_mirroring_changes_nothing() -> None:
    found = [mirror_test(glance_at(smooth_pictures(80, 16, 1, seed))) for seed in range(40)]
    p_values = [each.p_value for each in found if each is not None]
    assert len(p_values) == 40
    # By chance alone more than 7 of 40 have p < 0.05 about once in 1,000 tries.
    assert stats.binom.sf(7, 40, 0.05) < 0.002
    assert sum(p < 0.05 for p in p_values) <= 7
    shares = [each.share for each in found if each is not None]
    assert abs(np.mean(shares) - 0.5) < 4 * 0.5 / np.sqrt(40 * 80)


def test_digits_have_a_left_and_a_right_and_mirrored_ones_have_not() -> None:
    x = digits()
    plain = mirroring(glance_at(x))
    assert plain is not None
    assert plain.figures is not None
    assert plain.figures["share"] > 0.9
    assert plain.figures["asymmetric"] == 1
    assert "Left and right differ" in plain.sentence
    assert plain.option.startswith("Leave --mirror off")
    random = np.random.default_rng(0)
    turned = random.random(len(x)) < 0.5
    x[turned] = x[turned][..., ::-1]
    both = mirroring(glance_at(x))
    assert both is not None
    assert "Left and right look alike" in both.sentence
    assert both.option.startswith("--mirror doubles")


def test_a_difference_in_the_rare_class_alone_is_no_plain_one() -> None:
    """One picture in ten has a side: told seldom, and mirroring is not forbidden for it."""
    x = smooth_pictures(1000, 16, 1)
    x[:100, :, :, :8] = 255
    found = mirror_test(glance_at(x))
    assert found is not None
    assert found.p_value < 0.05
    assert not found.asymmetric


def test_near_duplicates_in_both_halves_are_no_side() -> None:
    x = smooth_pictures(80, 16, 1)
    random = np.random.default_rng(0)
    many = np.concatenate([x] * 12).astype(np.int16)
    many = np.clip(many + random.integers(-3, 4, many.shape), 0, 255).astype(np.uint8)
    found = mirror_test(glance_at(many))
    assert found is not None
    assert found.n == 80
    assert not found.asymmetric


def test_too_few_and_mirror_images_of_themselves_say_nothing() -> None:
    assert mirror_test(glance_at(smooth_pictures(40))) is None
    x = smooth_pictures(200, 16)
    half = x[..., :8]
    assert mirroring(glance_at(np.concatenate([half, half[..., ::-1]], 3))) is None


def test_between_what_forbids_and_what_allows_mirroring_is_silence() -> None:
    few = Mirrored(share=0.55, high=0.66, n=70, p_value=0.3)
    assert not few.symmetric
    assert not few.asymmetric
    assert Mirrored(share=0.52, high=0.55, n=900, p_value=0.2).symmetric
    assert Mirrored(share=0.55, high=0.58, n=2000, p_value=1e-5).symmetric, "a slight difference"
    assert Mirrored(share=0.7, high=0.75, n=200, p_value=1e-5).asymmetric
