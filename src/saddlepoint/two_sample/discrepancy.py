"""Maximum mean discrepancies as tests: with a Gaussian, a cubic and the negative distance's kernel.

    MMD² = E k(x, x′) + E k(y, y′) − 2 E k(x, y),   x, x′ ~ p and y, y′ ~ q independent

The statistic is the unbiased estimate from all pairs of different samples, which is 0 in
expectation under the null and may be negative. With k(a, b) = −‖a − b‖ it is the energy distance.
All permutations are a few matrix products with one Gram matrix of at most (2 ``limit``)² float64
numbers, 128 MB by default.

The interval is ± t √(v + v₀): v from the delete-block jackknife, v₀ the variance of the permuted
values. The jackknife alone covers about 90 % for weak differences, where the estimate is half
degenerate and v is small whenever the value is; v₀ makes up for it. Under the null the jackknife
overstates the variance by itself, and the interval is nearly twice as wide as it need be: there
the p-value is the thing to look at.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import BLOCKS, LEVEL, Estimate, blocks, jackknife
from saddlepoint.two_sample.gram import cubic_gram, distance_gram, gaussian_gram
from saddlepoint.two_sample.outcome import Array, Outcome, at_most, check_samples
from saddlepoint.two_sample.permutations import check_permutations, p_value, permuted_values

ROUNDING = 1e-10  # of the kernel's size: statistics nearer than that are equal


def mmd_test(
    real: Tensor,
    fake: Tensor,
    permutations: int = 500,
    seed: int = 0,
    bandwidth: float | None = None,
    limit: int = 2000,
) -> Outcome:
    """Kernel two-sample test with a Gaussian kernel (Gretton et al. 2012).

    k(a, b) = exp(−‖a − b‖² / (2σ²)), σ the median distance of all pairs of the pooled sample; it
    does not change when samples change sides, so permuting is exact. If more than half of the
    pairs coincide, it is the root mean squared distance. For the interval σ is held fixed.

    Args:
        real: Features (n, d) of real samples.
        fake: Features (m, d) of generated samples.
        permutations: How many, at least 19; the smallest p-value is 1 / (1 + permutations).
        seed: Decides permutations and the samples drawn.
        bandwidth: σ, in the units of the features; None for the median.
        limit: Most samples used of each; of more, a random choice is.

    Raises:
        BadInput: Shapes do not fit, values that are not finite, fewer than four samples, fewer
            than 19 permutations, or a bandwidth that is not positive.

    Reference: Gretton et al., A Kernel Two-Sample Test, JMLR 2012.
    """
    check_samples(real, fake)
    check_permutations(permutations)
    if bandwidth is not None and not 0 < bandwidth < math.inf:
        raise BadInput(f"a Gaussian kernel needs a positive bandwidth, not bandwidth={bandwidth}.")
    random = np.random.default_rng(seed)
    real, fake = at_most(real, limit, random), at_most(fake, limit, random)
    gram = gaussian_gram(_pooled(real, fake), bandwidth)
    return _of_gram(gram, len(real), len(fake), permutations, random, ROUNDING)


def mmd_cubic_test(
    real: Tensor, fake: Tensor, permutations: int = 500, seed: int = 0, limit: int = 2000
) -> Outcome:
    """Kernel two-sample test with the kernel of the kernel distance, (a·b/d + 1)³.

    The statistic is that of ``metrics/kernel.py``: it compares means, covariances and third
    moments, and nothing else. It depends on where the origin of the features is.

    Args:
        real: Features (n, d) of real samples.
        fake: Features (m, d) of generated samples.
        permutations: How many, at least 19.
        seed: Decides permutations and the samples drawn.
        limit: Most samples used of each; of more, a random choice is.

    Raises:
        BadInput: As ``mmd_test``, or features whose sixth powers are not finite.

    Reference: Bińkowski et al., Demystifying MMD GANs, ICLR 2018.
    """
    check_samples(real, fake)
    check_permutations(permutations)
    random = np.random.default_rng(seed)
    real, fake = at_most(real, limit, random), at_most(fake, limit, random)
    gram = cubic_gram(_pooled(real, fake))
    tolerance = ROUNDING * float(gram.abs().max())
    return _of_gram(gram, len(real), len(fake), permutations, random, tolerance)


def energy_test(
    real: Tensor, fake: Tensor, permutations: int = 500, seed: int = 0, limit: int = 2000
) -> Outcome:
    """Energy test, 2 E‖x − y‖ − E‖x − x′‖ − E‖y − y′‖, in the units of the features.

    In one dimension this is 2 ∫ (F − G)², F and G the distribution functions. It has no bandwidth.
    The p-value is exact also for heavy tails, but the expectations exist only where E‖x‖ does.

    Args:
        real: Features (n, d) of real samples.
        fake: Features (m, d) of generated samples.
        permutations: How many, at least 19.
        seed: Decides permutations and the samples drawn.
        limit: Most samples used of each; of more, a random choice is.

    Raises:
        BadInput: As ``mmd_test``.

    Reference: Székely & Rizzo, Testing for equal distributions in high dimension, InterStat 2004.
    """
    check_samples(real, fake)
    check_permutations(permutations)
    random = np.random.default_rng(seed)
    real, fake = at_most(real, limit, random), at_most(fake, limit, random)
    gram = distance_gram(_pooled(real, fake))
    tolerance = ROUNDING * float(gram.abs().max())
    return _of_gram(gram, len(real), len(fake), permutations, random, tolerance)


def _pooled(real: Tensor, fake: Tensor) -> Tensor:
    return torch.cat([real, fake]).to(torch.float64)


def _of_gram(
    gram: Tensor,
    n: int,
    m: int,
    permutations: int,
    random: np.random.Generator,
    tolerance: float,
) -> Outcome:
    """The test of a Gram matrix (n + m, n + m) whose first n rows are the first side."""
    observed, replicates = _jackknifed(gram, n, m)
    if not math.isfinite(observed):
        raise BadInput(
            "the kernel's values are too large for 64-bit numbers: divide the features of both "
            "samples by one and the same number."
        )

    def statistic(sides: Array) -> Array:
        columns = torch.from_numpy(sides.T.copy()).to(gram.device)
        return _mmd_of_sides(gram, columns, n, m).cpu().numpy()

    permuted = permuted_values(statistic, n, m, permutations, random)
    jackknifed = jackknife(observed, replicates, n, m)
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, len(replicates) - 1))
    half = math.hypot(jackknifed.high - observed, quantile * float(permuted.std()))
    method = f"{jackknifed.method}, and permutations"
    estimate = Estimate(observed, observed - half, observed + half, method, n, m)
    return Outcome(estimate, p_value(observed, permuted, tolerance))


def _mmd(xx: Any, yy: Any, xy: Any, n: Any, m: Any) -> Any:
    """Unbiased MMD² from the sums of the kernel over ordered pairs of each kind."""
    return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)


def _mmd_of_sides(gram: Tensor, sides: Tensor, n: int, m: int) -> Tensor:
    """MMD² (P,) for each column of ``sides`` (N, P), which is 1 for the n rows of the first side.

    With sums r of the Gram matrix's rows, S_xy = sᵀr − sᵀKs and S_yy = Σr − 2 sᵀr + sᵀKs.
    """
    rows = gram.sum(1)
    xx = (sides * (gram @ sides)).sum(0)
    x = rows @ sides
    return _mmd(xx, rows.sum() - 2 * x + xx, x - xx, n, m)


def _jackknifed(gram: Tensor, n: int, m: int) -> tuple[float, list[float]]:
    """MMD², and without block b of both samples, from the sums of the Gram matrix over blocks."""
    count = min(BLOCKS, n // 2, m // 2)
    parts = [blocks(n, count), blocks(m, count)]
    member = torch.zeros(n + m, 2, count, dtype=gram.dtype, device=gram.device)
    sizes = np.zeros((2, count))
    for side, offset in ((0, 0), (1, n)):
        for b, part in enumerate(parts[side]):
            member[offset + part.start : offset + part.stop, side, b] = 1
            sizes[side, b] = part.stop - part.start
    flat = member.flatten(1)
    sums = (flat.T @ (gram @ flat)).reshape(2, count, 2, count).cpu().numpy()

    def without(kept: Array) -> float:
        part = np.einsum("sbtc,b,c->st", sums, kept, kept)
        left = sizes @ kept
        return float(_mmd(part[0, 0], part[1, 1], part[0, 1], left[0], left[1]))

    everything = np.ones(count)
    return without(everything), [without(everything - each) for each in np.eye(count)]
