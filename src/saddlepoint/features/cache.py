"""Features kept on disk, so that the real samples are put through a network once."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from saddlepoint.data.fetching import cache_folder
from saddlepoint.features import storing

#: Where features and trained classifiers are kept unless told otherwise.
FOLDER = "features"
LIMIT_BYTES = 2 * 1024**3


def default_folder() -> Path:
    """$SADDLEPOINT_DATA/features, else ~/.cache/saddlepoint/features."""
    return cache_folder(FOLDER)


def key_of(samples: Tensor) -> str:
    """SHA-256 over shape, type and bytes of ``samples``: the part of a key that names them."""
    return storing.digest({"": samples})


class FeatureCache:
    """Tensors computed once a key, in one safetensors file each.

    The folder stays below a limit: when a new file exceeds it, those unused for longest go. A
    damaged file, or one of another key, is computed again; a folder that cannot be written is
    said once and then done without.

    Attributes:
        folder: Where the files are.
    """

    def __init__(self, folder: Path | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        """Use ``folder`` (by default ``default_folder()``); it is made when first needed."""
        self.folder = (default_folder() if folder is None else folder) / "computed"
        self._limit = limit_bytes
        self._writable = True

    def get(self, key: tuple[str | int, ...] | None, compute: Callable[[], Tensor]) -> Tensor:
        """The tensor stored under ``key``, else ``compute()``, which is then stored.

        Args:
            key: Everything that decides the result: the fingerprint of the data (or ``key_of``
                the samples), the split, how many, and the ``key`` of the feature space. None
                computes without storing.
            compute: Called without arguments, at most once.

        Returns:
            A stored tensor comes back on the CPU; a fresh one as it was computed.
        """
        return self.get_all(key, lambda: {"value": compute()})["value"]

    def get_all(
        self, key: tuple[str | int, ...] | None, compute: Callable[[], Mapping[str, Tensor]]
    ) -> dict[str, Tensor]:
        """Like ``get`` for several named tensors, such as a mean and a covariance."""
        if key is None:
            return dict(compute())
        written = list(key)
        path = self.folder / (hashlib.sha256(repr(written).encode()).hexdigest() + storing.SUFFIX)
        try:
            stored = storing.read(path)
            if stored is not None and stored.facts.get("key") == written:
                _touch(path)
                return stored.tensors
        except storing.DamagedError as error:
            warnings.warn(
                f"{path} is damaged ({error}), so what it held is computed again.",
                RuntimeWarning,
                stacklevel=2,
            )
        tensors = dict(compute())
        self._store(path, tensors, written)
        return tensors

    def _store(self, path: Path, tensors: dict[str, Tensor], key: list[str | int]) -> None:
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        if not self._writable or size > self._limit:
            return
        try:
            storing.write(path, tensors, {"key": key})
            self._shrink(keep=path)
        except OSError as error:
            self._writable = False
            warnings.warn(
                f"features cannot be kept in {self.folder} ({error.strerror or error}), so they "
                "will be computed each time.",
                RuntimeWarning,
                stacklevel=4,
            )

    def _shrink(self, keep: Path) -> None:
        files = []
        for path in self.folder.glob(f"*{storing.SUFFIX}"):
            try:
                status = path.stat()
            except FileNotFoundError:  # removed by another process
                continue
            files.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files, key=lambda file: file[0]):
            if total <= self._limit:
                break
            if path != keep:
                storing.discard(path)
                total -= size


def _touch(path: Path) -> None:
    """Note the use; a read-only folder cannot, and then nothing is removed from it either."""
    try:
        os.utime(path)
    except OSError:
        return
