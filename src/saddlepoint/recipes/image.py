"""``image``: the default for a folder of images; ``planning/`` chooses what is not given."""

from __future__ import annotations

from typing import Literal, Unpack

from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.description import Part
from saddlepoint.games.regulariser import Regulariser
from saddlepoint.games.regularisers import r1, r2
from saddlepoint.learners.adversarial.augmentation import AdaptiveAugment, Augment
from saddlepoint.learners.adversarial.auxiliaries import SelfReconstruction
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.lens import Lens
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.r3 import R3
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.conditional import ALONE, PROJECTED, conditioned
from saddlepoint.recipes.registry import Common, assemble, recipe
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training
from saddlepoint.schedules import Cosine

Augmentation = Literal["none", "fixed", "adaptive"]
RATE = 4e-4  # of DCGAN's players: twice the paper's, for narrower networks
STEP = 0.1  # of R3's differences, as in ``r3gan``
GAMMA = 0.3  # of R3's penalties at the start, as in ``r3gan-two-core``
ADAPTS_IN = 100_000  # images in which the probability of changes may rise from 0 to 1
FIXED = 0.3  # probability of each change where it does not adapt, as R3GAN's at the end
MIRRORED = 0.5
PICTURES_SECONDS = 30.0


@recipe(
    "image",
    year=2016,
    paper="Radford et al., Unsupervised Representation Learning with Deep Convolutional GANs",
    data="images",
    planned=True,
)
def image(
    data: object = "digits",
    *,
    network: Literal["dcgan", "r3"] = "dcgan",
    width: int = 32,
    augment: Augmentation = "none",
    mirror: bool = False,
    reconstruct: bool = False,
    half_life: float = 10_000,
    conditional: bool = False,
    **common: Unpack[Common],
) -> Run:
    """A generator for any folder of images: ``train FOLDER`` chooses the rest by looking at it.

    By name it is this description with these defaults. ``saddlepoint train`` and
    ``saddlepoint.plan`` look at the data and measure the machine, and choose each option that is
    not given: size, network, width, augmentation, reconstruction, averaging, batch and steps.

    Args:
        data: A built-in name, an image folder, an array or its file.
        network: dcgan: convolutions with batch norm in the non-saturating game; r3: R3GAN's
            residual blocks, game and penalties.
        width: Channels next to the image (dcgan) or up to 8×8 (r3).
        augment: Change what the critic sees: none, each change with probability 0.3, or as often
            as keeps the critic from learning the images by heart.
        mirror: Let mirrored images count as real; letters and digits mirrored are none.
        reconstruct: Let the critic rebuild images from its features.
        half_life: Of the averaged weights, in images.
        conditional: Tell the players the class, of a folder that of its sub-folders.
        **common: seed, steps, batch_size, device, precision.

    Example:
        >>> from saddlepoint import recipes
        >>> run = recipes.image("digits", augment="adaptive", steps=500)
        >>> run.learner.generator.word(), run.learner.lenses[0].word(), run.training.steps
        ('dcgan', 'adaptive_augment', 500)
    """
    source = describe_data(data)
    if conditional and isinstance(source, Folder):
        source = source.replace(labels=True)
    residual = network == "r3"
    learner = Adversarial(
        latent=64 if residual else 100,
        objective="relativistic" if residual else "non_saturating",
        critic_regularisers=_penalties() if residual else (),
        lenses=_lenses(augment, mirror),
        auxiliaries=(SelfReconstruction(),) if reconstruct else (),
        generator=_network(residual, width),
        critic=_network(residual, width),
        generator_optimiser=_rate(residual),
        critic_optimiser=_rate(residual),
    )
    training = Training(
        steps=5000,
        batch_size=64,
        averaging_half_life=half_life,
        sample_seconds=PICTURES_SECONDS,
    )
    run = assemble("image", source, learner, training, **common)
    return conditioned(run, ALONE if residual else PROJECTED) if conditional else run


def _network(residual: bool, width: int) -> Part:
    if residual:
        return R3(widths=(width,), halved_above=8, blocks=1)
    return Dcgan(width=width, kernel=4)


def _penalties() -> tuple[Regulariser, ...]:
    weight = Cosine(start=GAMMA, end=GAMMA / 10)
    return tuple(penalty(weight).replace(differences=STEP, precision="run") for penalty in (r1, r2))


def _rate(residual: bool) -> Adam:
    if not residual:
        return Adam(learning_rate=RATE, beta1=0.5)
    rate = 1.5e-3
    return Adam(
        learning_rate=Cosine(start=rate, end=rate / 4),
        beta1=0.0,
        beta2=Cosine(start=0.9, end=0.99),
    )


def _lenses(augment: Augmentation, mirror: bool) -> tuple[Lens, ...]:
    mirrored = ("mirror",) if mirror else ()
    if augment == "none":
        return (Augment(p=MIRRORED, transforms=mirrored),) if mirror else ()
    kind = AdaptiveAugment(images=ADAPTS_IN) if augment == "adaptive" else Augment(p=FIXED)
    return (kind.replace(transforms=(*mirrored, *kind.transforms)),)
