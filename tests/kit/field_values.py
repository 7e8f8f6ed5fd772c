"""Of single fields: other values, surroundings in which they speak, and what is said of refusals.

Most fields need no entry: another value follows from the type, and the tiny run shows it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from kit.parts import (
    R3,
    TINY,
    AdaptiveAugment,
    Adversarial,
    Array,
    Augment,
    Best,
    Cifar10,
    Coded,
    DataSource,
    Dcgan,
    DiffAugment,
    Digits,
    FashionMnist,
    Folder,
    Gaussian,
    GradientPenalty,
    Grid,
    HistoricalAveraging,
    Labelled,
    Laplacian,
    LateRecogniser,
    Mlp,
    Mnist,
    Pack,
    Refiner,
    Ring,
    Run,
    SelfReconstruction,
    Sgd,
    StackedFashionMnist,
    Svhn,
    Toy,
    Training,
    Validation,
    Variational,
)
from saddlepoint.learners.semisupervised.description import M1M2, SemiSupervised
from saddlepoint.networks.resnet import Residuals, ResNet
from saddlepoint.run.init import Init

Field = tuple[type, str]

# What ``fields.another`` cannot find, or finds without effect.
OTHERS: dict[Field, Any] = {
    (Run, "recipe"): "gan",
    (Run, "learner"): TINY["families", "variational"],  # which takes points, as pyramids do not
    (Training, "device"): "cpu:0",
    (Training, "precision"): "bfloat16",
    (Training, "sample_seconds"): 1e-6,  # a picture after every step
    (Training, "freeze"): ("critic.head",),
    (Init, "run"): Path("another_run"),
    (Init, "checkpoint"): 1,
    (Init, "member"): 1,
    (Training, "averaging"): 0.05,  # in two steps, larger ones are still warming up
    (Validation, "score"): "kernel",
    (Validation, "features"): "kit.field_values:Doubled",
    (Validation, "samples"): 41,
    (Best, "scalar"): "critic/loss",
    (Adversarial, "objective"): "hinge",
    (Adversarial, "generator_regularisers"): (HistoricalAveraging(),),
    (Adversarial, "real_target"): 0.9,
    (Pack, "size"): 4,
    (Augment, "transforms"): ("stretch", "contrast"),
    (AdaptiveAugment, "transforms"): ("stretch", "contrast"),
    (AdaptiveAugment, "colour_share"): 0.0,
    (AdaptiveAugment, "target"): 0.95,
    (AdaptiveAugment, "images"): 100_000,
    (AdaptiveAugment, "most"): 0.01,
    (DiffAugment, "policy"): ("translation",),
    (Coded, "names"): ("kind", "slant"),
    (LateRecogniser, "after"): 0.9,  # of two steps, none
    (SelfReconstruction, "side"): 4,
    (Dcgan, "norm"): "none",
    (Dcgan, "widest"): 1,
    (Dcgan, "activation"): "tanh",
    (ResNet, "norm"): "layer",
    (Residuals, "widest"): 1,
    (Residuals, "blocks"): (0, 1, 0),
    (Residuals, "activation"): "tanh",
    (Laplacian, "innermost"): TINY["families", "laplacian"].innermost.replace(latent=3),
    (Laplacian, "refinement"): TINY["families", "laplacian"].refinement.replace(objective="hinge"),
    **{(SemiSupervised, name): Mlp(hidden=(6,)) for name in ("classifier", "encoder", "decoder")},
    (SemiSupervised, "initial_deviation"): 0.1,
    (M1M2, "features_encoder"): Mlp(hidden=(6,)),
    (M1M2, "features_decoder"): Mlp(hidden=(6,)),
    (M1M2, "features_until"): 0.75,  # of two steps both
    (M1M2, "least_deviation"): 0.15,  # of which some features have less
    (R3, "group_width"): 1,
    (R3, "halved_above"): 4,
    (Refiner, "activation"): "tanh",
    (DataSource, "limit"): 20,
    (Labelled, "labelled"): 10,
    (Labelled, "labelled_in_batch"): 2,
    (Grid, "labelled"): 25,
    (FashionMnist, "root"): Path("idx_elsewhere"),
    (StackedFashionMnist, "root"): Path("idx_elsewhere"),
    (Mnist, "root"): Path("idx_elsewhere"),
    (Cifar10, "root"): Path("cifar_elsewhere"),
    (Svhn, "root"): Path("svhn_elsewhere"),
    (Folder, "path"): Path("other_images"),
    (Folder, "size"): 9,
    (Folder, "channels"): 3,
    (Folder, "background"): (0, 255, 255),
    (Folder, "memory_gib"): 0.0,
    (Folder, "bits"): 10,
    (Array, "path"): Path("other.npz"),
    (Array, "layout"): "NCHW",
    (Array, "key"): "other",
}

_DIGITS = {".data": TINY["sources", "digits"]}
_SCORED = {".data": Ring(examples=500), "score": "kernel", "samples": 40}

_OF_MAPS = {**_DIGITS, ".learner.critic": TINY["networks", "dcgan"]}

# What else must be so for a field to speak: other fields of its owner, or (with a dot) of the run.
AROUND: dict[Field, dict[str, Any]] = {
    (Mlp, "norm"): {"hidden": (8, 8)},
    (Mlp, "pieces"): {"activation": "maxout"},
    (Mlp, "wave_frequency"): {"waves": 2},
    (Mlp, "wave_amplitude"): {"waves": 2},
    (GradientPenalty, "spread"): {"place": "around"},
    (GradientPenalty, "differences"): {"target": 0.0},
    (GradientPenalty, "precision"): {
        "target": 0.0,
        "differences": 0.01,
        ".training.precision": "bfloat16",
    },
    (SelfReconstruction, "side"): _DIGITS,
    (SelfReconstruction, "of"): {**_OF_MAPS, "hidden": 256},
    (SelfReconstruction, "width"): {**_OF_MAPS, "of": "maps", "hidden": 256},
    (Adversarial, "output"): _DIGITS,
    (Adversarial, "generator"): _DIGITS,
    (Adversarial, "critic"): _DIGITS,
    (Variational, "encoder"): _DIGITS,
    (Variational, "decoder"): _DIGITS,
    (Variational, "likelihood"): _DIGITS,
    (Variational, "flow_layers"): {"flow": "autoregressive"},
    (Gaussian, "std"): {"scale": "fixed"},
    (Gaussian, "least_std"): {"scale": "each"},
    (Variational, "dequantise"): _DIGITS,
    (Validation, "score"): {**_SCORED, "score": "frechet"},
    (Validation, "features"): _SCORED,
    (Validation, "samples"): _SCORED,
    # Models that stand still do not improve, and patience ends before the last step.
    (Validation, "patience"): {
        **_SCORED,
        ".training.steps": 3,
        ".learner.generator_optimiser": Sgd(learning_rate=0.0),
    },
    (Init, "checkpoint"): {"run": Path("another_run")},
    (Init, "weights"): {"run": Path("another_run")},
    (Init, "member"): {"run": Path("run_of_two"), "member": 0},
    (Training, "averaging_ramp"): {"averaging_half_life": 1000},
    (Best, "mode"): {"scalar": "critic/loss"},
    # Every class needs a labelled example in training.
    (Digits, "labelled"): {"limit": 200},
    (Digits, "labelled_in_batch"): {"limit": 200, "labelled": 10},
    (Toy, "labelled"): {"examples": 200},
    (Toy, "labelled_in_batch"): {"examples": 200, "labelled": 10},
    (Grid, "labelled"): {"examples": 400},
    (Grid, "labelled_in_batch"): {"examples": 400, "labelled": 25},
    (Labelled, "labelled_in_batch"): {"labelled": 10},
    (Folder, "labelled"): {"labels": True},
    (Folder, "labelled_in_batch"): {"labels": True, "labelled": 4},
    (Array, "labelled_in_batch"): {"labelled": 3},
    (Folder, "resize"): {"path": Path("wide_images"), "size": 8},
    (Folder, "background"): {"path": Path("clear_images")},
    (Folder, "bits"): {"path": Path("deep_images")},
    (Folder, "label_level"): {"labels": True},
    (Array, "value_range"): {"path": Path("floats.npy")},
}

_OF_VIEWERS = "is for networks that look at examples"
_OF_MAKERS = "is for networks that make examples"
_NO_CRITIC = "is for critics, and an autoencoder has none"
# By their names: fields that nothing but the default may have there, and the words that say so.
REFUSED: dict[str, str] = {
    "networks mlp generator minibatch": _OF_VIEWERS,
    "networks dcgan generator minibatch": _OF_VIEWERS,
    "networks refiner generator dropout": _OF_VIEWERS,
    "networks refiner decoder dropout": _OF_VIEWERS,
    "networks mlp encoder minibatch": _NO_CRITIC,
    "networks dcgan encoder minibatch": _NO_CRITIC,
    "networks mlp decoder minibatch": _OF_VIEWERS,
    "networks dcgan decoder minibatch": _OF_VIEWERS,
    **{
        f"networks resnet {place} {name}": _OF_VIEWERS
        for place in ("generator", "decoder")
        for name in ("first", "pool")
    },
    **{
        f"networks {kind} {place} excitation": _OF_MAKERS
        for kind in ("resnet", "bottleneck_resnet", "r3")
        for place in ("critic", "encoder")
    },
    **{
        f"networks mlp {place} {name}": _OF_VIEWERS
        for place in ("generator", "decoder")
        for name in (
            "dropout_input",
            "dropout",
            "noise_input",
            "noise",
            "waves",
            "wave_frequency",
            "wave_amplitude",
        )
    },
    **{
        f"sources {name} data split test": "comes with a test set of its own"
        for name in ("fashion-mnist", "stacked-fashion-mnist", "mnist", "cifar10", "svhn")
    },
    "sources array data layout": "has 8 channels, and images have 1 to 4",
    **(
        {}
        if find_spec("zuko")
        else {
            f"families variational learner {name}": r'pip install "saddlepoint\[flows\]"'
            for name in ("flow", "flow_layers")
        }
    ),
}


class Doubled(torch.nn.Module):
    """A feature space of one's own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x
