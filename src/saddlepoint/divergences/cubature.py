"""Integrals over the line and the plane, where Gaussians of any widths say what matters.

SciPy's adaptive rules start from one interval and can miss what is narrow: of a mode of deviation
.01 in a plane of side 8 no first node sees anything. Here the boxes begin as small as the
narrowest Gaussian that reaches into them, all boxes are evaluated together, and the error of each
is the larger of its fine rule's differences from two coarse ones, times a factor on the line. The
rules are Gauss–Lobatto's, which look at the ends: of a kink between an end and the first node of
all rules none would know.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from saddlepoint.divergences.computed import Computed
from saddlepoint.errors import BadInput

REACH = 9.0  # deviations beyond which a Gaussian, 2e-19 of it, is left out
SIDE = 3.0  # longest side of a first box, in deviations
FINE, COARSE = 12, (9, 7)  # nodes along a side
# On the line, 400 random integrals with kinks were off by up to 4.6 times the differences; in the
# plane a kink crosses hundreds of boxes, whose errors have either sign and are added up without.
SAFETY = {1: 5.0, 2: 1.0}
# Error at which refinement ends, absolute or, of values above 1, relative; a kink along a line in
# the plane, as that of |p − q|, costs boxes in proportion to its inverse root.
AIM = {1: 5e-9, 2: 5e-7}
ALLOWED = 1e-6  # error above which the value is refused
POINTS = 6_000_000  # evaluations before it ends in any case
MOST = 100_000  # first boxes
HELD = 131_072  # points evaluated at a time

OfPoints = Callable[[Tensor], Tensor]


class Boxes(NamedTuple):
    """Boxes that do not overlap.

    Attributes:
        centre: (B, d).
        half: Half of their sides, (B, d).
    """

    centre: Tensor
    half: Tensor

    def split(self, axis: int) -> Boxes:
        """Both halves of each along one axis, the lower ones first."""
        step = torch.zeros_like(self.half)
        step[:, axis] = self.half[:, axis] / 2
        centre = torch.cat([self.centre - step, self.centre + step])
        return Boxes(centre, (self.half - step).repeat(2, 1))

    def of(self, chosen: Tensor) -> Boxes:
        """Those of an index or a mask."""
        return Boxes(self.centre[chosen], self.half[chosen])


def interval(low: float, high: float, count: int) -> Boxes:
    """So many equal intervals."""
    edges = torch.linspace(low, high, count + 1, dtype=torch.float64)
    return Boxes((edges[1:] + edges[:-1])[:, None] / 2, edges.diff()[:, None] / 2)


def around(means: Tensor, covariances: Tensor) -> Boxes:
    """Boxes that hold all but some 1e-18 of each of these Gaussians.

    No side is longer than ``SIDE`` deviations of any Gaussian that reaches into the box, its
    deviation along the side with the other coordinate fixed: thin slanting Gaussians count too.

    Args:
        means: (K, d), d at most 2.
        covariances: (K, d, d).

    Raises:
        BadInput: They differ so much in width that too many boxes would be needed.
    """
    means, covariances = means.detach(), covariances.detach()
    dimensions = means.shape[1]
    precision = torch.linalg.inv(covariances)
    root = torch.linalg.cholesky(precision)  # |x − m| in deviations is |rootᵀ (x − m)|
    narrow = precision.diagonal(dim1=1, dim2=2).rsqrt()
    spread = REACH * covariances.diagonal(dim1=1, dim2=2).sqrt()
    low, high = (means - spread).amin(0), (means + spread).amax(0)
    boxes = Boxes((low + high)[None] / 2, (high - low)[None] / 2)
    signs = torch.tensor([(1.0, *s) for s in itertools.product((1.0, -1.0), repeat=dimensions - 1)])
    corners = signs.to(means)
    while True:
        off = torch.einsum("bkd,kde->bke", boxes.centre[:, None] - means, root).norm(dim=-1)
        span = torch.einsum("bcd,kde->bkce", boxes.half[:, None] * corners, root).norm(dim=-1)
        near = off - span.amax(-1) < REACH
        kept = near.any(1)
        boxes, near = boxes.of(kept), near[kept]
        widths = torch.where(near[..., None], narrow, torch.inf).amin(1)
        long = 2 * boxes.half > SIDE * widths
        if not long.any():
            return boxes
        for axis in range(dimensions):
            chosen = long[:, axis]
            both = boxes.of(chosen).split(axis)
            boxes = Boxes(*(torch.cat(two) for two in zip(boxes.of(~chosen), both, strict=True)))
            long = torch.cat([long[~chosen], long[chosen].repeat(2, 1)])
        if len(boxes.centre) > MOST:
            raise BadInput(
                "The Gaussians differ too much in width for quadrature: more than "
                f"{MOST:,} boxes would be needed. Compare samples by mmd or energy."
            )


@cache
def _rule(nodes: int, dimensions: int) -> tuple[Tensor, Tensor]:
    """Gauss–Lobatto nodes (n, d) in [−1, 1]ᵈ and weights (n,) with the sum 1."""
    last = np.polynomial.legendre.Legendre.basis(nodes - 1)
    ends = np.concatenate([[-1.0], np.sort(last.deriv().roots().real), [1.0]])
    x, w = torch.from_numpy(ends), torch.from_numpy(2 / (nodes * (nodes - 1) * last(ends) ** 2))
    places = torch.cartesian_prod(*[x] * dimensions).reshape(-1, dimensions)
    weights = torch.cartesian_prod(*[w / 2] * dimensions).reshape(-1, dimensions).prod(1)
    return places, weights


def _integrals(function: OfPoints, boxes: Boxes, nodes: int) -> Tensor:
    """One rule's integral of each box, (B,)."""
    places, weights = _rule(nodes, boxes.centre.shape[1])
    each = max(1, HELD // len(weights))
    parts = []
    for centre, half in zip(boxes.centre.split(each), boxes.half.split(each), strict=True):
        points = centre[:, None] + half[:, None] * places
        parts.append(function(points) @ weights * (2 * half).prod(1))
    return torch.cat(parts)


def _judged(function: OfPoints, boxes: Boxes) -> tuple[Tensor, Tensor]:
    """The fine integral of each box and its error."""
    fine = _integrals(function, boxes, FINE)
    gaps = [(fine - _integrals(function, boxes, nodes)).abs() for nodes in COARSE]
    return fine, SAFETY[boxes.centre.shape[1]] * torch.stack(gaps).amax(0)


def integral(function: OfPoints, boxes: Boxes, what: str) -> Computed:
    """∫ of a function over boxes, which are halved where its error is largest.

    Refinement looks at values alone; where the function's values ask for gradients, the sum over
    the last boxes passes them on.

    Args:
        function: From points (B, n, d), a row for each box, to values (B, n).
        boxes: Where it is not negligible.
        what: What is integrated, for messages.

    Raises:
        BadInput: A value is not finite, or the error stays above ``ALLOWED``.
    """
    with torch.no_grad():
        dimensions = boxes.centre.shape[1]
        cost = sum(nodes**dimensions for nodes in (FINE, *COARSE))
        fine, error = _judged(function, boxes)
        spent = cost * len(fine)
        while True:
            value, off = float(fine.sum()), float(error.sum())
            aim = AIM[dimensions] * max(1.0, abs(value))
            if not off > aim or spent > POINTS:
                break
            order = error.argsort(descending=True)
            rest = off - error[order].cumsum(0)
            worst = order[: int((rest > aim / 2).sum()) + 1]
            split = boxes.of(worst)
            for axis in range(dimensions):
                split = split.split(axis)
            halves, unsure = _judged(function, split)
            left = torch.ones(len(error), dtype=torch.bool)
            left[worst] = False
            boxes = Boxes(
                *(torch.cat([one[left], two]) for one, two in zip(boxes, split, strict=True))
            )
            fine, error = torch.cat([fine[left], halves]), torch.cat([error[left], unsure])
            spent += cost * len(halves)
    if not off <= ALLOWED * max(1.0, abs(value)):  # also if either is not a number
        raise BadInput(
            f"The quadrature of {what} gives {value:.6g} with an error of {off:.2g}, which is too "
            "much to be of use: the distributions are too far apart or too unlike in width."
        )
    total = fine.sum()
    if torch.is_grad_enabled() and function(boxes.centre[None, :1]).requires_grad:
        total = _integrals(function, boxes, FINE).sum()
    return Computed(total, off)
