"""Every list of parts, the smallest instance of every kind, and where a part stands in a run.

A new list is one entry of ``LISTS``, a way into a run in ``PLACES``, and a tiny instance a kind.
The tests in ``contracts/`` run over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saddlepoint.data.array import Array
from saddlepoint.data.folder import Folder
from saddlepoint.data.kinds import SOURCES
from saddlepoint.data.published import (
    Cifar10,
    Digits,
    FashionMnist,
    Mnist,
    StackedFashionMnist,
    Svhn,
)
from saddlepoint.data.source import DataSource, Labelled, Split
from saddlepoint.data.toys import Grid, Ring, Spirals, SwissRoll, Toy, TwoLines
from saddlepoint.description import Part
from saddlepoint.games.constraints import CONSTRAINTS, SpectralNorm, WeightClipping, WeightNorm
from saddlepoint.games.dynamics import (
    DYNAMICS,
    Alternating,
    Consensus,
    ExtraAdam,
    Extragradient,
    Optimistic,
    OptimisticAdam,
    Simultaneous,
)
from saddlepoint.games.objectives import OBJECTIVES as OBJECTIVES
from saddlepoint.games.regularisers import (
    REGULARISERS,
    Centring,
    Drift,
    GradientPenalty,
    HistoricalAveraging,
)
from saddlepoint.learners.adversarial.augmentation import (
    AdaptiveAugment,
    Augment,
    DiffAugment,
)
from saddlepoint.learners.adversarial.auxiliaries import (
    AUXILIARIES,
    LatentRegression,
    LateRecogniser,
    Recogniser,
    SelfReconstruction,
)
from saddlepoint.learners.adversarial.conditioning import (
    CONDITIONINGS,
    Classifier,
    Concatenation,
    KPlusOne,
    Projection,
    Unconditional,
)
from saddlepoint.learners.adversarial.costs import COSTS, FeatureMatching, GameCost, Unrolled
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.lenses import (
    LENSES,
    Dequantise,
    InstanceNoise,
    Pack,
    UnitRange,
)
from saddlepoint.learners.adversarial.priors import PRIORS, Coded, Normal, Uniform
from saddlepoint.learners.kinds import FAMILIES
from saddlepoint.learners.laplacian.description import Laplacian
from saddlepoint.learners.semisupervised.description import M1M2, M2
from saddlepoint.learners.variational.description import Variational
from saddlepoint.learners.variational.likelihoods import (
    LIKELIHOODS,
    Bernoulli,
    Categorical,
    DiscretisedLogistic,
    Gaussian,
)
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.kinds import NETWORKS
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.r3 import R3
from saddlepoint.networks.refiner import Refiner
from saddlepoint.networks.resnet import BottleneckResNet, ResNet
from saddlepoint.optimisers import OPTIMISERS, Adam, RmsProp, Sgd
from saddlepoint.run.description import Run
from saddlepoint.run.training import Best, Training, Validation
from saddlepoint.schedules import SCHEDULES, Cosine, Exponential, Piecewise

BATCH = 8
BASES = (DataSource, Labelled, Toy)  # what tables of fields name besides the kinds

LISTS: dict[str, list[type[Any]]] = {
    "networks": NETWORKS,
    "optimisers": OPTIMISERS,
    "schedules": SCHEDULES,
    "regularisers": REGULARISERS,
    "constraints": CONSTRAINTS,
    "dynamics": DYNAMICS,
    "priors": PRIORS,
    "lenses": LENSES,
    "costs": COSTS,
    "auxiliaries": AUXILIARIES,
    "conditionings": CONDITIONINGS,
    "likelihoods": LIKELIHOODS,
    "families": FAMILIES,
    "sources": SOURCES,
}
KINDS = [(name, part.word()) for name, parts in LISTS.items() for part in parts]

# leaky: among few rectified units all can be off, and then nothing moves
_MLP = Mlp(hidden=(8,), activation="leaky_relu")
# Few validation and test examples still: two for training are enough, and each must be there.
_SPLIT = Split(validation=0.2, test=0.2)
_OFFICIAL = Split(validation=0.2)  # of sources with a test set of their own
_ADAM = Adam(learning_rate=1e-3)
_SGD = Sgd(learning_rate=1e-4)  # an autoencoder's loss is a sum over thousands of pixels
_REFINER = Refiner(width=2, activation="leaky_relu")
_PLAIN = {"generator_optimiser": _ADAM, "critic_optimiser": _ADAM}

# The files of sources are those of ``small_files``, where the tests run.
_INSTANCES: dict[str, list[Part]] = {
    "networks": [
        _MLP,
        Dcgan(width=2),
        ResNet(width=2, activation="leaky_relu"),
        BottleneckResNet(width=2, blocks=(0, 1), norm="layer", activation="leaky_relu"),
        R3(widths=(2,), blocks=1, group_width=2),
        _REFINER,
    ],
    "optimisers": [_ADAM, _SGD, RmsProp(learning_rate=1e-3)],
    "schedules": [
        Cosine(start=1e-4, end=1e-5),
        Exponential(start=1e-4, end=1e-5),
        Piecewise(points=((0.0, 1e-4), (1.0, 1e-5))),
    ],
    "regularisers": [
        GradientPenalty(place="between", target=1.0),
        Drift(weight=0.1),
        Centring(weight=0.1),
        HistoricalAveraging(),
    ],
    "constraints": [WeightClipping(limit=0.1), SpectralNorm(), WeightNorm()],
    "dynamics": [
        Alternating(),
        Simultaneous(),
        Extragradient(),
        Optimistic(),
        ExtraAdam(),
        OptimisticAdam(),
        Consensus(strength=1e-3),
    ],
    "priors": [Normal(), Uniform(), Coded(categorical=(3,), uniform=1)],
    "lenses": [
        InstanceNoise(),
        UnitRange(),
        Dequantise(),
        Pack(),
        Augment(p=0.5),
        AdaptiveAugment(every=1, images=20, target=-0.95),
        DiffAugment(),
    ],
    "costs": [GameCost(), FeatureMatching(), Unrolled(steps=1)],
    "auxiliaries": [
        LatentRegression(),
        Recogniser(hidden=4, norm="layer"),
        LateRecogniser(hidden=4, norm="layer", after=0.5),
        SelfReconstruction(hidden=4),
    ],
    "conditionings": [
        Unconditional(),
        Concatenation(embedding=4),
        Projection(embedding=4),
        Classifier(embedding=4),
        KPlusOne(),
    ],
    "likelihoods": [Gaussian(), Bernoulli(), Categorical(levels=4), DiscretisedLogistic()],
    "families": [
        Adversarial(
            latent=2,
            generator=_MLP,
            critic=_MLP,
            **_PLAIN,
        ),
        Laplacian(
            innermost=Adversarial(latent=2, generator=_MLP, critic=_MLP, **_PLAIN),
            refinement=Adversarial(generator=_REFINER, critic=_REFINER, **_PLAIN),
        ),
        Variational(latent=2, encoder=_MLP, decoder=_MLP, optimiser=_ADAM),
        M2(latent=2, classifier=_MLP, encoder=_MLP, decoder=_MLP, optimiser=_ADAM),
        M1M2(
            latent=2,
            features=6,
            classifier=_MLP,
            encoder=_MLP,
            decoder=_MLP,
            features_encoder=_MLP,
            features_decoder=_MLP,
            optimiser=_ADAM,
            features_optimiser=_ADAM,
            least_deviation=0.01,  # in one step no feature dies or comes to life
        ),
    ],
    "sources": [
        Digits(limit=40, split=_SPLIT),
        FashionMnist(root=Path("idx"), split=_OFFICIAL),
        StackedFashionMnist(
            root=Path("idx"), train=20, validation=6, test=6, split=Split(validation=0.5)
        ),
        Mnist(root=Path("idx"), split=_OFFICIAL),
        Cifar10(root=Path("cifar"), split=_OFFICIAL),
        Svhn(root=Path("svhn"), split=_OFFICIAL),
        Folder(path=Path("images"), split=_SPLIT),
        Array(path=Path("array.npz"), split=_SPLIT),
        Ring(examples=40, split=_SPLIT),
        Grid(examples=40, split=_SPLIT),
        SwissRoll(examples=40, split=_SPLIT),
        Spirals(examples=40, split=_SPLIT),
        TwoLines(examples=40, split=_SPLIT),
    ],
}
TINY: dict[tuple[str, str], Any] = {
    (name, part.word()): part for name, parts in _INSTANCES.items() for part in parts
}

TRAINING = Training(
    steps=2,
    batch_size=BATCH,
    device="cpu",
    precision="float32",
    threads=1,
    samples=1,
    log_every=1,
    sample_every=100,
    checkpoint_every=1,
    validation=Validation(),
    best=Best(),
)
BASE = Run(data=TINY["sources", "ring"], learner=TINY["families", "adversarial"], training=TRAINING)
_DESCENT = BASE.learner.replace(generator_optimiser=_SGD, critic_optimiser=_SGD)


def at(holder: Any, path: str) -> Any:
    """What stands at the end of a dotted path."""
    for name in path.split("."):
        holder = holder[int(name)] if isinstance(holder, tuple) else getattr(holder, name)
    return holder


def changed(holder: Any, path: str, value: Any) -> Any:
    """``holder`` with another value at the end of a dotted path; one past the last joins a list."""
    first, _, rest = path.partition(".")
    inner = changed(at(holder, first), rest, value) if rest else value
    if isinstance(holder, tuple):
        return (*holder[: int(first)], inner, *holder[int(first) + 1 :])
    return holder.replace(**{first: inner})


def has(holder: Any, path: str) -> bool:
    """Whether the part at the end of a dotted path has that field; a list takes one more."""
    *way, last = path.split(".")
    owner = at(holder, ".".join(way)) if way else holder
    return isinstance(owner, tuple) or last in type(owner).model_fields


@dataclass(frozen=True)
class Place:
    """Where a part stands in a run.

    Attributes:
        paths: The fields that take it.
        whole: The run around it.
        others: Runs around kinds that this one does not suit.
    """

    paths: tuple[str, ...]
    whole: Run = BASE
    others: Mapping[str, Run] = field(default_factory=dict)

    def put(self, part: Any) -> Run:
        """The run with the part in this place."""
        run = self.others.get(part.word(), self.whole)
        for path in self.paths:
            run = changed(run, path, part)
        return run


OF_IMAGES = ("augment", "adaptive_augment", "diff_augment")  # lenses
_DIGITS = BASE.replace(data=TINY["sources", "digits"])  # which fit every network
_VARIATIONAL = BASE.replace(learner=TINY["families", "variational"])
_VARIATIONAL_DIGITS = _DIGITS.replace(learner=TINY["families", "variational"])

# each class of which has a label
_FEW_LABELS = BASE.replace(data=Digits(limit=200, split=_SPLIT, labelled=24, labelled_in_batch=2))
_CODED = BASE.replace(learner=BASE.learner.replace(prior=TINY["priors", "coded"]))

# The ways into a run of each list, the ordinary one first.
PLACES: dict[str, dict[str, Place]] = {
    "networks": {
        "both": Place(("learner.generator", "learner.critic"), _DIGITS),
        "generator": Place(("learner.generator",), _DIGITS),
        "critic": Place(("learner.critic",), _DIGITS),
        "encoder": Place(("learner.encoder",), _VARIATIONAL_DIGITS),
        "decoder": Place(("learner.decoder",), _VARIATIONAL_DIGITS),
    },
    "optimisers": {
        "both": Place(("learner.generator_optimiser", "learner.critic_optimiser")),
        "generator": Place(("learner.generator_optimiser",)),
        "critic": Place(("learner.critic_optimiser",)),
        "variational": Place(("learner.optimiser",), _VARIATIONAL),
    },
    "schedules": {
        "rate": Place(
            ("learner.generator_optimiser.learning_rate",), BASE.replace(learner=_DESCENT)
        )
    },
    "regularisers": {"critic": Place(("learner.critic_regularisers.0",))},
    "constraints": {"critic": Place(("learner.constraints.0",))},
    "dynamics": {"training": Place(("training.dynamics",))},
    "priors": {"latents": Place(("learner.prior",))},
    "lenses": {
        "critic": Place(("learner.lenses.0",), others=dict.fromkeys(OF_IMAGES, _DIGITS)),
    },
    "costs": {"generator": Place(("learner.cost",))},
    # with codes to be read; the ordinary prior stands in the base run
    "auxiliaries": {"game": Place(("learner.auxiliaries.0",), _CODED)},
    "conditionings": {"game": Place(("learner.classes",), _DIGITS)},
    "likelihoods": {"decoder": Place(("learner.likelihood",), _VARIATIONAL_DIGITS)},
    "families": {
        "learner": Place(
            ("learner",), others={"laplacian": _DIGITS, "m2": _FEW_LABELS, "m1_m2": _FEW_LABELS}
        )
    },
    "sources": {"data": Place(("data",))},
}


def run_with(name: str, kind: str, place: str | None = None) -> Run:
    """A tiny run in which the part of this kind plays its role."""
    places = PLACES[name]
    return places[place or next(iter(places))].put(TINY[name, kind])
