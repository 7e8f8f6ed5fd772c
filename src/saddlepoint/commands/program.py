"""What the commands share: the program's name, words taken out, what is said after a training."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saddlepoint.errors import PROG, command_line

if TYPE_CHECKING:
    from saddlepoint.planning.plan import Plan

__all__ = ["PROG", "after_training", "refuse_taken", "taken"]


def taken(
    words: Sequence[str], names: Collection[str], *, several: bool = False
) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Take some options out of a command line, wherever they stand.

    Args:
        words: The command line.
        names: The options, with their dashes.
        several: Whether all words up to the next option are an option's values, or one alone.

    Returns:
        Each occurrence with its values, none if it has none; and the other words.

    Example:
        >>> from saddlepoint.commands.program import taken
        >>> taken(["--import", "mine", "train", "gan", "--import=yours.py"], ["--import"])
        ([('--import', ['mine']), ('--import', ['yours.py'])], ['train', 'gan'])
    """
    occurrences: list[tuple[str, list[str]]] = []
    others: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if name not in names:
            others.append(word)
            continue
        values = [value] if value else []
        while not equals and left and not left[0].startswith("--") and (several or not values):
            values.append(left.pop(0))
        occurrences.append((name, values))
    return occurrences, others


def refuse_taken(out: str | Path | None) -> None:
    """Refuse a place for a new run that is in use, before the work.

    Raises:
        BadInput: It holds a run, or other things.
    """
    from saddlepoint.training.run_directory import check_free

    if out is not None:
        check_free(Path(out).expanduser())


def after_training(
    folder: Path, step: int, *, plan: Plan | None = None, quiet: bool = False
) -> None:
    """Say where the run is and what can be done with it; of ``image``, also how good it got."""
    from saddlepoint.recipes import RECIPES
    from saddlepoint.run.description import NAME, read_run

    recipe = read_run(folder / NAME).recipe if (folder / NAME).is_file() else None
    if recipe in RECIPES and RECIPES[recipe].facts.planned:
        from saddlepoint.commands.closing import close

        close(folder, step, plan=plan, quiet=quiet)
        return
    print(f"{step} steps are done: {folder}")
    print(f"  samples:  {command_line('sample', folder, '--n', 64, '--out', 'grid.png')}")
    print(f"  report:   {command_line('report', folder)}")
    print(f"  go on:    {command_line('resume', folder, '--steps', 2 * step)}")
