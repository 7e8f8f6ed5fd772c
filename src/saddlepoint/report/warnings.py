"""What the report says of symptoms: which came, which are there at the end, what helps."""

from __future__ import annotations

from saddlepoint.pages import markup
from saddlepoint.report.gather import Summary
from saddlepoint.symptoms.known import SYMPTOMS


def section(summary: Summary) -> str:
    """Every time that a symptom came; nothing where none could have been seen."""
    if not summary.watched:
        return ""
    titles = [SYMPTOMS[name].title for name in summary.watched]
    watched = markup.paragraph(f"Watched for: {'; '.join(titles)}.", "quiet")
    if not summary.symptoms:
        return markup.section("Symptoms", markup.paragraph("None came."), watched, key="symptoms")
    rows = []
    for each in summary.symptoms:
        evidence = each.evidence
        symptom = SYMPTOMS[evidence.symptom]
        members = ", ".join(map(str, each.members))
        end = "still there" if evidence.until is None else f"gone at step {evidence.until:,}"
        title = symptom.title + (f" (members {members})" if members else "")
        rows.append((f"{evidence.step:,}", title, evidence.figures, end, symptom.cure))
    heads = ("Step", "Symptom", "Figures", "At the end", "What helps")
    table = markup.table("What went wrong", heads, rows)
    return markup.section("Symptoms", table, watched, key="symptoms")


def at_the_end(summary: Summary) -> list[str]:
    """A sentence about the symptoms that are there at the end; none without."""
    there = [each.evidence.symptom for each in summary.symptoms if each.evidence.until is None]
    titles = [SYMPTOMS[name].title for name in dict.fromkeys(there)]
    return [f"At the end: {'; '.join(titles)}."] if titles else []
