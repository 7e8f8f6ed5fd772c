"""Equal examples: what counts as equal, and how often."""

from __future__ import annotations

import torch

from saddlepoint.metrics.exact_copies import count_repeated, count_shared, digests


def test_images_are_equal_in_eight_bits_and_vectors_in_all_their_bits() -> None:
    images = (torch.arange(48.0) * 5 / 127.5 - 1).reshape(3, 1, 4, 4)
    assert digests(images) == digests(images + 1e-4)
    assert not set(digests(images)) & set(digests(images.flip(-1)))
    assert digests(images.flatten(1)) != digests(images.flatten(1) + 1e-4)


def test_repetitions_count_as_often_as_they_occur() -> None:
    a, b, c = digests(torch.arange(3.0)[:, None])
    assert count_repeated([a, b, a, a, c]) == 2
    assert count_shared([a, a, b, c], [a, c, c]) == 3
    assert count_shared([], [a]) == count_repeated([]) == 0
