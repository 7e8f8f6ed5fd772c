"""Constraints: what a critic's weights must satisfy, whatever the loss says (torch-free import)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from saddlepoint.description import Description

if TYPE_CHECKING:
    from torch import Tensor, nn


class WeightClipping(Description):
    """Every weight w becomes min(max(w, −limit), limit) after each update.

    The box bounds the critic's Lipschitz constant, though crudely: watch ``share_at_limit``.
    """

    equation: ClassVar[str] = "w ← min(max(w, −c), c), after the update"
    cures: ClassVar[str] = "a Wasserstein critic that grows without bound"
    paper: ClassVar[str] = "Arjovsky et al., Wasserstein GAN, 2017, algorithm 1 (c = 0.01)"

    kind: Literal["weight_clipping"] = "weight_clipping"
    limit: float = Field(0.01, gt=0, description="Largest absolute value of a weight.")

    def project(self, parameters: Iterable[Tensor]) -> None:
        """Clip all of ``parameters`` in place; call it after the optimiser's step."""
        import torch

        with torch.no_grad():
            for parameter in parameters:
                parameter.clamp_(-self.limit, self.limit)

    def share_at_limit(self, parameters: Iterable[Tensor]) -> Tensor:
        """Share of the weights that lie at ±limit: a float32 scalar on their device."""
        import torch

        parameters = list(parameters)
        at_limit = torch.stack([(p.detach().abs() >= self.limit).sum() for p in parameters])
        return at_limit.sum() / sum(p.numel() for p in parameters)


class SpectralNorm(Description):
    """Every linear and convolutional weight W is used as W / σ(W), σ its top singular value.

    σ is followed by power iteration, one round per forward pass in training mode. A convolution's
    kernel counts as the matrix (outputs, inputs · height · width), as in the paper. Biases,
    normalisation layers and embeddings are left alone.
    """

    equation: ClassVar[str] = "W / σ(W), σ(W) = max ‖Wh‖ / ‖h‖"
    cures: ClassVar[str] = "a critic that is too steep, without the price of a gradient penalty"
    paper: ClassVar[str] = "Miyato et al., Spectral Normalization for GANs, 2018"

    kind: Literal["spectral_norm"] = "spectral_norm"
    iterations: int = Field(1, ge=1, description="Rounds of power iteration per forward pass.")

    def apply(self, network: nn.Module) -> None:
        """Normalise the layers of ``network`` in place; call it before making its optimiser.

        A layer that is normalised already stays as it is.

        Raises:
            BadInput: The network has no such layer, or one whose weight is zero throughout.
        """
        from saddlepoint.networks.spectral import normalise_layers

        normalise_layers(network, self.iterations)


ConstraintDescription = Annotated[WeightClipping | SpectralNorm, Field(discriminator="kind")]

CONSTRAINTS: dict[str, type[WeightClipping] | type[SpectralNorm]] = {
    "weight_clipping": WeightClipping,
    "spectral_norm": SpectralNorm,
}
