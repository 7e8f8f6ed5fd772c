"""A grid of runs that differ in a few options, each with several seeds, and their comparison."""

from __future__ import annotations

import itertools
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddlepoint import options
from saddlepoint.data.array import Array
from saddlepoint.description import validated
from saddlepoint.errors import BadInput, SaddlepointError, command_line
from saddlepoint.outputs import is_empty
from saddlepoint.run.description import FORMAT, Run, check_format, read_json

if TYPE_CHECKING:
    from saddlepoint.evaluation.comparison import Comparison
    from saddlepoint.training.tasks import Task

NAME = "sweep.json"
COMPARISON = "comparison"
MOST = 64
#: Options that a grid cannot vary, with what to do instead.
FIXED = {
    "seed": "--seeds trains several",
    "seeds": "--seeds says how many for all of them",
    "data": "scores on different data have no common scale",
    "out": "every run has a folder of its own below --out",
}


@dataclass(frozen=True)
class Varied:
    """One option of a grid.

    Attributes:
        option: Its name, without dashes in front.
        values: What it takes in turn, each as the words that would follow it.
    """

    option: str
    values: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Varied:
        """``learner.cost=game,unrolled``; the members of a list are joined by ``+``.

        Raises:
            BadInput: It has no values, or is an option that cannot be varied.
        """
        option, _, listed = text.partition("=")
        return cls.of(option, [value.split("+") for value in listed.split(",")] if listed else [])

    @classmethod
    def of(cls, option: str, values: Sequence[Any]) -> Varied:
        """The option with its values, each a number, a word or several words.

        Raises:
            BadInput: It has no values, the same one twice, or cannot be varied.
        """
        name = option.removeprefix("--").replace("_", "-")
        words = tuple(_words(value) for value in values)
        if name.partition(".")[0] in FIXED:
            raise BadInput(f"--vary {name}: {FIXED[name.partition('.')[0]]}.")
        if not name or len(words) < 2 or not all(all(each) for each in words):
            raise BadInput(
                f"--vary {option}: name an option and two values or more, as in "
                "--vary learner.cost=game,unrolled."
            )
        if len(set(words)) < len(words):
            raise BadInput(f"--vary {option}: a value stands there twice.")
        return cls(name, words)


@dataclass(frozen=True)
class Cell:
    """One combination of values: its name, which is its folder's, and its description."""

    name: str
    run: Run


@dataclass(frozen=True)
class Sweep:
    """What a sweep came to.

    Attributes:
        folder: Its folder.
        runs: The run or group of each combination, by name.
        comparison: Which is better, tested over seeds.
        written: Files of the comparison: JSON, Markdown and a picture.
    """

    folder: Path
    runs: dict[str, Path]
    comparison: Comparison
    written: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.folder}: {len(self.runs)} runs\n\n{self.comparison}"

    def _repr_html_(self) -> str:
        return self.comparison._repr_html_()


def sweep(
    run: Run,
    vary: Mapping[str, Sequence[Any]],
    *,
    seeds: int | None = None,
    out: str | Path | None = None,
    at_once: int = 1,
    quiet: bool = False,
) -> Sweep:
    """Train every combination of some options' values with several seeds, and compare them.

    A sweep that was interrupted goes on when it is called again with the same folder, and so does
    ``saddlepoint resume FOLDER``.

    Args:
        run: What all have in common.
        vary: Places in the description, such as ``learner.critic_optimiser.learning_rate``, with
            the values of each; a word stands for a part, a list of words for a list of parts.
        seeds: Seeds of each combination; by default those of ``run``.
        out: The folder; by default the first free ``runs/sweep-NAME-N``.
        at_once: Processes side by side.
        quiet: Show no progress.

    Raises:
        BadInput: An option or value that does not exist, or a folder with something else.
        RunStopped: A run stopped itself; all others came to their ends.
        Interrupted: A signal came; everything was saved.
    """
    varied = [Varied.of(name, values) for name, values in vary.items()]
    if seeds is not None:
        run = options.replaced(run, {"seeds": seeds})

    def described(words: Sequence[str]) -> Run:
        return options.with_words(run, words, "sweep")

    return carry_out(cells_of(varied, described), out, at_once=at_once, quiet=quiet)


def cells_of(varied: Sequence[Varied], described: Any) -> list[Cell]:
    """The product of all values, each described by ``described(words)``.

    Raises:
        BadInput: Too many combinations, or one that cannot be described.
    """
    if not varied:
        raise BadInput("name what varies, as in --vary learner.cost=game,unrolled.")
    if len({each.option for each in varied}) < len(varied):
        raise BadInput("--vary: an option is named twice: list all its values behind one.")
    count = math.prod(len(each.values) for each in varied)
    if count > MOST:
        raise BadInput(f"these are {count} combinations: a sweep takes at most {MOST}.")
    cells = []
    for values in itertools.product(*(each.values for each in varied)):
        pairs = list(zip(varied, values, strict=True))
        words = [word for each, value in pairs for word in (f"--{each.option}", *value)]
        name = ",".join(f"{each.option.split('.')[-1]}={'+'.join(v)}" for each, v in pairs)
        cells.append(Cell(re.sub(r"[^\w.,=+-]+", "_", name), described(words)))
    if len({cell.name for cell in cells}) < len(cells):  # two options whose last word is the same
        numbered = enumerate(cells, 1)
        cells = [Cell(f"{number},{cell.name}", cell.run) for number, cell in numbered]
    return cells


def carry_out(
    cells: Sequence[Cell], out: str | Path | None, *, at_once: int = 1, quiet: bool = False
) -> Sweep:
    """Train what is not trained yet, then compare.

    Raises:
        SaddlepointError: As of ``sweep``.
    """
    where = Path(out).expanduser() if out is not None else _free_name(cells[0].run)
    if (where / NAME).is_file():
        if not _same(stored_cells(where), cells, where):
            raise BadInput(
                f"{where} holds another sweep: choose another --out, or go on with that one by "
                f"`{command_line('resume', where)}`."
            )
        return resume(where, at_once=at_once, quiet=quiet)
    if where.exists() and (not where.is_dir() or not is_empty(where)):
        raise BadInput(f"{where} exists and is not an empty folder: choose another --out.")
    from saddlepoint.training import run_directory
    from saddlepoint.training.checkpoint import replace_text

    new = not where.exists()
    run_directory.prepare(where, parts=())
    try:
        kept = [Cell(c.name, c.run.replace(data=c.run.data.kept_at(where))) for c in cells]
        listed = [{"name": c.name, "given": c.run.model_dump(mode="json")} for c in kept]
        replace_text(where / NAME, json.dumps({"format": FORMAT, "cells": listed}, indent=2))
        return resume(where, at_once=at_once, quiet=quiet)
    except SaddlepointError:
        if not any(run_directory.is_run(where / cell.name) for cell in cells):
            (where / NAME).unlink(missing_ok=True)
            run_directory.remove_parts(where)
            if new:
                where.rmdir()
        raise


def _same(stored: Sequence[Cell], cells: Sequence[Cell], where: Path) -> bool:
    """Whether a folder's sweep is the one that is asked for; an array in memory is another's."""
    data = cells[0].run.data
    if isinstance(data, Array) and data.path is None:
        return False
    kept = data.kept_at(where)
    return list(stored) == [Cell(c.name, c.run.replace(data=kept)) for c in cells]


def is_sweep(where: Path) -> bool:
    """Whether a folder is a sweep's."""
    return (where / NAME).is_file()


def stored_cells(where: Path) -> list[Cell]:
    """The combinations of a sweep's folder.

    Raises:
        BadInput: ``sweep.json`` is damaged or of another format.
    """
    written = read_json(where / NAME)
    check_format(written, where / NAME)
    try:
        return [Cell(str(c["name"]), validated(Run, c["given"])) for c in written["cells"]]
    except (KeyError, TypeError) as error:
        raise BadInput(f"{where / NAME} is damaged: start the sweep anew.") from error


def resume(where: Path, *, at_once: int = 1, quiet: bool = False) -> Sweep:
    """Go on with a sweep: train what is missing, then compare.

    Raises:
        SaddlepointError: As of ``sweep``.
    """
    from saddlepoint.training import groups, run_directory, tasks

    groups.check_at_once(at_once)
    cells = stored_cells(where)
    left: list[Task] = []
    with run_directory.lock(where, parts=()):
        for cell in cells:
            place = where / cell.name
            if run_directory.is_group(place):
                run = run_directory.read_group(place)
                left += groups.seeds_of_group(run, place, cell.name)
            else:
                left += groups.begin(cell.run, place, at_once, cell.name)
        if not quiet:
            print(f"{len(cells)} combinations, {len(left)} runs: {where}", file=sys.stderr)
        tasks.carry_out(left, where, at_once=at_once, quiet=quiet)
        return _compared(where, cells, quiet)


def _compared(where: Path, cells: Sequence[Cell], quiet: bool) -> Sweep:
    """The comparison, stored as JSON, as Markdown and as a picture."""
    from saddlepoint.evaluation.compare import compare
    from saddlepoint.evaluation.files import write_comparison
    from saddlepoint.outputs import clear_output, write_output

    runs = {cell.name: where / cell.name for cell in cells}
    comparison = compare(list(runs.values()), quiet=quiet)
    clear_output(where / COMPARISON)
    written = write_comparison(comparison, where / COMPARISON)
    page = where / COMPARISON / "comparison.md"
    write_output(page, f"{markdown(comparison)}\n".encode())
    return Sweep(where, runs, comparison, (*written, page))


def markdown(comparison: Comparison) -> str:
    """A comparison as Markdown: its tables, and what one may say."""
    lines: list[str] = []
    for block in comparison.blocks(narrow=False):
        if isinstance(block, str):
            lines += [block, ""]
            continue
        rows = [block.heads, ["---"] * len(block.heads), *block.rows]
        lines += [f"| {' | '.join(cell.replace('|', '∣') for cell in row)} |" for row in rows]
        lines.append("")
    return "\n".join(lines).strip()


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(map(str, value))
    return (str(value),)


def _free_name(run: Run) -> Path:
    stem = f"sweep-{run.recipe or run.learner.kind}-{run.data.kind}"
    number = 1
    while (path := Path("runs") / f"{stem}-{number}").exists():
        number += 1
    return path
