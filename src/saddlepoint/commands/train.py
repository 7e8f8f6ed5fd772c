"""``saddlepoint train``: a recipe or a description, from its start."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from saddlepoint.commands.program import PROG, after_training, refuse_taken
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from saddlepoint.run.description import Run


def in_time(run: Run, minutes: float, common: argparse.Namespace) -> Run:
    """The run with as many steps as fit into the time.

    Raises:
        BadInput: Steps were given, too, the time makes no sense, or ``--out`` is in use.
    """
    from saddlepoint.planning.speed import within

    refuse_taken(common.out)  # before the measurement, which takes seconds
    if common.steps is not None:
        raise BadInput("--minutes and --steps both say how long: give one of them.")
    run, sentence = within(run, minutes, common.at_once or 1)
    if not common.quiet:
        print(sentence, file=sys.stderr)
    return run


def train(words: Sequence[str]) -> None:
    """Train a recipe or a description (a run.json) from its start."""
    from saddlepoint import options

    prog = f"{PROG} train"
    asked = {"-h", "--help"} & set(words)
    if not words or words[0] in ("-h", "--help", "--all"):
        from saddlepoint.recipes import table

        print(f"usage: {prog} IMAGES|RECIPE|run.json [options]\n")
        print(
            "IMAGES: a folder or .zip of images, or an array file: the recipe image, whose options "
            "are\nchosen by a look at them.\n\nrecipes:"
        )
        print(table.plain(min(100, shutil.get_terminal_size().columns), papers=False))
        print(
            f"\nThe options of a recipe: {prog} RECIPE --help; with --all, every one."
            f"\nThe papers: {PROG} recipes."
        )
        return
    start = options.start_of(words[0])
    prog = f"{prog} {shlex.quote(words[0])}"
    if asked:
        from saddlepoint.help_text import train_help

        rest = [word for word in words[1:] if word not in ("-h", "--help", "--all")]
        print(train_help(start, rest, prog, every="--all" in words))
        return
    plan = None
    if start.recipe is not None and start.recipe.facts.planned:
        from saddlepoint.commands.planned import planned

        run, common, plan = planned(start, words[1:], prog)
    else:
        run, common = options.described(start, words[1:], prog)
        if common.minutes is not None:
            run = in_time(run, common.minutes, common)
    from saddlepoint.training import groups

    result = groups.train(run, common.out, at_once=common.at_once, quiet=common.quiet)
    after_training(result.folder, result.step, plan=plan, quiet=common.quiet)
