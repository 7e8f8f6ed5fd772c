"""Gram matrices of pooled samples (N, d), in float64, for statistics that sum over pairs.

The diagonal is 0: a sample is never paired with itself. A term f(i) + f(j) of the kernel adds
nothing to MMD² without bias, whose weights of each sample's pairs cancel, so it may be left out.
"""

from __future__ import annotations

from torch import Tensor

NEAR = 1e-6  # of the largest distance: what is nearer counts as equal, see ``distance_gram``


def gaussian_gram(z: Tensor, bandwidth: float | None) -> Tensor:
    """exp(−‖a − b‖² / (2σ²)) of all pairs of rows of ``z``, σ their median distance if None."""
    squares, scale = _squared_distances(z)
    variance = (bandwidth / scale) ** 2 if bandwidth is not None else _median(squares)
    return squares.mul_(-0.5 / variance).exp_().fill_diagonal_(0)


def distance_gram(z: Tensor) -> Tensor:
    """−‖a − b‖ of all pairs of rows of ``z``.

    The squares come from products, whose rounding would leave distances of 1e-8 between equal
    rows and so break ties at random: pairs nearer than a millionth of the largest distance count
    as equal.
    """
    squares, scale = _squared_distances(z)
    squares[squares < NEAR**2 * squares.max()] = 0
    return squares.sqrt_().mul_(-scale).fill_diagonal_(0)


def cubic_gram(z: Tensor) -> Tensor:
    """(a·b/d + 1)³ of all pairs of rows of ``z``, without terms that depend on one row alone.

    With μ the mean row, u = a − μ, v = b − μ, α = μ·u/d, β = μ·v/d, c = ‖μ‖²/d + 1, T = c + α + β
    and g = u·v/d, the kernel is (T + g)³, of which T³ = f(u) + f(v) + 3 α β (2c + α + β). Far from
    the origin f is most of the kernel and says nothing; to leave it out saves the digits.
    """
    d = z.shape[1]
    mean = z.mean(0)
    u = z - mean
    alpha = u @ mean / d
    c = mean @ mean / d + 1
    total = alpha[:, None] + alpha
    rest = 3 * alpha[:, None] * alpha * (2 * c + total)
    total += c
    g = (u @ u.T).div_(d)
    return rest.add_(g * (3 * total * (total + g) + g.square())).fill_diagonal_(0)


def _squared_distances(z: Tensor) -> tuple[Tensor, float]:
    """Squared distances (N, N) of the rows of ``z`` over a scale, and the scale."""
    scale = float(z.abs().max()) or 1.0  # squares of huge features would overflow,
    z = z / scale
    z = z - z.mean(0)  # and far from the origin squared distances lose their digits
    squares = z.square().sum(1)
    distance = (squares[:, None] + squares - 2 * (z @ z.T)).clamp_(min=0)
    return distance.fill_diagonal_(0), scale


def _median(distance: Tensor) -> float:
    """Median of the squared distances (N, N) of different rows."""
    n = len(distance)
    pairs = n * (n - 1) // 2
    # the N zeros of the diagonal come first, then every pair twice
    median = float(distance.flatten().kthvalue(n + 2 * ((pairs + 1) // 2)).values)
    if median > 1e-13 * float(distance.max()):
        return median
    return float(distance.sum()) / (2 * pairs) or 1.0
