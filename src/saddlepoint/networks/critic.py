"""A critic: a backbone, what it is told of the other examples, and the head that scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks.class_heads import ClassHead
from saddlepoint.networks.map_keeping import MapKeeper
from saddlepoint.networks.member_linear import linear
from saddlepoint.networks.minibatch import MinibatchStd
from saddlepoint.networks.mixing import mixing_layers
from saddlepoint.networks.network import Backbone, FeatureMap, Site, Size
from saddlepoint.networks.precision import in_full_precision, widened
from saddlepoint.networks.shells import refuse_label
from saddlepoint.networks.virtual_batch_norm import WithReference, rest_of, with_reference


class CriticOutput(NamedTuple):
    """What a critic says of a batch.

    Attributes:
        score: (batch,), at least float32.
        features: (batch, features), without minibatch discrimination.
        logits: (batch, classes) of a head that tells classes apart; None without one.
        maps: The feature maps (batch, channels, *size) that it keeps, by their size; most critics
            keep none.
    """

    score: Tensor
    features: Tensor
    logits: Tensor | None = None
    maps: Mapping[Size, Tensor] = MappingProxyType({})

    def split(self, sizes: list[int], axis: int) -> tuple[CriticOutput, CriticOutput]:
        """What is said of each of two batches that passed together, along an axis."""
        logits: Sequence[Tensor | None] = (None, None)
        if self.logits is not None:
            logits = self.logits.split(sizes, axis)
        scores, features = self.score.split(sizes, -1), self.features.split(sizes, axis)
        both = {size: maps.split(sizes, axis) for size, maps in self.maps.items()}
        maps = [{size: parts[which] for size, parts in both.items()} for which in (0, 1)]
        first, second = map(CriticOutput, scores, features, logits, maps)
        return first, second


class Critic(nn.Module):
    """Scores examples by a backbone and a linear head, which computes in float32 or finer.

    Where the site has classes, the backbone is told the label of each example; a head of classes
    may need it, too.

    With virtual batch norm it needs a reference batch before its first use (``offer``), which
    minibatch discrimination does not see.

    Args:
        backbone: The features and what stands behind them.
        site: Where it stands; its batch is also the size of a reference batch.
        level: Whether the head has a bias, which shifts all scores alike. Where only differences
            of scores count it would get no gradient but rounding.
        told: A head of classes, beside the plain one or in its place; None without one.

    Attributes:
        mixing: What lets an example's score depend on the others in its batch; empty if nothing.
        mixes_examples: True if anything does.

    Raises:
        BadInput: The size of the batch does not fit a layer.
    """

    def __init__(
        self, backbone: Backbone, site: Site, level: bool = True, told: ClassHead | None = None
    ) -> None:
        super().__init__()
        self.backbone = with_reference(backbone.module, site, site.shape)
        self.classes = site.classes
        self.discrimination = backbone.discrimination
        self.features = backbone.features
        self._keeper: MapKeeper | None = None
        width = getattr(self.discrimination, "outputs", backbone.features)
        self.head: nn.Module | None = None
        if told is None or not told.replaces_score:
            self.head = linear(width, 1, site.members, bias=level)
            if backbone.initialise is not None:
                self.head.apply(backbone.initialise)
        self.told = told
        self.needs_label = bool(site.classes) or (told is not None and told.needs_label)
        self.mixing = mixing_layers(self.modules())
        self.mixes_examples = bool(self.mixing)
        for module in self.modules():
            if isinstance(module, MinibatchStd):
                module.check(site.batch)

    def keep(self, maps: Sequence[FeatureMap]) -> None:
        """Give these feature maps of the backbone with whatever is said of a batch."""
        if maps:
            self._keeper = MapKeeper(maps)

    def offer(self, x: Tensor) -> None:
        """Make ``x`` the reference batch of virtual batch norm, if there is none yet."""
        if isinstance(self.backbone, WithReference):
            self.backbone.offer(x)

    def features_of(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """The features (batch, features) of ``x``; labels count where the backbone is told them."""
        features: Tensor = self.backbone(x, label) if self.classes else self.backbone(x)
        return features

    def forward(self, x: Tensor, label: Tensor | None = None) -> CriticOutput:
        """Score the examples ``x``, with their labels (batch,) where there are classes.

        Raises:
            BadInput: There is a label and there are no classes, or the other way round.
        """
        if not self.needs_label:
            refuse_label(label)
        elif label is None:
            raise BadInput("this critic was made for classes: give it a label for each example.")
        maps: Mapping[Size, Tensor] = {}
        if self._keeper is None:
            features = self.features_of(x, label)
        else:
            with self._keeper.keeping() as maps:
                features = self.features_of(x, label)
            if isinstance(self.backbone, WithReference):
                first = len(self.backbone.reference[0])
                maps = {size: rest_of(each, 0, first) for size, each in maps.items()}
        joined = features if self.discrimination is None else self.discrimination(features)
        # games look at differences of scores, which bfloat16 loses where scores are large
        with in_full_precision(joined.device.type):
            score = None if self.head is None else self.head(widened(joined)).squeeze(-1)
            if self.told is None:
                assert score is not None
                return CriticOutput(score, features, None, maps)
            score, logits = self.told(widened(features), score, label)
        return CriticOutput(score, features, logits, maps)
