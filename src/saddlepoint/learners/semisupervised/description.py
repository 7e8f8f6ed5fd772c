"""The descriptions of semi-supervised variational autoencoders (torch-free on import)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field
from typing_extensions import override

from saddlepoint.data.info import DataInfo
from saddlepoint.learners.family import Family
from saddlepoint.learners.variational.likelihoods import AnyLikelihood, Bernoulli
from saddlepoint.networks.kinds import AnyNetwork
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam, AnyOptimiser
from saddlepoint.schedules import NonNegative

if TYPE_CHECKING:
    from saddlepoint.learners.learner import Learner

_ADAM = Adam(learning_rate=1e-3, beta1=0.9)


class SemiSupervised(Family):
    """What both models have: q(y|x), q(z|x, y), p(x|y, z) and the weights of the objective."""

    latent: int = Field(50, gt=0, description="Length of the latent vector z.")
    classifier: AnyNetwork = Field(Mlp(), description="Of q(y|x).")
    encoder: AnyNetwork = Field(
        Mlp(), description="Of q(z|x, y): it sees the class beside the example."
    )
    decoder: AnyNetwork = Field(Mlp(), description="Of p(x|y, z).")
    class_prior: Literal["uniform", "frequencies"] = Field(
        "uniform", description="p(y): uniform, or the frequencies of the known labels."
    )
    classifier_weight: NonNegative = Field(
        0.1,
        description="α: the classifier's term counts α times as much as there are examples, "
        "whatever the batch holds.",
    )
    weight_prior: float = Field(
        0.0,
        ge=0,
        description="Precision of a normal prior on every weight, which adds half the squared "
        "weights once a data set; 1 is the paper's.",
    )
    initial_deviation: float | None = Field(
        None,
        gt=0,
        description="Weights start normal with this deviation, biases at 0; by default each "
        "network's way.",
    )
    optimiser: AnyOptimiser = _ADAM


class M2(SemiSupervised):
    """The generative semi-supervised model M2: classes and a latent vector make the example."""

    kind: Literal["m2"] = "m2"
    likelihood: AnyLikelihood = Field(
        Bernoulli(), description="What the decoder says of an example, p(x|y, z)."
    )

    @override
    def build(self, data: DataInfo, batch_size: int, members: int | None) -> Learner:
        from saddlepoint.learners.semisupervised.learner import M2Learner

        return M2Learner(self, data, members)


class M1M2(SemiSupervised):
    """M1+M2: an autoencoder first, then M2 on what it encodes; in stages of one run."""

    kind: Literal["m1_m2"] = "m1_m2"
    likelihood: AnyLikelihood = Field(
        Bernoulli(), description="What M1's decoder says of an example, p(x|z₁)."
    )
    features: int = Field(50, gt=0, description="Length of M1's latent vector, which M2 models.")
    features_encoder: AnyNetwork = Field(Mlp(), description="M1's.")
    features_decoder: AnyNetwork = Field(Mlp(), description="M1's.")
    features_optimiser: AnyOptimiser = Field(_ADAM, description="M1's.")
    features_until: float = Field(
        0.5, gt=0, lt=1, description="Share of the run in which M1 learns; M2 learns afterwards."
    )
    least_deviation: float = Field(
        0.1,
        ge=0,
        description="Features whose posterior mean deviates less over the data are left out.",
    )

    @override
    def build(self, data: DataInfo, batch_size: int, members: int | None) -> Learner:
        from saddlepoint.learners.semisupervised.stacked_learner import M1M2Learner

        return M1M2Learner(self, data, members)
