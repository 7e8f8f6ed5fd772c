"""``saddlepoint sweep``: a grid of options, each with several seeds, and which is better."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from saddlepoint.commands.program import PROG
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from saddlepoint.run.description import Run
    from saddlepoint.sweeping import Sweep, Varied

HELP = f"""usage: {PROG} sweep RECIPE|run.json --vary OPTION=VALUE,VALUE [options]

Train every combination of some options' values, and say which is better.

  --vary OPTION=VALUE,...  any option of `{PROG} train` and its values; several
                           --vary make the product. A word stands for a part, as in
                           learner.cost=game,unrolled; + joins the members of a list
  --seeds INT              seeds of each combination (default: 1; a sentence about
                           methods takes several)
  --at-once INT            so many processes (default: 1)
  --out PATH               new folder, or that of the same sweep, which then goes on
                           (default: runs/sweep-NAME-N)
  --quiet                  show no progress

All other options are those of `{PROG} train RECIPE --help`, and hold for every run.
It ends in one comparison, printed and stored below the folder as comparison.json,
comparison.md and comparison.png. `{PROG} resume FOLDER` goes on with a sweep."""


def sweep(words: Sequence[str]) -> None:
    """Train every combination of some options' values, and say which is better."""
    if not words or {"-h", "--help"} & set(words):
        print(HELP)
        return
    from saddlepoint import options, sweeping

    start = options.start_of(words[0])
    prog = f"{PROG} sweep {shlex.quote(words[0])}"
    varied, others = _varied(words[1:])
    _, common = options.described(start, others, prog)

    def described(more: Sequence[str]) -> Run:
        return options.described(start, [*others, *more], prog)[0]

    cells = sweeping.cells_of(varied, described)
    done = sweeping.carry_out(cells, common.out, at_once=common.at_once or 1, quiet=common.quiet)
    after_sweep(done)


def after_sweep(done: Sweep) -> None:
    """Print the comparison, and where everything is."""
    print(done)
    print(textwrap.fill(f"written: {', '.join(map(str, done.written))}", 100))


def _varied(words: Sequence[str]) -> tuple[list[Varied], list[str]]:
    """What ``--vary`` names, and the other words."""
    from saddlepoint.sweeping import Varied

    varied: list[Varied] = []
    others: list[str] = []
    left = list(words)
    while left:
        name, equals, value = left.pop(0).partition("=")
        if name != "--vary":
            others.append(f"{name}{equals}{value}")
            continue
        if equals:
            varied.append(Varied.parse(value))
            continue
        values = []
        while left and not left[0].startswith("--"):
            values.append(left.pop(0))
        if not values:
            raise BadInput(
                "--vary: name an option and its values, as in learner.cost=game,unrolled."
            )
        varied += [Varied.parse(each) for each in values]
    return varied, others
