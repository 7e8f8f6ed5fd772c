"""The divergences, one entry each (torch-free)."""

from __future__ import annotations

from saddlepoint.divergences.density_ratios import (
    JensenShannon,
    KullbackLeibler,
    Neyman,
    Pearson,
    ReverseKullbackLeibler,
    SquaredHellinger,
    TotalVariation,
)
from saddlepoint.divergences.entry import Divergence
from saddlepoint.divergences.ground_distances import (
    Energy,
    MaximumMeanDiscrepancy,
    Wasserstein1,
    Wasserstein2,
)
from saddlepoint.errors import BadInput, did_you_mean

#: Every divergence by its key, in the order of tables.
DIVERGENCES: dict[str, Divergence] = {
    each.key: each
    for each in (
        KullbackLeibler(),
        ReverseKullbackLeibler(),
        JensenShannon(),
        TotalVariation(),
        Pearson(),
        Neyman(),
        SquaredHellinger(),
        Wasserstein1(),
        Wasserstein2(),
        MaximumMeanDiscrepancy(),
        Energy(),
    )
}


def named(of: str | Divergence) -> Divergence:
    """The divergence of this key, or the one that is given.

    Raises:
        BadInput: No such divergence.
    """
    if isinstance(of, Divergence):
        return of
    if of not in DIVERGENCES:
        raise BadInput(
            f"'{of}' is no divergence.{did_you_mean(of, DIVERGENCES)} Known are: "
            f"{', '.join(DIVERGENCES)}."
        )
    return DIVERGENCES[of]
