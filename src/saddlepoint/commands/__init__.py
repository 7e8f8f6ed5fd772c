"""One file a command; ``COMMANDS`` is the list that usage, dispatch and completion read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from saddlepoint.commands.compare import compare
from saddlepoint.commands.distance import distance
from saddlepoint.commands.evaluate import evaluate
from saddlepoint.commands.explore import explore
from saddlepoint.commands.lab import lab
from saddlepoint.commands.recipes import recipes
from saddlepoint.commands.report import report
from saddlepoint.commands.resume import resume
from saddlepoint.commands.sample import sample
from saddlepoint.commands.sweep import sweep
from saddlepoint.commands.train import train

#: Commands whose signature and docstring are their options and their help.
PLAIN: dict[str, Callable[..., None]] = {
    "resume": resume,
    "sample": sample,
    "evaluate": evaluate,
    "compare": compare,
    "explore": explore,
    "distance": distance,
    "report": report,
    "recipes": recipes,
    "lab": lab,
}
#: Commands that read their words themselves.
SELF_PARSING: dict[str, Callable[[Sequence[str]], None]] = {"train": train, "sweep": sweep}
COMMANDS: dict[str, Callable[..., None]] = {**SELF_PARSING, **PLAIN}
