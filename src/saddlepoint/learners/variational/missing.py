"""Which values of the training examples are hidden: a function of the example's number alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LOW = 0xFFFFFFFF  # 32 bits


def hidden_values(index: Tensor, shape: tuple[int, ...], share: float) -> Tensor:
    """Where values are hidden, (..., *shape) booleans: each with probability ``share``.

    The same example has the same hidden values whenever it is seen, in every run and on every
    device; which they are does not depend on what they are.

    Args:
        index: Numbers of the examples in their source, (...), integers.
        shape: Of an example.
        share: In [0, 1).
    """
    places = torch.arange(math.prod(shape), device=index.device)
    mixed = _mixed(_mixed(index)[..., None] ^ _mixed(places + 0x9E3779B9))
    return (mixed < int(share * 2**32)).unflatten(-1, shape)


def _mixed(number: Tensor) -> Tensor:
    """A whole number's 32 low bits as others that look random; the finaliser of MurmurHash3.

    Products overflow 64 bits, but their low 32 are right.
    """
    number = number & _LOW
    number = number ^ (number >> 16)
    number = (number * 0x85EBCA6B) & _LOW
    number = number ^ (number >> 13)
    number = (number * 0xC2B2AE35) & _LOW
    return number ^ (number >> 16)
