"""A network of the user's own as a feature space: a torch module, or one that can be imported."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn
from typing_extensions import override

from saddlepoint.errors import BadInput
from saddlepoint.features.batching import batch_size, float32_only, in_batches
from saddlepoint.features.interface import FeatureSpace, Progress

# A network of unknown size: as if its largest map were this many times its input,
_LARGEST_MAP = 64
# and no more examples at once than this.
_MOST = 64


@final
@dataclass(frozen=True)
class UserSpace(FeatureSpace):
    """Features of a torch module: (n, channels, h, w) in [-1, 1], or vectors, to (n, ...).

    Maps (n, d, h, w) are averaged over their places; anything else is flattened to (n, d). The
    module computes in evaluation mode and gets its own modes back afterwards.

    Attributes:
        module: The network, on the device where it computes.
        shape: Of one example.
    """

    name: str
    dimensions: int
    note: str
    key: str | None
    module: nn.Module
    shape: tuple[int, ...]

    @override
    def of(self, images: Tensor, progress: Progress | None = None) -> Tensor:
        """See ``FeatureSpace.of``.

        Raises:
            BadInput: The network fails, or returns something else than finite numbers, a row an
                example and as many columns as at first.
        """
        with _evaluating(self.module):
            return in_batches(
                lambda part: checked(
                    _call(self.module, part, self.name), part, self.name, self.dimensions
                ),
                images,
                shape=self.shape,
                dimensions=self.dimensions,
                size=min(_MOST, batch_size(_LARGEST_MAP * math.prod(self.shape))),
                device=_device(self.module),
                what=self.name,
                progress=progress,
            )

    @override
    def probabilities_from(self, features: Tensor) -> None:
        """None: what the numbers mean is not known."""
        return


def open_module(module: nn.Module, examples: Tensor, name: str | None = None) -> UserSpace:
    """A module as a feature space.

    It stays where it is; move it to a GPU beforehand to compute there. Its features are not kept
    on disk, since nothing tells whether the module has changed.

    Args:
        module: The network.
        examples: One or more examples of the data, to see what it returns for them.
        name: What the space is called; by default the class of the module.

    Raises:
        BadInput: It fails on the examples, or returns something unsuitable.
    """
    name = f"features of {type(module).__name__}" if name is None else name
    where = _device(module) or examples.device
    with _evaluating(module), float32_only(where):
        part = examples.to(where, torch.float32)
        dimensions = checked(_call(module, part, name), part, name).shape[1]
    return UserSpace(
        name=name,
        dimensions=dimensions,
        note="The network receives the examples in [-1, 1] at their own size; maps are averaged "
        "over their places, anything else is flattened.",
        key=None,
        module=module,
        shape=tuple(examples.shape[1:]),
    )


def import_module(word: str) -> nn.Module:
    """The module that ``package.module:attribute`` names.

    The attribute is a torch module, or is called without arguments and returns one. The current
    folder is searched after all installed packages.

    Raises:
        BadInput: It cannot be imported, is not there, or is no torch module.
    """
    path, _, attribute = word.partition(":")
    with _current_folder():
        try:
            named: Any = importlib.import_module(path)
            for part in attribute.split("."):
                named = getattr(named, part)
            if not isinstance(named, nn.Module) and callable(named):
                named = named()
        except Exception as error:  # Whatever the user's own code raises.
            raise BadInput(
                f"the feature network {word} cannot be made ({type(error).__name__}: {error}): "
                "give package.module:name of a torch module, or of a function without arguments "
                "that returns one."
            ) from error
    if not isinstance(named, nn.Module):
        raise BadInput(
            f"the feature network {word} is a {type(named).__name__}, and should be a torch "
            "module or a function without arguments that returns one."
        )
    return named


def checked(output: object, part: Tensor, name: str, dimensions: int | None = None) -> Tensor:
    """What a foreign network returned, as (n, d).

    Maps (n, d, h, w) become their means over h and w; (n,) becomes (n, 1); the rest is flattened.

    Raises:
        BadInput: Not a tensor of n rows of finite real numbers, or not ``dimensions`` a row.
    """
    n = len(part)
    if not isinstance(output, Tensor) or output.is_complex():
        kind = str(output.dtype) if isinstance(output, Tensor) else type(output).__name__
        raise BadInput(
            f"{name}: the network should return one tensor of real numbers, and returns "
            f"a {kind}: wrap it so that it does."
        )
    if output.ndim == 0 or len(output) != n:
        raise BadInput(
            f"{name}: for {n} examples the network should return {n} rows, and returns "
            f"the shape {tuple(output.shape)}."
        )
    features = output.float()
    features = features.mean((2, 3)) if features.ndim == 4 else features.reshape(n, -1)
    if dimensions is not None and features.shape[1] != dimensions:
        raise BadInput(
            f"{name}: the network returned {dimensions} numbers an example at first, and "
            f"now {features.shape[1]}."
        )
    if features.shape[1] == 0:
        raise BadInput(f"{name}: the network returns no numbers.")
    if not bool(torch.isfinite(features).all()):
        raise BadInput(f"{name}: the network returns values that are not finite.")
    return features


def _call(module: nn.Module, part: Tensor, name: str) -> object:
    try:
        return module(part)
    except Exception as error:  # Whatever the user's own code raises.
        raise BadInput(
            f"{name}: the network fails on examples of the shape {tuple(part.shape)} "
            f"({type(error).__name__}: {str(error).partition(chr(10))[0]})."
        ) from error


def _device(module: nn.Module) -> torch.device | None:
    tensors = [*module.parameters(), *module.buffers()]
    return tensors[0].device if tensors else None


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


@contextmanager
def _current_folder() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)
