"""The data's own feature space: a small classifier trained on their labels, kept on disk."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from saddlepoint.data.dataset import Dataset
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.features import storing
from saddlepoint.features.cache import default_folder
from saddlepoint.features.classifier_network import FEATURES, VERSION, ClassifierNetwork
from saddlepoint.features.classifier_training import Measured, features_of, measure, train
from saddlepoint.features.interface import FeatureSpace, Progress

# Fewer labelled examples of a class teach a classifier little; ``auto`` then looks elsewhere.
_ENOUGH_A_CLASS = 20


@final
@dataclass(frozen=True)
class ClassifierSpace(FeatureSpace):
    """The 64 features before the logits of a classifier of the data's own classes.

    It sees what tells the classes apart, and may miss what does not: its accuracy, printed in
    its name, says how much of the data it understands.

    Attributes:
        classes: Names of the classes, in the order of the probabilities.
        measured: Accuracy, log-loss and temperature.
        network: The trained network.
        device: Where it computes.
        shape: Of one example.
    """

    name: str
    dimensions: int
    note: str
    key: str | None
    classes: tuple[str, ...]
    measured: Measured
    network: ClassifierNetwork
    device: torch.device
    shape: tuple[int, ...]

    @override
    def of(self, images: Tensor, progress: Progress | None = None) -> Tensor:
        """See ``FeatureSpace.of``."""
        return features_of(self.network, images, self.shape, self.device, self.name, progress)

    @override
    def probabilities_from(self, features: Tensor) -> Tensor:
        """softmax(logits / T) over the data's classes, T the fitted temperature."""
        with torch.no_grad():
            logits = self.network.head(features.to(self.device))
            return (logits / self.measured.temperature).softmax(1).to(features.device)

    @override
    def shares_from(self, features: Tensor) -> Tensor:
        """See ``FeatureSpace.shares_from``: counts of the most probable classes."""
        return torch.bincount(
            self.probabilities_from(features).argmax(1), minlength=len(self.classes)
        )


def why_unsuitable(info: DataInfo) -> str | None:
    """Why ``auto`` takes no classifier for these data, as the end of a sentence; None if it does.

    Vectors are never suitable: they are compared as they are, which needs no network.
    """
    if not info.images:
        return "the data are vectors"
    if len(info.classes) < 2:
        return "the data have no labels"
    if info.counts["test"] + info.counts["validation"] == 0:
        return "no examples are kept to measure a classifier's accuracy"
    which = "training" if info.labelled == info.counts["train"] else "labelled training"
    if info.labelled < _ENOUGH_A_CLASS * len(info.classes):
        return (
            f"{info.labelled:,} {which} examples of {len(info.classes):,} classes are too "
            "few for a classifier"
        )
    rare = sum(count < _ENOUGH_A_CLASS for count in info.class_counts)
    if 2 * rare > len(info.classes):  # a few rare classes among many leave it of use
        return (
            f"{rare} of the {len(info.classes):,} classes have fewer than {_ENOUGH_A_CLASS} "
            f"{which} examples, too few for a classifier"
        )
    return None


def open_classifier(
    dataset: Dataset,
    *,
    device: torch.device,
    seed: int = 0,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> ClassifierSpace:
    """The classifier of these data: read from disk, or trained, measured and stored.

    What is stored depends on the data's fingerprint, the version of the architecture and the
    seed alone; so all runs on the same data are compared in one space. A damaged file is
    said and trained anew.

    Args:
        dataset: The data, with labels.
        device: Where to train and to compute.
        seed: Of the initial weights and of the order of the examples.
        folder: Where it is kept; by default the cache.
        progress: Told after each training step.

    Raises:
        BadInput: No labels, none to measure the accuracy on, or images below 8×8 pixels.
    """
    info = dataset.info
    if len(info.classes) < 2:
        raise BadInput(
            f"a classifier needs labels of at least two classes, and {info.name} has "
            f"{len(info.classes)}: compare pixels or use efficientnet-lite0."
        )
    network = ClassifierNetwork(info.shape, len(info.classes), info.centre, info.scale)
    path = stored_at(info, seed, folder)
    measured = _read(path, network)
    if measured is None:
        network = train(dataset, seed, device, progress)
        measured = measure(network, dataset, device)
        _write(path, network, measured, info)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.eval().requires_grad_(False)
    return ClassifierSpace(
        name=f"classifier of {info.name} (accuracy {measured.accuracy:.3f})",
        dimensions=FEATURES,
        note=_note(network, measured, info),
        # The weights decide, and they may differ between machines.
        key=f"classifier {VERSION} {storing.digest(network.state_dict())[:32]}",
        classes=info.classes,
        measured=measured,
        network=network,
        device=device,
        shape=info.shape,
    )


def stored_at(info: DataInfo, seed: int, folder: Path | None = None) -> Path:
    """The file in which the classifier of these data is kept."""
    words = f"{info.fingerprint} {VERSION} {seed}"
    name = f"classifier-{hashlib.sha256(words.encode()).hexdigest()[:32]}{storing.SUFFIX}"
    return (default_folder() if folder is None else folder) / name


def _read(path: Path, network: ClassifierNetwork) -> Measured | None:
    try:
        stored = storing.read(path)
        if stored is None:
            return None
        measured = Measured(**stored.facts["measured"])
        network.load_state_dict(stored.tensors)
    except (storing.DamagedError, KeyError, TypeError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        warnings.warn(
            f"the stored classifier {path} is damaged ({reason}), so it is trained anew.",
            RuntimeWarning,
            stacklevel=3,
        )
        return None
    return measured


def _write(path: Path, network: ClassifierNetwork, measured: Measured, info: DataInfo) -> None:
    facts = {
        "measured": asdict(measured),
        "data": info.name,
        "fingerprint": info.fingerprint,
        "classes": info.classes,
        "version": VERSION,
    }
    try:
        storing.write(path, network.state_dict(), facts)
    except OSError as error:
        warnings.warn(
            f"the classifier cannot be kept at {path} ({error.strerror or error}), so it will be "
            "trained each time.",
            RuntimeWarning,
            stacklevel=3,
        )


def _note(network: ClassifierNetwork, measured: Measured, info: DataInfo) -> str:
    sentences = [
        f"Trained by us on the labels of the training split; on {measured.n:,} examples of the "
        f"{measured.split} split its accuracy is {measured.accuracy:.3f} and its log-loss "
        f"{measured.log_loss:.3f} nats at the temperature {measured.temperature:.2f}."
    ]
    if network.size is None:
        sentences.append("Vectors are standardised first.")
    elif network.size != info.shape[1:]:
        sentences.append(
            f"Images of {info.shape[1]}×{info.shape[2]} pixels are reduced to {network.size[0]}×"
            f"{network.size[1]}, antialiased (bilinear)."
        )
    else:
        sentences.append("Images are not resized.")
    return " ".join(sentences)
