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
from saddlepoint.learners.adversarial.phases import Match, Sight
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

    Latents are the noise of all levels, level 0 first. Players are told no classes (in the paper: a
    further plane at each level, which ``PlaneGenerator`` would join to the others).

    Paper: Denton et al., Deep Generative Image Models using a Laplacian Pyramid of Adversarial
    Networks, 2015.

    Raises:
        BadInput: The data are no images, or too small; or there are several members.
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
            site = Site((channels, *size), batch=batch_size)
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
            match = Match(duel, partial(self.sight, level), conditional=level > 0)
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
        """What the players of a level see of a batch: its images, and coarse ones in new order."""
        images = halved(batch.x, self.description.levels - level)
        if not level:
            return Sight(images)
        order = streams.uniform((len(images),), "coarse images").argsort()
        return Sight(images, coarse(images)[order])

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

    def levels(self, z: Tensor) -> tuple[Tensor, ...]:
        """The images of every level, coarse to fine, of latents (n, d): the last is ``decode(z)``.

        Shapes: (n, channels, height, width) for each of ``sizes``.

        Raises:
            BadInput: The latents have another length.
        """
        return tuple(
            self.in_blocks(z, None, partial(self._picture, level))
            for level in range(len(self.sizes))
        )

    def _picture(self, level: int, z: Tensor, label: Tensor | None) -> Tensor:
        return self.decoder.picture(z, level)


def _of_level(level: int, loss: Callable[..., Losses], *asked: Any) -> Losses:
    """The losses of one level, whose diagnostics bear its number: ``critic_1/loss``."""
    losses = loss(*asked)
    named = {name.partition("/"): value for name, value in losses.diagnostics.items()}
    watched = {f"{player}_{level}/{rest}": value for (player, _, rest), value in named.items()}
    return Losses(losses.terms, watched)


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
