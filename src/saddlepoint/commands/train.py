"""``saddlepoint train``: a recipe or a description, from its start."""

from __future__ import annotations

from collections.abc import Sequence

from saddlepoint.commands.program import PROG, after_training
from saddlepoint.commands.recipes import recipes as list_recipes


def train(words: Sequence[str]) -> None:
    """Train a recipe or a description (a run.json) from its start."""
    from saddlepoint import options

    prog = f"{PROG} train"
    if not words or words[0] in ("-h", "--help"):
        print(f"usage: {prog} RECIPE|run.json [options]\n\nrecipes:")
        list_recipes()
        print(f"\nFor the options of a recipe: {prog} RECIPE --help")
        return
    start = options.start_of(words[0])
    prog = f"{prog} {words[0]}"
    if {"-h", "--help"} & set(words):
        options.print_train_help(start, words[1:], prog)
        return
    run, common = options.described(start, words[1:], prog)
    from saddlepoint.training import trainer

    result = trainer.train(run, common.out, quiet=common.quiet)
    after_training(result.folder, result.step)
