"""The data of a run, found again from its directory or where they moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saddlepoint.data.dataset import Dataset
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.training import run_directory


def open_own_data(where: Path, data: Any = None) -> Dataset:
    """Open the data of the run in ``where``; its own stored array is found wherever it moved.

    Args:
        where: The run directory.
        data: Where the data are now, if they moved: the folder, the array file, or the folder of
            a downloaded set's files; or the array itself.

    Raises:
        BadInput: No run there, or its data are gone or are not those that it began with.
    """
    where = run_directory.any_seed(where)
    stored = run_directory.read(where)
    described = stored.run.data
    if data is not None:
        described = described.at(data, where)
        described.check_moved(where)
        # These data are said to be there, so nothing is fetched in their place.
        described = described.without_fetching()
    else:
        described = described.from_run(where)
        if run_directory.is_group(where.parent) and not described.there():
            described = described.from_run(where.parent)
        if not described.there():
            raise BadInput(
                f"the data of {where} are not at {described.place} any more: say where they are "
                "now with --data PATH, or put them back."
            )
    try:
        dataset = described.open(keep=where)
    except BadInput as error:
        if data is None and described.public:
            raise BadInput(
                f"{error} If the files lie elsewhere, name their folder with --data PATH."
            ) from error
        raise
    if dataset.info.fingerprint != stored.data.fingerprint:
        difference = _difference(dataset.info, stored.data)
        if data is not None:
            raise BadInput(
                f"{described.place} does not hold the data of {where}: {difference}. Give the "
                "data that the run began with, or start a new run."
            )
        raise BadInput(
            f"the data of {where} changed since the run began ({described.place}): "
            f"{difference}. Put them back as they were (if they lie elsewhere now, name the place "
            "with --data PATH), or start a new run."
        )
    return dataset


def _difference(now: DataInfo, before: DataInfo) -> str:
    """In what two data sets differ, as far as their descriptions tell."""
    parts = []
    if now.shape != before.shape:
        parts.append(f"the shape is {_shape(now)} instead of {_shape(before)}")
    if now.counts != before.counts:
        parts.append(f"there are {_counts(now)} examples instead of {_counts(before)}")
    if len(now.classes) != len(before.classes):
        parts.append(f"there are {len(now.classes)} classes instead of {len(before.classes)}")
    elif now.classes != before.classes:
        parts.append("the classes have other names")
    if parts:
        return ", and ".join(parts)
    return "shape and counts agree, but some examples, their order or their labels differ"


def _shape(info: DataInfo) -> str:
    return "×".join(map(str, info.shape))


def _counts(info: DataInfo) -> str:
    each = ", ".join(f"{count:,} {part}" for part, count in info.counts.items())
    return f"{sum(info.counts.values()):,} ({each})"
