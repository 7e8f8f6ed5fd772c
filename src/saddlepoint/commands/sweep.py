"""``saddlepoint sweep``: combinations of options, each with several seeds, and which is better."""

from __future__ import annotations

import dataclasses
import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from saddlepoint.commands.program import PROG, taken
from saddlepoint.commands.shared import ScoreOptions, Scores
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from saddlepoint.sweeping.swept import Sweep

HELP = f"""usage: {PROG} sweep RECIPE|run.json --vary OPTION=VALUE,VALUE [options]
       {PROG} sweep RECIPE|run.json --vary OPTION=LOW..HIGH
                         --pick optuna --trials N [options]

Train combinations of some options' values, and say which is better: all of them
(a grid), or N, each proposed by what the earlier ones came to (a search).

  --vary OPTION=VALUE,...  any option of `{PROG} train` and its values;
                           several --vary make the product. A word stands for a
                           part, as in learner.cost=game,unrolled; + joins the
                           members of a list
  --vary OPTION=LOW..HIGH  for a search: the numbers between, as in 1e-5..1e-3;
                           on a logarithmic scale where the bounds are positive
                           and more than a decade apart, or as log:2.0..8.0 and
                           linear:1.0..50.0 say. Bounds without a point or an
                           exponent make whole numbers
  --pick {{grid,optuna}}     all combinations, or those that optuna proposes
                           (default: grid)
  --trials INT             of a search: how many combinations
  --by SCORE               of a search: the score by which it chooses, its mean
                           over the seeds on the validation split (default:
                           kernel)
  --n INT                  real examples and samples that scores compare
  --features WORD ...      feature spaces as of `{PROG} evaluate`; a search
                           chooses in the first (default: auto)
  --scores SCORE ...       scores of the comparison: default, all or names
  --seeds INT              seeds of each combination (default: 1; a sentence
                           about methods takes several)
  --at-once INT            so many processes (default: 1)
  --out PATH               new folder, or that of the same sweep, which then
                           goes on, a search also to more trials (default:
                           runs/sweep-NAME-N)
  --quiet                  show no progress

All other options are those of `{PROG} train RECIPE --help`, and hold
for every run. It ends in one comparison, of a search that of its best five,
printed and stored below the folder as comparison.json, .md and .png.
`{PROG} resume FOLDER` goes on with it."""


@dataclass(frozen=True)
class SweepOptions:
    """What ``sweep`` takes besides the options of ``train``."""

    vary: tuple[str, ...] = ()
    """An option with its values, A,B,C, or for a search with a range, LOW..HIGH."""
    pick: Literal["grid", "optuna"] = "grid"
    """All combinations, or those that optuna proposes."""
    trials: int | None = None
    """Of a search: how many combinations."""
    by: str | None = None
    """Of a search: the score by which it chooses (by default kernel)."""
    scoring: Scores = field(default_factory=ScoreOptions)


def names_of_options() -> list[str]:
    """The options that ``sweep`` adds to those of ``train``."""
    fields = [*dataclasses.fields(SweepOptions), *dataclasses.fields(ScoreOptions)]
    return [f"--{each.name}" for each in fields if each.name != "scoring"]


def sweep(words: Sequence[str]) -> None:
    """Train combinations of some options' values, and say which is better."""
    if not words or {"-h", "--help"} & set(words):
        print(HELP)
        return
    from saddlepoint import options
    from saddlepoint.sweeping.cells import Scoring
    from saddlepoint.sweeping.sweep import sweep_of_words
    from saddlepoint.sweeping.varied import Varied

    start = options.start_of(words[0])
    prog = f"{PROG} sweep {shlex.quote(words[0])}"
    asked, others = read_options(words[1:], f"{PROG} sweep")
    done = sweep_of_words(
        start,
        others,
        [Varied.parse(each) for each in asked.vary],
        prog,
        pick=asked.pick,
        trials=asked.trials,
        by=asked.by,
        scoring=Scoring.of(**asked.scoring.arguments()),
    )
    after_sweep(done)


def read_options(words: Sequence[str], prog: str) -> tuple[SweepOptions, list[str]]:
    """What ``sweep`` adds to the options of ``train``, and the other words.

    Raises:
        BadInput: An option without or with a wrong value.
    """
    from saddlepoint import options

    occurrences, others = taken(words, names_of_options(), several=True)
    values: dict[str, list[str]] = {}
    for name, given in occurrences:
        if name == "--vary" and not given:
            raise BadInput(
                "--vary: name an option and its values, as in learner.cost=game,unrolled."
            )
        if not given:
            raise BadInput(f"{name}: a value is missing. See `{prog} --help`.")
        if name in values and name != "--vary":
            raise BadInput(f"{name} stands there twice.")
        values.setdefault(name, []).extend(given)
    sweep_words = [word for name, given in values.items() for word in (name, *given)]
    return options.parse(SweepOptions, sweep_words, prog), others


def after_sweep(done: Sweep) -> None:
    """Print the comparison, and where everything is."""
    print(done)
    print(textwrap.fill(f"written: {', '.join(map(str, done.written))}", 100))
