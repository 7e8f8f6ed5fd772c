"""Semi-supervised learners of a size at which everything can be written down."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.games.moment import Moment
from saddlepoint.learners.losses import Losses
from saddlepoint.learners.semisupervised.description import M1M2, M2
from saddlepoint.learners.semisupervised.learner import M2Learner, SemiSupervisedLearner
from saddlepoint.learners.semisupervised.stacked_learner import M1M2Learner
from saddlepoint.networks.mlp import Mlp
from saddlepoint.randomness import Streams

LINEAR = Mlp(hidden=())


def points(
    labelled: tuple[int, ...] = (1, 1), examples: int = 6, in_batch: int | None = None, **info: Any
) -> DataInfo:
    """Points in space with so many known labels of each class."""
    return DataInfo(
        **{
            "name": "points",
            "shape": (3,),
            "form": "vectors",
            "classes": tuple("abcdefgh"[: len(labelled)]),
            "class_counts": labelled,
            "labelled_in_batch": in_batch,
            "counts": {"train": examples, "validation": 4, "test": 4},
            "fingerprint": "",
            **info,
        }
    )


def m2(data: DataInfo | None = None, **described: Any) -> M2Learner:
    """An M2 of linear networks."""
    described = {"latent": 2, "likelihood": "gaussian", **_networks(M2), **described}
    learner = M2(**described).learner(data or points(), batch_size=3, seed=0)
    assert isinstance(learner, M2Learner)
    return learner


def m1m2(data: DataInfo | None = None, **described: Any) -> M1M2Learner:
    """An M1+M2 of linear networks."""
    described = {
        "latent": 2,
        "features": 4,
        "likelihood": "gaussian",
        **_networks(M1M2),
        **described,
    }
    learner = M1M2(**described).learner(data or points(), batch_size=3, seed=0)
    assert isinstance(learner, M1M2Learner)
    return learner


def losses(
    learner: SemiSupervisedLearner,
    x: Tensor,
    label: Tensor,
    streams: Streams | None = None,
    phase: int = -1,
) -> Losses:
    """Those of the last phase, or another; labels below 0 are unknown."""
    batch = Batch(x, label, label >= 0)
    return learner(learner.phases[phase], batch, streams or Streams(0, "train", 0), Moment())


class Still(Streams):
    """No noise: what is left is a function of the batch alone."""

    def normal(self, shape: tuple[int, ...], *purpose: Any) -> Tensor:
        return torch.zeros(shape)


def _networks(family: type[M2] | type[M1M2]) -> dict[str, Any]:
    names = ("classifier", "encoder", "decoder", "features_encoder", "features_decoder")
    return {name: LINEAR for name in names if name in family.model_fields}
