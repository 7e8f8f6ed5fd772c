"""Three sentences above the table: whether samples are realistic, diverse, and copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from saddlepoint.evaluation.rows import Row

# In this order: the first that differs carries the sentence.
_REALISTIC = ("classifier_test", "spectrum", "precision", "high_quality")
_DIVERSE = ("coverage", "recall", "modes_kl", "classes_kl")
_ALL_IN_ALL = ("kernel", "sliced", "mmd_test", "frechet_infinite", "frechet")


@dataclass(frozen=True)
class _Table:
    """What the sentences are made from."""

    rows: Sequence[Row]
    n: Mapping[str, int]
    duplicates: Mapping[str, int]
    remedy: str


def sentences(
    rows: Sequence[Row], n: Mapping[str, int], duplicates: Mapping[str, int], remedy: str
) -> tuple[str, ...]:
    """What the table says in plain words; every sentence names the scores that carry it.

    Args:
        rows: The table.
        n: Real examples, control examples and samples.
        duplicates: Exact copies, as ``count_duplicates`` counts them; empty if not known.
        remedy: What to install where only a weak space was at hand.
    """
    table = _Table(rows, n, duplicates, remedy)
    return (_realistic(table), _diverse(table), _copies(table))


def _realistic(table: _Table) -> str:
    rows = _rows(table, _REALISTIC)
    if not rows:
        rows = _rows(table, _ALL_IN_ALL)
    if not rows:
        return "Realistic? Not measured: no score of realism was computed."
    bad = [row for row in rows if _bad(row)]
    if bad:
        answer = "No" if any(_very_bad(row) for row in bad) else "Not quite"
        return f"Realistic? {answer}: {'; '.join(_said(row) for row in bad[:2])}."
    distances = _rows(table, _ALL_IN_ALL)
    bad = [row for row in distances if _bad(row)]
    if bad:
        return (
            f"Realistic? {'Not quite' if len(bad) > 1 else 'A hint that not'}: {len(bad)} of "
            f"{len(distances)} distances and tests see a difference, though no score of realism "
            f"alone does: {_said(bad[0])}. Chance alone makes one in twenty."
        )
    return f"Realistic? {_no_difference(table, rows)}"


def _diverse(table: _Table) -> str:
    rows = _rows(table, _DIVERSE)
    repeated = table.duplicates.get("repeated", 0)
    n = table.n["candidate"]
    if repeated > 0.1 * n:
        return f"Diverse? No: {repeated:,} of {n:,} samples repeat an earlier one exactly."
    if not rows:
        return "Diverse? Not measured: no score of diversity was computed."
    bad = [row for row in rows if _bad(row)]
    if bad:
        answer = "No" if any(_very_bad(row) for row in bad) else "Not quite"
        unreal = any(_bad(row) for row in _rows(table, _REALISTIC))
        also = " (samples that are not realistic lower it, too)" if unreal else ""
        return f"Diverse? {answer}: {'; '.join(_said(row) for row in bad[:2])}{also}."
    return f"Diverse? {_no_difference(table, rows)}"


def _copies(table: _Table) -> str:
    counts = table.duplicates
    n = table.n["candidate"]
    exact = counts.get("train", 0)
    if exact:
        return f"Copies? Yes: {exact:,} of {n:,} samples equal a training example exactly."
    rows = _rows(table, ("memorisation",))
    if not rows:
        known = counts.get("real", 0) + counts.get("control", 0)
        if known:
            return (
                f"Copies? {known:,} of {n:,} samples equal one of the real examples exactly; "
                "whether the generator had learned from these is not known."
            )
        why = "what the generator learned from is not known here"
        if "train" in counts:
            why = "too few examples were held out, or memorisation was not asked for"
        return f"Copies? Not measured: {why}. No sample equals one of the real examples exactly."
    row = rows[0]
    value = row.figure.estimate.value
    said = (
        f"{_percent(value, 1)} of the samples lie as close to the training data as the closest 5 % "
        "of fresh examples do (memorisation)"
    )
    judgement = row.judgement
    if judgement.kind == "differs":
        if _dense(table):
            return (
                f"Copies? Perhaps: {said}; copies do, and so do samples that keep to where the "
                "data are dense, as other scores say of these."
            )
        return f"Copies? Yes, or near copies: {said}."
    if not judgement.kind and row.control is not None:
        other = _percent(row.control.estimate.value, 1)
        return f"Copies? Cannot be told: {said}, and so do {other} of other real examples."
    return f"Copies? No sign of it: {said}."


def _rows(table: _Table, keys: Sequence[str]) -> list[Row]:
    """Rows of these scores in the best space at hand, in the order of the keys."""
    strong = [row for row in table.rows if not row.weakness]
    spaces = dict.fromkeys(row.space for row in strong if row.key in ("precision", *_ALL_IN_ALL))
    best = next(iter(spaces), None)
    chosen = []
    for key in keys:
        rows = [row for row in table.rows if row.key == key]
        better = [row for row in rows if row.space == best]
        chosen += better[:1] or rows[:1]
    return chosen


def _bad(row: Row) -> bool:
    return row.judgement.kind in ("worse than real", "differs", "off")


def _very_bad(row: Row) -> bool:
    """Whether the difference is more than half of what a worthless generator would have."""
    if row.yardstick is None:
        return False
    value = row.figure.estimate.value
    if row.key in ("classifier_test", "spectrum"):
        return value - 0.5 > 0.5 * row.yardstick
    gap = row.gap
    return gap is not None and abs(gap.value) > 0.5 * row.yardstick


def _no_difference(table: _Table, rows: Sequence[Row]) -> str:
    """No score saw a difference: how much that says."""
    judged = [row for row in rows if row.judgement.kind]
    names = ", ".join(row.key for row in rows)
    n = min(table.n["real"], table.n["candidate"])
    if not judged:
        figures = "; ".join(_said(row) for row in rows[:2])
        return f"No verdict: {rows[0].judgement.reason.rstrip('.')}. {figures}."
    strong = [row for row in judged if not row.judgement.little]
    if strong:
        return (
            f"As far as this shows, yes: at n = {n:,} no difference from real ones "
            f"({', '.join(row.key for row in strong)}); {_shows(strong[0])}."
        )
    weak = any(row.weakness for row in judged)
    why = "in pixels, which hardly show content" if weak else "at this n little would be noticed"
    cure = "use more examples"
    if weak:
        cure = f"`{table.remedy}` adds a space that does" if table.remedy else cure
        cure = cure if table.remedy else "use --features efficientnet-lite0"
    return f"Cannot be told: no difference at n = {n:,}, but {why} ({names}); {cure}."


def _shows(row: Row) -> str:
    detectable = row.judgement.detectable
    if row.key in ("classifier_test", "spectrum"):
        return f"an accuracy above {_percent(0.5 + (detectable or 0))} would have been noticed"
    return f"a difference of {detectable:.2g} in {row.title} would have been noticed"


def _said(row: Row) -> str:
    """One figure in words, beside the control's."""
    value = row.figure.estimate.value
    control = None if row.control is None else row.control.estimate.value
    fresh = "" if control is None else f", of fresh real ones {_percent(control)}"
    match row.key:
        case "classifier_test":
            return (
                f"a classifier tells them from real ones in {_percent(value)} of cases, where 50 % "
                f"is chance ({row.key})"
            )
        case "spectrum":
            return (
                f"the amount of fine detail alone tells them from real ones in {_percent(value)} "
                f"of cases, where 50 % is chance ({row.key})"
            )
        case "precision":
            return f"{_percent(value)} of them lie among real ones{fresh} ({row.key})"
        case "high_quality":
            return f"{_percent(value)} of them lie near a mode{fresh} ({row.key})"
        case "coverage":
            return (
                f"{_percent(value)} of the real examples have a sample nearby"
                f"{fresh.replace('of fresh real ones', 'with fresh real ones')} ({row.key})"
            )
        case "recall":
            return (
                f"{_percent(value)} of the real examples lie among the samples"
                f"{fresh.replace('of fresh real ones', 'with fresh real ones')} ({row.key})"
            )
    beside = "" if control is None else f" against {control:.3g} of fresh real ones"
    return f"{row.title} {value:.3g}{beside} ({row.key})"


def _dense(table: _Table) -> bool:
    """Whether samples keep to where the real examples are dense, as far as any score shows."""
    density, recall, spread = (_rows(table, (key,)) for key in ("density", "recall", "spread"))
    heaped = any(
        _bad(row) and row.gap is not None and (row.gap.value > 0) == above
        for rows, above in ((density, True), (spread, False))
        for row in rows
    )
    return heaped or any(map(_bad, recall))


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"
