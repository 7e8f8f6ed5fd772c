"""What a folder's images are made of: the contents of its files and how they are made alike."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.fitting import Rendering
from saddlepoint.data.splitting import SPLITS, Members


@dataclass(frozen=True)
class FileDigests:
    """All that decides the pixels of a folder's images, wherever these are held.

    Attributes:
        rendering: How they are made alike.
        digests: SHA-256 of the content of each file, in the order of the examples.
    """

    rendering: Rendering
    digests: tuple[str, ...]

    def fingerprint(self, labels: NDArray[np.int64] | None, members: Members) -> str:
        """SHA-256 over files and rendering, the labels that are used and the split."""
        rendering = asdict(self.rendering)
        if rendering["bits"] == 16:
            # As it was before there were other depths, so that older runs know their data.
            del rendering["bits"]
        digest = hashlib.sha256(json.dumps(rendering, sort_keys=True).encode())
        used = [-1] * len(self.digests) if labels is None else labels.tolist()
        for each, label in zip(self.digests, used, strict=True):
            digest.update(f"{each} {label};".encode())
        for split in SPLITS:
            digest.update(members[split].tobytes() + b";")
        return digest.hexdigest()
