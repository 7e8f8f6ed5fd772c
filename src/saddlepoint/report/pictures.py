"""The report's pictures of examples: real ones, samples, and what the learner has of its own."""

from __future__ import annotations

from saddlepoint.pages import markup
from saddlepoint.report.gather import Summary

FURTHER = {
    "code-": "Codes: along a row one code walks, and all else is the same; each row has other "
    "noise. A code that was learned changes the same thing in every row.",
    "classes": "Classes: a row each, in order; down a column all latents are the same.",
    "levels": "Levels: the newest samples at each size of the pyramid, coarse to fine.",
}


def samples(summary: Summary) -> str:
    """Real examples, and the newest samples that can be read."""
    items = []
    real = markup.compact(summary.real, 1000, 220_000) if summary.real else None
    if real:
        items.append(markup.figure(markup.img(*real, "Real examples of the data."), "Real"))
    newest, image = None, None
    for newest in reversed(summary.frames):
        image = markup.compact(newest.path, 1000, 220_000)
        if image:
            break
    if newest and image:
        alt = f"Generated samples at step {newest.step:,}."
        items.append(markup.figure(markup.img(*image, alt), f"Generated, step {newest.step:,}"))
    missing = (
        [] if real else [markup.paragraph("No picture of real examples is recorded.", "quiet")]
    )
    if not image:
        missing.append(markup.paragraph("No picture of generated samples is recorded.", "quiet"))
    return markup.section(
        "Real and generated", markup.cards(items, "pair") if items else "", *missing, key="samples"
    )


def further(summary: Summary) -> str:
    """Pictures that the learner has of its own, as of the newest samples."""
    items = []
    for name, path in summary.further.items():
        image = markup.compact(path, 1000, 220_000)
        if image:
            kind, _, which = name.partition("-")
            title = f"{kind.capitalize()} {which}".strip()
            items.append(markup.figure(markup.img(*image, f"{title}."), title))
    if not items:
        return ""
    hints = [
        markup.paragraph(words, "quiet")
        for kind, words in FURTHER.items()
        if any(name.startswith(kind) for name in summary.further)
    ]
    return markup.section("What it learned", *hints, markup.cards(items, "pair"), key="learned")
