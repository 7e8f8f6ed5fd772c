"""The images of one data set for two runs: one learns many of half of the classes, one few."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.describing import describe_data
from saddlepoint.data.source import Split
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from saddlepoint.data.dataset import Dataset
    from saddlepoint.data.source import DataSource

IMAGES_TAKEN = 10_000  # of the data
FEW, HELD_OUT = 300, 1000  # images of the target: learnt from; for scores, and as many for controls


@dataclass(frozen=True)
class Material:
    """The images of one data set, for both runs (uint8, (n, height, width, channels)).

    Attributes:
        source: Images of the first half of the classes.
        target: Images of the others, as many as are learnt from or held out.
        held: How many of the target's images each of its tests and validation has.
    """

    source: NDArray[np.uint8]
    target: NDArray[np.uint8]
    held: int

    @property
    def target_split(self) -> Split:
        """What leaves all but the held images for training."""
        share = self.held / len(self.target)
        return Split(test=share, validation=share)


def opened(value: str) -> Dataset:
    """The data that both runs have their images of.

    Raises:
        BadInput: They are no images with two classes or more.
    """
    source: DataSource = describe_data(value)
    if "limit" in type(source).model_fields:
        source = source.replace(limit=IMAGES_TAKEN)
    dataset = source.open()
    if not dataset.info.images or len(dataset.info.classes) < 2:
        raise BadInput(f"--data {value}: the experiment needs images of two classes or more.")
    return dataset


@cache
def material(value: str) -> Material:
    """The images of ``value`` shared out to source and target.

    The target's are taken in the order of a fixed seed, so that all of its runs learn from the
    same ones.

    Raises:
        BadInput: As of ``opened``; or the target's classes have too few images.
    """
    import torch

    from saddlepoint.evaluation.sides import LEAST

    dataset = opened(value)
    splits = [
        dataset.take(split, 10**9, torch.device("cpu"))
        for split, there in dataset.info.counts.items()
        if there
    ]
    x = torch.cat([batch.x.float() for batch in splits])
    labels = np.concatenate([np.asarray(batch.label) for batch in splits])
    images = ((x.permute(0, 2, 3, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
    half = len(dataset.info.classes) // 2
    first, others = images[(labels >= 0) & (labels < half)], images[labels >= half]
    few = min(FEW, len(others) // 3)
    held = min(HELD_OUT, (len(others) - few) // 2)
    if held < LEAST or len(first) < few:
        raise BadInput(f"--data {value}: half of the classes have only {len(others)} images.")
    chosen = np.random.default_rng(0).permutation(len(others))[: few + 2 * held]
    return Material(np.ascontiguousarray(first), others[chosen], held)
