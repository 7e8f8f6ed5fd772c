"""Examples that are equal, images in all their 8-bit values: within a side, between sides."""

from __future__ import annotations

from saddlepoint.evaluation.sides import Reference, Side
from saddlepoint.metrics.exact_copies import count_repeated, count_shared, digests


def count_duplicates(reference: Reference, candidate: Side) -> dict[str, int]:
    """How many examples are exact copies.

    Returns:
        ``repeated``: samples that an earlier sample equals; ``real``, ``control`` and ``train``:
        samples that equal one of these; ``between``: examples of the control that equal one of the
        reference. Sides that are missing are left out.
    """
    samples, real = digests(candidate.x), digests(reference.real.x)
    counts = {"repeated": count_repeated(samples), "real": count_shared(samples, real)}
    if len(reference.control):
        control = digests(reference.control.x)
        counts["control"] = count_shared(samples, control)
        counts["between"] = count_shared(control, real)
    if reference.train is not None:
        counts["train"] = count_shared(samples, digests(reference.train.x))
    return counts


def sentences(counts: dict[str, int], reference: Reference, candidate: Side) -> tuple[str, ...]:
    """What a reader must know of the copies; nothing if there are none."""
    n = len(candidate)
    said = []
    if counts["repeated"]:
        said.append(
            f"{counts['repeated']:,} of {n:,} examples of {candidate.name} repeat an earlier one "
            "exactly."
        )
    for key, side in (
        ("real", reference.real),
        ("control", reference.control),
        ("train", reference.train),
    ):
        if counts.get(key) and side is not None:
            said.append(
                f"{counts[key]:,} of {n:,} examples of {candidate.name} equal one of {side.name} "
                "exactly."
            )
    if counts.get("between"):
        said.append(
            f"{counts['between']:,} examples of {reference.control.name} equal one of "
            f"{reference.real.name} exactly: the data hold duplicates, so the control looks better "
            "than fresh data."
        )
    return tuple(said)
