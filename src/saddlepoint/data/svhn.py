"""The Street View House Numbers, from their official MATLAB files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.fetching import Remote, obtain
from saddlepoint.data.published import Svhn
from saddlepoint.data.reasons import reason_of
from saddlepoint.data.resident import Examples
from saddlepoint.errors import BadInput

_BASE = "http://ufldl.stanford.edu/housenumbers/"
#: Training and test images, with the MD5 sums by which torchvision checks them.
SVHN_FILES = (
    Remote("train_32x32.mat", f"{_BASE}train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
    Remote("test_32x32.mat", f"{_BASE}test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
)
CLASSES = tuple("0123456789")
_ZERO = 10  # the label that the files give the digit 0


def svhn_examples(description: Svhn) -> Examples:
    """The cropped digits of both files, those of the official test set at the end.

    The 531,131 easier images of the third official file are not used.

    Raises:
        BadInput: A file is missing, damaged, or holds something else.
    """
    parts = [
        _read(obtain(remote, data="svhn", root=description.root, download=description.download))
        for remote in SVHN_FILES
    ]
    return Examples(
        np.concatenate([images for images, _ in parts]),
        np.concatenate([labels for _, labels in parts]),
        CLASSES,
        official_test=len(parts[1][1]),
    )


def _read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (N, 32, 32, 3) and labels (N,), in which the digit 0 is 0 and not 10.

    Raises:
        BadInput: The file cannot be read, or does not hold them.
    """
    from scipy.io import loadmat

    replace = "delete it, so that it is fetched again, or replace it"
    try:
        content = loadmat(path, variable_names=("X", "y"))
    except Exception as error:  # loadmat raises nearly anything on damaged files
        raise BadInput(f"{path} is damaged ({reason_of(error)}): {replace}.") from error
    images, labels = content.get("X"), content.get("y")
    if images is None or labels is None:
        missing = "X" if images is None else "y"
        raise BadInput(f"{path} holds no array '{missing}', as SVHN's files do: {replace}.")
    labels = labels.reshape(-1)
    if images.dtype != np.uint8 or images.shape != (32, 32, 3, len(labels)) or not len(labels):
        raise BadInput(
            f"{path} should hold bytes X of shape (32, 32, 3, N) and N labels y, and holds "
            f"{images.dtype} {images.shape} and {len(labels):,} labels: {replace}."
        )
    outside = labels[(labels < 1) | (labels > _ZERO)]
    if len(outside):
        raise BadInput(
            f"{path} holds the label {outside[0]}, and SVHN has the labels 1 to 10 (10 is the "
            f"digit 0): {replace}."
        )
    pixels = np.ascontiguousarray(images.transpose(3, 0, 1, 2))
    return pixels, labels.astype(np.int64) % _ZERO
