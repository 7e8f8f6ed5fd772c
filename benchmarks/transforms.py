"""A picture of every transform that an augmenting lens has, on pictures of clothes.

    python benchmarks/transforms.py --picture docs/augmentation.png

A row shows the same pictures through one transform, which each of them takes (p = 1), after a first
row as they are. Grey pictures have no hue and no saturation: for these, three pictures stand in the
three colours. Two seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from saddlepoint import drawing
from saddlepoint.data.published import FashionMnist
from saddlepoint.learners.adversarial.augmentation import Augment
from saddlepoint.learners.augmenting import differentiable
from saddlepoint.learners.augmenting.chance import Chance
from saddlepoint.learners.augmenting.pipe import augmented
from saddlepoint.learners.augmenting.transforms import CUTOUT, NAMES
from saddlepoint.randomness import Streams

SHOWN, SCALE, LABEL, SIZE = 12, 2, 200, 16
COLOURED = ("hue", "saturation")
PIPE, OTHERS = "augment", "diff_augment"


def pictures(root: str | None) -> tuple[Tensor, Tensor]:
    """Grey pictures (n, 1, h, w), and such of three of them in the colours (n, 3, h, w)."""
    source = FashionMnist() if root is None else FashionMnist(root=Path(root))
    x = source.open().take("test", 3 * SHOWN, torch.device("cpu")).x
    return x[:SHOWN], x.view(SHOWN, 3, *x.shape[2:])


def rows(grey: Tensor, coloured: Tensor) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Labels and pictures (n, channels, h, w), row by row."""
    chance = Chance(Streams(0, "picture"), SHOWN, *grey.shape[-2:])
    yield "as they are", grey.numpy()
    for name in NAMES:
        x = coloured if name in COLOURED else grey
        if name == COLOURED[0]:
            yield "as they are, in colour", x.numpy()
        yield f"{PIPE}: {name}", augmented(x, chance, (name,), torch.ones(())).numpy()
        if name == CUTOUT:
            everything = augmented(grey, chance, Augment().transforms, torch.tensor(0.3))
            yield f"{PIPE}: as usual, p = 0.3", everything.numpy()
    for name, change in differentiable.CHANGES.items():
        yield f"{OTHERS}: {name}", change(coloured, chance).numpy()


def labelled(label: str, images: NDArray[np.float32]) -> Image.Image:
    """A row of pictures behind its label."""
    row = drawing.grid(images, len(images), scale=SCALE).convert("RGB")
    sheet = Image.new("RGB", (LABEL + row.width, row.height), "white")
    sheet.paste(row, (LABEL, 0))
    font = ImageFont.load_default(size=SIZE)
    ImageDraw.Draw(sheet).text((8, row.height / 2), label, "black", font, anchor="lm")
    return sheet


def main() -> None:
    """Draw all rows below each other."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--picture", type=Path, required=True)
    parser.add_argument("--root", help="the folder of Fashion-MNIST's files")
    options = parser.parse_args()
    drawn = [labelled(*each) for each in rows(*pictures(options.root))]
    drawing.save_png(drawing.mosaic(drawn, columns=1), options.picture)


if __name__ == "__main__":
    main()
