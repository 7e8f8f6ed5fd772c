"""The pictures that a run draws of its samples while it trains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from saddlepoint import drawing
from saddlepoint.data.dataset import Dataset
from saddlepoint.learners.learner import Learner
from saddlepoint.randomness import derive
from saddlepoint.run.description import Run

SAMPLES = "samples"
REAL = "real.png"
_POINTS = 2000  # real ones that a cloud is drawn over


class SamplePictures:
    """Draws samples from latents that are always the same, so that pictures can be compared.

    Args:
        run: The description: its seeds, and how many samples a picture has.
        folder: The run directory.
        data: The examples.
    """

    def __init__(self, run: Run, folder: Path, data: Dataset) -> None:
        self._run, self._folder, self._data = run, folder / SAMPLES, data

    def draw(self, learner: Learner, step: int) -> str:
        """Write the picture of the samples at ``step``.

        Args:
            learner: With averaged weights and settled statistics.
            step: Steps that are done.

        Returns:
            The name of its file.
        """
        seed = derive(self._run.seed, "pictures")
        samples = learner.sample(self._run.training.samples, seed).cpu().numpy()
        images = self._data.info.images
        reference = None if images else self._real(_POINTS)
        drawn = [
            drawing.draw(member, images=images, reference=reference)
            for member in (samples if self._run.seeds > 1 else [samples])
        ]
        name = f"step-{step:08d}.png"
        image = drawn[0] if len(drawn) == 1 else drawing.mosaic(drawn)
        drawing.save_png(image, self._folder / name)
        if images:
            self._draw_further(learner, seed)
        return name

    def _draw_further(self, learner: Learner, seed: int) -> None:
        """The learner's own pictures, as of now: each takes the place of the one before."""
        for name, images in learner.further_pictures(seed).items():
            image = drawing.grid(images.flatten(0, 1).cpu().numpy(), columns=images.shape[1])
            drawing.save_png(image, self._folder / f"{name}.png")

    def draw_real(self) -> None:
        """Write the picture of real examples, laid out as the samples are."""
        images = self._data.info.images
        real = self._real(self._run.training.samples if images else _POINTS)
        drawing.save_png(drawing.draw(real, images=images, reference=real), self._folder / REAL)

    def _real(self, n: int) -> np.ndarray:
        return self._data.take("train", n, torch.device("cpu")).x.numpy()
