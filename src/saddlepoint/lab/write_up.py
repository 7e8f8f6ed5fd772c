"""The page of an experiment, as Markdown and as HTML: asked, done, measured, shown.

Both are made of findings and of what ``result.json`` says about them, so that the page of a
committed result can be written again without the experiment being done again.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from saddlepoint.errors import PROG
from saddlepoint.lab import tables
from saddlepoint.lab.findings import Claim, Findings
from saddlepoint.pages import markup
from saddlepoint.pages.document import document

NAME = "page.md"
HTML = "page.html"
_WIDTH, _BYTES = 1600, 2_000_000  # of a picture in the HTML page


def verdict(claim: Claim) -> str:
    """Whether a claim holds, in a word."""
    return "holds" if claim.holds else "fails"


def command(about: Mapping[str, Any]) -> str:
    """The command that does an experiment again as it was done."""
    settings = about["settings"]
    words = [PROG, "lab", about["experiment"]]
    words += ["--fast"] * bool(settings["fast"]) + ["--whole"] * bool(settings["whole"])
    given = settings.get("given") or {}
    for option in ("minutes", "seeds", "seed", "data", "only"):
        if given.get(option) is not None:
            words += [f"--{option}", str(given[option])]
    return shlex.join(words)


def protocol(about: Mapping[str, Any]) -> str:
    """Seeds, budget and machine in a sentence."""
    settings, seeds = about["settings"], about["seeds"]
    parts = [f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}"]
    if settings.get("minutes") is not None:
        parts.append(f"{settings['minutes']:.3g} minutes of one core a training")
    if settings.get("steps") is not None:
        parts.append(f"{settings['steps']:,} steps a training")
    if about.get("took") is not None:
        parts.append(f"done in {about['took']:.3g} s")
    spread = "means ± standard deviations over seeds"
    return f"{', '.join(parts)}, on {about['processor']}; {spread}."


def markdown(findings: Findings, about: Mapping[str, Any], pictures: Sequence[str]) -> str:
    """The page as Markdown.

    Args:
        findings: What was measured.
        about: What ``result.json`` says beside it.
        pictures: File names of the pictures beside the page.
    """
    lines = [f"# {_title(about)}", "", f"**{about['question']}**", ""]
    for paragraph in about["method"]:
        lines += [paragraph, ""]
    for name in pictures:
        lines += [f"![{name}]({name})", ""]
    lines += ["## What it shows", ""]
    if findings.reading:
        lines += [findings.reading, ""]
    for claim in findings.claims:
        word = "holds" if claim.holds else "**fails**"
        lines += [f"- {word}: {claim.statement}", f"  Measured: {claim.evidence}"]
    lines += ["", "## What was measured", "", tables.table(findings)]
    lines += [protocol(about), "", f"Done again by `{command(about)}`."]
    return "\n".join(lines) + "\n"


def html(findings: Findings, about: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    """The page as one HTML file with its pictures in it.

    Args:
        findings: What was measured.
        about: What ``result.json`` says beside it.
        pictures: PNG files by name.
    """
    drawn = []
    for name, content in pictures.items():
        data, size = markup.compacted(content, _WIDTH, _BYTES)
        drawn.append(markup.figure(markup.img(data, size, name), name))
    columns = findings.columns
    rows = [[c.shown(row[c.key]) for c in columns] for row in (*findings.rows, *findings.controls)]
    said = [f"{verdict(c)}: {c.statement} Measured: {c.evidence}" for c in findings.claims]
    shows = [markup.paragraph(findings.reading)] if findings.reading else []
    body = [
        f"<header><h1>{markup.text(_title(about))}</h1>",
        markup.paragraph(about["question"], "lead"),
        *map(markup.paragraph, about["method"]),
        "</header>",
        *drawn,
        markup.section("What it shows", *shows, markup.listing(said), key="shows"),
        markup.section(
            "What was measured",
            markup.table("Measured", [column.heading for column in columns], rows),
            markup.paragraph(protocol(about), "quiet"),
            key="measured",
        ),
        markup.section("Again", markup.code(command(about), "The command"), key="again"),
    ]
    return document(_title(about), "\n".join(body))


def _title(about: Mapping[str, Any]) -> str:
    name = str(about["experiment"]).replace("-", " ")
    return name[:1].upper() + name[1:]
