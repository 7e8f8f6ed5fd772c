"""The feature space of published FID, KID and Inception scores, through torch-fidelity."""

from __future__ import annotations

import http.client
import importlib
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from typing_extensions import override

from saddlepoint.errors import BadInput
from saddlepoint.features.batching import in_batches
from saddlepoint.features.interface import FeatureSpace, Progress
from saddlepoint.features.resizing import as_rgb, to_uint8

FEATURES = 2048
_HOW = 'pip install "saddlepoint[inception]"'
_VERSION = 1
_BATCH = 16


@final
@dataclass(frozen=True)
class InceptionSpace(FeatureSpace):
    """2,048 features of the Inception-v3 of 2015 (Szegedy et al. 2016), ported from TensorFlow.

    Images become bytes of RGB, as a saved picture has them, and torch-fidelity does the rest as
    the first FID code did: TensorFlow 1's bilinear resize to 299×299, *not* antialiased, and
    (v − 128) / 128. Only a Fréchet distance of these features is called FID (Heusel et al. 2017).

    Attributes:
        extractor: torch-fidelity's network, which returns a tuple of what it was asked for.
        device: Where it computes.
    """

    name: str
    dimensions: int
    note: str
    key: str | None
    extractor: Any
    device: torch.device

    @override
    def of(self, images: Tensor, progress: Progress | None = None) -> Tensor:
        """See ``FeatureSpace.of``; images of any size."""
        return in_batches(
            self._extracted,
            images,
            shape=None,
            dimensions=self.dimensions,
            size=_BATCH,
            device=self.device,
            what=self.name,
            progress=progress,
        )

    @override
    def probabilities_from(self, features: Tensor) -> Tensor:
        """The probabilities that the Inception score uses, (n, 1008).

        As in the score's first code, the logits come without their bias.
        """
        with torch.no_grad():
            weight = self.extractor.fc.weight
            return (features.to(weight) @ weight.T).softmax(1).to(features)

    def _extracted(self, part: Tensor) -> Tensor:
        (features,) = self.extractor(to_uint8(as_rgb(part)))
        return features


def open_inception(device: torch.device) -> InceptionSpace:
    """Inception-v3 on ``device``; its weights are downloaded at the first use (91 MB).

    Raises:
        BadInput: torch-fidelity is not installed or does not work here, or the weights cannot be
            downloaded.
    """
    try:
        module = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    except ImportError as error:
        raise BadInput(f"Inception needs torch-fidelity ({error}): {_HOW}.") from error
    except RuntimeError as error:
        # A torchvision built for another torch fails like this, and torch-fidelity imports it.
        raise BadInput(
            f"torch-fidelity is installed but cannot be imported ({error}): a "
            "torchvision that does not fit this torch is the usual reason."
        ) from error
    try:
        extractor = module.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    except (OSError, http.client.HTTPException, RuntimeError) as error:
        raise BadInput(
            f"the weights of Inception could not be fetched ({error}): try again with a network, "
            "or use efficientnet-lite0, which needs none."
        ) from error
    return InceptionSpace(
        name="Inception-v3",
        dimensions=FEATURES,
        note="Images become 8-bit RGB and are resized to 299×299 as TensorFlow 1 did, not "
        "antialiased, so that figures compare with published ones.",
        key=f"inception-v3-compat {_VERSION}",
        extractor=extractor.to(device).eval(),
        device=device,
    )
