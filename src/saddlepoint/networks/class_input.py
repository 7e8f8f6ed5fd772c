"""What a network is told of an example's class, beside its input."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks.class_norm import ClassNormGenerator
from saddlepoint.networks.network import EMBEDDING, Backbone, Network, Site
from saddlepoint.networks.one_hot import one_hot
from saddlepoint.networks.virtual_batch_norm import needs_reference


class ClassInput(nn.Module):
    """Joins labels to what a network is given: to images a plane, to vectors an embedding.

    The plane of a label c is max(0, W e_c + b), of a linear map from the one-hot vector e_c to
    height · width numbers (Denton et al. 2015). The embedding is a vector of learned numbers, which
    start as draws of N(0, 1).

    Paper: Mirza and Osindero, Conditional Generative Adversarial Nets, 2014.

    Args:
        classes: Number of labels.
        shape: (channels, height, width) or (numbers,) of what labels are joined to.
        embedding: Length of that vector.

    Attributes:
        shape: The same of what comes out.
        added: Channels or numbers of it that say the label.
    """

    def __init__(self, classes: int, shape: tuple[int, ...], embedding: int = EMBEDDING) -> None:
        super().__init__()
        self.classes = classes
        first, *self.size = shape
        images = bool(self.size)
        self.added = 1 if images else embedding
        self.shape = (first + self.added, *self.size)
        self.told: nn.Module
        if images:
            self.told = nn.Linear(classes, math.prod(self.size))
        else:
            self.told = nn.Embedding(classes, embedding)

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """``x`` (batch, *shape) with what its labels (batch,) say behind it.

        Raises:
            BadInput: There are no labels.
        """
        if label is None:
            raise BadInput("this network was made for classes: give it a label for each example.")
        if isinstance(self.told, nn.Embedding):
            return torch.cat([x, self.told(label)], 1)
        told = self.told(one_hot(label, self.classes).to(x.dtype)).relu()
        return torch.cat([x, told.view(-1, 1, *self.size)], 1)


class ClassGenerator(nn.Module):
    """A generator that is told the class: a plane beside its given image, else an embedding in z.

    Args:
        network: Any kind of network.
        site: Where it stands, with its classes.

    Raises:
        BadInput: The network cannot stand there, or has virtual batch norm.
    """

    behind = "network"

    def __init__(self, network: Network, site: Site) -> None:
        super().__init__()
        self.beside_image = site.given is not None
        self.told = ClassInput(site.classes, site.given or (site.inputs,), site.embedding)
        self.network = network.as_generator(without_classes(site, self.told))
        self.told_columns = self.told.added
        _refuse_references(self.network, site.place)

    def forward(
        self, z: Tensor, label: Tensor | None = None, given: Tensor | None = None
    ) -> Tensor:
        """Map latents and labels to examples or differences.

        Raises:
            BadInput: There are no labels; or an image is given where none is expected, or none
                where one is.
        """
        made: Tensor
        if not self.beside_image:
            made = self.network(self.told(z, label), **({} if given is None else {"given": given}))
        else:
            made = self.network(z, given=None if given is None else self.told(given, label))
        return made


class ClassBackbone(nn.Module):
    """Features of examples that stand beside their classes.

    Args:
        module: From what ``told`` makes to features.
        told: Joins the labels.
        place: Its place in the description of a run, for messages.

    Raises:
        BadInput: It has virtual batch norm.
    """

    behind = "module"

    def __init__(self, module: nn.Module, told: ClassInput, place: str) -> None:
        super().__init__()
        self.told, self.module = told, module
        self.told_columns = told.added
        _refuse_references(module, place)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Features (batch, features) of ``x`` with its labels (batch,)."""
        features: Tensor = self.module(self.told(x, label))
        return features


def without_classes(site: Site, told: ClassInput) -> Site:
    """The place of a network behind ``told``: its input is larger, and it knows no labels."""
    if site.given is not None:
        return replace(site, classes=0, given=told.shape)
    return replace(site, classes=0, inputs=told.shape[0])


def told_generator(network: Network, site: Site) -> nn.Module:
    """A generator ``(z, label)`` where the site has classes, else ``(z)``.

    Networks that take labels are told them their own way, those with norms of classes by these
    alone, others by ``ClassGenerator``.

    Raises:
        BadInput: The network cannot stand there.
    """
    if not site.classes or "labels" in network.takes:
        return network.as_generator(site)
    if network.normalises_by_class:
        if site.given is not None:
            raise BadInput(
                f"--{site.place}.norm class_batch is for generators of whole images, and this one "
                "adds to an image that it is given: set it to batch."
            )
        made = network.as_generator(replace(site, classes=0, by_norm=True))
        return ClassNormGenerator(made, site.classes)
    return ClassGenerator(network, site)


def told_backbone(network: Network, site: Site) -> Backbone:
    """A backbone ``(x, label)`` where the site has classes, else ``(x)``; likewise.

    Raises:
        BadInput: The network cannot stand there.
    """
    if not site.classes or "labels" in network.takes:
        return network.as_backbone(site)
    told = ClassInput(site.classes, site.shape, site.embedding)
    backbone = network.as_backbone(replace(site, classes=0, shape=told.shape))
    return backbone._replace(module=ClassBackbone(backbone.module, told, site.place))


def _refuse_references(network: nn.Module, place: str) -> None:
    if needs_reference(network):
        raise BadInput(
            f"virtual batch norm has a reference batch, whose classes nobody chose: with classes "
            f"set --{place}.norm to another."
        )
