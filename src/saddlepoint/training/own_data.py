"""The data of a run, found again from its directory or where they moved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saddlepoint.data.dataset import Dataset
from saddlepoint.data.info import DataInfo
from saddlepoint.data.manifest import MANIFEST_NAME
from saddlepoint.data.source import DataSource
from saddlepoint.errors import BadInput, command_line
from saddlepoint.training import run_directory
from saddlepoint.training.run_directory import Stored

#: Where run.json lists the data that a run had before those it has now.
EARLIER = "earlier_data"


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
    described = described_at(where, stored, data)
    if data is not None:
        described.check_moved(where)
    manifest = where / MANIFEST_NAME
    streamed = manifest.exists()
    try:
        dataset = described.open(keep=where)
    except BadInput as error:
        if data is None and described.public:
            raise BadInput(
                f"{error} If the files lie elsewhere, name their folder with --data PATH."
            ) from error
        raise
    if dataset.info.fingerprint != stored.data.fingerprint:
        if not streamed:  # a folder that outgrew the memory; its files are not the run's
            manifest.unlink(missing_ok=True)
        differing = difference(dataset.info, stored.data)
        resume = command_line("resume", where)
        if data is not None:
            raise BadInput(
                f"{described.place} does not hold the data of {where}: {differing}. Give the "
                f"data that the run has, go on with these by `{resume} --data ... --other-data`, "
                "or start a new run."
            )
        raise BadInput(
            f"the data of {where} changed since the run began ({described.place}): "
            f"{differing}. Put them back as they were (if they lie elsewhere now, name the place "
            f"with --data PATH), go on with them as they are by `{resume} --other-data`, or start "
            "a new run."
        )
    earlier = stored.resolved.get(EARLIER)
    if earlier:
        dataset.info = told(in_units_of(stored.data, dataset.info), earlier)
    return dataset


def described_at(where: Path, stored: Stored, data: Any) -> DataSource:
    """The description of a run's data at ``data``, or where they were left.

    Raises:
        BadInput: There are none.
    """
    if data is not None:
        # These data are said to be there, so nothing is fetched in their place.
        return stored.run.data.at(data, where).without_fetching()
    described = stored.run.data.from_run(where)
    if run_directory.is_group(where.parent) and not described.there():
        described = described.from_run(where.parent)
    if not described.there():
        raise BadInput(
            f"the data of {where} are not at {described.place} any more: say where they are "
            "now with --data PATH, or put them back."
        )
    return described


def in_units_of(before: DataInfo, info: DataInfo) -> DataInfo:
    """``info`` with the centre and scale of vectors in whose units a run's networks compute."""
    return info.model_copy(update={"centre": before.centre, "scale": before.scale})


def told(info: DataInfo, earlier: Sequence[dict[str, Any]]) -> DataInfo:
    """``info`` with a note on the data that a run had before, as run.json lists them."""
    had = "; ".join(
        f"up to step {each['until']:,} the run had {counted(DataInfo(**each['data']))} examples"
        for each in earlier
    )
    note = (
        f"Other data than at first: {had}. The split was drawn anew from the data as they are, so "
        "examples that are held out now may have been learnt from before: memorisation and scores "
        "on them can flatter."
    )
    return info.model_copy(update={"notes": (*info.notes, note)})


def difference(now: DataInfo, before: DataInfo) -> str:
    """In what two data sets differ, as far as their descriptions tell."""
    parts = []
    if now.shape != before.shape:
        parts.append(f"the shape is {_shape(now)} instead of {_shape(before)}")
    if now.counts != before.counts:
        parts.append(f"there are {counted(now)} examples instead of {counted(before)}")
    if len(now.classes) != len(before.classes):
        parts.append(f"there are {len(now.classes)} classes instead of {len(before.classes)}")
    elif now.classes != before.classes:
        parts.append("the classes have other names")
    if parts:
        return ", and ".join(parts)
    return "shape and counts agree, but some examples, their order or their labels differ"


def _shape(info: DataInfo) -> str:
    return "×".join(map(str, info.shape))


def counted(info: DataInfo) -> str:
    """How many examples there are, in all and in each split."""
    each = ", ".join(f"{count:,} {part}" for part, count in info.counts.items())
    return f"{sum(info.counts.values()):,} ({each})"
