"""Training the classifier, and measuring it: a function of data, seed and thread count."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional as F

from saddlepoint.data.batch import Batch
from saddlepoint.data.dataset import Dataset
from saddlepoint.errors import BadInput
from saddlepoint.features.batching import batch_size, float32_only, in_batches
from saddlepoint.features.classifier_network import FEATURES, ClassifierNetwork
from saddlepoint.features.interface import Progress
from saddlepoint.randomness import derive

# Forward multiplications of a whole training: Fashion-MNIST is seen about three times.
_BUDGET = 1.2e12
_MOST_EPOCHS = 20
_BATCH = 128
_LEARNING_RATE = 3e-3
_WEIGHT_DECAY = 0.02
_WARM_UP = 0.2
_MOST_FLOATS = 2**25  # of the examples that are looked at when measuring: 128 MiB


@dataclass(frozen=True)
class Measured:
    """How good a trained classifier is.

    Attributes:
        split: The split that it was measured on, test where there is one.
        n: Labelled examples of it.
        accuracy: Share of them classified right.
        log_loss: Mean of −log p(label), in nats, after the temperature; log(classes) is chance.
        temperature: What logits are divided by before the softmax.
    """

    split: str
    n: int
    accuracy: float
    log_loss: float
    temperature: float


def train(
    dataset: Dataset, seed: int, device: torch.device, progress: Progress | None = None
) -> ClassifierNetwork:
    """Train a classifier on the labels of the training split, with a bounded budget.

    AdamW with decoupled weight decay 0.02 and a learning rate that rises linearly to 0.003 over
    the first fifth and falls to 0 along a cosine; batches of 128. The number of steps is what
    1.2·10¹² multiplications of the forward pass allow, at most 20 passes through the data.

    Raises:
        BadInput: Images below 8×8 pixels, or hardly any labels.
    """
    info = dataset.info
    training_seed = derive(seed, "classifier")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(training_seed)
        network = ClassifierNetwork(info.shape, len(info.classes), info.centre, info.scale)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    size = min(_BATCH, info.counts["train"])
    affordable = _BUDGET / (network.multiplications * size)
    steps = max(1, math.ceil(min(affordable, _MOST_EPOCHS * info.counts["train"] / size)))
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=0.0, betas=(0.9, 0.99), weight_decay=_WEIGHT_DECAY
    )
    loader = dataset.loader("train", size, seed=training_seed, device=device, composed=False)
    try:
        with torch.enable_grad(), torch.autocast(device.type, enabled=False):
            for step in range(steps):
                for group in optimiser.param_groups:
                    group["lr"] = _LEARNING_RATE * rate((step + 1) / (steps + 1))
                batch = loader.batch(step)
                loss = _cross_entropy(network, batch)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                if progress is not None:
                    progress("training the classifier", step + 1, steps)
    finally:
        loader.close()
    return network.eval().requires_grad_(False)


def rate(progress: float) -> float:
    """The learning rate's share of its maximum: 0 → 1 linearly, then to 0 along a cosine."""
    if progress < _WARM_UP:
        return progress / _WARM_UP
    return (1 + math.cos(math.pi * (progress - _WARM_UP) / (1 - _WARM_UP))) / 2


def _cross_entropy(network: ClassifierNetwork, batch: Batch) -> Tensor:
    """Mean over the examples whose label is known; 0 if none is."""
    assert batch.label is not None
    logits = network.head(network(batch.x.contiguous(memory_format=_format(batch.x))))
    losses = F.cross_entropy(logits, batch.label.clamp(min=0), reduction="none")
    if batch.labelled is None:
        return losses.mean()
    return (losses * batch.labelled).sum() / batch.labelled.sum().clamp(min=1)


def _format(x: Tensor) -> torch.memory_format:
    return torch.channels_last if x.ndim == 4 else torch.contiguous_format


def measure(network: ClassifierNetwork, dataset: Dataset, device: torch.device) -> Measured:
    """Accuracy and log-loss on the test split, with a temperature fitted on the validation split.

    One temperature T divides all logits; it minimises the validation log-loss (Guo, Pleiss, Sun
    and Weinberger, On Calibration of Modern Neural Networks, 2017). It changes no decision and
    no feature. Without a validation split it is 1; without a test split the measure is taken on
    the validation split.

    Raises:
        BadInput: Neither split holds a labelled example.
    """
    validation = _logits(network, dataset, "validation", device)
    test = _logits(network, dataset, "test", device)
    temperature = fitted_temperature(*validation) if len(validation[1]) else 1.0
    split, (logits, labels) = ("test", test) if len(test[1]) else ("validation", validation)
    if not len(labels):
        raise BadInput(
            "neither the test nor the validation split holds a labelled example, so that the "
            "accuracy of a classifier would be unknown: set split.test, or compare pixels."
        )
    return Measured(
        split=split,
        n=len(labels),
        accuracy=float((logits.argmax(1) == labels).double().mean()),
        log_loss=float(F.cross_entropy(logits / temperature, labels)),
        temperature=temperature,
    )


def fitted_temperature(logits: Tensor, labels: Tensor) -> float:
    """Argmin over T in [1, 20] of the mean cross-entropy of ``logits`` / T, in float64.

    Never below 1: the few mistakes of a small validation split may all be missing, and the best
    temperature would then be 0.
    """

    def loss(log_temperature: float) -> float:
        return float(F.cross_entropy(logits / math.exp(log_temperature), labels))

    best = minimize_scalar(loss, bounds=(0.0, math.log(20.0)), method="bounded")
    return math.exp(float(best.x))


def _logits(
    network: ClassifierNetwork, dataset: Dataset, split: str, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Float64 logits and labels of the labelled examples of a split (of as many as fit)."""
    most = max(1, _MOST_FLOATS // math.prod(dataset.info.shape))
    batch = dataset.take(split, most, torch.device("cpu"))
    assert batch.label is not None
    known = batch.label >= 0
    x, labels = batch.x[known], batch.label[known]
    shape = dataset.info.shape
    features = features_of(network, x, shape, device, "measuring the classifier", None)
    with float32_only(device):
        logits = network.head(features.to(device)).cpu().double()
    return logits, labels


def features_of(
    network: ClassifierNetwork,
    examples: Tensor,
    shape: tuple[int, ...],
    device: torch.device,
    what: str,
    progress: Progress | None,
) -> Tensor:
    """The features of ``examples`` of one ``shape``, on their device."""
    return in_batches(
        network,
        examples,
        shape=shape,
        dimensions=FEATURES,
        size=batch_size(network.largest_map),
        device=device,
        what=what,
        progress=progress,
    )
