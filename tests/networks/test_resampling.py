"""Resampling by binomial filters: against a convolution written out, and what it keeps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from saddlepoint.networks.resampling import Resampling, matrix

HALVES = [((8, 8), (4, 4)), ((7, 10), (4, 5)), ((32, 8), (16, 4)), ((9, 33), (5, 17))]
halves = pytest.mark.parametrize(("large", "small"), HALVES, ids=str)


def filters(large: tuple[int, int], channels: int) -> Tensor:
    """The separable filter as weights of a depthwise convolution, summing to 1."""
    rows, columns = (
        torch.tensor([1, 2, 1] if side % 2 else [1, 3, 3, 1], dtype=torch.float64) for side in large
    )
    both = torch.outer(rows / rows.sum(), columns / columns.sum())
    return both.expand(channels, 1, *both.shape)


@halves
def test_it_is_the_convolution_with_zeros_beyond_the_border(large, small) -> None:
    torch.manual_seed(0)
    maps, few = torch.randn(2, 3, *large).double(), torch.randn(2, 3, *small).double()
    weight = filters(large, 3)
    down = functional.conv2d(maps, weight, stride=2, padding=1, groups=3)
    up = functional.conv_transpose2d(few, 4 * weight, stride=2, padding=1, groups=3)
    torch.testing.assert_close(Resampling(large, small).double()(maps), down)
    torch.testing.assert_close(Resampling(small, large).double()(few), up)


@halves
def test_constants_are_kept_but_for_the_outermost_pixels(large, small) -> None:
    for arriving, leaving in ((large, small), (small, large)):
        maps = Resampling(arriving, leaving)(torch.full((1, 2, *arriving), 3.0))
        assert torch.equal(maps[..., 1:-1, 1:-1], torch.full_like(maps, 3.0)[..., 1:-1, 1:-1])


def test_at_the_border_zeros_are_mixed_in_as_in_the_authors_program() -> None:
    assert matrix(4, 8).sum(1).tolist() == [0.75, *[1] * 6, 0.75]
    assert matrix(8, 4).sum(1).tolist() == [0.875, 1, 1, 0.875]
    assert matrix(4, 7).sum(1).tolist() == [1] * 7
    assert matrix(7, 4).sum(1).tolist() == [0.75, 1, 1, 0.75]
    assert (matrix(4, 8)[2] * 4).tolist() == [1, 3, 0, 0]
    assert (matrix(8, 4)[1] * 8).tolist() == [0, 1, 3, 3, 1, 0, 0, 0]


@pytest.mark.parametrize(("long", "short"), [(8, 4), (7, 4)])
def test_both_directions_are_each_others_transpose(long: int, short: int) -> None:
    assert torch.equal(matrix(short, long).T, 2 * matrix(long, short))


def test_sizes_that_are_no_halves_are_refused() -> None:
    for source, target in ((8, 5), (8, 3), (3, 8)):
        with pytest.raises(ValueError, match="is not half of 8"):
            matrix(source, target)


@halves
def test_maps_stay_channels_last_and_derivatives_exist_twice(large, small) -> None:
    maps = torch.randn(2, 3, *large).to(memory_format=torch.channels_last)
    down = Resampling(large, small)(maps)
    assert down.is_contiguous(memory_format=torch.channels_last)
    assert Resampling(small, large)(down).is_contiguous(memory_format=torch.channels_last)
    resampling = Resampling((5, 8), (3, 4)).double()
    x = torch.randn(1, 2, 5, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: resampling(x).tanh(), (x,))


def test_the_filters_are_exact_in_bfloat16_and_no_part_of_a_checkpoint() -> None:
    for source, target in ((4, 8), (8, 4), (4, 7), (7, 4)):
        weights = matrix(source, target)
        assert torch.equal(weights.bfloat16().float(), weights)
    assert Resampling((8, 8), (4, 4)).state_dict() == {}
