"""The two-sample tests by name, what each sees, and one function for all of them.

H₀: both samples were drawn independently from one distribution. A test is a statistic and its
distribution under H₀; it rejects at level α where p ≤ α, that is where the statistic passes the
threshold that it passes with probability α under H₀. The critic of a GAN is such a statistic that
is learnt: ``classifier``.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.two_sample.coincidence import nearest_neighbour_test
from saddlepoint.two_sample.discrepancy import energy_test, mmd_cubic_test, mmd_test
from saddlepoint.two_sample.kolmogorov import kolmogorov_smirnov_test
from saddlepoint.two_sample.learned import classifier_test
from saddlepoint.two_sample.outcome import Outcome

_PERMUTED = "assignments of the sides to the pooled samples, 500 at random; exact at any n"


@dataclass(frozen=True)
class TwoSampleTest:
    """One test.

    Attributes:
        name: Its name in ``two_sample_test``.
        equation: The statistic.
        null: The distribution that the statistic is held to under the null.
        sees: Which differences it notices.
        blind: Which it does not, or late.
        paper: Where it comes from.
        run: From features (n, d) and (m, d) to the outcome; its further arguments are options.
        one_dimensional: Whether it needs d = 1.
    """

    name: str
    equation: str
    null: str
    sees: str
    blind: str
    paper: str
    run: Callable[..., Outcome]
    one_dimensional: bool = False

    @cached_property
    def options(self) -> tuple[str, ...]:
        """Names of what can be chosen, the seed left out."""
        return tuple(name for name in self._arguments if name != "seed")

    @cached_property
    def seeded(self) -> bool:
        """Whether chance plays a part."""
        return "seed" in self._arguments

    @cached_property
    def _arguments(self) -> list[str]:
        return list(inspect.signature(self.run).parameters)[2:]


TWO_SAMPLE_TESTS: dict[str, TwoSampleTest] = {
    entry.name: entry
    for entry in (
        TwoSampleTest(
            name="mmd",
            equation="MMD² = E k(x, x′) + E k(y, y′) − 2 E k(x, y), k = exp(−‖a − b‖² / 2σ²), "
            "σ the median distance of all pairs of the pooled sample",
            null=_PERMUTED,
            sees="every difference, given samples enough; soonest those as wide as σ",
            blind="details much finer than σ; in many dimensions all but large differences",
            paper="Gretton et al., A kernel two-sample test, 2012",
            run=mmd_test,
        ),
        TwoSampleTest(
            name="mmd_cubic",
            equation="the same with k = (a·b/d + 1)³, the kernel distance",
            null=_PERMUTED,
            sees="means, covariances and third moments",
            blind="distributions that agree in these; where the tails are heavy, nearly everything",
            paper="Bińkowski et al., Demystifying MMD GANs, 2018",
            run=mmd_cubic_test,
        ),
        TwoSampleTest(
            name="energy",
            equation="2 E‖x − y‖ − E‖x − x′‖ − E‖y − y′‖; for d = 1, 2 ∫ (F − G)²",
            null=_PERMUTED,
            sees="every difference, given samples enough; soonest shifts, at no chosen scale",
            blind="fine details; other spread is seen later than another mean",
            paper="Székely and Rizzo, Testing for equal distributions in high dimension, 2004",
            run=energy_test,
        ),
        TwoSampleTest(
            name="classifier",
            equation="accuracy on one half of a classifier trained on the other; 1/2 by chance",
            null="all assignments of the classes to the held-out half, given what was called real: "
            "hypergeometric (Fisher's exact test), for large n the binomial of fair coins",
            sees="means, variances and correlations, also in many dimensions "
            "(logistic regression on coordinates and squares: it is not linear)",
            blind="whatever its classifier cannot learn: with the default one, shapes of equal "
            "means and squares; half of the samples go into training",
            paper="Lopez-Paz and Oquab, Revisiting classifier two-sample tests, 2017",
            run=classifier_test,
        ),
        TwoSampleTest(
            name="nearest_neighbour",
            equation="share of each sample's 5 nearest neighbours in the pooled sample that come "
            "from its own side; without a difference (n(n − 1) + m(m − 1)) / N(N − 1)",
            null=_PERMUTED,
            sees="local differences of the density, whatever their shape, in few dimensions",
            blind="small smooth shifts, which others see with fewer samples; other spread in many "
            "dimensions",
            paper="Schilling 1986; Henze 1988",
            run=nearest_neighbour_test,
        ),
        TwoSampleTest(
            name="kolmogorov_smirnov",
            equation="D = sup |Fₙ(t) − Gₘ(t)| of the empirical distribution functions",
            null="exact up to 10,000 samples a side, then Kolmogorov's limit; conservative with "
            "ties",
            sees="every difference of numbers, given samples enough; soonest shifts",
            blind="tails, and other spread for long; refuses more than one dimension",
            paper="Kolmogorov 1933; Smirnov 1939",
            run=kolmogorov_smirnov_test,
            one_dimensional=True,
        ),
    )
}


def two_sample_test(
    real: Any, fake: Any, test: str = "mmd", seed: int = 0, **options: Any
) -> Outcome:
    """Test whether two samples come from one distribution.

    Args:
        real: Real samples (n, d), or n numbers; array or tensor.
        fake: Generated samples (m, d), or m numbers.
        test: A name of ``TWO_SAMPLE_TESTS``.
        seed: Decides permutations, splits and subsets.
        **options: The test's own, as ``permutations=999`` or ``bandwidth=1.0``.

    Returns:
        Statistic with interval and p-value. The p-value is never 0: where it is below the
        smallest 64-bit number with all digits, it is that number, 2.2e-308.

    Raises:
        BadInput: No such test or option, no real numbers, values that are not finite, dimensions
            that differ or that the test cannot take, or fewer than four samples.

    Example:
        >>> import numpy as np
        >>> from saddlepoint.two_sample.kinds import two_sample_test
        >>> random = np.random.default_rng(0)
        >>> real, fake = random.normal(size=200), random.normal(0.5, size=200)
        >>> two_sample_test(real, fake, "energy").p_value < 0.01
        True
        >>> two_sample_test(real, random.normal(size=200), "energy").p_value > 0.05
        True
    """
    entry = named(test)
    unknown = [name for name in options if name not in entry.options]
    if unknown:
        raise BadInput(
            f"the test '{test}' has no option '{unknown[0]}', only "
            f"{', '.join(entry.options) or 'none'}.{did_you_mean(unknown[0], entry.options)}"
        )
    if entry.seeded:
        options["seed"] = seed
    outcome = entry.run(_features(real, "real"), _features(fake, "generated"), **options)
    return replace(outcome, p_value=max(outcome.p_value, sys.float_info.min))


def named(test: str) -> TwoSampleTest:
    """The entry of a name.

    Raises:
        BadInput: There is none.
    """
    if test not in TWO_SAMPLE_TESTS:
        raise BadInput(
            f"there is no two-sample test '{test}', only {', '.join(TWO_SAMPLE_TESTS)}."
            f"{did_you_mean(test, TWO_SAMPLE_TESTS)}"
        )
    return TWO_SAMPLE_TESTS[test]


def _features(x: Any, name: str) -> Tensor:
    """Samples as features (n, d) of floating-point numbers."""
    if not isinstance(x, Tensor):
        try:
            array = np.asarray(x)
        except ValueError as ragged:
            raise BadInput(f"the {name} samples have different lengths: give (n, d).") from ragged
        if array.dtype.kind not in "biuf":
            raise BadInput(
                f"the {name} samples are no real numbers but {array.dtype}: give (n, d) numbers."
            )
        x = torch.from_numpy(array.astype(np.float64))
    x = x.detach()
    if x.is_complex():
        raise BadInput(f"the {name} samples are complex numbers: give (n, d) real ones.")
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    if x.dim() == 1:
        return x[:, None]
    if x.dim() != 2:
        raise BadInput(
            f"the {name} samples have the shape {tuple(x.shape)}, and a two-sample test takes "
            "(n, d): flatten images, or take their features."
        )
    return x
