"""How many labels are known, in the data and in a batch, and what follows for the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput


@dataclass(frozen=True)
class Known:
    """Labelled and unlabelled examples of the training data.

    The objective of the data, J = Σ_labelled L + Σ_unlabelled U + α N · mean_labelled(−log q),
    over its N examples, is estimated by a batch. Where batches hold a fixed number of labelled
    examples, these stand for all labelled ones and the others for all others, whatever their
    share of the batch; where chance decides, every example of the batch stands for as many. Both
    ways the expectation over batches is J/N.

    Attributes:
        labelled: How many training examples have a known label.
        unlabelled: How many have none.
        in_batch: So many labelled ones stand first in each batch; None where chance decides.
    """

    labelled: int
    unlabelled: int
    in_batch: int | None

    @property
    def examples(self) -> int:
        """N."""
        return self.labelled + self.unlabelled

    @property
    def share(self) -> float:
        """Share of the examples whose label is known."""
        return self.labelled / self.examples

    def standing_for(self, batch: Batch) -> Tensor:
        """How many examples of a fair batch each of this one stands for, (n,); their mean is 1."""
        n = len(batch)
        weights = torch.ones(n, device=batch.x.device)
        if self.in_batch is not None:
            weights[: self.in_batch] = n * self.share / self.in_batch
            weights[self.in_batch :] = n * (1 - self.share) / (n - self.in_batch)
        return weights


def known_labels(data: DataInfo) -> Known:
    """Count them.

    Raises:
        BadInput: There are no labels, one class only, or a class without a known label.
    """
    if not data.classes:
        raise BadInput(
            f"{data.name} has no labels, and the learner is to learn classes from some: give data "
            "with labels (of a folder, --data.labels true takes the names of its sub-folders; "
            "arrays as a pair (x, labels))."
        )
    if len(data.classes) == 1:
        raise BadInput(
            f"{data.name} has the single class '{data.classes[0]}', so there is nothing to tell "
            "apart: give data of two classes or more, or use the family 'variational'."
        )
    for name, count in zip(data.classes, data.class_counts, strict=True):
        if not count:
            raise BadInput(
                f"no training example of {data.name} with a known label is of the class '{name}', "
                "so that it cannot be learnt: label one or more of each class, or use more "
                "examples."
            )
    return Known(data.labelled, data.counts["train"] - data.labelled, data.labelled_in_batch)


def log_class_prior(data: DataInfo, kind: str) -> Tensor:
    """Log p(y), (K,): ``uniform``, or the ``frequencies`` of the known labels."""
    counts = torch.tensor(data.class_counts, dtype=torch.float32)
    if kind == "uniform":
        return torch.full_like(counts, -math.log(len(counts)))
    return (counts / counts.sum()).log()
