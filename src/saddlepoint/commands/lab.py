"""``saddlepoint lab``: the classic experiments."""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tyro.conf import Positional

from saddlepoint.errors import BadInput
from saddlepoint.lab.lab_options import LabOptions

if TYPE_CHECKING:
    from saddlepoint.lab.findings import Findings

How = Annotated[LabOptions, tyro.conf.arg(name="")]


def lab(
    experiments: Positional[tuple[str, ...]] = (),
    *,
    out: Path | None = None,
    how: How = LabOptions(),  # noqa: B008 - frozen
) -> None:
    """Do classic experiments, measure and draw them; done again, one goes on where it was.

    Args:
        experiments: Names; none lists them by chapter, "all" does every one that is not long,
            "long" those that are, each with the options that fit it.
        out: Folder of the experiment, of several the folder above theirs (by default
            runs/EXPERIMENT, with --fast runs/EXPERIMENT-fast).
        how: How they are done.
    """
    from saddlepoint.lab import EXPERIMENTS
    from saddlepoint.lab.experiment import GROUPS, by_chapter, find

    if not experiments:
        if out is not None or how != LabOptions():
            raise BadInput(f"name an experiment, all or long (known: {', '.join(EXPERIMENTS)}).")
        print(listing())
        return
    group = next((word for word in GROUPS if word in experiments), None)
    if group and len(experiments) > 1:
        raise BadInput(f"'{group}' is a group of experiments: name it alone.")
    every = group is not None
    if every:
        every_one = (one for those in by_chapter().values() for one in those)
        chosen = [one for one in every_one if one.long == (group == "long")]
    else:
        chosen = [find(name) for name in dict.fromkeys(experiments)]
    if how.only is not None and (len(chosen) > 1 or every):
        raise BadInput("--only names trainings of one experiment: name that one.")
    from saddlepoint.lab.running import TABLES, carry_out, drawn_files, takes

    above = out or Path("runs")
    if every:
        seconds = sum((one.fast if how.fast else one.full).seconds or 0 for one in chosen)
        print(f"{len(chosen)} experiments: {takes(seconds)} on two free cores.\n", flush=True)
    for one in chosen:
        single = out is not None and len(chosen) == 1 and not every
        where = above if single else above / f"{one.name}{'-fast' if how.fast else ''}"
        fitting = how  # of all experiments, each takes the options that fit it
        if every:
            whole = how.whole and bool(one.whole)
            fitting = replace(how, whole=whole)
            if one.full.minutes is None:
                fitting = replace(fitting, minutes=None)
            if not one.trains:
                fitting = replace(fitting, at_once=None)
            if not one.data:
                fitting = replace(fitting, data=None)
        print(told(carry_out(one, where, fitting)))
        files = (*drawn_files(one, how), *TABLES)
        print(textwrap.fill(f"{where}: {', '.join(files)}", _width(), break_on_hyphens=False))
        print()


def told(findings: Findings) -> str:
    """What an experiment came to, for the terminal: the table where it fits, and the claims."""
    from saddlepoint.lab.tables import aligned
    from saddlepoint.lab.write_up import verdict

    width = _width()
    lines = ["", *(rows if max(map(len, rows := aligned(findings))) <= width else [])]
    lines += [""] * (len(lines) > 1)
    if findings.reading:
        lines += [*textwrap.wrap(findings.reading, width), ""]
    for claim in findings.claims:
        lines += textwrap.wrap(f"{verdict(claim)}: {claim.statement}", width)
        for line in textwrap.wrap(claim.evidence, width - 2):
            lines.append(f"  {line}")
    return "\n".join([*lines, ""])


def _width() -> int:
    return min(100, shutil.get_terminal_size().columns)


def _takes(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def listing() -> str:
    """The experiments by chapter, with what they ask and what they take."""
    from saddlepoint.lab.experiment import by_chapter

    width = _width()
    lines: list[str] = []
    for chapter, experiments in by_chapter().items():
        lines += [chapter, ""] if not lines else ["", chapter, ""]
        for one in experiments:
            minutes = one.full.minutes
            takes = "" if minutes is None else f" {minutes:.3g} minutes of one core a training."
            if minutes is None and one.full.seconds is not None:
                takes = f" Takes {_takes(one.full.seconds)}."
            whole = f" --whole: {one.whole}." if one.whole else ""
            data = f" --data: in the place of {one.data}." if one.data else ""
            text = f"{one.question}{takes}{whole}{data}{' Long.' if one.long else ''}"
            lines += [
                f"  {one.name}",
                *textwrap.wrap(text, width - 4, initial_indent="    ", subsequent_indent="    "),
            ]
    closing = (
        "saddlepoint lab NAME does one, with --fast in a reduced budget; saddlepoint lab all does "
        "every one that is not long, and with --whole in the longer form of those that have one; "
        "saddlepoint lab long does the long ones."
    )
    return "\n".join([*lines, "", *textwrap.wrap(closing, width)])
