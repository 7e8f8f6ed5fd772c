"""Which networks give an example the same output in each pass."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from saddlepoint.networks.noise import GaussianNoise

_DROPOUTS = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)


def drops_units(modules: Iterable[nn.Module]) -> bool:
    """Whether any of ``modules`` drops units at random, or adds noise to them."""
    return any(
        isinstance(m, GaussianNoise) or (isinstance(m, _DROPOUTS) and m.p > 0) for m in modules
    )


def repeats(modules: Iterable[nn.Module]) -> bool:
    """Whether another pass through ``modules`` is the same function.

    Not where units are dropped, nor where weights are computed anew in each pass, as by the power
    iteration of spectral normalisation.
    """
    there = list(modules)
    return not drops_units(there) and not any(is_parametrized(m) for m in there)
