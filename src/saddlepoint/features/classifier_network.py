"""The small network behind the classifier's feature space."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.features.resizing import resized, within

FEATURES = 64
#: Stored with a trained network; to be raised whenever anything here or in its training changes.
VERSION = 1
LEAST_SIDE = 8
_LONGEST_SIDE = 64  # larger images are reduced first,
_FINE_SIDE = 32  # and beyond this the first convolution moves by two pixels
_WIDTHS = (32, 64, 128, 128)


class ClassifierNetwork(nn.Module):
    """(n, *shape) to (n, 64) features; ``head`` gives the logits of the classes.

    Images: convolutions of 3×3, each followed by a maximum over 2×2, batch norm and ReLU, until
    the shorter side is at most 4 (32, 64, 128, 128 channels); all places of the last map go into
    64 linear features with batch norm and ReLU. Images longer than 32 pixels start with
    a convolution of 5×5 and stride 2 instead, and those longer than 64 are reduced to 64 first.
    Vectors: standardised, then 256 and 128 hidden units in place of the convolutions.

    Attributes:
        multiplications: Of one example's forward pass.
        largest_map: Floats of its largest map.
    """

    centre: Tensor
    scale: Tensor

    def __init__(
        self, shape: tuple[int, ...], classes: int, centre: tuple[float, ...], scale: float
    ) -> None:
        """Build an untrained network.

        Args:
            shape: (channels, height, width) or (numbers,).
            classes: How many.
            centre: Mean of vectors; () for images.
            scale: Standard deviation of vectors; 1 for images.

        Raises:
            BadInput: Images with a side below 8 pixels.
        """
        super().__init__()
        # In the state, so that a stored network standardises as it was trained to.
        self.register_buffer("centre", torch.tensor(centre, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.size: tuple[int, int] | None = None
        self.multiplications = 0
        if len(shape) == 3:
            self.largest_map = 0
            self.trunk, flat = self._convolutions(shape)
        else:
            self.largest_map = max(shape[0], 256)
            self.trunk, flat = self._layers(shape[0])
        self.features = nn.Sequential(
            nn.Linear(flat, FEATURES, bias=False), nn.BatchNorm1d(FEATURES), nn.ReLU(inplace=True)
        )
        self.head = nn.Linear(FEATURES, classes)
        self.multiplications += flat * FEATURES + FEATURES * classes

    def forward(self, examples: Tensor) -> Tensor:
        """The features."""
        if self.size is not None:
            return self.features(self.trunk(resized(examples, self.size, "bilinear")))
        return self.features(self.trunk((examples - self.centre) / self.scale))

    def _convolutions(self, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        channels, height, width = shape
        if min(height, width) < LEAST_SIDE:
            raise BadInput(
                f"a classifier needs images of at least {LEAST_SIDE}×{LEAST_SIDE} pixels, and "
                f"these are {height}×{width}: compare their pixels."
            )
        self.size = within((height, width), _LONGEST_SIDE, LEAST_SIDE)
        height, width = self.size
        layers: list[nn.Module] = []
        for level in range(8):
            leaving = _WIDTHS[min(level, len(_WIDTHS) - 1)]
            large = level == 0 and max(height, width) > _FINE_SIDE
            kernel, stride = (5, 2) if large else (3, 1)
            height, width = -(-height // stride), -(-width // stride)
            convolution = nn.Conv2d(
                channels, leaving, kernel, stride, padding=kernel // 2, bias=False
            )
            self.multiplications += height * width * convolution.weight.numel()
            self.largest_map = max(self.largest_map, height * width * leaving)
            # Reduced first, the norm and the ReLU pass over a quarter of the map.
            layers += [
                convolution,
                nn.MaxPool2d(2, ceil_mode=True),
                nn.BatchNorm2d(leaving),
                nn.ReLU(inplace=True),
            ]
            height, width, channels = -(-height // 2), -(-width // 2), leaving
            if min(height, width) <= 4 and level > 0:
                break
        layers.append(_FlattenRows())
        return nn.Sequential(*layers), channels * height * width

    def _layers(self, numbers: int) -> tuple[nn.Module, int]:
        layers: list[nn.Module] = []
        for units in (256, 128):
            layers += [nn.Linear(numbers, units, bias=False), nn.BatchNorm1d(units), nn.ReLU()]
            self.multiplications += numbers * units
            numbers = units
        return nn.Sequential(*layers), numbers


class _FlattenRows(nn.Module):
    """(n, channels, h, w) to (n, h·w·channels): free when the maps are channels-last."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.permute(0, 2, 3, 1).flatten(1)
