"""An ONNX file as a feature space, run by onnxruntime on the processor."""

from __future__ import annotations

import hashlib
import importlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor
from typing_extensions import override

from saddlepoint.errors import BadInput
from saddlepoint.features.batching import batch_size, in_batches
from saddlepoint.features.interface import FeatureSpace, Progress
from saddlepoint.features.user import checked

_HOW = 'pip install "saddlepoint[onnx]"'
_VERSION = 1
_MOST = 64
_LARGEST_MAP = 64
_CPU = torch.device("cpu")


@final
@dataclass(frozen=True)
class OnnxSpace(FeatureSpace):
    """The first output of an ONNX network, averaged or flattened as for ``UserSpace``.

    Attributes:
        session: onnxruntime's session.
        given: Name of the network's input.
        batch: Examples that it takes at once; None if any number.
        shape: Of one example.
    """

    name: str
    dimensions: int
    note: str
    key: str | None
    session: Any
    given: str
    batch: int | None
    shape: tuple[int, ...]

    @override
    def of(self, images: Tensor, progress: Progress | None = None) -> Tensor:
        """See ``FeatureSpace.of``."""
        size = min(_MOST, batch_size(_LARGEST_MAP * math.prod(self.shape)))
        return in_batches(
            lambda part: checked(self._run(part), part, self.name, self.dimensions),
            images,
            shape=self.shape,
            dimensions=self.dimensions,
            size=size if self.batch is None else self.batch,
            device=_CPU,
            what=self.name,
            progress=progress,
        )

    @override
    def probabilities_from(self, features: Tensor) -> None:
        """None: what the numbers mean is not known."""
        return

    def _run(self, part: Tensor) -> Tensor:
        return _outputs(self.session, self.given, self.batch, part, self.name)


def open_onnx(path: Path, examples: Tensor) -> OnnxSpace:
    """An ONNX file as a feature space.

    Args:
        path: The file; its one input takes float32 (n, channels, height, width) in [-1, 1], or
            vectors. If n is fixed in the file, the last batch is filled up.
        examples: One or more examples of the data, to see what it returns for them.

    Raises:
        BadInput: onnxruntime is missing, the file is no ONNX network, it takes other inputs, or
            it returns something unsuitable.
    """
    name = f"features of {path.name}"
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise BadInput(f"{path} needs onnxruntime ({error}): {_HOW}.") from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own.
        raise BadInput(f"{path} cannot be opened as an ONNX network ({_first(error)}).") from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        kinds = ", ".join(f"{each.name} {each.type}" for each in inputs)
        raise BadInput(f"{path} should take one float32 input, and takes {kinds or 'none'}.")
    shape = tuple(examples.shape[1:])
    takes = inputs[0].shape
    fits = len(takes) == len(shape) + 1 and all(
        side == here for side, here in zip(takes[1:], shape, strict=True) if isinstance(side, int)
    )
    if not fits:
        raise BadInput(
            f"{path} takes inputs of the shape {takes}, and the data are (n, "
            f"{', '.join(map(str, shape))}): export it for these data."
        )
    batch = takes[0] if isinstance(takes[0], int) else None
    part = examples[: batch or len(examples)].to(_CPU, torch.float32)
    features = checked(_outputs(session, inputs[0].name, batch, part, name), part, name)
    return OnnxSpace(
        name=name,
        dimensions=features.shape[1],
        note="The network receives the examples in [-1, 1] at their own size; of its outputs the "
        "first is used, maps averaged over their places, anything else flattened.",
        key=f"onnx {_VERSION} {digest}",
        session=session,
        given=inputs[0].name,
        batch=batch,
        shape=shape,
    )


def _outputs(session: Any, given: str, batch: int | None, part: Tensor, name: str) -> Tensor:
    """The first output for ``part``, which is filled up to a fixed batch with its last example."""
    n = len(part)
    if batch is not None and n < batch:
        part = torch.cat([part, part[-1:].expand(batch - n, *part.shape[1:])])
    try:
        first = session.run(None, {given: part.contiguous().numpy()})[0]
    except Exception as error:  # onnxruntime raises classes of its own.
        raise BadInput(
            f"{name}: the network fails on examples of the shape {tuple(part.shape)} "
            f"({_first(error)})."
        ) from error
    output = torch.as_tensor(first)
    return output[:n] if batch is not None and output.ndim and len(output) == batch else output


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0]
