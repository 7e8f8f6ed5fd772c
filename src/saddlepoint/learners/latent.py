"""Learners that draw an example by decoding a latent vector."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn
from typing_extensions import override

from saddlepoint.errors import BadInput
from saddlepoint.learners.codes import Categorical, Choice, Code, placed
from saddlepoint.learners.learner import Learner, evaluating
from saddlepoint.networks.batch_norm import reestimate
from saddlepoint.randomness import derive

LATENT_BLOCK = 64
RECALIBRATION_SAMPLES = 1024
WALKS, STEPS = 6, 10  # rows and columns of a code's picture
CLASSES = 20  # that are shown at most


def latent_blocks(n: int, width: int, seed: int, first: int = 0) -> Iterator[Tensor]:
    """Standard normal latents (64, width) for at least ``n`` samples, in blocks of fixed size.

    Every block is drawn from a seed of its own and always whole, so that the first m of n
    samples do not depend on n, not even in rounding; ``first`` samples, a multiple of the block,
    are passed over. Drawn on the CPU: the same on all devices.
    """
    assert first % LATENT_BLOCK == 0, f"samples begin with a whole block, not at {first}"
    for block, _ in enumerate(range(0, n, LATENT_BLOCK), first // LATENT_BLOCK):
        generator = torch.Generator().manual_seed(derive(seed, "sample", block))
        yield torch.randn(LATENT_BLOCK, width, generator=generator)


class LatentLearner(Learner):
    """A learner whose ``sample(n, seed, label)`` is ``decode(latents(n, seed), label)``.

    Latents are one flat (n, d), whose columns ``columns`` names. Where there is a way back, a
    learner also has ``encode``. A learner that was trained with labels draws those that were not
    asked for by the frequencies of the data.

    Attributes:
        frequencies: How often each class occurs in the training data; empty for a learner
            without labels.
    """

    frequencies: tuple[int, ...] = ()

    @property
    @override
    def uses_labels(self) -> bool:
        return bool(self.frequencies)

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """What each of the d numbers of a latent vector is called."""

    @property
    @abstractmethod
    def decoder(self) -> nn.Module:
        """The network that ``decode`` runs, and whose running statistics it uses."""

    @abstractmethod
    def decode_block(self, z: Tensor, label: Tensor | None) -> Tensor:
        """Examples of one whole block: ([members,] 64, d) to ([members,] 64, *shape)."""

    @property
    def codes(self) -> tuple[Code, ...]:
        """Those among the columns, which stand last; most learners have none."""
        return ()

    @override
    def further_pictures(self, seed: int) -> Mapping[str, Tensor]:
        """What each code does, and each class.

        Of a code there is a row for each of some latents, along which the code walks; of classes a
        row each, with the same latents in all.
        """
        made = {}
        if self.frequencies:
            shown = min(len(self.frequencies), CLASSES)
            z = self.latents(STEPS, seed).repeat(shown, 1)
            drawn = self.decode(z, torch.arange(shown).repeat_interleave(STEPS))
            made["classes"] = drawn.reshape(shown, STEPS, *drawn.shape[1:])
        latents = self.latents(WALKS, seed)
        for code in self.codes:
            columns = code.classes if isinstance(code, Categorical) else STEPS
            z = latents.repeat_interleave(columns, 0)
            z = placed(z, self.codes, [Choice(code, code.usual)], columns)
            drawn = self.decode(z, self.labels(len(z), seed))
            first = drawn if self.members is None else drawn[0]
            made[f"code-{code.name}"] = first.reshape(WALKS, columns, *first.shape[1:])
        return made

    def information(self, n: int, seed: int) -> Mapping[str, Tensor]:
        """How much samples tell of their codes: H(c) + log q(c | x), nats ([members,] n), by code.

        The mean over the samples of ``sample(n, seed)`` is a lower bound of I(c; x), the code's
        mutual information with its sample. Empty where nothing that reads codes was learned.

        Paper: Chen et al., InfoGAN, 2016, equation 4 (Barber and Agakov 2003).
        """
        return {}

    def from_normal(self, normal: Tensor) -> Tensor:
        """Standard normal numbers (64, d) turned into draws of the prior."""
        return normal

    def latents(self, n: int, seed: int, first: int = 0) -> Tensor:
        """The latents (n, d) of ``sample(n, seed, first=first)``, on the CPU."""
        blocks = latent_blocks(n, len(self.columns), seed, first)
        return torch.cat([self.from_normal(block) for block in blocks])[:n]

    def decode(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Examples (n, *shape) of the latents (n, d), with members (members, n, *shape).

        Computed in whole blocks of 64, the last one filled up with zeros, so that an example does
        not depend on how many others are asked for.

        Args:
            z: Latents, (n, d).
            label: (n,) labels; only for a learner that knows them.

        Raises:
            BadInput: The latents have another length, or labels were given and the learner knows
                none.
        """
        return self.in_blocks(z, label, self.decode_block)

    @torch.no_grad()
    def in_blocks(
        self, z: Tensor, label: Tensor | None, of_block: Callable[[Tensor, Tensor | None], Tensor]
    ) -> Tensor:
        """What ``of_block`` makes of the latents and labels of whole blocks, as ``decode`` does.

        Raises:
            BadInput: As for ``decode``.
        """
        if z.dim() != 2 or z.shape[1] != len(self.columns):
            raise BadInput(
                f"latents of shape {tuple(z.shape)}: (n, {len(self.columns)}) are needed."
            )
        self._check_label(label, len(z))
        weight = next(self.decoder.parameters())
        axis = 0 if self.members is None else 1
        blocks = []
        with evaluating(self.decoder):
            for start in range(0, len(z), LATENT_BLOCK):
                part = z[start : start + LATENT_BLOCK]
                whole = nn.functional.pad(part, (0, 0, 0, LATENT_BLOCK - len(part))).to(weight)
                labels = None
                if label is not None:
                    labels = label[start : start + LATENT_BLOCK]
                    labels = nn.functional.pad(labels, (0, LATENT_BLOCK - len(labels)))
                    labels = labels.to(weight.device)
                decoded = of_block(self._for_all(whole), labels)
                blocks.append(decoded.narrow(axis, 0, len(part)))
        return torch.cat(blocks, dim=axis)

    def labels(self, n: int, seed: int, first: int = 0) -> Tensor | None:
        """The labels (n,) of ``sample(n, seed, first=first)``; None for a learner without them."""
        if not self.frequencies:
            return None
        weights = torch.tensor(self.frequencies, dtype=torch.float64)
        drawn = []
        for block, _ in enumerate(range(0, n, LATENT_BLOCK), first // LATENT_BLOCK):
            generator = torch.Generator().manual_seed(derive(seed, "sample", block, "label"))
            drawn.append(torch.multinomial(weights, LATENT_BLOCK, True, generator=generator))
        return torch.cat(drawn)[:n]

    @override
    def sample(self, n: int, seed: int, label: Tensor | None = None, first: int = 0) -> Tensor:
        label = self.labels(n, seed, first) if label is None else label
        return self.decode(self.latents(n, seed, first), label)

    @override
    def recalibrate(self, seed: int) -> None:
        blocks = latent_blocks(RECALIBRATION_SAMPLES, len(self.columns), seed)
        weight = next(self.decoder.parameters())
        inputs = (self._for_all(self.from_normal(block).to(weight)) for block in blocks)
        label = self.labels(RECALIBRATION_SAMPLES, seed)
        if label is None:
            reestimate(self.decoder, inputs)
        else:
            parts = label.to(weight.device).split(LATENT_BLOCK)
            reestimate(self.decoder, zip(inputs, parts, strict=True))

    def _for_all(self, z: Tensor) -> Tensor:
        """The same latents for every member."""
        return z if self.members is None else z.expand(self.members, *z.shape)

    def _check_label(self, label: Tensor | None, n: int) -> None:
        if label is None:
            return
        classes = len(self.frequencies)
        if not classes:
            raise BadInput("this learner was trained without labels, so it takes none.")
        if tuple(label.shape) != (n,) or label.is_floating_point():
            raise BadInput(f"labels of shape {tuple(label.shape)}: {n} whole numbers are needed.")
        if n and not 0 <= int(label.min()) <= int(label.max()) < classes:
            raise BadInput(f"labels go from 0 to {classes - 1}.")
