"""A run that goes on with other data than it began with, because it was asked to."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saddlepoint.data.dataset import Dataset
from saddlepoint.data.info import DataInfo
from saddlepoint.data.manifest import MANIFEST_NAME
from saddlepoint.data.source import DataSource
from saddlepoint.errors import BadInput
from saddlepoint.outputs import write_aside
from saddlepoint.run.description import Run
from saddlepoint.training import checkpoint, run_directory
from saddlepoint.training.own_data import (
    EARLIER,
    counted,
    described_at,
    difference,
    in_units_of,
    told,
)
from saddlepoint.training.run_directory import Stored


@dataclass(frozen=True)
class OtherData:
    """Data that a run has not had before, opened and found to fit.

    Nothing is written before ``adopt``, so that what fails leaves the run as it was.

    Attributes:
        where: The run directory.
        stored: The run as it is described there.
        described: The data, where they are now.
        dataset: They themselves.
        manifest: What each file is, if they are streamed; None if they are not.
    """

    where: Path
    stored: Stored
    described: DataSource
    dataset: Dataset
    manifest: bytes | None

    def adopt(self, step: int) -> tuple[Run, dict[str, Any]]:
        """Make them the run's own from ``step`` on.

        The run's copy of an array and its manifest of a folder are replaced. A best checkpoint
        that was chosen by a validation score is chosen anew, since it was held against examples
        that are others now.

        Returns:
            The description with the new place, and what was resolved, with the earlier data.

        Raises:
            BadInput: They cannot be stored.
        """
        best = checkpoint.read_best(self.where)
        if best is not None and best["scalar"].startswith("validation/"):
            (self.where / "checkpoints" / checkpoint.BEST).unlink()
        run = self.stored.run.replace(data=self.described.kept_at(self.where))
        if self.manifest is not None:
            write_aside(self.where / MANIFEST_NAME, self.manifest)
        else:
            with suppress(FileNotFoundError):
                (self.where / MANIFEST_NAME).unlink()
        earlier = [*self.stored.resolved.get(EARLIER, []), self._before(step)]
        self.dataset.info = told(self.dataset.info, earlier)
        now = self.dataset.info.model_dump(mode="json")
        return run, self.stored.resolved | {"data": now, EARLIER: earlier}

    @property
    def sentence(self) -> str:
        """What is different, for the record."""
        before, now = self.stored.data, self.dataset.info
        place = self.described.place
        moved = "" if place == self.stored.run.data.place else f", from {place}"
        if now.counts == before.counts:
            return f"from here on other data of the same number, {counted(now)}{moved}"
        return f"from here on {counted(now)} examples instead of {counted(before)}{moved}"

    def _before(self, step: int) -> dict[str, Any]:
        """What run.json keeps of the data that the run had up to ``step``."""
        data = self.stored.data.model_dump(mode="json")
        return {"until": step, "place": self.stored.run.data.place, "data": data}


def open_other_data(where: Path, data: Any = None) -> OtherData | None:
    """The data as they are now, for a run that is to go on with them; None if they are the same.

    Args:
        where: The run directory.
        data: Where they are, or the array itself; by default where the run has them.

    Raises:
        BadInput: They are gone, cannot be read, or are of another form or other classes.
    """
    stored = run_directory.read(where)
    described = described_at(where, stored, data)
    # A manifest in the run directory would hold the files against those of before.
    with tempfile.TemporaryDirectory(dir=where) as folder:
        dataset = described.open(keep=Path(folder))
        scanned = Path(folder) / MANIFEST_NAME
        manifest = scanned.read_bytes() if scanned.exists() else None
    if dataset.info.fingerprint == stored.data.fingerprint:
        return None
    _check_fits(where, described, dataset.info, stored.data)
    dataset.info = in_units_of(stored.data, dataset.info)
    return OtherData(where, stored, described, dataset, manifest)


def _check_fits(where: Path, described: DataSource, now: DataInfo, before: DataInfo) -> None:
    """Refuse data for which the networks of a run were not made.

    Raises:
        BadInput: Their form, shape or classes are others.
    """
    alike = ("form", "shape", "classes")
    if any(getattr(now, name) != getattr(before, name) for name in alike):
        raise BadInput(
            f"{described.place} does not fit {where}: {difference(now, before)}. A run goes on "
            "with data of its own shape and classes: bring them to that, or start a new run from "
            "its weights with --init."
        )
