"""The runs of a sweep: one a combination of values, below one folder (torch-free)."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddlepoint.data.array import Array
from saddlepoint.description import validated
from saddlepoint.errors import BadInput, command_line
from saddlepoint.outputs import is_empty
from saddlepoint.run.description import FORMAT, Run, check_format, read_json
from saddlepoint.sweeping.varied import Varied, check_varied, named

if TYPE_CHECKING:
    from saddlepoint.training.tasks import Task

NAME = "sweep.json"
#: Of a search: the description that its trials change, and the trials.
START = "start.json"
TRIALS = "trials.json"
MOST = 64
#: From words of the command line to the run that they describe.
Describe = Callable[[Sequence[str]], Run]


@dataclass(frozen=True)
class Scoring:
    """How the runs of a sweep are scored, as ``compare`` takes it.

    Attributes:
        n: Real examples and samples of each.
        features: Feature spaces.
        scores: Names of scores, ``default`` or ``all``.
    """

    n: int | None = None
    features: tuple[str, ...] = ("auto",)
    scores: tuple[str, ...] = ("default",)

    @classmethod
    def of(
        cls, n: int | None, features: str | Sequence[str], scores: str | Sequence[str]
    ) -> Scoring:
        """From what a user gives: one word or several.

        Raises:
            BadInput: There is no such feature space or score, or too small a number.
        """
        from saddlepoint.features.words import parse_features
        from saddlepoint.scores.declaration import chosen

        words = tuple(features) if isinstance(features, list | tuple) else (features,)
        names = (scores,) if isinstance(scores, str) else tuple(scores)
        for word in words:
            if not isinstance(word, str):
                raise BadInput(
                    "a sweep is stored and gone on with, so features are words: name a module as "
                    "package.module:name."
                )
            parse_features(word)
        chosen(names)
        return cls(n, words, names)

    @classmethod
    def read(cls, written: Any) -> Scoring:
        """From a sweep's file; one that says nothing has the defaults.

        Raises:
            BadInput: As of ``of``.
        """
        given: Mapping[str, Any] = written or {}
        return cls.of(
            given.get("n"), given.get("features", ("auto",)), given.get("scores", ("default",))
        )

    def as_json(self) -> dict[str, Any]:
        """For a sweep's file."""
        return json.loads(json.dumps(asdict(self)))


@dataclass(frozen=True)
class Cell:
    """One combination of values: its name, which is its folder's, and its description."""

    name: str
    run: Run


def cells_of(varied: Sequence[Varied], described: Describe) -> list[Cell]:
    """The product of all values, each described by ``described(words)``.

    Raises:
        BadInput: Too many combinations, a range, or one that cannot be described.
    """
    check_varied(varied)
    for each in varied:
        if each.range is not None:
            raise BadInput(
                f"--vary {each.written()}: a range is searched by --pick optuna --trials N; a grid "
                "takes values, as in 1e-4,1e-3."
            )
    count = math.prod(len(each.values) for each in varied)
    if count > MOST:
        raise BadInput(
            f"these are {count} combinations: a grid takes at most {MOST}, and --pick optuna "
            "--trials N tries some of them."
        )
    cells = []
    for values in itertools.product(*(each.values for each in varied)):
        pairs = list(zip(varied, values, strict=True))
        words = [word for each, value in pairs for word in each.as_words(value)]
        cells.append(Cell(named(pairs), described(words)))
    if len({cell.name for cell in cells}) < len(cells):  # two options whose last word is the same
        numbered = enumerate(cells, 1)
        cells = [Cell(f"{number},{cell.name}", cell.run) for number, cell in numbered]
    return cells


def write_cells(where: Path, cells: Sequence[Cell], scoring: Scoring) -> None:
    """Write a grid's ``sweep.json``."""
    from saddlepoint.training.checkpoint import replace_text

    listed = [{"name": c.name, "given": c.run.model_dump(mode="json")} for c in cells]
    whole = {"format": FORMAT, "scoring": scoring.as_json(), "cells": listed}
    replace_text(where / NAME, json.dumps(whole, indent=2))


def read_sweep(where: Path) -> dict[str, Any]:
    """What ``sweep.json`` holds.

    Raises:
        BadInput: It is damaged or of another format.
    """
    written = read_json(where / NAME)
    check_format(written, where / NAME)
    return written


def read_cells(where: Path) -> tuple[list[Cell], Scoring]:
    """The combinations of a grid's folder, and how they are scored.

    Raises:
        BadInput: ``sweep.json`` is damaged or of another format.
    """
    written = read_sweep(where)
    try:
        cells = [Cell(str(c["name"]), validated(Run, c["given"])) for c in written["cells"]]
        return cells, Scoring.read(written.get("scoring"))
    except (KeyError, TypeError, AttributeError) as error:
        raise damaged(where) from error


def damaged(where: Path) -> BadInput:
    """The error of a file that cannot be read."""
    return BadInput(f"{where / NAME} is damaged: start the sweep anew.")


def another(where: Path) -> BadInput:
    """The error of a folder that holds another sweep."""
    return BadInput(
        f"{where} holds another sweep: choose another --out, or go on with that one by "
        f"`{command_line('resume', where)}`."
    )


def same_runs(stored: Sequence[Run], asked: Sequence[Run], where: Path) -> bool:
    """Whether descriptions are those of a folder's sweep; an array in memory is another's."""
    data = asked[0].data
    if isinstance(data, Array) and data.path is None:
        return False
    kept = data.kept_at(where)
    return list(stored) == [run.replace(data=kept) for run in asked]


def place_of(out: str | Path | None, run: Run) -> Path:
    """The sweep's folder: that which is asked for, or the first free ``runs/sweep-NAME-N``.

    Raises:
        BadInput: It holds something else than a sweep.
    """
    if out is None:
        stem = f"sweep-{run.recipe or run.learner.kind}-{run.data.kind}"
        numbers = itertools.count(1)
        places = (Path("runs") / f"{stem}-{number}" for number in numbers)
        return next(place for place in places if not place.exists())
    where = Path(out).expanduser()
    held = where.exists() and not (where / NAME).is_file()
    if held and (not where.is_dir() or not is_empty(where)):
        raise BadInput(f"{where} exists and is not an empty folder: choose another --out.")
    return where


def leave_no_trace(where: Path, new: bool) -> None:
    """Remove a sweep of which nothing began."""
    from saddlepoint.training import run_directory

    if any(run_directory.is_run(place) for place in where.iterdir() if place.is_dir()):
        return
    for name in (NAME, START, TRIALS):
        (where / name).unlink(missing_ok=True)
    run_directory.remove_parts(where)
    if new and is_empty(where):
        where.rmdir()


def tasks_of(cell: Cell, where: Path, at_once: int) -> list[Task]:
    """What is to be trained for a cell: its run, or its group's seeds.

    Raises:
        BadInput: The folder is in use, or the data cannot be stored there.
    """
    from saddlepoint.training import groups, run_directory

    place = where / cell.name
    if run_directory.is_group(place):
        return groups.seeds_of_group(run_directory.read_group(place), place, cell.name)
    return groups.begin(cell.run, place, at_once, cell.name)
