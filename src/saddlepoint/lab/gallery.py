"""The gallery of docs/lab.md: committed results by chapter, with pictures and claims."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from saddlepoint.lab import tables, write_up
from saddlepoint.lab.experiment import EXPERIMENTS, Experiment, by_chapter


def entries(results: Path) -> str:
    """The gallery in Markdown.

    Args:
        results: The folder of committed results, beside the page.
    """
    return "\n".join(_lines(results))


def _lines(results: Path) -> Iterator[str]:
    for chapter, experiments in by_chapter().items():
        house = [one for one in experiments if _of_the_house(one)]
        if house:
            yield f"### {chapter}\n"
        for one in house:
            yield from _entry(one, results / one.name)


def _of_the_house(one: Experiment) -> bool:
    return one.function.__module__.startswith("saddlepoint.")


def _entry(one: Experiment, folder: Path) -> Iterator[str]:
    if not (folder / tables.RESULT).is_file():
        words = f"**{one.name}** {one.question} Not measured yet: `saddlepoint lab {one.name}`."
        yield textwrap.fill(words, 118, break_on_hyphens=False) + "\n"
        return
    link = f"{folder.parent.name}/{folder.name}"
    words = f"**[{one.name}]({link}/{write_up.NAME})** {one.question}"
    yield textwrap.fill(words, 118, break_on_hyphens=False) + "\n"
    findings, _ = tables.read_result((folder / tables.RESULT).read_text(encoding="utf-8"))
    for claim in findings.claims:
        words = f"- {write_up.verdict(claim)}: {claim.statement}"
        yield textwrap.fill(words, 118, subsequent_indent="  ", break_on_hyphens=False)
    yield "\n" + " ".join(f"![{one.name}]({link}/{name}.png)" for name in one.pictures) + "\n"


def rewritten(folder: Path) -> str:
    """The Markdown page of a committed result, made again from its ``result.json``."""
    findings, about = tables.read_result((folder / tables.RESULT).read_text(encoding="utf-8"))
    one = EXPERIMENTS[folder.name]
    about |= {"question": one.question, "method": list(one.method)}
    return write_up.markdown(findings, about, [f"{name}.png" for name in one.pictures])
