"""A pyramid of adversarial games (Denton et al. 2015): one duel a level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput
from saddlepoint.learners.adversarial.duel import Duel
from saddlepoint.learners.adversarial.learner import output_of
from saddlepoint.learners.adversarial.phases import Match
from saddlepoint.learners.adversarial.sight import Sight
from saddlepoint.learners.class_labels import class_frequencies
from saddlepoint.learners.laplacian.cascade import Cascade
from saddlepoint.learners.laplacian.description import Laplacian
from saddlepoint.learners.latent import LatentLearner
from saddlepoint.learners.learner import Phase
from saddlepoint.learners.losses import Losses
from saddlepoint.networks.network import Site
from saddlepoint.networks.pyramid import coarse, halved, sizes
from saddlepoint.optimisers import Optimiser
from saddlepoint.randomness import Streams

LEAST_SIDE = 2  # of the smallest images
SHOWN = 8  # samples of which every level is drawn


class LaplacianLearner(LatentLearner):
    """A game at each size of the images; level 0 has the smallest, level L the images themselves.

    With I_k the images halved L − k times, D and U the bilinear maps to half and double size
    (``networks/pyramid.py``), the players of level 0 play on I_0 as those of any GAN. At a level
    k > 0 the generator is given the enlarged coarse image c = U D I_k and a plane of noise z, and
    makes a difference; the critic sees c + h for the real difference h = I_k − c, which is I_k,
    and c' + G_k(z, c') for the fakes. The coarse images c' of the fakes are those of the same
    batch in an order drawn for each update, so that but for one in a batch, on average, a fake's
    coarse image is that of another example; the generator's turn has a batch of its own. Levels do
    not see each other's fakes, so they may learn together or one after the other.

    Samples go from coarse to fine: x_0 = G_0(z_0), x_k = U x_{k−1} + G_k(z_k, U x_{k−1}), each
    clipped to [−1, 1], where the coarse images of training are. A level that has not begun to
    learn enlarges only.

    Latents are the noise of all levels, level 0 first.

    A conditional pyramid tells all players of every level the class. Critics, and generators above
    level 0, see it as a further plane, a linear map of the class and a rectifier, as in the paper;
    the generator of level 0 gets an embedding beside its latents. A fake has the class of the image
    that its coarse image is of, and the order in which these come is drawn within each class, so
    that the i-th real and the i-th fake example are of one class. Where level 0 has no batch in its
    generator's turn, it draws classes as they occur in the data.

    Paper: Denton et al., Deep Generative Image Models using a Laplacian Pyramid of Adversarial
    Networks, 2015.

    Raises:
        BadInput: The data are no images, or too small; or there are several members; or classes
            are asked for, and not every example has one of several.
    """

    bounded = True

    def __init__(
        self, description: Laplacian, data: DataInfo, batch_size: int, members: int | None = None
    ) -> None:
        super().__init__()
        if members is not None:
            raise BadInput(
                "several seeds in one program are not for pyramids: leave --seeds at 1, or let "
                "each seed have a run of its own."
            )
        self.description = description
        self.sizes = _sizes(description, data)
        if description.conditional:
            self.frequencies = class_frequencies(
                data, "a conditional pyramid", "leave out --learner.conditional"
            )
        self.duels = nn.ModuleList(self._duels(data, batch_size))
        self.averaged = tuple(f"generator_{level}" for level in range(len(self.sizes)))
        self.headline = tuple(
            f"{player}_{level}/loss"
            for level in range(len(self.sizes))
            for player in ("critic", "generator")
        )
        layers = [layer for duel in self._games for layer in duel.critic.mixing]
        self.mixing = tuple(dict.fromkeys(layers))
        for level, duel in enumerate(self._games):
            # of the player, so that the checkpoint of averaged weights knows it, too
            begun = torch.tensor(level == 0 or description.together)
            duel.generator.register_buffer("begun", begun)
        self.phases = tuple(self._phases())

    def _duels(self, data: DataInfo, batch_size: int) -> Iterator[Duel]:
        channels = data.shape[0]
        for level, size in enumerate(self.sizes):
            place = "learner.refinement" if level else "learner.innermost"
            game = self.description.refinement if level else self.description.innermost
            site = Site((channels, *size), batch=batch_size, classes=len(self.frequencies))
            if level:
                site = replace(site, given=site.shape)
                yield Duel(game.replace(latent=size[0] * size[1]), site, place)
                continue
            site = replace(site, output=output_of(game, data))
            if game.output_bias == "data_mean":
                mean = torch.from_numpy(data.mean).unsqueeze(0)
                site = replace(site, mean=halved(mean, self.description.levels)[0].numpy())
            yield Duel(game, site, place)

    def _phases(self) -> Iterator[Phase]:
        count = len(self.sizes)
        for level, duel in enumerate(self._games):
            during = (0.0, 1.0)
            if not self.description.together:
                during = (level / count, (level + 1) / count)
            match = Match(duel, partial(self.sight, level), level > 0, self.frequencies)
            for phase in match.phases():
                either: Any = phase  # with data or without, it has a loss
                yield replace(
                    either,
                    name=f"{phase.name}_{level}",
                    moves=tuple(f"{player}_{level}" for player in phase.moves),
                    during=during,
                    loss=partial(_of_level, level, either.loss),
                )

    @property
    def _games(self) -> Sequence[Duel]:
        duels: Any = self.duels  # a list of modules does not say of which kind they are
        return tuple(duels)

    def sight(self, level: int, batch: Batch, streams: Streams) -> Sight:
        """What the players of a level see of a batch: its images, and coarse ones in new order.

        Where they are told classes, the order is new within each class.
        """
        images = halved(batch.x, self.description.levels - level)
        label = batch.label if self.frequencies else None
        if not level:
            return Sight(images, label=label)
        order = streams.uniform((len(images),), "coarse images").argsort()
        if label is not None:
            order = _within(label, order)
        return Sight(images, coarse(images)[order], label)

    @override
    def enter(self, stage: int) -> None:
        """Where levels learn one after the other, level ``stage`` begins to."""
        self.decoder.begun(stage).fill_(True)

    @property
    @override
    def players(self) -> Mapping[str, nn.Module]:
        return {
            f"{player}_{level}": module
            for level, duel in enumerate(self._games)
            for player, module in duel.sides.items()
        }

    @property
    @override
    def optimisers(self) -> Mapping[str, Optimiser]:
        return {
            f"{player}_{level}": duel.description.optimiser_of(player)
            for level, duel in enumerate(self._games)
            for player in ("critic", "generator")
        }

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        names = [f"level0/{name}" for name in self._games[0].columns]
        for level, (height, width) in enumerate(self.sizes[1:], 1):
            names += [f"level{level}/y{y}x{x}" for y in range(height) for x in range(width)]
        return tuple(names)

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return self._columns

    @property
    @override
    def decoder(self) -> Cascade:
        return Cascade([duel.generator for duel in self._games], self._widths, self.sizes)

    @property
    def _widths(self) -> list[int]:
        return [len(duel.columns) for duel in self._games]

    @override
    def from_normal(self, normal: Tensor) -> Tensor:
        parts = zip(self._games, normal.split(self._widths, -1), strict=True)
        return torch.cat([duel.description.prior.of(part) for duel, part in parts], -1)

    @override
    def decode_block(self, z: Tensor, label: Tensor | None) -> Tensor:
        decoded: Tensor = self.decoder(z, label)
        return decoded

    def levels(self, z: Tensor, label: Tensor | None = None) -> tuple[Tensor, ...]:
        """The images of every level, coarse to fine, of latents (n, d): the last is ``decode(z)``.

        Args:
            z: Latents, (n, d).
            label: (n,) labels, of a conditional pyramid.

        Shapes: (n, channels, height, width) for each of ``sizes``.

        Raises:
            BadInput: The latents have another length, or labels were given and it knows none.
        """
        return tuple(
            self.in_blocks(z, label, partial(self._picture, level))
            for level in range(len(self.sizes))
        )

    @override
    def sample_levels(self, n: int, seed: int, label: Tensor | None = None) -> tuple[Tensor, ...]:
        label = self.labels(n, seed) if label is None else label
        return self.levels(self.latents(n, seed), label)

    @override
    def further_pictures(self, seed: int) -> Mapping[str, Tensor]:
        """The first samples at every level, pixels repeated to the last size."""
        enlarged = [
            nn.functional.interpolate(images, self.sizes[-1], mode="nearest-exact")
            for images in self.sample_levels(SHOWN, seed)
        ]
        return {**super().further_pictures(seed), "levels": torch.stack(enlarged)}

    def _picture(self, level: int, z: Tensor, label: Tensor | None) -> Tensor:
        return self.decoder.picture(z, level, label)


def _of_level(level: int, loss: Callable[..., Losses], *asked: Any) -> Losses:
    """The losses of one level, whose diagnostics bear its number: ``critic_1/loss``."""
    losses = loss(*asked)
    named = {name.partition("/"): value for name, value in losses.diagnostics.items()}
    watched = {f"{player}_{level}/{rest}": value for (player, _, rest), value in named.items()}
    return Losses(losses.terms, watched)


def _within(label: Tensor, order: Tensor) -> Tensor:
    """A random order of all examples as one of each class: label[_within(label, order)] = label."""
    shuffled = order[label[order].argsort(stable=True)]
    return torch.empty_like(order).index_copy(0, label.argsort(stable=True), shuffled)


def _sizes(description: Laplacian, data: DataInfo) -> list[tuple[int, int]]:
    """Height and width of each level's images.

    Raises:
        BadInput: The data are no images, or so small that too little would be left of them.
    """
    if not data.images:
        raise BadInput(
            f"a pyramid is of images, and {data.name} are none: choose image data, or the family "
            "'adversarial'."
        )
    _, height, width = data.shape
    levels = description.levels
    found = sizes((height, width), levels)
    if min(found[0]) < LEAST_SIDE:
        fitting = max(
            (n for n in range(levels) if min(sizes((height, width), n)[0]) >= LEAST_SIDE), default=0
        )
        advice = f"--learner.levels {fitting} or fewer" if fitting else "larger images"
        raise BadInput(
            f"images of {height}×{width} cannot be halved {levels} times, which would leave "
            f"{found[0][0]}×{found[0][1]} pixels: use {advice}."
        )
    return found
