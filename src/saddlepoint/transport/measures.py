"""Points and masses as users hand them over: checked, in float64 (torch-free)."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from saddlepoint.errors import BadInput

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
BALANCE = 1e-6  # totals that differ by less, relatively, are the same in a lower precision


def numbers(given: Any, what: str, dimensions: tuple[int, ...]) -> Array:
    """Finite float64 numbers with as many axes as allowed, at least one.

    Raises:
        BadInput: No numbers, other axes, none at all, or some that are not finite.
    """
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(
            f"The {what} cannot be read as numbers ({error}): give an array on the CPU."
        ) from None
    if array.ndim not in dimensions:
        allowed = " or ".join(str(each) for each in dimensions)
        raise BadInput(
            f"The {what} must have {allowed} axes and have {array.ndim}, shape {array.shape}."
        )
    if not array.size:
        raise BadInput(f"The {what} are empty, shape {array.shape}: give at least one.")
    if not np.isfinite(array).all():
        raise BadInput(f"The {what} hold a number that is not finite: take NaN and infinity out.")
    return array


def points(given: Any, what: str) -> Array:
    """Points (n, d); an array (n,) is n points of a line.

    Raises:
        BadInput: As `numbers`.
    """
    array = numbers(given, what, (1, 2))
    return array[:, None] if array.ndim == 1 else array


def masses(given: Any, count: int, what: str) -> Array:
    """Masses (count,) ≥ 0 with a total above 0; None means 1/count each.

    Raises:
        BadInput: As `numbers`, not as many as atoms, a negative one, or no mass at all.
    """
    if given is None:
        return np.full(count, 1 / count)
    array = numbers(given, what, (1,))
    if len(array) != count:
        raise BadInput(f"There are {len(array)} {what} for {count} atoms: give one for each.")
    if (array < 0).any():
        raise BadInput(
            f"The {what} hold {array.min():g} at index {array.argmin()}: none may be negative."
        )
    if not 0 < array.sum() < np.inf:
        raise BadInput(
            f"The {what} have a total of {array.sum():g}: it must be above 0 and finite."
        )
    return array


def balanced(a: Array, b: Array) -> tuple[Array, Array]:
    """Both masses with one total, which is that of ``a``.

    Totals that differ by less than one part in a million, as those of numbers in float32 do, are
    made equal by a factor of ``b``; equal ones are left as they are.

    Raises:
        BadInput: The totals differ.
    """
    total, other = float(a.sum()), float(b.sum())
    if abs(total - other) > BALANCE * max(total, other):
        raise BadInput(
            f"Mass is moved, not made: the totals are {total:.10g} and {other:.10g}, and must be "
            "equal. Divide each side by its total to compare shapes."
        )
    return a, b if total == other else b * (total / other)
