"""What every network offers, and the place where it stands (torch-free)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, NoReturn

from saddlepoint.description import Part
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

EMBEDDING = 16  # numbers that stand for a label beside a vector
Output = Literal["tanh", "sigmoid", "linear"]
Size = tuple[int, int]


class FeatureMap(NamedTuple):
    """A map on the way to a backbone's features.

    Attributes:
        layer: The part of the backbone that gives it, as (batch, channels, *size).
        channels: Their number.
        size: Height and width: the image's halved, once or more often, rounded up.
    """

    layer: nn.Module
    channels: int
    size: Size


@dataclass(frozen=True)
class Site:
    """Where a network stands; it grows by fields, never by arguments.

    Attributes:
        shape: Shape of an example: (channels, height, width) or (dimensions,).
        inputs: Length of the vector that a generator starts from.
        classes: Number of labels that it is told, 0 for none.
        embedding: Numbers that stand for a label beside the vector.
        by_norm: Whether norms may tell it the label.
        given: Shape of an image that it is conditioned on; None without one.
        members: Hold the weights of so many independent networks; None for one.
        batch: Examples per batch.
        output: ``tanh`` and ``sigmoid`` (2σ(v) − 1) keep a generator's result in (−1, 1);
            ``linear`` leaves it as it is.
        mean: What a generator's output starts around, of the shape of an example; None: nothing
            in particular.
        place: Its place in the description of a run, for messages: ``learner.critic``.
        maps: The feature maps of a critic that stands there, for what reads them.
    """

    shape: tuple[int, ...]
    inputs: int = 0
    classes: int = 0
    embedding: int = EMBEDDING
    by_norm: bool = False
    given: tuple[int, ...] | None = None
    members: int | None = None
    batch: int = 64
    output: Output = "linear"
    mean: NDArray[np.float64] | None = field(default=None, compare=False)
    place: str = "network"
    maps: tuple[FeatureMap, ...] = field(default=(), compare=False)

    @property
    def leading(self) -> tuple[int, ...]:
        """The axes in front of the batch: (members,), or none."""
        return () if self.members is None else (self.members,)


class Backbone(NamedTuple):
    """A feature extractor and what a critic needs to stand on it.

    Attributes:
        module: From (batch, *shape) to (batch, features).
        features: Their number.
        discrimination: From (batch, features) to (batch, its ``outputs``): what a critic is told
            of the other examples of the batch behind the features; None if nothing.
        initialise: How a head on the features starts; None: PyTorch's way.
        maps: Those on the way to the features, one of each size, from the image inwards; of
            networks that work on maps, and not of one that stacks members.
    """

    module: nn.Module
    features: int
    discrimination: nn.Module | None = None
    initialise: Callable[[nn.Module], None] | None = None
    maps: tuple[FeatureMap, ...] = ()


class Network(Part):
    """A network by its description: a kind implements the roles that it can play.

    Attributes:
        takes: What it can work on: ``vectors``, ``images``, ``labels``, ``given``.
        stacks_members: Whether it can hold the weights of several independent networks.
        least_side: Smallest height and width of images.
        biases_each_number: Whether a generator's last layer has a bias for each number of an
            example, which can start at their mean.
        output: How generators of this kind leave their results, whatever the site says; None: as
            it says.
        of_backbones: Fields that only a backbone reads; a generator refuses them, unless they are
            at their defaults.
        of_generators: Fields that only a generator reads; a backbone refuses them likewise.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"images"})
    stacks_members: ClassVar[bool] = False
    least_side: ClassVar[int] = 1
    biases_each_number: ClassVar[bool] = False
    output: ClassVar[Output | None] = None
    of_backbones: ClassVar[frozenset[str]] = frozenset()
    of_generators: ClassVar[frozenset[str]] = frozenset()

    def generator(self, site: Site) -> nn.Module:
        """A module from latents (batch, inputs) to examples (batch, *shape)."""
        self._no("generator")

    def backbone(self, site: Site) -> Backbone:
        """A feature extractor for examples (batch, *shape)."""
        self._no("backbone")

    def as_generator(self, site: Site) -> nn.Module:
        """The generator at ``site``, once it is known to fit there.

        Raises:
            BadInput: The network cannot stand there.
        """
        self.check(site)
        self._leave(
            self.of_backbones,
            site,
            "networks that look at examples, critics and encoders, and this one makes each by "
            "itself",
        )
        if site.mean is not None and not self.biases_each_number:
            raise BadInput(
                f"the network '{self.kind}' has no bias for each number of an example, so that "
                "its output cannot start at the mean of the data: choose 'mlp' for the generator, "
                "or set --learner.output-bias to network."
            )
        return self.generator(replace(site, output=self.output or site.output))

    def as_backbone(self, site: Site) -> Backbone:
        """The backbone at ``site``, once it is known to fit there.

        Raises:
            BadInput: The network cannot stand there.
        """
        self.check(site)
        self._leave(
            self.of_generators,
            site,
            "networks that make examples, generators and decoders, and this one looks at them",
        )
        return self.backbone(site)

    def stacks(self) -> bool:
        """Whether it holds several independent networks' weights, described as it is here."""
        return self.stacks_members

    def narrower(self) -> dict[str, str]:
        """Options that halve what the network costs, with their words; empty if there are none."""
        return {}

    def check(self, site: Site) -> None:
        """Refuse a site that the network's declared capabilities do not cover.

        Raises:
            BadInput: The network cannot stand there.
        """
        if site.members is not None and not self.stacks_members:
            raise BadInput(
                "several seeds in one program need fully connected networks, and "
                f"'{self.kind}' is not: leave --seeds at 1 and start one run a seed."
            )
        form = "images" if len(site.shape) == 3 else "vectors"
        if form not in self.takes:
            shown = f"vectors of {site.shape[0]} numbers" if form == "vectors" else form
            other = "a recipe for vectors, or the network 'mlp'" if form == "vectors" else "another"
            needs = "images" if form == "vectors" else "vectors"
            raise BadInput(
                f"the network '{self.kind}' needs {needs}, and these data are {shown}: choose "
                f"{other}."
            )
        if form == "images" and min(site.shape[1:]) < self.least_side:
            _, height, width = site.shape
            raise BadInput(
                f"the network '{self.kind}' needs images of at least "
                f"{self.least_side}×{self.least_side} pixels, and these are {height}×{width}: "
                f"enlarge them (--data.size {self.least_side} or more for a folder)."
            )
        if self.normalises_by_class and not site.by_norm:
            raise BadInput(
                f"--{site.place}.norm class_batch has gains of each class, for a generator that is "
                "told one: set --learner.classes to projection, say, or this norm to batch."
            )
        for what, asked in (("labels", site.classes > 0), ("given", site.given is not None)):
            if asked and what not in self.takes:
                said = "labels" if what == "labels" else "an image that it is given"
                raise BadInput(
                    f"the network '{self.kind}' cannot take {said}: choose one that can."
                )

    @property
    def normalises_by_class(self) -> bool:
        """Whether its norms are told the class."""
        return getattr(self, "norm", None) == "class_batch"

    def _leave(self, fields: frozenset[str], site: Site, whose: str) -> None:
        """Refuse other values than the defaults of fields that are not read here."""
        for name in self.changed(*sorted(fields)):
            usual = type(self).model_fields[name].default
            raise BadInput(
                f"--{site.place}.{name.replace('_', '-')} is for {whose}: set it to {usual}."
            )

    def _no(self, role: str) -> NoReturn:
        raise BadInput(f"the network '{self.kind}' is no {role}: choose another kind for it.")
