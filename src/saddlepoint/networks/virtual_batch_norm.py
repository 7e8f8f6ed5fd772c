"""Virtual batch norm (Salimans et al. 2016) and the reference batch that it needs.

Shapes are written (batch, features, *places); places are absent for vectors. A layer built with
``members=K`` holds K sets of weights and takes (K, batch, features, *places): K models side by
side, none of which sees another.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks.network import Site
from saddlepoint.networks.precision import fine


class VirtualBatchNorm(nn.Module):
    """Batch norm with the statistics of a fixed reference batch and the example itself.

    With n reference examples, example i is normalised with the mean and variance of the union of
    the reference and itself: μ = (n μ_ref + μᵢ)/(n+1), and likewise for the second moment. The
    reference examples are normalised with their own statistics. Then a learned gain and bias.

    The layer holds no statistics: it finds the reference examples in front of its batch, where
    ``WithReference`` puts them, so they are those of the current weights and gradient flows
    through them. An example's output does not depend on the others in its batch.

    Shapes: (n + batch, features, *places) to the same.

    Raises (on use):
        BadInput: The network is not wrapped in ``WithReference``.

    Paper: Salimans et al., Improved Techniques for Training GANs, 2016, section 3.5; the weight
    1/(n+1) of the example is that of the authors' program.
    """

    mixes_examples: ClassVar[bool] = False

    def __init__(self, features: int, members: int | None = None, eps: float = 1e-5) -> None:
        super().__init__()
        self.axis = 0 if members is None else 1
        self.eps = eps
        self.references = 0
        shape = (features,) if members is None else (members, features)
        self.weight = nn.Parameter(torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x``, whose first examples are the reference."""
        n = self.references
        if n == 0:
            raise BadInput(
                "virtual batch norm needs a reference batch: wrap the network in WithReference."
            )
        with torch.autocast(x.device.type, enabled=False):
            x_fine = fine(x)
            places = tuple(range(self.axis + 2, x.dim()))
            mean, variance = _moments(x_fine, places)
            example, example_variance = rest_of(mean, self.axis, n), rest_of(variance, self.axis, n)
            everywhere = (self.axis, *places)
            reference, reference_variance = _moments(x_fine.narrow(self.axis, 0, n), everywhere)
            share = 1 / (n + 1)
            # the moments of a mixture of two; μ² is never subtracted from E x²
            joint = share * example + (1 - share) * reference
            joint_variance = (
                share * example_variance
                + (1 - share) * reference_variance
                + share * (1 - share) * (example - reference).square()
            )
            repeated = [n if axis == self.axis else -1 for axis in range(x.dim())]
            center = torch.cat([reference.expand(repeated), joint], self.axis)
            spread = torch.cat([reference_variance.expand(repeated), joint_variance], self.axis)
            gain, bias = (_over_places(p, self.axis, len(places)) for p in (self.weight, self.bias))
            return ((x_fine - center) * (spread + self.eps).rsqrt() * gain + bias).to(x.dtype)


class WithReference(nn.Module):
    """A network with virtual batch norm, and the reference batch it is always run with.

    Each forward pass runs the network once on the reference followed by the inputs, and returns
    what belongs to the inputs. The network's output is a tensor or a named tuple of tensors with
    one row per example. Layers that compare the examples of a batch see the reference as a batch
    of its own.

    Args:
        network: Takes one or several tensors (x, or x and labels) with one row per example.
        like: One tensor (n, *shape) per input of the network, for shapes and types only.
        members: Number of members, if the tensors have a leading member axis.

    Raises:
        BadInput: The network has no virtual batch norm.

    The reference is stored once, by ``set_reference`` or the first ``offer``, and saved with the
    network; it is never replaced. Paper: Salimans et al. 2016, section 3.5.
    """

    chosen: Tensor

    def __init__(self, network: nn.Module, *like: Tensor, members: int | None = None) -> None:
        super().__init__()
        if not needs_reference(network):
            raise BadInput("a reference batch is of use to virtual batch norm only, found none.")
        self.network = network
        self.axis = 0 if members is None else 1
        for layer in network.modules():
            if hasattr(layer, "references"):  # it keeps the reference apart from the batch
                vars(layer)["references"] = like[0].shape[self.axis]
        for index, tensor in enumerate(like):
            self.register_buffer(f"reference{index}", torch.zeros_like(tensor))
        self.inputs = len(like)
        self.register_buffer("chosen", torch.zeros((), dtype=torch.int64))  # 0 or 1
        self._known: Tensor | None = None  # the flag that was last read as 1
        self.register_load_state_dict_post_hook(_forget)

    @property
    def reference(self) -> tuple[Tensor, ...]:
        """The stored reference batch, one tensor per input of the network."""
        return tuple(self.get_buffer(f"reference{index}") for index in range(self.inputs))

    @property
    def is_set(self) -> bool:
        """Whether there is a reference; the device is asked until it says yes, and then no more.

        The answer belongs to one flag: under ``functional_call`` other buffers can stand in.
        """
        if self._known is not self.chosen and self.chosen.item():
            self._known = self.chosen
        return self._known is self.chosen

    def offer(self, *reference: Tensor) -> None:
        """Store the reference batch if there is none yet, else do nothing."""
        if not self.is_set:
            self.set_reference(*reference)

    def set_reference(self, *reference: Tensor) -> None:
        """Store the reference batch, once and for all.

        Raises:
            BadInput: There is one already, or the shapes are not those announced.
        """
        if self.is_set:
            raise BadInput("the reference batch is chosen once and never replaced: it is set.")
        shapes = [tuple(t.shape) for t in reference]
        expected = [tuple(t.shape) for t in self.reference]
        if shapes != expected:
            raise BadInput(f"a reference batch of shapes {expected} is needed, got {shapes}.")
        for stored, tensor in zip(self.reference, reference, strict=True):
            stored.copy_(tensor.detach())
        self.chosen.fill_(1)

    def forward(self, *inputs: Tensor) -> object:
        """The network's output for ``inputs``.

        Raises:
            BadInput: The reference batch is not set.
        """
        if not self.is_set:
            raise BadInput("virtual batch norm needs its reference batch: call set_reference.")
        pairs = zip(self.reference, inputs, strict=True)
        output = self.network(*(torch.cat([r.to(x.dtype), x], self.axis) for r, x in pairs))
        n = self.reference[0].shape[self.axis]
        if isinstance(output, Tensor):
            return rest_of(output, self.axis, n)
        return type(output)(*(rest_of(part, self.axis, n) for part in output))


def with_reference(network: nn.Module, site: Site, shape: tuple[int, ...]) -> nn.Module:
    """``network`` with room for the reference batch that its virtual batch norm needs.

    Without virtual batch norm the network itself.

    Args:
        network: From (batch, *shape).
        site: How many examples the reference batch has; members have one each.
        shape: Shape of one of them.
    """
    if not needs_reference(network):
        return network
    like = torch.empty(*site.leading, site.batch, *shape)
    return WithReference(network, like, members=site.members)


def needs_reference(network: nn.Module) -> bool:
    """Whether ``network`` has virtual batch norm."""
    return any(isinstance(module, VirtualBatchNorm) for module in network.modules())


def _forget(network: nn.Module, _: object) -> None:
    """After loading a state: whether there is a reference is to be found out anew."""
    assert isinstance(network, WithReference)
    network._known = None


def rest_of(x: Tensor, axis: int, n: int) -> Tensor:
    """``x`` without its first ``n`` examples."""
    return x.narrow(axis, n, x.shape[axis] - n)


def _moments(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean and variance over ``axes``, which stay as 1; no axes: the value and zero."""
    if not axes:
        return x, torch.zeros_like(x)
    mean = x.mean(axes, keepdim=True)
    return mean, (x - mean).square().mean(axes, keepdim=True)


def _over_places(parameter: Tensor, batch_axis: int, places: int) -> Tensor:
    """(features,) or (members, features), ready to multiply a batch."""
    parameter = parameter.unsqueeze(batch_axis)
    return parameter.reshape(*parameter.shape, *(1 for _ in range(places)))
