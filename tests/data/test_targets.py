"""What a learner should produce for each example travels with it, through every kind of loader."""

from __future__ import annotations

import numpy as np
import torch

from saddlepoint.data.member_batches import MemberLoader
from saddlepoint.data.resident import Examples, ResidentDataset, limited
from saddlepoint.data.source import Split
from saddlepoint.data.toys import Ring

CPU = torch.device("cpu")
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 10, 1), dtype=np.uint8)


def masks(x: torch.Tensor) -> torch.Tensor:
    """Where a picture is bright: the target that belongs to it, mirrored or not."""
    return (x[..., 0, :, :] > 0).long()


def segmented(flip: bool = False) -> ResidentDataset:
    targets = (IMAGES[..., 0] > 127).astype(np.int64)
    return ResidentDataset("segmented", Examples(IMAGES, targets=targets), Split(), flip)


def test_targets_belong_to_their_pictures_mirrored_or_not() -> None:
    plain = segmented().loader("train", 16, seed=0, device=CPU).batch(1)
    assert plain.target.shape == (16, 8, 10)
    assert torch.equal(plain.target, masks(plain.x))
    flipped = segmented(flip=True).loader("train", 16, seed=0, device=CPU).batch(1)
    assert not torch.equal(flipped.target, plain.target)
    assert torch.equal(flipped.target, masks(flipped.x))
    taken = segmented(flip=True).take("test", 4, CPU)
    assert torch.equal(taken.target, masks(taken.x))


def test_members_have_targets() -> None:
    batch = MemberLoader(segmented(), "train", 8, seeds=(0, 1, 2), device=CPU).batch(0)
    assert batch.target.shape == (3, 8, 8, 10)
    assert torch.equal(batch.target, masks(batch.x))


def test_a_limit_keeps_targets_with_their_examples_and_the_fingerprint_covers_them() -> None:
    points = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    cut = limited(Examples(points, targets=points.sum(1)), Ring(limit=20))
    assert np.array_equal(cut.targets, cut.values.sum(1))
    prints = {
        ResidentDataset("x", Examples(points, targets=targets), Split()).info.fingerprint
        for targets in (None, points.sum(1), -points.sum(1))
    }
    assert len(prints) == 3


def test_sources_without_targets_have_none() -> None:
    data = Ring(examples=100).open()
    assert data.take("train", 5, CPU).target is None
    assert MemberLoader(data, "train", 8, seeds=(0, 1), device=CPU).batch(0).target is None
