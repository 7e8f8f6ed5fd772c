"""Distribution functions as a test, in one dimension."""

from __future__ import annotations

import math
import warnings

from scipy import stats
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import LEVEL, Estimate
from saddlepoint.two_sample.outcome import Outcome, check_samples


def kolmogorov_smirnov_test(real: Tensor, fake: Tensor) -> Outcome:
    """Kolmogorov–Smirnov test, D = sup |Fₙ(t) − Gₘ(t)| of the empirical distribution functions.

    The p-value is exact up to 10,000 samples a side and from Kolmogorov's limit beyond; with ties
    it is too large rather than too small. It does not change under monotone maps of the features.

    The interval is D ± (εₙ + εₘ), εₙ = √(log(4 / 0.05) / 2n): by the inequality of Dvoretzky,
    Kiefer and Wolfowitz, each Fₙ is within its ε everywhere with probability 97.5 %, whatever F.

    One dimension only. An order of vectors depends on the axes, and numbers of several coordinates
    put in one heap are neither one sample's nor independent.

    Args:
        real: Features (n, 1) of real samples.
        fake: Features (m, 1) of generated samples.

    Raises:
        BadInput: More than one dimension, values that are not finite, or fewer than four samples.

    Reference: Smirnov, On the estimation of the discrepancy between empirical curves of
    distribution for two independent samples, 1939; the inequality's constant: Massart 1990.
    """
    check_samples(real, fake)
    n, m = len(real), len(fake)
    if real.shape[1] > 1:
        raise BadInput(
            f"a Kolmogorov–Smirnov test compares numbers, and these samples have {real.shape[1]} "
            "dimensions: only numbers have an order that does not depend on the axes, and "
            "coordinates put in one heap are not independent; choose one coordinate, or "
            "test='energy'."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where it goes over to the limit
        found = stats.ks_2samp(*(x[:, 0].double().cpu().numpy() for x in (real, fake)))
    value = float(found.statistic)
    half = sum(math.sqrt(math.log(4 / (1 - LEVEL)) / (2 * size)) for size in (n, m))
    low, high = max(0.0, value - half), min(1.0, value + half)
    estimate = Estimate(value, low, high, "Dvoretzky–Kiefer–Wolfowitz", n, m)
    return Outcome(estimate, min(float(found.pvalue), 1.0))
