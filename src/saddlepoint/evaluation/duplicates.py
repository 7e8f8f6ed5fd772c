"""Examples that are equal, images in all their 8-bit values: within a side, between sides."""

from __future__ import annotations

import hashlib
from collections import Counter

import torch
from torch import Tensor

from saddlepoint.evaluation.sides import Reference, Side


def count_duplicates(reference: Reference, candidate: Side) -> dict[str, int]:
    """How many examples are exact copies.

    Returns:
        ``repeated``: samples that an earlier sample equals; ``real``, ``control`` and ``train``:
        samples that equal one of these; ``between``: examples of the control that equal one of the
        reference. Sides that are missing are left out.
    """
    ours = _keys(candidate.x)
    real = _keys(reference.real.x)
    counts = {"repeated": len(ours) - len(set(ours)), "real": _shared(ours, real)}
    if len(reference.control):
        control = _keys(reference.control.x)
        counts["control"] = _shared(ours, control)
        counts["between"] = _shared(control, real)
    if reference.train is not None:
        counts["train"] = _shared(ours, _keys(reference.train.x))
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


def _keys(x: Tensor) -> list[bytes]:
    """A digest of each example."""
    if x.ndim == 4:
        x = ((x + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
    rows = x.contiguous().flatten(1).numpy()
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows]


def _shared(some: list[bytes], others: list[bytes]) -> int:
    known = set(others)
    return sum(count for key, count in Counter(some).items() if key in known)
