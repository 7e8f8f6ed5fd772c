"""Layers that PyTorch lacks: virtual batch norm, minibatch statistics, maxout, and packing.

Shapes are written (batch, features, *places); places are absent for vectors. A layer built with
``members=K`` holds K sets of weights and takes (K, batch, features, *places): K models side by
side, none of which sees another.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from saddlepoint.errors import BadInput


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
            fine = _fine(x)
            places = tuple(range(self.axis + 2, x.dim()))
            mean, variance = _moments(fine, places)
            own, own_variance = _rest(mean, self.axis, n), _rest(variance, self.axis, n)
            everywhere = (self.axis, *places)
            reference, reference_variance = _moments(fine.narrow(self.axis, 0, n), everywhere)
            share = 1 / (n + 1)
            # the moments of a mixture of two; μ² is never subtracted from E x²
            joint = share * own + (1 - share) * reference
            joint_variance = (
                share * own_variance
                + (1 - share) * reference_variance
                + share * (1 - share) * (own - reference).square()
            )
            repeated = [n if axis == self.axis else -1 for axis in range(x.dim())]
            center = torch.cat([reference.expand(repeated), joint], self.axis)
            spread = torch.cat([reference_variance.expand(repeated), joint_variance], self.axis)
            gain, bias = (_over_places(p, self.axis, len(places)) for p in (self.weight, self.bias))
            return ((fine - center) * (spread + self.eps).rsqrt() * gain + bias).to(x.dtype)


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
            if isinstance(layer, VirtualBatchNorm | MinibatchDiscrimination | MinibatchStd):
                layer.references = like[0].shape[self.axis]
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

    def forward(self, *inputs: Tensor) -> Any:
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
            return _rest(output, self.axis, n)
        return type(output)(*(_rest(part, self.axis, n) for part in output))


class MinibatchDiscrimination(nn.Module):
    """Appends to each example how close it is to the others of its batch.

    Mᵢ = xᵢT is a matrix (kernels, dims); o(xᵢ)_b = Σ_{j≠i} exp(−‖Mᵢ_b − Mⱼ_b‖₁). The paper's sum
    includes j = i, a constant 1 that the next bias absorbs; the authors' program leaves it out,
    and so does this. T starts from N(0, 1/inputs).

    Shapes: (batch, inputs) to (batch, inputs + kernels); takes memory batch² · kernels · dims.
    Inside ``WithReference`` the reference is a batch of its own.

    Paper: Salimans et al., Improved Techniques for Training GANs, 2016, section 3.2.
    """

    mixes_examples: ClassVar[bool] = True
    references = 0

    def __init__(
        self, inputs: int, kernels: int = 50, dims: int = 5, members: int | None = None
    ) -> None:
        super().__init__()
        self.kernels, self.dims, self.outputs = kernels, dims, inputs + kernels
        leading = () if members is None else (members,)
        self.weight = nn.Parameter(torch.randn(*leading, inputs, kernels * dims) / inputs**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Examples with their closeness appended."""
        m = _fine(x @ self.weight).unflatten(-1, (self.kernels, self.dims))
        closeness = torch.cat([_closeness(part) for part in _parts(m, -3, self.references)], -2)
        return torch.cat([x, closeness.to(x.dtype)], -1)


class MinibatchStd(nn.Module):
    """Appends one feature: how much the examples of a group differ.

    For each feature and place the standard deviation over the group, √(variance + 10⁻⁸) with
    division by the group's size; then the mean over features and places, the same number for the
    whole group. Groups are consecutive examples.

    Shapes: (batch, features, *places) to (batch, features + 1, *places). Inside
    ``WithReference`` the reference is a batch of its own.

    Args:
        group: Examples per group; None for the whole batch, as in the paper's text (its program
            uses 4).
        members: Number of members, if there is a leading member axis.

    Raises (on use):
        BadInput: The batch cannot be divided into such groups.

    Paper: Karras et al., Progressive Growing of GANs, 2018, section 3.
    """

    mixes_examples: ClassVar[bool] = True
    references = 0

    def __init__(self, group: int | None = 4, members: int | None = None) -> None:
        super().__init__()
        self.group = group
        self.axis = 0 if members is None else 1

    def forward(self, x: Tensor) -> Tensor:
        """Examples with their group's deviation appended."""
        parts = _parts(_fine(x), self.axis, self.references)
        value = torch.cat([self._deviation(part) for part in parts], self.axis).to(x.dtype)
        value = value.reshape(*value.shape, *(1 for _ in x.shape[self.axis + 1 :]))
        # added to zeros in the memory order of x, so that channels-last maps stay so
        feature = torch.zeros_like(x.narrow(self.axis + 1, 0, 1)) + value
        return torch.cat([x, feature], self.axis + 1)

    def check(self, batch: int) -> None:
        """Refuse a batch size that cannot be divided into groups."""
        if self.group is not None and batch % self.group:
            raise BadInput(
                f"minibatch standard deviation in groups of {self.group} needs a batch size that "
                f"is a multiple of {self.group}, and this one is {batch}."
            )

    def _deviation(self, x: Tensor) -> Tensor:
        """The group's number for each example: (batch,), behind a member axis if there is one."""
        axis, batch = self.axis, x.shape[self.axis]
        self.check(batch)
        group = self.group or batch
        grouped = x.unflatten(axis, (-1, group))
        deviation = (grouped.var(axis + 1, correction=0) + 1e-8).sqrt()
        return deviation.flatten(axis + 1).mean(-1).repeat_interleave(group, axis)


class Maxout(nn.Module):
    """The largest of each ``pieces`` consecutive features: max_{j<k} x_{ik+j}.

    Shapes: (..., units · pieces) to (..., units); put it behind a linear layer.

    Raises (on use):
        BadInput: The number of features is no multiple of ``pieces``.

    Paper: Goodfellow et al., Maxout Networks, 2013.
    """

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        """The maxima."""
        if x.shape[-1] % self.pieces:
            raise BadInput(
                f"maxout of {self.pieces} pieces needs a multiple of {self.pieces} features, "
                f"and there are {x.shape[-1]}."
            )
        return x.unflatten(-1, (-1, self.pieces)).amax(-1)


def pack(x: Tensor, size: int, members: int | None = None) -> Tensor:
    """``size`` consecutive examples as one: their first example axes (channels) side by side.

    Shapes: (batch, channels, ...) to (batch / size, size · channels, ...); vectors are
    concatenated. With ``members`` the same behind the leading member axis.

    Raises:
        BadInput: The batch size is no multiple of ``size``.

    Paper: Lin et al., PacGAN, 2018.
    """
    axis = 0 if members is None else 1
    if x.shape[axis] % size:
        raise BadInput(
            f"packing {size} examples into one needs a batch size that is a multiple of {size}, "
            f"and this one is {x.shape[axis]}."
        )
    return x.unflatten(axis, (-1, size)).flatten(axis + 1, axis + 2)


MIXING_LAYERS: dict[type[nn.Module], str] = {
    nn.BatchNorm1d: "batch norm",
    nn.BatchNorm2d: "batch norm",
    nn.BatchNorm3d: "batch norm",
    MinibatchDiscrimination: "minibatch discrimination",
    MinibatchStd: "minibatch standard deviation",
}


def mixing_layers(modules: Iterable[nn.Module]) -> list[str]:
    """What lets an example's output depend on the others in its batch, each kind named once."""
    there = list(modules)
    kinds = (kind for kind in MIXING_LAYERS if any(isinstance(m, kind) for m in there))
    return list(dict.fromkeys(MIXING_LAYERS[kind] for kind in kinds))


def mixes_examples(modules: Iterable[nn.Module]) -> bool:
    """Whether any of ``modules`` lets an example's output depend on the others in its batch."""
    return bool(mixing_layers(modules))


def needs_reference(network: nn.Module) -> bool:
    """Whether ``network`` has virtual batch norm."""
    return any(isinstance(module, VirtualBatchNorm) for module in network.modules())


def _forget(network: nn.Module, _: object) -> None:
    """After loading a state: whether there is a reference is to be found out anew."""
    assert isinstance(network, WithReference)
    network._known = None


def _fine(x: Tensor) -> Tensor:
    """``x`` in float32, or as it is if finer."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _rest(x: Tensor, axis: int, n: int) -> Tensor:
    """``x`` without its first ``n`` examples."""
    return x.narrow(axis, n, x.shape[axis] - n)


def _parts(x: Tensor, axis: int, references: int) -> list[Tensor]:
    """The reference and the rest, each a batch by itself; ``x`` alone without a reference."""
    if not references:
        return [x]
    return [x.narrow(axis, 0, references), _rest(x, axis, references)]


def _closeness(m: Tensor) -> Tensor:
    """Σ_{j≠i} exp(−‖Mᵢ_b − Mⱼ_b‖₁) of (..., batch, kernels, dims): (..., batch, kernels)."""
    distance = (m.unsqueeze(-3) - m.unsqueeze(-4)).abs().sum(-1)  # (batch, batch, kernels)
    itself = torch.eye(m.shape[-3], dtype=torch.bool, device=m.device)[..., None]
    return (-distance).exp().masked_fill(itself, 0.0).sum(-2)


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
