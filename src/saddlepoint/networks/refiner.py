"""Convolutions at one size, which refine an image that was enlarged (torch-free on import)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from typing_extensions import override

from saddlepoint.networks.fields import MapActivation
from saddlepoint.networks.network import Backbone, FeatureMap, Network, Site

if TYPE_CHECKING:
    from torch import nn


class Refiner(Network):
    """Two layers of convolutions at the size of the images, as a level of LAPGAN has them.

    A generator sees planes of noise, and beside them the image that it is given, if there is one.
    Its latents are planes where they are as many numbers as pixels (or a multiple of it); others
    are mapped to one plane, linearly.

    Paper: Denton et al., Deep Generative Image Models using a Laplacian Pyramid of Adversarial
    Networks, 2015, by their program for CIFAR-10. Its critic's convolutions are not padded, and
    these are, so that small images have one too.
    """

    takes = frozenset({"images", "given"})
    of_backbones = frozenset({"dropout"})

    kind: Literal["refiner"] = "refiner"
    width: int = Field(64, gt=0, description="Channels of each hidden layer.")
    activation: MapActivation = Field(
        "relu", description="leaky_relu: with slope 0.2; gated: σ(a)·tanh(b) of two halves."
    )
    dropout: float = Field(
        0.5, ge=0, lt=1, description="Share of the features that a backbone drops in training."
    )

    @override
    def generator(self, site: Site) -> nn.Module:
        """Kernels of 7, 7 and 5, without norms."""
        from saddlepoint.networks.plane_generator import PlaneGenerator
        from saddlepoint.networks.shells import finished

        channels, given = site.shape[0], 0 if site.given is None else site.given[0]
        planes = PlaneGenerator.planes(site)
        layers = [*self._layer(planes + given, 7), *self._layer(self.width, 7)]
        layers.append(self._convolution(self.width, channels, 5))
        return PlaneGenerator(finished(layers, site.output), site)

    @override
    def backbone(self, site: Site) -> Backbone:
        """Kernels of 5; the second layer halves the size, and dropout comes before the head."""
        from torch import nn

        from saddlepoint.networks.shells import FlattenRows

        channels, height, width = site.shape
        layers = [*self._layer(channels, 5), *self._layer(self.width, 5, stride=2)]
        half = FeatureMap(layers[-1], self.width, ((height + 1) // 2, (width + 1) // 2))
        layers.append(FlattenRows())
        if self.dropout:
            layers.append(nn.Dropout(self.dropout))
        features = self.width * math.prod(half.size)
        return Backbone(nn.Sequential(*layers), features, maps=(half,))

    @override
    def narrower(self) -> dict[str, str]:
        return {"width": str(self.width // 2)} if self.width > 1 else {}

    def _layer(self, inputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
        from saddlepoint.networks.activations import activation, features_per_unit

        outputs = self.width * features_per_unit(self.activation)
        convolution = self._convolution(inputs, outputs, kernel, stride)
        return [convolution, activation(self.activation, axis=1)]

    @staticmethod
    def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
        from torch import nn

        return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)
