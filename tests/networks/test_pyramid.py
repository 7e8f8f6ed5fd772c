"""Laplacian pyramids are undone exactly, whatever the size of the images."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from saddlepoint.networks.pyramid import coarse, collapsed, enlarged, halved, pyramid, sizes

SIDES = st.integers(1, 40)


def drawn(seed: int, channels: int, height: int, width: int, hard: bool) -> Tensor:
    """Images in [−1, 1]: noise, or only its signs, whose differences are the largest."""
    generator = torch.Generator().manual_seed(seed)
    noise = 2 * torch.rand(3, channels, height, width, generator=generator) - 1
    return noise.sign() if hard else noise


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), SIDES, SIDES, st.integers(0, 6), st.booleans())
def test_a_pyramid_is_undone(
    seed: int, channels: int, height: int, width: int, levels: int, hard: bool
) -> None:
    images = drawn(seed, channels, height, width, hard)
    parts = pyramid(images, levels)
    assert [tuple(part.shape[2:]) for part in parts] == sizes((height, width), levels)
    assert len(parts) == levels + 1
    again = collapsed(parts)
    assert again.shape == images.shape
    assert (again.double() - images.double()).abs().max() <= levels * 2**-23
    assert all(part.abs().max() <= 2 for part in parts)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), SIDES, SIDES)
def test_each_level_is_what_halving_leaves_out(
    seed: int, channels: int, height: int, width: int
) -> None:
    images = drawn(seed, channels, height, width, hard=False)
    smallest, middle, finest = pyramid(images, 2)
    assert torch.equal(smallest, halved(images, 2))
    assert torch.equal(finest, images - coarse(images))
    assert torch.equal(middle, halved(images) - coarse(halved(images)))


def test_halving_takes_means_of_four_and_constants_stay() -> None:
    images = drawn(0, 2, 6, 8, hard=False)
    expected = images.unflatten(3, (4, 2)).unflatten(2, (3, 2)).mean((3, 5))
    torch.testing.assert_close(halved(images), expected)
    for height, width in ((5, 7), (1, 1), (9, 2)):
        constant = torch.full((1, 1, height, width), 0.3)
        torch.testing.assert_close(coarse(constant), constant)
        assert pyramid(constant, 3)[-1].abs().max() < 1e-6


def test_enlarging_keeps_means_of_even_sides_and_enlarges_no_value() -> None:
    images = drawn(1, 1, 4, 7, hard=True)
    large = enlarged(images, (8, 14))
    assert large.abs().max() <= 1
    ramp = torch.arange(4.0).expand(1, 1, 4, 4)
    middle = enlarged(ramp, (8, 8))[0, 0, 0, 1:-1]
    torch.testing.assert_close(middle, torch.arange(6) / 2 + 0.25)  # straight between the edges


def test_channels_last_images_stay_so() -> None:
    images = drawn(2, 3, 9, 10, hard=False).to(memory_format=torch.channels_last)
    for part in pyramid(images, 2):
        assert part.is_contiguous(memory_format=torch.channels_last)


def test_a_pyramid_of_no_levels_is_the_image() -> None:
    images = drawn(3, 1, 5, 5, hard=False)
    assert torch.equal(collapsed(pyramid(images, 0)), images)
    with pytest.raises(ValueError, match="unpack"):
        collapsed([])
