"""Open a trained run: one line from its directory to samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor

from saddlepoint.data.description import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.learners.build import build_learner
from saddlepoint.learners.interface import LATENT_BLOCK, Learner
from saddlepoint.run import Run, seeds_of
from saddlepoint.training import checkpoint, folder
from saddlepoint.training.averaging import load_averaged
from saddlepoint.training.device import choose

_BLOCK_BYTES = 2**24


@dataclass(frozen=True)
class Trained:
    """A run's model as of one checkpoint, with its averaged weights, ready to sample.

    Attributes:
        run: The description.
        data: What is known of the data.
        step: Steps that the checkpoint had done.
        learner: The learner, in evaluation mode.
    """

    run: Run
    data: DataInfo
    step: int
    learner: Learner

    def sample(
        self, n: int, seed: int = 0, condition: Tensor | None = None, member: int = 0
    ) -> Tensor:
        """Draw ``n`` samples, (n, *shape) float32 on the CPU.

        Images lie in [−1, 1]. The first m of n samples are those of ``sample(m)``. Of a run with
        several seeds, ``member`` says which one draws.
        """
        self._check(n, seed, member)
        return self._of(member, self.learner.sample(n, seed, condition))

    def batches(
        self, n: int, seed: int = 0, *, member: int = 0, block: int | None = None
    ) -> Iterator[Tensor]:
        """The samples of ``sample(n, seed)``, the same bits, a block at a time.

        Args:
            n: How many in all.
            seed: Seed of the latents.
            member: Of a run with several seeds, which one draws.
            block: Samples in a block, a multiple of 64; by default about 16 MiB of them.
        """
        self._check(n, seed, member)
        if block is None:
            size = 4 * math.prod(self.data.shape) * self.run.seeds
            block = LATENT_BLOCK * max(1, _BLOCK_BYTES // (size * LATENT_BLOCK))
        if block < 1 or block % LATENT_BLOCK:
            raise BadInput(f"a block of {block} samples: use a multiple of {LATENT_BLOCK}.")
        return self._blocks(n, seed, member, block)

    def _blocks(self, n: int, seed: int, member: int, block: int) -> Iterator[Tensor]:
        for first in range(0, n, block):
            samples = self.learner.sample(min(block, n - first), seed, first=first)
            yield self._of(member, samples)

    def _check(self, n: int, seed: int, member: int) -> None:
        if not 0 <= member < self.run.seeds:
            raise BadInput(f"there is no member {member}: the run has {self.run.seeds}, from 0.")
        if n < 1:
            raise BadInput(f"cannot draw {n} samples: ask for at least 1.")
        if not 0 <= seed < 2**63:
            raise BadInput(f"seed {seed} is out of range: use 0 to 2^63 − 1.")

    def _of(self, member: int, samples: Tensor) -> Tensor:
        return (samples[member] if self.run.seeds > 1 else samples).float().cpu()


def load(
    where: str | Path,
    checkpoint_step: int | Literal["auto", "latest", "best"] = "auto",
    *,
    device: str = "auto",
) -> Trained:
    """Load the model of a run directory.

    Args:
        where: The run directory.
        checkpoint_step: ``latest``, ``best`` (of a run that names a scalar for it), a step, or
            ``auto``: the best if there is one, else the latest.
        device: Where to compute.

    Raises:
        BadInput: No run, or no such checkpoint.
    """
    where = Path(where).expanduser()
    stored = folder.read(where)
    if not checkpoint.steps_of(where):
        raise BadInput(folder.before_first_checkpoint(where, stored))
    best = checkpoint.read_best(where)
    if checkpoint_step == "best" and best is None:
        raise BadInput(
            f"{where} has no best checkpoint: name a scalar with --training.best.scalar."
        )
    if isinstance(checkpoint_step, int):
        there = checkpoint.steps_of(where)
        if checkpoint_step not in there:
            raise BadInput(
                f"{where} has no checkpoint of step {checkpoint_step}; there are: "
                f"{', '.join(map(str, there))}."
            )
        state = checkpoint.load(where, checkpoint_step)
    elif best is not None and checkpoint_step != "latest":
        state = checkpoint.load(where, best["step"])
    else:
        state, _ = checkpoint.load_newest(where)
    learner = build_learner(
        stored.run.learner,
        stored.data,
        batch_size=stored.resolved["batch_size"],
        seed=seeds_of(stored.run),
    )
    parts: dict[str, dict[str, Tensor]] = {"learner": {}, "average": {}}
    for key, value in state.tensors.items():
        part, name = key.split("/", 1)
        if part in parts:
            parts[part][name] = value
    learner.load_state_dict(parts["learner"])
    load_averaged(learner, parts["average"])
    choose(device, "float32").place(learner)
    learner.eval()
    return Trained(stored.run, stored.data, state.step, learner)
