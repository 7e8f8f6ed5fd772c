"""R3GAN: Huang et al., The GAN Is Dead; Long Live the GAN! A Modern GAN Baseline, 2024."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.games.regularisers import r1, r2
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.r3 import R3
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.conditional import ALONE
from saddlepoint.recipes.registry import Common, assemble, recipe
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training
from saddlepoint.schedules import Cosine

PAPER = "Huang et al., The GAN Is Dead; Long Live the GAN!"
STEP = 0.1  # of differences: smaller ones drown in bfloat16's rounding (docs/games.md)


def _r3gan(
    name: str,
    data: object,
    common: Common,
    *,
    width: int,
    gamma: float,
    half_life: float,
    images: int,
    batch_size: int,
    decay: int | None,
    differences: bool,
    halved_above: int | None = None,
    blocks: int = 2,
    learning_rate: float = 2e-4,
) -> Run:
    """R3GAN of this width; its schedules run over ``decay`` images, or over the run."""
    penalty = Cosine(start=gamma, end=gamma / 10, images=decay)
    way = {"differences": STEP, "precision": "run"} if differences else {}
    pair = (r1(penalty).replace(**way), r2(penalty).replace(**way))
    network = R3(widths=(width,), halved_above=halved_above, blocks=blocks)
    rate = Adam(
        learning_rate=Cosine(start=learning_rate, end=learning_rate / 4, images=decay),
        beta1=0.0,
        beta2=Cosine(start=0.9, end=0.99, images=decay),
    )
    learner = Adversarial(
        latent=64,
        objective="relativistic",
        critic_regularisers=pair,
        generator=network,
        critic=network,
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    training = Training(
        steps=images // batch_size,
        batch_size=batch_size,
        averaging_half_life=Cosine(start=0.0, end=half_life, images=decay),
    )
    return assemble(name, data, learner, training, **common)


@recipe("r3gan", year=2024, paper=PAPER, data="images", machine="GPUs", told=ALONE)
def r3gan(
    data: object = "digits",
    *,
    width: int = 768,
    gamma: float = 0.05,
    differences: bool = False,
    **common: Unpack[Common],
) -> Run:
    """Relativistic GAN with R1 and R2 on residual networks without norms.

    The authors' numbers for CIFAR-10 (32×32), without its classes: 768 channels at every size in
    groups of 16, two blocks a size, 64 latents, batch 512; over the first 20 million images, each
    along half a cosine, Adam's rate from 2e-4 to 5e-5 with β1 = 0 and β2 from 0.9 to 0.99, γ from
    0.05 to 0.005 and the average's half-life from 0 to 5 million images; 250 million images.

    What differs: no augmentation (theirs rises to a probability of 0.55) and no classes.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: Channels at every size.
        gamma: γ of R1 and R2 at the start.
        differences: Estimate R1 and R2 by differences of scores instead of second derivatives.
        **common: seed, steps, batch_size, device, precision.
    """
    return _r3gan(
        "r3gan",
        data,
        common,
        width=width,
        gamma=gamma,
        half_life=5e6,
        images=250_000_000,
        batch_size=512,
        decay=20_000_000,
        differences=differences,
    )


@recipe("r3gan-64", year=2024, paper=PAPER, data="images", machine="GPUs", told=ALONE)
def r3gan_64(
    data: object = "digits",
    *,
    width: int = 768,
    gamma: float = 2.0,
    differences: bool = False,
    **common: Unpack[Common],
) -> Run:
    """R3GAN with the numbers for 64×64 images.

    The authors' numbers for FFHQ-64: 768 channels up to 32×32 and half as many at 64×64, in
    groups of 16, batch 256; schedules as ``r3gan``, with γ from 2 to 0.2 and a half-life
    from 0 to 0.5 million images.

    What differs: no augmentation (theirs rises to a probability of 0.3). How long they trained is
    not known to us; here it is 100 million images.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: Channels up to 32×32; half as many at 64×64, a quarter at 128×128.
        gamma: γ of R1 and R2 at the start.
        differences: Estimate R1 and R2 by differences of scores instead of second derivatives.
        **common: seed, steps, batch_size, device, precision.
    """
    return _r3gan(
        "r3gan-64",
        data,
        common,
        width=width,
        halved_above=32,
        gamma=gamma,
        half_life=5e5,
        images=100_000_000,
        batch_size=256,
        decay=20_000_000,
        differences=differences,
    )


@recipe("r3gan-two-core", year=2024, paper=PAPER, data="images", told=ALONE)
def r3gan_two_core(
    data: object = "digits",
    *,
    width: int = 64,
    gamma: float = 0.3,
    learning_rate: float = 1.5e-3,
    differences: bool = True,
    **common: Unpack[Common],
) -> Run:
    """``r3gan``, sized for two cores.

    64 channels up to 8×8 and half as many with each doubling, one block a size, batch 64, R1 and
    R2 by differences, γ from 0.3 to 0.03, a rate from 1.5e-3 on and a half-life of up to 10,000
    images; the schedules run over the run, so that --steps decides how slow they are.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: Channels up to 8×8.
        gamma: γ of R1 and R2 at the start.
        learning_rate: Of both players, at the start; a quarter of it at the end.
        differences: Estimate R1 and R2 by differences of scores instead of second derivatives.
        **common: seed, steps, batch_size, device, precision.
    """
    return _r3gan(
        "r3gan-two-core",
        data,
        common,
        width=width,
        halved_above=8,
        blocks=1,
        gamma=gamma,
        half_life=1e4,
        images=320_000,
        batch_size=64,
        decay=None,
        differences=differences,
        learning_rate=learning_rate,
    )
