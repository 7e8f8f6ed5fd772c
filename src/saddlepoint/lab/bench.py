"""The bench of an experiment: its budget and seeds, its output folder, and what is kept there."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from saddlepoint import drawing
from saddlepoint.errors import BadInput
from saddlepoint.ledger import is_ours, read_ledger
from saddlepoint.outputs import (
    check_replaceable,
    check_writable,
    is_empty,
    replace_output,
    write_output,
)
from saddlepoint.run.description import Run, read_json

if TYPE_CHECKING:
    from saddlepoint.lab.side_by_side import Cell

BUDGET = "budget.json"
KEPT = "cells"


@dataclass(frozen=True)
class Budget:
    """What an experiment may use.

    Attributes:
        seeds: Seeds of each training, or repetitions of what is drawn.
        minutes: Training time of each cell, in minutes of one core.
        steps: Training steps of each cell, where they are to have the same number, not the same
            time.
        seconds: What the whole takes on two cores, roughly, where it is not ``minutes`` that say.
    """

    seeds: int
    minutes: float | None = None
    steps: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Score:
    """What a trained cell is worth.

    Attributes:
        seeds: The figures of each seed, by name; None for what is not finite.
        picture: Of the first seed.
    """

    seeds: list[dict[str, float | None]]
    picture: Image.Image


@dataclass(frozen=True)
class Trained:
    """A cell that was trained and scored.

    Attributes:
        title: Its title.
        steps: Training steps.
        core_seconds: Training time of one core.
        device: Where it was trained.
        processor: The model of that device.
        seeds: The figures of each seed.
    """

    title: str
    steps: int
    core_seconds: float
    device: str
    processor: str
    seeds: list[dict[str, float | None]]

    def of(self, name: str) -> list[float | None]:
        """One figure of every seed."""
        return [seed[name] for seed in self.seeds]


@dataclass
class Bench:
    """What an experiment works with.

    Every finished cell is kept in the output folder, so that an experiment that was stopped goes
    on with those that are missing.

    Attributes:
        experiment: The experiment's name.
        out: Its folder.
        budget: What it may use.
        seed: The first seed.
        fast: Whether the reduced form is asked for.
        whole: Whether its longer form is asked for.
        data: The user's own data; None without any, and where the experiment takes none.
        only: Only cells whose title holds this.
        at_once: How many train side by side, each on a thread of its own.
        files: Names of the files that will be written at its end.
        devices: Devices and processors that cells were trained on.
    """

    experiment: str
    out: Path
    budget: Budget
    seed: int = 0
    fast: bool = False
    whole: bool = False
    data: Path | None = None
    only: str | None = None
    at_once: int = 2
    files: tuple[str, ...] = ()
    devices: set[tuple[str, str]] = field(default_factory=set)

    @property
    def seeds(self) -> range:
        """The seeds, of which there are as many as the budget says."""
        return range(self.seed, self.seed + self.budget.seeds)

    def open(self) -> None:
        """Refuse a folder that is not this experiment's, and note what a new one is given.

        Raises:
            BadInput: It holds another experiment, another budget, or files of the user's.
            RunStopped: It cannot be written.
        """
        # What it takes is no setting: an estimate may be corrected while an experiment stands.
        budget = {key: value for key, value in asdict(self.budget).items() if key != "seconds"}
        given = {"experiment": self.experiment, **budget, "seed": self.seed, "fast": self.fast}
        if self.data is not None:  # what is kept was measured on these
            given["data"] = str(self.data.resolve())
        path = self.out / BUDGET
        before = read_json(path) if path.is_file() else None
        if before == given:
            pass
        elif before is not None and before.keys() ^ given.keys() <= {"data"}:
            raise BadInput(
                f"{self.out} holds an experiment with another budget ({before}): use the same, or "
                "another --out."
            )
        elif os.path.lexists(self.out) and not (self.out.is_dir() and is_empty(self.out)):
            raise BadInput(
                f"{self.out} exists and holds no such experiment (by its {BUDGET}): choose another "
                "--out."
            )
        else:
            check_writable(self.out)
            write_output(path, json.dumps(given).encode())
        for name in self.files:
            check_replaceable(self.out / name)

    def cell(
        self,
        name: str,
        title: str,
        described: Run,
        seed: int | None = None,
        *,
        steps: int | None = None,
        checkpoints: int = 5,
        share: float = 1.0,
    ) -> Cell:
        """A training of the experiment: of all its seeds in one program, or of one seed.

        Args:
            name: Its file name.
            title: Its title.
            described: Its description but for steps and seeds.
            seed: One seed, for networks that do not stack; None: all seeds of the bench.
            steps: Its training steps, where the budget is none of time; by default the budget's.
            checkpoints: How often it saves and is validated; it draws five times at most.
            share: Of the budget's time that it gets.
        """
        from saddlepoint.lab.side_by_side import Cell

        seeds = {"seed": self.seed, "seeds": self.budget.seeds}
        if seed is not None:
            seeds = {"seed": seed, "seeds": 1}
        steps = steps or self.budget.steps
        return Cell(title, described.replace(**seeds), self.out / name, steps, checkpoints, share)

    def train(
        self, cells: Sequence[Cell], score: Callable[[Cell], Score], *, most: int | None = None
    ) -> list[Trained]:
        """Train the cells that are asked for, each for its time or its steps, and score them.

        Args:
            cells: All cells of the experiment.
            score: Called once for each cell that is trained.
            most: Steps that no cell exceeds, however cheap its steps are.

        Returns:
            One a cell, in their order.

        Raises:
            BadInput: None of the cells is asked for, or the folder is not this experiment's.
        """
        from saddlepoint.lab.side_by_side import train_cells

        minutes = self.budget.minutes
        assert minutes is not None or all(cell.steps for cell in cells), "minutes or steps"
        chosen = [cell for cell in cells if self.only is None or self.only in cell.title]
        if not chosen:
            titles = ", ".join(cell.title for cell in cells)
            raise BadInput(f"--only '{self.only}' names none of: {titles}.")
        self.open()
        missing = [cell for cell in chosen if not self._has(cell.where.name)]
        if missing and minutes is not None:
            print(self.estimate(missing), flush=True)
        for number, cell in enumerate(train_cells(missing, minutes, self.at_once, most), 1):
            self._keep(cell, score(cell))
            print(f"{cell.title} is done ({number} of {len(missing)}).", flush=True)
        trained = [Trained(**self._read(cell.where.name)) for cell in chosen]
        self.devices |= {(each.device, each.processor) for each in trained}
        return trained

    def estimate(self, cells: Sequence[Cell]) -> str:
        """How long the trainings that are left take, in a sentence."""
        from saddlepoint.lab.side_by_side import core_seconds
        from saddlepoint.training.progress import duration

        assert self.budget.minutes is not None
        busy = [0.0] * min(self.at_once, len(cells))
        for cell in cells:
            first = busy.index(min(busy))
            time = 60 * self.budget.minutes * cell.share
            busy[first] += max(0.0, time - core_seconds(cell.where))
        cores = f"{len(busy)} free core{'s' if len(busy) > 1 else ''}"
        return (
            f"{self.experiment}: {len(cells)} training(s) of {self._minutes(cells)} minutes of "
            f"one core each, so about {duration(math.ceil(max(busy)))} on {cores}, after "
            "a measurement of their steps; interrupted, the same command goes on."
        )

    def _minutes(self, cells: Sequence[Cell]) -> str:
        """The time of each, or of the least and the most, in words."""
        assert self.budget.minutes is not None
        shares = {cell.share for cell in cells}
        ends = sorted({min(shares), max(shares)})
        return " to ".join(f"{self.budget.minutes * share:.3g}" for share in ends)

    def kept(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What ``compute`` returns, computed once: a later start of the experiment reads it.

        Args:
            name: File name of the result, without an ending.
            compute: Returns what JSON can hold.
        """
        self.open()
        if not self._has(name):
            self._write(name, compute())
        return self._read(name)

    def all_kept(self, parts: Mapping[str, Callable[[], dict[str, Any]]]) -> list[dict[str, Any]]:
        """``kept`` of several results, with a bar while those that are missing are computed.

        Args:
            parts: What computes each result, by its file name.

        Returns:
            One a part, in their order.
        """
        from saddlepoint.evaluation.progress import telling

        with telling(quiet=False) as tell:
            results = []
            for number, (name, compute) in enumerate(parts.items()):
                tell(name, number, len(parts))
                results.append(self.kept(name, compute))
            tell("", len(parts), len(parts))
        return results

    def picture(self, cell: str) -> Image.Image:
        """The picture of a cell that was scored, by its file name."""
        with Image.open(self._path(cell, ".png")) as image:
            return image.copy()

    def _keep(self, cell: Cell, score: Score) -> None:
        from saddlepoint.lab.side_by_side import core_seconds
        from saddlepoint.run.description import NAME

        resolved = read_json(cell.where / NAME)["resolved"]
        replace_output(self._path(cell.where.name, ".png"), drawing.png(score.picture))
        trained = Trained(
            title=cell.title,
            steps=resolved["steps"],
            core_seconds=core_seconds(cell.where),
            device=resolved["device"],
            processor=resolved["processor"],
            seeds=score.seeds,
        )
        self._write(cell.where.name, asdict(trained))

    def _path(self, name: str, ending: str = ".json") -> Path:
        return self.out / KEPT / f"{name}{ending}"

    def _has(self, name: str) -> bool:
        """Whether a result is kept.

        Raises:
            BadInput: It was changed since.
        """
        path = self._path(name)
        if not os.path.lexists(path):
            return False
        if not is_ours(path, read_ledger(path.parent)):
            raise BadInput(
                f"{path} was changed since it was measured: move it away, and it is measured again."
            )
        return True

    def _read(self, name: str) -> dict[str, Any]:
        return read_json(self._path(name))

    def _write(self, name: str, result: dict[str, Any]) -> None:
        replace_output(self._path(name), json.dumps(result, indent=1, allow_nan=False).encode())
