"""Every recipe at a size that trains in a second."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from saddlepoint.networks.mlp import Mlp
from saddlepoint.recipes import RECIPES
from saddlepoint.recipes.registry import TWO_CORE
from saddlepoint.run.description import Run

PLAYERS = ("generator", "critic")
VIRTUAL = {"generator": {"norm": "virtual"}, "critic": {"norm": "virtual"}}
BATCH_NORM = {"generator": {"norm": "batch"}, "critic": {"norm": "batch"}}
# What makes a recipe small; a recipe that is not named here runs as it is.
SMALL: dict[str, dict[str, Any]] = {
    name: {"width": 16 if "r3" in name else 4}
    for name, each in RECIPES.items()
    if "width" in inspect.signature(each).parameters
}
for _name in ("lapgan", "lapgan-r3"):
    SMALL[_name] = {"width": 4, "dense": 24, "levels": 1}
for _name in ("vae-m1-m2", "vae-m1-m2-two-core"):
    SMALL[_name] = {"width": 4, "features_width": 4, "least_deviation": 0.0}
for _name in ("improved-gan-ssl", "improved-gan-ssl-two-core"):
    SMALL[_name] = {"width": 4, "labels_in_batch": 4}
#: Those that are no others in another size.
DISTINCT = [name for name in RECIPES if not name.endswith(TWO_CORE)]
VARIANTS = [
    *((name, SMALL.get(name, {})) for name in DISTINCT),
    ("gan", {"data": "ring", "objective": "minimax", "critic_steps": 2}),
    ("vae", {"network": "convolutional", "likelihood": "bernoulli"}),
    ("dcgan", {**VIRTUAL, "critic": {"norm": "virtual", "minibatch": "discrimination"}}),
    ("dcgan", {"critic": {"norm": "none", "minibatch": "std"}}),
    ("gan", {**VIRTUAL, "critic": {"norm": "virtual", "minibatch": "std"}}),
    ("gan", {**BATCH_NORM, "critic": {"minibatch": "discrimination"}}),
]


def _words(options: Any) -> list[str]:
    if isinstance(options, dict):
        return [word for value in options.values() for word in _words(value)]
    return [str(options)]


IDS = ["-".join([name, *_words(options)]) for name, options in VARIANTS]


def tiny(name: str, steps: int = 12, **options: Any) -> Run:
    """A run of ``name`` on the digits that saves, logs and draws often.

    ``generator`` and ``critic`` are changes to the description of these networks.
    """
    training = {"log_every": 3, "sample_every": 6, "checkpoint_every": 4, "samples": 9}
    training |= options.pop("training", {})
    changes = {player: {**options.pop(player, {})} for player in PLAYERS}
    options = {**SMALL.get(name, {}), "batch_size": 16, "device": "cpu"} | options
    run = RECIPES[name](options.pop("data", "digits"), steps=steps, **options)
    learner = run.learner
    for player in PLAYERS:
        network = getattr(learner, player, None)
        if isinstance(network, Mlp) and max(network.hidden) > 256:
            changes[player]["hidden"] = (24, 24)  # wide ones would only make big checkpoints
        if changes[player]:
            learner = learner.replace(**{player: network.replace(**changes[player])})
    return run.replace(learner=learner, training=run.training.replace(**training))


def tensors(run: Path, step: int) -> dict[str, np.ndarray]:
    """Every tensor of a checkpoint."""
    file = run / "checkpoints" / f"step-{step:08d}" / "state.safetensors"
    return {name: value.numpy() for name, value in load_file(file).items()}


def same_bits(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    """Are two checkpoints equal, bit for bit?"""
    return first.keys() == second.keys() and all(
        first[name].tobytes() == second[name].tobytes() for name in first
    )


def command(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "saddlepoint", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **settings,
    )
