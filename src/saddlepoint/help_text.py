"""The help of ``train``: a short page, and one with every option (torch-free)."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from saddlepoint import flags
from saddlepoint.options import COMMON, Short, Start, described_so_far, recipe_options
from saddlepoint.run.description import Run
from saddlepoint.schedules import forms

LEFT = 24  # columns of an option and its values
WIDEST = 100


def train_help(start: Start, words: Sequence[str], prog: str, every: bool) -> str:
    """What ``saddlepoint train TARGET WORDS --help`` prints.

    Args:
        start: The recipe or description.
        words: The other words; those that decide which options there are count, as --data does.
        prog: The program's name with TARGET.
        every: List every option of the description, not only the groups that they form.
    """
    run = described_so_far(start, words, prog)
    width = min(WIDEST, shutil.get_terminal_size().columns)
    title = f"The description in {start.path}."
    if start.recipe is not None:
        title = inspect.cleandoc(start.recipe.__doc__ or "").splitlines()[0]
    lines = [f"usage: {prog} [options]", "", *textwrap.wrap(title, width), ""]
    lines += ["options of every run:"]
    lines += _rows(map(_row, _with_defaults(COMMON, run)), width)
    particular = recipe_options(start.recipe)
    if particular:
        lines += ["", "options of this recipe:", *_rows(map(_row, particular), width)]
    lines.append("")
    if every:
        lines += [*_all(run, width), ""]
        schedule = f"NUMBER|SCHEDULE: {forms()}; progress runs from 0 to 1 over the training."
        return "\n".join([*lines, *textwrap.wrap(schedule, width)])
    lines += ["further options, by their place in the description:"]
    lines += _group_rows([group for group in flags.groups(run) if group.place], width)
    closing = f"`{prog} --help --all` lists every option with its choices."
    return "\n".join([*lines, "", *textwrap.wrap(closing, width, break_on_hyphens=False)])


def _with_defaults(options: Iterable[Short], run: Run) -> Iterator[tuple[Short, str]]:
    training = run.training
    defaults = {
        "data": run.data.kind,
        "seed": str(run.seed),
        "seeds": str(run.seeds),
        "steps": str(training.steps),
        "batch-size": "128 or all" if training.batch_size is None else str(training.batch_size),
        "device": training.device,
        "precision": training.precision,
        "dynamics": training.dynamics.kind,
        "validate": training.validation.score,
    }
    for option in options:
        yield option, defaults.get(option.name, option.default)


def _row(option: Short | tuple[Short, str]) -> tuple[str, str]:
    short, default = option if isinstance(option, tuple) else (option, option.default)
    said = f"{short.help} " if short.help else ""
    return f"--{short.name} {short.values}".rstrip(), said + (
        f"(default: {default})" * bool(default)
    )


def _group_rows(groups: Sequence[flags.Group], width: int) -> Iterator[str]:
    """One line for each group: how many options it has, and as many names as there is room for."""
    left = max(len(group.place) for group in groups) + len("--.*")
    for group in groups:
        row = f"  {f'--{group.place}.*':<{left}} {len(group.flags):>3}: "
        names = [flag.name.rpartition(".")[2] for flag in group.flags]
        yield row + textwrap.shorten(", ".join(names), width - len(row), placeholder=" ...")


def _rows(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Two columns; a long left entry has its line for itself."""
    for left, right in rows:
        lines = textwrap.wrap(right, width - LEFT - 4, break_on_hyphens=False) or [""]
        if len(left) > LEFT:
            yield f"  {left}"
        else:
            yield f"  {left:<{LEFT}}  {lines.pop(0)}".rstrip()
        yield from (" " * (LEFT + 4) + line for line in lines)


def _all(run: Run, width: int) -> Iterator[str]:
    """Every option of the description, with its values and what holds without it."""
    yield "every option, by its place in the description:"
    for group in flags.groups(run):
        yield ""
        yield from textwrap.wrap(f"{group.place or 'the run'}: {group.title}", width)
        for flag in group.flags:
            name = f"{flag.name} | {flag.opposite}" if flag.switch else f"{flag.name} {flag.values}"
            yield from _hanging(name, width)
            said = f"{flag.help} " if flag.help else ""
            yield from _indented(f"{said}(default: {' '.join(flag.words)})", width)
        for first, kinds in group.more:
            yield from _hanging(f"{first} {kinds}", width)
            yield from _indented("Adds a member to this list.", width)


def _hanging(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text.replace(",", ", "),  # so that long lists of choices break between words
        width,
        initial_indent="  ",
        subsequent_indent="      ",
        break_on_hyphens=False,
    )


def _indented(text: str, width: int) -> Iterator[str]:
    indent = " " * 8
    yield from textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
