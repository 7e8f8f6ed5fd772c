"""How large an example, an array and a batch may be, asked before anything is decoded."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

from saddlepoint.errors import BadInput

# A gigabyte as float32: what comes after it in a network needs several times as much, for each
# example of a batch. 16,384 × 16,384 grey pixels.
MOST_VALUES = 2**28


def physical_memory() -> int | None:
    """Bytes of memory of this machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def too_many_values(shape: Sequence[int]) -> str:
    """Why an example of ``shape`` is refused, in a sentence without its stop; "" if it is not."""
    values = math.prod(shape)
    if values <= MOST_VALUES:
        return ""
    shown = "×".join(f"{side:,}" for side in shape)
    return (
        f"an example of {shown} has {values:,} values, and at most {MOST_VALUES:,} are taken (a "
        "gigabyte as float32): lower the size"
    )


def check_memory(needed: int, what: str, advice: str) -> None:
    """Refuse what cannot be held.

    Args:
        needed: Bytes.
        what: What is to be held, with its verb: "the 5 images need".
        advice: What to do instead.

    Raises:
        BadInput: ``needed`` exceeds the memory of this machine.
    """
    memory = physical_memory()
    if memory is not None and needed > memory:
        raise BadInput(
            f"{what} {in_bytes(needed)} of memory, and this machine has {in_bytes(memory)}: "
            f"{advice}."
        )


def check_batch(shape: Sequence[int], batch_size: int) -> None:
    """Refuse batches of which not even one, as float32, can be held.

    Raises:
        BadInput: With the numbers.
    """
    shown = "×".join(map(str, shape))
    check_memory(
        4 * batch_size * math.prod(shape),
        f"one batch of {batch_size:,} examples of {shown} needs",
        "lower the batch size or the size of the examples",
    )


def in_bytes(n: int) -> str:
    """A number of bytes as "2.5 GiB"."""
    size, units = float(n), ["KiB", "MiB", "GiB", "TiB", "PiB"]
    unit = "bytes"
    while size >= 1024 and units:
        size, unit = size / 1024, units.pop(0)
    return f"{n:,} bytes" if unit == "bytes" else f"{size:,.1f} {unit}"
