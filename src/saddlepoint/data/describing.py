"""From what a user writes, or hands over, to the description of a data source (torch-free)."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from saddlepoint.data.array import Array
from saddlepoint.data.folder import Folder
from saddlepoint.data.kinds import built_in
from saddlepoint.data.source import DataSource
from saddlepoint.description import explain, validated
from saddlepoint.errors import BadInput, did_you_mean


def describe_data(value: object, **settings: object) -> DataSource:
    """Turn what a user writes into a data description.

    Args:
        value: A built-in name; the path of an image folder, of a .zip of images, of an .npz or
            .npy file; a NumPy array or a tensor; a list of arrays or of PIL images; a
            ``torch.utils.data.Dataset``; a pair (any of these in memory, labels); or a
            description.
        settings: Fields of the description, such as ``limit=10_000`` or ``layout="NCHW"``. Images
            in memory take those of a folder that say how they are made alike (size, resize,
            channels, background, bits).

    Raises:
        BadInput: Neither a known name nor something that exists, or a setting that does not fit.

    Example:
        >>> import saddlepoint as sp
        >>> digits = sp.describe_data("digits", limit=500)
        >>> digits.open().info.shape
        (1, 8, 8)
        >>> import numpy as np
        >>> points = np.random.default_rng(0).normal(size=(100, 2))
        >>> sp.describe_data(points).open().info.counts
        {'train': 80, 'validation': 10, 'test': 10}
    """
    if isinstance(value, DataSource):
        try:
            return value.replace(**settings) if settings else value
        except ValidationError as error:
            raise BadInput(explain(error, type(value))) from error
    if isinstance(value, str | Path):
        return _described_by_name(value, settings)
    # Imported here, since naming data needs neither NumPy nor Pillow.
    from saddlepoint.data.in_memory import describe_in_memory

    return describe_in_memory(value, settings)


def _described_by_name(value: str | Path, settings: dict[str, object]) -> DataSource:
    name = str(value)
    known = built_in()
    if name in known:
        return validated(known[name], settings)
    if "path" in settings:
        raise BadInput(f"path = {settings['path']!r} beside the data {name}: give one of the two.")
    try:
        path = Path(value).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{name[:80]!r} cannot be read as a path ({reason}).") from error
    suffix = path.suffix.lower()
    if is_folder or (is_file and suffix == ".zip"):
        return validated(Folder, {**settings, "path": path})
    if is_file and suffix in {".npz", ".npy"}:
        return validated(Array, {**settings, "path": path})
    if is_file:
        raise BadInput(
            f"{name} is a file that is neither .npz nor .npy nor .zip: give an array file, a "
            f"folder or .zip of images, or one of {', '.join(known)}."
        )
    raise BadInput(
        f"'{name}' is neither an existing path nor a built-in data set "
        f"({', '.join(known)}).{did_you_mean(name, known)}"
    )
