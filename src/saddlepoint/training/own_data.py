"""The data of a run, found again from its directory."""

from __future__ import annotations

from pathlib import Path

from saddlepoint.data.dataset import Dataset
from saddlepoint.data.description import Array
from saddlepoint.data.opening import open_data
from saddlepoint.errors import BadInput
from saddlepoint.training import folder

OWN_DATA = "data.npz"


def open_own_data(where: Path, data=None) -> Dataset:
    """Open the data of the run in ``where``; its own stored array is found wherever it moved.

    Raises:
        BadInput: No run there, or its data are gone or changed.
    """
    stored = folder.read(where)
    described = stored.run.data
    if isinstance(described, Array) and (where / OWN_DATA).exists():
        described = described.replace(path=where / OWN_DATA)
    data = open_data(described, keep=where)
    if data.info.fingerprint != stored.data.fingerprint:
        raise BadInput(
            f"the data of {where} changed since the run began ({data.info.name}): put them back as "
            "they were, or start a new run."
        )
    return data
