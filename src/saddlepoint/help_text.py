"""The help of ``train``: a short page, and one with every option (torch-free)."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from saddlepoint import flags
from saddlepoint.options import Start, described_so_far
from saddlepoint.run.description import Run
from saddlepoint.schedules import forms
from saddlepoint.short_options import IMPORT, Short, common_options, recipe_options

LEFT = 24  # columns of an option and its values
WIDEST = 100


def train_help(start: Start, words: Sequence[str], prog: str, every: bool) -> str:
    """What ``saddlepoint train TARGET WORDS --help`` prints.

    Args:
        start: The recipe or description.
        words: The other words; those that decide which options there are count, as --data does.
        prog: The program's name with TARGET.
        every: List every option of the description, not only the words for its parts.
    """
    run = described_so_far(start, words, prog)
    width = min(WIDEST, shutil.get_terminal_size().columns)
    title = f"The description in {start.path}."
    if start.recipe is not None:
        title = inspect.cleandoc(start.recipe.__doc__ or "").splitlines()[0]
    lines = [f"usage: {prog} [options]", "", *textwrap.wrap(title, width), ""]
    lines += ["options of every run:"]
    lines += _rows(map(_row, _with_defaults((*common_options(), IMPORT), run)), width)
    particular = recipe_options(start.recipe)
    if particular:
        lines += ["", "options of this recipe:", *_rows(map(_row, particular), width)]
    lines.append("")
    if every:
        lines += [*_all(run, width), ""]
        schedule = (
            f"NUMBER|SCHEDULE: {forms()} (steps × batch size), "
            "else progress goes from 0 to 1 over the training."
        )
        return "\n".join([*lines, *textwrap.wrap(schedule, width)])
    groups = flags.groups(run)
    lines += ["parts, each chosen by a word, the members of a list by several:"]
    above = {f"--training.{option.name}" for option in common_options()}
    parts = [flag for group in groups for flag in group.flags if flag.part]
    lines += _part_rows([part for part in parts if part.name not in above], width)
    more = sum(len(group.flags) for group in groups)
    closing = (
        f"{more} options go by their place in the description, such as --training.log-every: "
        f"`{prog} --help --all` lists every option with its choices."
    )
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


def _part_rows(parts: Sequence[flags.Flag], width: int) -> Iterator[str]:
    """For each place of a part the words that may stand there, and those that do."""
    left = max(len(part.name) for part in parts)
    for part in parts:
        words = f"{', '.join(part.choices)} (default: {' '.join(part.words)})"
        lines = textwrap.wrap(words, max(width - left - 4, LEFT), break_on_hyphens=False)
        yield f"  {part.name:<{left}}  {lines[0]}"
        yield from (" " * (left + 4) + line for line in lines[1:])


def _rows(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Two columns; a long left entry has its line for itself."""
    for left, right in rows:
        lines = textwrap.wrap(right, width - LEFT - 4, break_on_hyphens=False) or [""]
        if len(left) > LEFT:
            yield from [f"  {left}"] if len(left) < width - 1 else _hanging(left, width)
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
            yield from _indented(f"{said}(default: {' '.join(flag.words) or 'empty'})", width)


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
