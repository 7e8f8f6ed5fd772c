"""A group of runs that differ in their seed, as one report tells of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from saddlepoint.errors import BadInput, command_line
from saddlepoint.pages import markup
from saddlepoint.report import warnings
from saddlepoint.report.gather import Curve, State, Summary, gather
from saddlepoint.run.description import GROUP, NAME, check_format, read_json


def is_group(folder: Path) -> bool:
    """Whether a folder holds one run directory a seed."""
    return (folder / GROUP).is_file()


def gather_group(folder: Path) -> tuple[Summary, tuple[Summary, ...]]:
    """What the runs of a group have in common and on average, and each of them.

    Curves are means over the seeds, at the steps that all of them logged; pictures are those of the
    first seed.

    Raises:
        BadInput: ``group.json`` cannot be read, or no seed has begun.
    """
    written = read_json(folder / GROUP)
    check_format(written, folder / GROUP)
    given, numbers = written.get("given"), written.get("seeds")
    if not isinstance(given, dict) or not isinstance(numbers, list):
        raise BadInput(f"{folder / GROUP} is damaged.")
    places = [folder / f"seed-{number}" for number in numbers]
    seeds = tuple(gather(place) for place in places if (place / NAME).is_file())
    if not seeds:
        raise BadInput(
            f"no seed of {folder} has begun: `{command_line('resume', folder)}` starts them."
        )
    problems = [f"{each.folder.name}: {said}" for each in seeds for said in each.problems]
    missing = len(places) - len(seeds)
    if missing:
        problems.append(f"{missing} of {len(places)} seeds did not begin yet.")
    whole = replace(
        seeds[0],
        folder=folder,
        given=given,
        state=_state(seeds, len(places)),
        step=min(each.step for each in seeds),
        examples=sum(each.examples for each in seeds),
        curves=_over_seeds(seeds),
        events=(),
        checkpoints=tuple(sorted(set.intersection(*(set(each.checkpoints) for each in seeds)))),
        best=None,
        symptoms=(),
        watched=(),
        problems=tuple(problems),
    )
    return whole, seeds


def section(seeds: Sequence[Summary], linked: bool) -> str:
    """Each seed with its newest picture and how it stands, linked to its own report."""
    cards = []
    for each in seeds:
        name = each.folder.name
        said = " ".join([f"{name}: {each.state.sentence}", *warnings.at_the_end(each)])
        image = markup.compact(each.frames[-1].path, 480, 60_000) if each.frames else None
        drawn = markup.img(*image, f"Generated samples of {name}.") if image else ""
        link = f'<a href="{markup.text(name)}/report.html">{markup.text(name)}, its own report</a>'
        cards.append(f"{markup.figure(drawn, said)}{link if linked else ''}")
    first = markup.paragraph(
        "Curves are means over the seeds; pictures elsewhere on this page are those of "
        f"{seeds[0].folder.name}.",
        "quiet",
    )
    content = markup.cards([f"<div>{card}</div>" for card in cards], "thumbs")
    return markup.section("Seeds", first, content, key="seeds")


def _state(seeds: Sequence[Summary], count: int) -> State:
    finished = [each for each in seeds if each.state.kind == "finished"]
    if len(finished) == count:
        return State("finished", f"All {count} seeds are finished.")
    others = [each for each in seeds if each not in finished]
    said = [f"{each.folder.name}: {each.state.sentence}" for each in others]
    kind = others[0].state.kind if others else "open"
    return State(kind, " ".join([f"{len(finished)} of {count} seeds are finished.", *said]))


def _over_seeds(seeds: Sequence[Summary]) -> tuple[Curve, ...]:
    """The curves that every seed has, at the steps that they share."""
    if len(seeds) == 1:
        return seeds[0].curves
    tables = [{c.name: dict(zip(c.steps, c.values, strict=True)) for c in s.curves} for s in seeds]
    curves = []
    for name in tables[0]:
        if not all(name in table for table in tables):
            continue
        steps = sorted(set.intersection(*(set(table[name]) for table in tables)))
        rows = tuple(tuple(table[name][step] for table in tables) for step in steps)
        means = tuple(map(statistics.fmean, rows))
        curves.append(Curve(name, tuple(steps), means, rows))
    return tuple(curves)
