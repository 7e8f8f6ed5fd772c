"""``saddlepoint train``: a recipe or a description, from its start."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence

from saddlepoint.commands.program import PROG, after_training


def train(words: Sequence[str]) -> None:
    """Train a recipe or a description (a run.json) from its start."""
    from saddlepoint import options

    prog = f"{PROG} train"
    asked = {"-h", "--help"} & set(words)
    if not words or words[0] in ("-h", "--help", "--all"):
        from saddlepoint.recipes import table

        print(f"usage: {prog} RECIPE|run.json [options]\n\nrecipes:")
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
    run, common = options.described(start, words[1:], prog)
    from saddlepoint.training import groups

    result = groups.train(run, common.out, at_once=common.at_once, quiet=common.quiet)
    after_training(result.folder, result.step)
