"""What a model says: classes and likelihoods of held-out examples, codes of its own samples."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddlepoint.data.dataset import Dataset
from saddlepoint.explore.importance import importance_weighted
from saddlepoint.learners.latent import LatentLearner
from saddlepoint.learners.variational.learner import VariationalLearner
from saddlepoint.metrics.matching import best_matching
from saddlepoint.scores.recognised import Likely, Recognised
from saddlepoint.training.trained import Trained

MOST = 10_000  # examples that are classified
LIKELY, DRAWS = 500, 100  # examples whose likelihood is estimated, and draws for each
_CPU = torch.device("cpu")

Whole = NDArray[np.int64]


def recognised(
    model: Trained, dataset: Dataset, n: int, seed: int, member: int = 0
) -> Recognised | None:
    """What a model recognises; None where it recognises nothing.

    Held-out examples are those of the test split, where it has labels, else of the validation
    split. Groups that were found without labels are matched one to one with classes on training
    examples, so that no held-out label takes part in the choice.

    Args:
        model: The model.
        dataset: Its data.
        n: Samples whose codes are read.
        seed: Of these samples.
        member: Of a run with several seeds, which one.
    """
    learner = model.seeds[member].learner if model.seeds else model.learner
    labels = classes = np.zeros(0, dtype=np.int64)
    how = ""
    if learner.classifies:
        x, labels = _labelled(dataset, "test")
        if not len(labels):
            x, labels = _labelled(dataset, "validation")
        if len(labels):
            classes = _of(model, x, member)
        if len(labels) and learner.classifies == "groups":
            classes, how = _named(model, dataset, classes, member)
    read = model.information(n, seed, member)
    codes = learner.codes if isinstance(learner, LatentLearner) else ()
    information = {
        code.name: (code.entropy, read[code.name].double().numpy())
        for code in codes
        if code.name in read
    }
    if not len(classes):
        labels = labels[:0]
    likely = _likely(model, dataset, seed, member)
    if not (len(labels) or information or likely is not None):
        return None
    return Recognised(labels, classes, how, information, likely)


def _likely(model: Trained, dataset: Dataset, seed: int, member: int) -> Likely | None:
    """How likely an autoencoder finds examples of the test split, else of the validation split."""
    learner = model.seeds[member].learner if model.seeds else model.learner
    if not isinstance(learner, VariationalLearner):
        return None
    batches = (dataset.take(split, LIKELY, _CPU) for split in ("test", "validation"))
    x = next((batch.x for batch in batches if len(batch)), None)
    if x is None:
        return None
    estimates = importance_weighted(model, x, samples=DRAWS, seed=seed, member=member)
    return Likely(
        estimates.each,
        estimates.samples,
        estimates.words,
        None if estimates.bits is None else estimates.bits.value,
        float(np.median(estimates.effective)),
    )


def _named(model: Trained, dataset: Dataset, groups: Whole, member: int) -> tuple[Whole, str]:
    """The groups of examples as classes, and how that was done; empty if it cannot be."""
    x, labels = _labelled(dataset, "train")
    if not len(labels):
        return groups[:0], ""
    classify = _of(model, x, member)
    count = int(max(classify.max(), groups.max())) + 1
    matched = best_matching(classify, labels, count, len(dataset.info.classes))
    how = (
        "its groups were found without labels, and matched one to one with classes on "
        f"{len(labels):,} training examples"
    )
    return matched[groups], how


def _labelled(dataset: Dataset, split: str) -> tuple[Tensor, Whole]:
    """Examples of a split whose class is known."""
    batch = dataset.take(split, MOST, _CPU)
    if batch.label is None or not len(batch):
        return batch.x[:0], np.zeros(0, dtype=np.int64)
    known = torch.ones(len(batch), dtype=torch.bool) if batch.labelled is None else batch.labelled
    return batch.x[known].float(), batch.label[known].numpy().astype(np.int64)


def _of(model: Trained, x: Tensor, member: int) -> Whole:
    """The most likely class of each example."""
    return model.classify(x, member).argmax(1).numpy().astype(np.int64)
