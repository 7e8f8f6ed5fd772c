"""Randomness is a function of (seed, rank, step, purpose), never of what ran before.

Resuming therefore needs no saved random state, and sampling or evaluating in between changes
nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    import torch


def derive(seed: int, *purpose: int | str) -> int:
    """Return a 63-bit seed for one purpose, independent between purposes.

    The purposes are hashed (BLAKE2b), so neighbouring seeds and steps share nothing, unlike
    ``seed + step``, where (1, 2) and (2, 1) collide.

    Example:
        >>> from saddlepoint.randomness import derive
        >>> derive(1, "latents", 2) == derive(1, "latents", 2)
        True
        >>> derive(1, "latents", 2) == derive(2, "latents", 1)
        False
    """
    named = (f"str:{part}" if isinstance(part, str) else f"int:{int(part)}" for part in purpose)
    text = "\x1f".join([str(seed), *named])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def numpy_generator(seed: int, *purpose: int | str) -> np.random.Generator:
    """A fresh NumPy generator for one purpose."""
    import numpy as np

    return np.random.default_rng(derive(seed, *purpose))


def check_rank(rank: int, world: int) -> None:
    """Refuse a rank that is none of ``world`` processes.

    Raises:
        BadInput: It is.
    """
    if not 0 <= rank < world:
        raise BadInput(f"rank = {rank} of world = {world}: ranks count from 0 to world - 1.")


class Streams:
    """The random streams of one update: ask for one by the name of its purpose.

    Asking twice for the same purpose gives the same numbers again, so each use has a name of
    its own. With a tuple of seeds, numbers come with a leading axis of members, each drawn from
    the member's own seed exactly as it would be alone.

    Of several processes each draws its own numbers: those of rank r are the same however many
    there are, and a single process draws what it would without ranks.
    """

    def __init__(
        self,
        seed: int | tuple[int, ...],
        *place: int | str,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """Name the seed and the place in the run, such as ("train", step).

        Args:
            seed: The run's seed, or those of its members.
            place: What tells this update from all others.
            device: Where the numbers are drawn.
            rank: Number of this process, 0 ≤ rank < world.
            world: Number of processes.

        Raises:
            BadInput: There is no such rank.
        """
        check_rank(rank, world)
        self._members = seed if isinstance(seed, tuple) else None
        self._seed = seed[0] if isinstance(seed, tuple) else seed
        self._place = place if world == 1 else ("rank", rank, *place)
        self.device = device

    def seed_of(self, *purpose: int | str) -> int:
        """The derived seed of ``purpose`` (of the first member)."""
        return derive(self._seed, *self._place, *purpose)

    def generator(self, *purpose: int | str) -> torch.Generator:
        """A fresh generator on this stream's device (of the first member)."""
        return self._generator(self._seed, purpose)

    def _generator(self, seed: int, purpose: tuple[int | str, ...]) -> torch.Generator:
        import torch

        derived = derive(seed, *self._place, *purpose)
        return torch.Generator(device=self.device).manual_seed(derived)

    def _drawn(
        self,
        draw: Callable[..., torch.Tensor],
        shape: tuple[int, ...],
        purpose: tuple[int | str, ...],
    ) -> torch.Tensor:
        import torch

        if self._members is None:
            return draw(shape, generator=self.generator(*purpose), device=self.device)
        numbers = torch.empty((len(self._members), *shape), device=self.device)
        for each, seed in zip(numbers, self._members, strict=True):
            draw(shape, generator=self._generator(seed, purpose), out=each)
        return numbers

    def normal(self, shape: tuple[int, ...], *purpose: int | str) -> torch.Tensor:
        """Standard normal numbers of ``shape``, after the members' axis if there are members."""
        import torch

        return self._drawn(torch.randn, shape, purpose)

    def uniform(self, shape: tuple[int, ...], *purpose: int | str) -> torch.Tensor:
        """Uniform numbers in [0, 1) of ``shape``, after the members' axis if there are members."""
        import torch

        return self._drawn(torch.rand, shape, purpose)
