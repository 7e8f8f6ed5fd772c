"""How weights start."""

from __future__ import annotations

import math

from torch import nn

from saddlepoint.networks.norms import NORM_LAYERS

WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def glorot(module: nn.Module, gain: float = 1.0) -> None:
    """Weights from U(−a, a) with the variance gain²·2/(fan in + fan out), biases zero.

    A fan counts what one number is joined with on the other side: a stride of 2 divides that of
    the finer side by 4. Modules without such weights are left alone.

    Paper: Glorot and Bengio, Understanding the Difficulty of Training Deep Feedforward Neural
    Networks, 2010; the fans of strided layers are those of WGAN-GP's program.
    """
    if not isinstance(module, WEIGHTED):
        return
    first, second = module.weight.shape[:2]
    places, skipped = math.prod(module.weight.shape[2:]), 1
    if not isinstance(module, nn.Linear):
        skipped = math.prod(module.stride)
    # (out, in) of a convolution, (in, out) of a transposed one: the coarser side comes first
    bound = gain * math.sqrt(6 / (first * places / skipped + second * places))
    nn.init.uniform_(module.weight, -bound, bound)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def he(module: nn.Module) -> None:
    """As ``glorot`` with twice the variance, 4/(fan in + fan out), for what rectifiers follow.

    Paper: He et al., Delving Deep into Rectifiers, 2015; the mean of both fans is WGAN-GP's.
    """
    glorot(module, math.sqrt(2))


def wgan_gp(module: nn.Module) -> None:
    """Convolutions as ``he`` does, linear maps as ``glorot``.

    Paper: Gulrajani et al., Improved Training of Wasserstein GANs, 2017, by their program.
    """
    (glorot if isinstance(module, nn.Linear) else he)(module)


def normal(module: nn.Module) -> None:
    """Weights from N(0, 0.02²), the gains of norms from N(1, 0.02²), biases zero.

    Paper: Radford, Metz and Chintala, Deep Convolutional GANs, 2016.
    """
    if isinstance(module, WEIGHTED):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, NORM_LAYERS) and module.weight is not None:
        nn.init.normal_(module.weight, 1.0, 0.02)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)
