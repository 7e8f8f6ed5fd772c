"""Constraints: what a critic's weights must satisfy, whatever the loss says (torch-free import)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from saddlepoint.description import Part, one_of

if TYPE_CHECKING:
    from torch import Tensor, nn


class Constraint(Part):
    """What a critic's weights must satisfy: by another form of its layers, or after each update.

    Attributes:
        equation: The constraint, as a reader would write it.
        cures: The trouble it is a remedy for.
        paper: Where it comes from.
        stacks_members: Whether it can hold for several independent critics in one network.
        excludes: Kinds that it cannot stand beside, each with the reason.
    """

    equation: ClassVar[str]
    cures: ClassVar[str]
    paper: ClassVar[str]
    stacks_members: ClassVar[bool] = True
    excludes: ClassVar[Mapping[str, str]] = {}

    def apply(self, network: nn.Module) -> None:
        """Change the layers of ``network`` in place; call it before making its optimiser.

        Raises:
            BadInput: The network cannot be constrained so.
        """
        return

    def start(self, network: nn.Module, see: Callable[[], object]) -> None:
        """Set the weights of ``network`` by its first batch, where that is how they start.

        Args:
            network: As ``apply`` left it.
            see: Passes that batch through it.
        """
        return

    @property
    def starts(self) -> bool:
        """Whether ``start`` does anything."""
        return False

    def project(self, network: nn.Module) -> None:
        """Move the parameters of ``network`` to where they may be, after an update."""
        return

    def held(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Where ``project`` would move such parameters, as new tensors with their gradient."""
        return dict(parameters)

    def watch(self, network: nn.Module) -> dict[str, Tensor]:
        """Scalars that tell how the constraint binds, by name; on the network's device."""
        return {}


class WeightClipping(Constraint):
    """Every weight w becomes min(max(w, −limit), limit) after each update.

    The box bounds the critic's Lipschitz constant, though crudely: watch ``share_at_limit``.
    """

    equation = "w ← min(max(w, −c), c), after the update"
    cures = "a Wasserstein critic that grows without bound"
    paper = "Arjovsky et al., Wasserstein GAN, 2017, algorithm 1 (c = 0.01)"

    kind: Literal["weight_clipping"] = "weight_clipping"
    limit: float = Field(0.01, gt=0, description="Largest absolute value of a weight.")

    @override
    def project(self, network: nn.Module) -> None:
        """Clip all parameters in place."""
        import torch

        with torch.no_grad():
            for parameter in network.parameters():
                parameter.clamp_(-self.limit, self.limit)

    @override
    def held(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: p.clamp(-self.limit, self.limit) for name, p in parameters.items()}

    @override
    def watch(self, network: nn.Module) -> dict[str, Tensor]:
        return {"share_at_limit": self.share_at_limit(network.parameters())}

    def share_at_limit(self, parameters: Iterable[Tensor]) -> Tensor:
        """Share of the weights that lie at ±limit: a float32 scalar on their device."""
        import torch

        parameters = list(parameters)
        at_limit = torch.stack([(p.detach().abs() >= self.limit).sum() for p in parameters])
        return at_limit.sum() / sum(p.numel() for p in parameters)


class SpectralNorm(Constraint):
    """Every linear and convolutional weight W is used as W / σ(W), σ its top singular value.

    σ is followed by power iteration, one round per forward pass in training mode. A convolution's
    kernel counts as the matrix (outputs, inputs · height · width), as in the paper. Biases,
    normalisation layers and embeddings are left alone. Of several members each has its own σ.
    """

    equation = "W / σ(W), σ(W) = max ‖Wh‖ / ‖h‖"
    cures = "a critic that is too steep, without the price of a gradient penalty"
    paper = "Miyato et al., Spectral Normalization for GANs, 2018"
    excludes: ClassVar[Mapping[str, str]] = {
        "weight_clipping": "each weight is divided by its largest singular value, so how large "
        "it is has no effect, and clipping only takes its directions away until none is left"
    }

    kind: Literal["spectral_norm"] = "spectral_norm"
    iterations: int = Field(1, ge=1, description="Rounds of power iteration per forward pass.")

    @override
    def apply(self, network: nn.Module) -> None:
        """Normalise the layers of ``network`` in place; call it before making its optimiser.

        A layer that is normalised already stays as it is.

        Raises:
            BadInput: The network has no such layer, or one whose weight is zero throughout.
        """
        from saddlepoint.networks.spectral import normalise_layers

        normalise_layers(network, self.iterations)


class WeightNorm(Constraint):
    """Every linear and convolutional weight is used as g v/‖v‖: a direction and a length a unit.

    By default v starts from N(0, 0.05²), and lengths and biases so that on the first batch of real
    examples each unit has the mean 0 and the variance 1.
    """

    equation = "g v / ‖v‖"
    cures = "batch norm's dependence of an example on the others in its batch"
    paper = "Salimans and Kingma, Weight Normalization, 2016; in a critic Salimans et al. 2016"
    stacks_members = False
    excludes: ClassVar[Mapping[str, str]] = {
        "weight_clipping": "it would clip lengths and directions apart, which bounds neither "
        "weights nor slopes",
        "spectral_norm": "each weight is divided by its largest singular value, so how long its "
        "rows are is taken away again",
    }

    kind: Literal["weight_norm"] = "weight_norm"
    by_data: bool = Field(
        True, description="Lengths and biases start by the first batch; else they are PyTorch's."
    )
    lengths: Literal["learned", "fixed"] = Field(
        "learned",
        description="fixed: those of the layers before the head stay as they start, so that units "
        "cannot outgrow noise between the layers.",
    )

    @override
    def apply(self, network: nn.Module) -> None:
        """Normalise the layers of ``network`` in place; call it before making its optimiser.

        Raises:
            BadInput: The network has no such layer, or one whose weight is zero throughout.
        """
        from saddlepoint.networks.weight_norm import DEVIATION, hold_lengths, normalise_lengths

        normalise_lengths(network, DEVIATION if self.by_data else None)
        backbone = getattr(network, "backbone", None)
        if self.lengths == "fixed" and backbone is not None:
            hold_lengths(backbone)

    @property
    @override
    def starts(self) -> bool:
        return self.by_data

    @override
    def start(self, network: nn.Module, see: Callable[[], object]) -> None:
        from saddlepoint.networks.weight_norm import start_by

        start_by(network, see)


CONSTRAINTS: list[type[Constraint]] = [WeightClipping, SpectralNorm, WeightNorm]
AnyConstraint = Annotated[Constraint, one_of(CONSTRAINTS)]
