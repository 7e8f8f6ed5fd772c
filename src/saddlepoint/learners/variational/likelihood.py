"""What every likelihood p(x|z) offers (torch-free on import).

Examples x are as the model sees them, images in [−1, 1]; outputs have the shape (..., *decoded),
examples (..., *shape), with the same axes in front: the batch, and before it samples of z or
members.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from saddlepoint.data.info import DataInfo
from saddlepoint.description import Part
from saddlepoint.errors import BadInput
from saddlepoint.learners.variational.meaning import Meaning

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.randomness import Streams


class Likelihood(Part):
    """What a decoder's output says of an example.

    Attributes:
        equation: The log-probability of one value, as a reader would write it.
        of_images: Whether it is for images alone.
        bounded: Whether the means of p(x|z) lie in [−1, 1].
        dequantises: Whether pixels may be spread over their grey levels for it.
    """

    equation: ClassVar[str]
    of_images: ClassVar[bool] = True
    bounded: ClassVar[bool] = True
    dequantises: ClassVar[bool] = False

    @property
    def per_value(self) -> int:
        """Numbers of the decoder for each value of an example."""
        return 1

    @property
    def learns_scale(self) -> bool:
        """Whether it has one scale for all values, which is learned."""
        return False

    def decoded(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the decoder's output for examples of ``shape``: more channels."""
        return (self.per_value * shape[0], *shape[1:])

    def check(self, data: DataInfo) -> None:
        """Refuse data that it does not suit.

        Raises:
            BadInput: They are not images.
        """
        if self.of_images and not data.images:
            name = self.kind.replace("_", " ")
            name = name.capitalize() if self.kind == "bernoulli" else name
            raise BadInput(
                f"the {name} likelihood needs images, and these data are vectors: use "
                "likelihood 'gaussian'."
            )

    @abstractmethod
    def meaning(self, data: DataInfo, dequantised: bool) -> Meaning:
        """In which sense it is a likelihood of these data."""

    def presented(self, x: Tensor) -> Tensor:
        """The examples of which p(x|z) is a likelihood, where nothing is drawn for that."""
        return x

    def prepared(self, x: Tensor, streams: Streams, axes: int) -> Tensor:
        """The examples of which p(x|z) is a likelihood; the last ``axes`` are an example's."""
        return self.presented(x)

    @abstractmethod
    def each(self, output: Tensor, log_scale: Tensor, x: Tensor, axes: int) -> Tensor:
        """Log p of each value, (..., *shape), in nats.

        Args:
            output: Of the decoder, (..., *decoded).
            log_scale: Logarithm of the one learned scale: (), or with members shaped to be over
                the axes in front, (members, 1).
            x: The examples, (..., *shape).
            axes: How many axes an example has.
        """

    def log_prob(self, output: Tensor, log_scale: Tensor, x: Tensor, axes: int) -> Tensor:
        """Log p(x|z) in nats, (...): the sum of ``each`` over the values of an example."""
        return summed(self.each(output, log_scale, x, axes), axes)

    def log_prob_of(
        self, seen: Tensor, output: Tensor, log_scale: Tensor, x: Tensor, axes: int
    ) -> Tensor:
        """Log p(x|z) of the values that were ``seen`` alone, (...), in nats."""
        each = self.each(output, log_scale, x, axes)
        return summed(each.where(seen, 0.0), axes)

    @abstractmethod
    def mean(self, output: Tensor, log_scale: Tensor, axes: int) -> Tensor:
        """The mean of p(x|z), (..., *shape)."""

    @abstractmethod
    def draw(self, output: Tensor, log_scale: Tensor, streams: Streams, axes: int) -> Tensor:
        """A draw of p(x|z), (..., *shape)."""


def summed(values: Tensor, axes: int) -> Tensor:
    """The sum over the last axes."""
    return values.flatten(-axes).sum(-1)


def over_values(scale: Tensor, axes: int) -> Tensor:
    """One scale, or one for each member (members, 1), shaped to be over the values, too."""
    return scale if scale.dim() == 0 else scale.view(*scale.shape, *[1] * axes)
