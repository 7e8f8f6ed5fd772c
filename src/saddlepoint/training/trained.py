"""Open a trained run: one line from its directory to samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput, command_line, did_you_mean
from saddlepoint.learners.codes import choices, columns_of, placed
from saddlepoint.learners.latent import LATENT_BLOCK, LatentLearner
from saddlepoint.learners.learner import Learner
from saddlepoint.run.description import Run
from saddlepoint.training import run_directory
from saddlepoint.training.device import choose
from saddlepoint.training.printing import html_table, text_table
from saddlepoint.training.stored_model import Which, stored_model

_BLOCK_BYTES = 2**24


@dataclass(frozen=True, repr=False)
class Trained:
    """A run's model as of one checkpoint, with its averaged weights, ready to sample.

    ``print`` shows what it is, in a table; notebooks show the same.

    Attributes:
        run: The description.
        data: What is known of the data.
        step: Steps that the checkpoint had done.
        learner: The learner, in evaluation mode; of a group with a run directory a seed, that of
            its first seed.
        folder: The run directory, if it came from one.
        checkpoint: In words, which of the run's checkpoints it is.
        notes: A sentence for each newer checkpoint that could not be used.
        seeds: Of a group with a run directory a seed, the model of each.
    """

    run: Run
    data: DataInfo
    step: int
    learner: Learner
    folder: Path | None = field(default=None, compare=False)
    checkpoint: str = field(default="", compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    seeds: tuple[Trained, ...] = field(default=(), compare=False)

    @property
    def _title(self) -> str:
        return f"{self.run.recipe or self.run.learner.kind} on {self.data.name}"

    def _rows(self) -> dict[str, str]:
        shape = "×".join(map(str, self.data.shape))
        counts = ", ".join(f"{count:,} {split}" for split, count in self.data.counts.items())
        players = {
            name: sum(p.numel() for p in player.parameters())
            for name, player in self.learner.players.items()
        }
        which = f" ({self.checkpoint})" if self.checkpoint else ""
        asked = self.run.training.steps
        step = f"{self.step:,} of {asked:,}" if self.step <= asked else f"{self.step:,}"
        member = ", member=0" if self.run.seeds > 1 else ""
        rows = {
            "run": str(self.folder) if self.folder is not None else "",
            "data": f"{self.data.name}, {shape} ({counts})",
            "step": f"{step}{which}",
            "started from": self._origin,
            "seeds": f"{self.run.seeds}, from {self.run.seed}" if self.run.seeds > 1 else "",
            "parameters": ", ".join(f"{name} {count:,}" for name, count in players.items()),
            "device": str(next(self.learner.parameters()).device),
            "draw samples": f".sample(64, seed=0{member})",
        }
        return {name: value for name, value in rows.items() if value}

    @property
    def _origin(self) -> str:
        """The run whose weights it began with; empty if they were random."""
        init = self.run.init
        return "" if init.run is None else f"{init.run}, step {init.checkpoint}"

    def __str__(self) -> str:
        return text_table(self._title, self._rows())

    def __repr__(self) -> str:
        where = f"{str(self.folder)!r}, " if self.folder is not None else ""
        return f"<Trained {where}{self._title}, step {self.step}>"

    def _repr_html_(self) -> str:
        return html_table(self._title, self._rows())

    def sample(self, n: int, seed: int = 0, label: Tensor | None = None, member: int = 0) -> Tensor:
        """Draw ``n`` samples, (n, *shape) float32 on the CPU.

        Args:
            n: How many.
            seed: Seed of the latents.
            label: Labels (n,) of the samples; only of a learner that was trained with labels.
            member: Of a run with several seeds, which one draws.

        Raises:
            BadInput: Labels were given, and the learner knows none; or a number is out of range.

        Images lie in [−1, 1]. The first m of n samples are those of ``sample(m)``. Of a run with
        several seeds, ``member`` says which one draws.
        """
        self._check(n, seed, member)
        if self.seeds:
            return self.seeds[member].sample(n, seed, label)
        return self._of(member, self.learner.sample(n, seed, label))

    def levels(
        self, n: int, seed: int = 0, label: Tensor | None = None, member: int = 0
    ) -> tuple[Tensor, ...]:
        """The samples of ``sample(n, seed, label)`` at every level of a pyramid, coarse to fine.

        Args:
            n: How many.
            seed: Seed of the latents.
            label: Labels (n,) of the samples; only of a learner that was trained with labels.
            member: Of a run with several seeds, which one draws.

        Returns:
            (n, channels, height, width) float32 on the CPU of each level; the last is the sample.

        Raises:
            BadInput: The learner has no levels; or as for ``sample``.
        """
        self._check(n, seed, member)
        if self.seeds:
            return self.seeds[member].levels(n, seed, label)
        found = self.learner.sample_levels(n, seed, label)
        if not found:
            raise BadInput(
                f"the learner '{self.run.learner.kind}' makes its samples at one size: levels are "
                "those of a pyramid, such as the recipe lapgan."
            )
        return tuple(self._of(member, each) for each in found)

    def coded(
        self,
        n: int,
        codes: Mapping[str, str | float],
        seed: int = 0,
        *,
        member: int = 0,
        columns: int | None = None,
    ) -> Tensor:
        """Samples (n, *shape) with chosen codes: a value, or a walk such as ``"-1..1"``.

        The first code that walks does so along rows of ``columns`` samples, the second down the
        rows; all else is the same in a row. The rest is as drawn for ``sample(n, seed)``.

        Args:
            n: How many.
            codes: What is asked of some of the codes, by name.
            seed: Seed of the latents.
            member: Of a run with several seeds, which one draws.
            columns: Samples in a row; by default those of a grid of n, or the number of a walk's
                classes.

        Raises:
            BadInput: The learner has no such code, or it cannot have such a value.
        """
        self._check(n, seed, member)
        if self.seeds:
            return self.seeds[member].coded(n, codes, seed, columns=columns)
        known = self.learner.codes if isinstance(self.learner, LatentLearner) else ()
        chosen = choices(known, codes)
        assert isinstance(self.learner, LatentLearner), "there are codes"
        across = columns or self.columns(n, codes)
        z = placed(self.learner.latents(n, seed), known, chosen, across)
        label = self.learner.labels(n, seed)
        return self._of(member, self.learner.decode(z, label))

    def classify(self, x: Tensor, member: int = 0) -> Tensor:
        """Log-probabilities of classes (n, K) that the learner gives to examples (n, *shape).

        They are the classes of the data, or groups that it found without labels, in any order:
        ``learner.classifies`` says which.

        Raises:
            BadInput: It classifies nothing, or the examples have another shape.
        """
        self._check(1, 0, member)
        if self.seeds:
            return self.seeds[member].classify(x)
        if tuple(x.shape[1:]) != self.data.shape:
            raise BadInput(
                f"examples of shape {tuple(x.shape)} cannot be classified: (n, "
                f"{', '.join(map(str, self.data.shape))}) are needed."
            )
        there = next(self.learner.parameters()).device
        return self._of(member, self.learner.classify(x.to(there)))

    def labels(self, n: int, seed: int = 0, member: int = 0) -> Tensor | None:
        """The classes (n,) of ``sample(n, seed)``; None of a learner that was told none."""
        self._check(n, seed, member)
        if self.seeds:
            return self.seeds[member].labels(n, seed)
        return self.learner.labels(n, seed) if isinstance(self.learner, LatentLearner) else None

    def information(self, n: int, seed: int = 0, member: int = 0) -> dict[str, Tensor]:
        """H(c) + log q(c | x) of the codes of ``sample(n, seed)``, nats (n,), by code.

        Their means are lower bounds of I(c; x). Empty where nothing that reads codes was learned.
        """
        self._check(n, seed, member)
        if self.seeds:
            return self.seeds[member].information(n, seed)
        if not isinstance(self.learner, LatentLearner):
            return {}
        each = self.learner.information(n, seed)
        return {name: self._of(member, values) for name, values in each.items()}

    def columns(self, n: int, codes: Mapping[str, str | float]) -> int:
        """Samples in a row of a grid of ``n``; where classes walk, their number."""
        model = self.seeds[0] if self.seeds else self
        known = model.learner.codes if isinstance(model.learner, LatentLearner) else ()
        return columns_of(choices(known, codes), math.ceil(math.sqrt(n)))

    def of_class(self, name: str, n: int) -> Tensor:
        """``n`` labels (n,) of one class, by its name or its number, for ``sample``.

        Raises:
            BadInput: There is no such class, or the learner learnt from no labels.
        """
        classes = self.data.classes
        if not self.learner.uses_labels:
            raise BadInput(
                f"the learner '{self.run.learner.kind}' was trained without labels, so samples of "
                f"the class '{name}' cannot be asked for."
            )
        if name not in classes and not (name.isdecimal() and int(name) < len(classes)):
            shown = ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
            raise BadInput(
                f"there is no class '{name}' in {self.data.name} (there are: {shown})."
                f"{did_you_mean(name, classes)}"
            )
        number = classes.index(name) if name in classes else int(name)
        return torch.full((n,), number, dtype=torch.int64)

    def batches(
        self,
        n: int,
        seed: int = 0,
        *,
        label: Tensor | None = None,
        member: int = 0,
        block: int | None = None,
    ) -> Iterator[Tensor]:
        """The samples of ``sample(n, seed, label)``, the same bits, a block at a time.

        Args:
            n: How many in all.
            seed: Seed of the latents.
            label: Labels (n,) of the samples; only of a learner that was trained with labels.
            member: Of a run with several seeds, which one draws.
            block: Samples in a block, a multiple of 64; by default about 16 MiB of them.
        """
        self._check(n, seed, member)
        if self.seeds:
            return self.seeds[member].batches(n, seed, label=label, block=block)
        if block is None:
            size = 4 * math.prod(self.data.shape) * self.run.seeds
            block = LATENT_BLOCK * max(1, _BLOCK_BYTES // (size * LATENT_BLOCK))
        if block < 1 or block % LATENT_BLOCK:
            raise BadInput(f"a block of {block} samples: use a multiple of {LATENT_BLOCK}.")
        return self._blocks(n, seed, label, member, block)

    def _blocks(
        self, n: int, seed: int, label: Tensor | None, member: int, block: int
    ) -> Iterator[Tensor]:
        for first in range(0, n, block):
            labels = None if label is None else label[first : first + block]
            samples = self.learner.sample(min(block, n - first), seed, labels, first)
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
    checkpoint_step: Which = "auto",
    *,
    device: str = "auto",
) -> Trained:
    """Load the model of a run directory, or those of a group.

    Args:
        where: The run directory, or that of a group.
        checkpoint_step: ``latest``, ``best`` (of a run that names a scalar for it), a step, or
            ``auto``: the best if there is one, else the latest.
        device: Where to compute.

    Raises:
        BadInput: No run, or no such checkpoint.

    Example:
        >>> import saddlepoint as sp
        >>> run = sp.recipes.gan("ring", steps=2, batch_size=16, device="cpu")
        >>> _ = sp.train(run, "runs/ring", quiet=True)
        >>> model = sp.load("runs/ring")
        >>> samples = model.sample(100, seed=7)
        >>> samples.shape
        torch.Size([100, 2])
        >>> bool((model.sample(10, seed=7) == samples[:10]).all())
        True
    """
    where = Path(where).expanduser()
    if run_directory.is_group(where):
        return _group(where, checkpoint_step, device)
    model = stored_model(where, checkpoint_step)
    learner = model.learner(averaged=True)
    choose(device, "float32").place(learner)
    learner.eval()
    stored, step = model.stored, model.saved.step
    return Trained(stored.run, stored.data, step, learner, where, model.words, model.complaints)


def _group(where: Path, step: Which, device: str) -> Trained:
    """The models of a group, one a seed.

    Raises:
        BadInput: A seed has not begun, or has no such checkpoint.
    """
    stored = run_directory.read(where)
    places = run_directory.of_seeds(where)
    waiting = [place.name for place in places if not run_directory.is_run(place)]
    if waiting:
        raise BadInput(
            f"{' and '.join(waiting)} of {where} did not begin yet: "
            f"`{command_line('resume', where)}` trains what is missing."
        )
    seeds = tuple(load(place, step, device=device) for place in places)
    notes = [note for seed in seeds for note in seed.notes]
    steps = sorted({seed.step for seed in seeds})
    if len(steps) > 1:
        notes.append(f"The seeds are at different steps: {', '.join(map(str, steps))}.")
    first = seeds[0]
    which = first.checkpoint.partition(":")[0] + " of each seed" * bool(first.checkpoint)
    return Trained(
        stored.run, stored.data, steps[-1], first.learner, where, which, tuple(notes), seeds
    )
