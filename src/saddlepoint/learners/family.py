"""A model family by its description, from which its learner is made (torch-free on import)."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from saddlepoint.data.info import DataInfo
from saddlepoint.description import Part
from saddlepoint.networks.network import Network

if TYPE_CHECKING:
    from saddlepoint.learners.learner import Learner


class Family(Part):
    """A family of models: it says what is trained, and builds it.

    Attributes:
        stacks_members: Whether its learner can hold several independent models, as far as its
            networks can.
    """

    stacks_members: ClassVar[bool] = False

    def stacks(self) -> bool:
        """Whether it can be built with members, described as it is here."""
        networks = [value for _, value in self if isinstance(value, Network)]
        return self.stacks_members and all(network.stacks() for network in networks)

    @abstractmethod
    def build(self, data: DataInfo, batch_size: int, members: int | None) -> Learner:
        """A learner with weights from PyTorch's present random state.

        Args:
            data: What it learns.
            batch_size: Examples per update.
            members: Hold so many independent models; None for one.

        Raises:
            BadInput: The description does not fit the data.
        """

    def learner(self, data: DataInfo, *, batch_size: int, seed: int | tuple[int, ...]) -> Learner:
        """A learner with its initial weights, on the CPU.

        The weights depend on ``seed`` alone, not on what was drawn before, and are the same for
        every device. With a tuple of seeds, the learner holds one member a seed, each with the
        weights that it would have alone.

        Raises:
            BadInput: The description does not fit the data, or its weights the memory.
        """
        from saddlepoint.learners.initial_weights import Allocations, seeded, stacked

        with Allocations():
            if not isinstance(seed, tuple):
                return seeded(lambda: self.build(data, batch_size, None), seed)
            together = self.build(data, batch_size, len(seed))
            return stacked(together, lambda: self.build(data, batch_size, None), seed)
