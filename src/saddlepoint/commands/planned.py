"""What ``train`` does for images alone: look, choose, say so, and train what was chosen."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from saddlepoint.commands.program import refuse_taken
from saddlepoint.options import Start, described
from saddlepoint.planning.plan import Plan, plan
from saddlepoint.run.description import Run
from saddlepoint.short_options import recipe_options

WIDTH = 78


def planned(start: Start, words: Sequence[str], prog: str) -> tuple[Run, argparse.Namespace, Plan]:
    """The run of planned options and those that were given, the latter, and the plan.

    Raises:
        BadInput: The images or an option cannot be used.
    """
    base, common = described(start, words, prog)
    refuse_taken(common.out)  # before the look, which takes seconds
    training = base.training
    own = training.validation.score != "none" or common.validate or common.stop_when
    own = own or "--training.validation.score" in _places(words)
    chosen = plan(
        base.data,
        minutes=common.minutes,
        device=training.device,
        precision=training.precision,
        threads=training.threads,
        validate=not own,
        say=None if common.quiet else _say,
        at_once=common.at_once or 1,
        completed=lambda chosen: described(start, [*chosen, *words], prog)[0],
        **_given(start, base, words, common),
    )
    if not common.quiet:
        tell(chosen)
    return chosen.run, common, chosen


def _given(
    start: Start, base: Run, words: Sequence[str], common: argparse.Namespace
) -> dict[str, Any]:
    """Options of the recipe that were given, by a short name or by their place."""
    assert start.recipe is not None
    given = {o.key: getattr(common, o.key) for o in recipe_options(start.recipe)}
    given = {name: value for name, value in given.items() if value is not None}
    by_place = {"steps": "steps", "batch_size": "batch_size", "half_life": "averaging_half_life"}
    for name, field in by_place.items():
        place = f"--training.{field.replace('_', '-')}"
        if getattr(common, name, None) is not None or place in _places(words):
            given[name] = getattr(base.training, field)
    return given


def _places(words: Sequence[str]) -> set[str]:
    """The options among words of a command line."""
    return {word.partition("=")[0].replace("_", "-") for word in words}


def tell(chosen: Plan) -> None:
    """Say what was chosen, and what is remarkable about the data."""
    for line in [each.line for each in chosen.decisions]:
        _say(line)
    for note in chosen.observations:
        _say(str(note))


def _say(line: str) -> None:
    print(
        textwrap.fill(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False), file=sys.stderr
    )
