"""LAPGAN: Denton et al., Deep Generative Image Models using a Laplacian Pyramid, 2015."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.games.regularisers import r1, r2
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.priors import Uniform
from saddlepoint.learners.laplacian.description import Laplacian
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.refiner import Refiner
from saddlepoint.optimisers import Adam, Sgd
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training
from saddlepoint.schedules import Exponential, Piecewise

PAPER = "Denton et al., Deep Generative Image Models using a Laplacian Pyramid of GANs"
BATCH, EPOCH, EPOCHS = 64, 45_000, 250  # an epoch in images
RATE, DECAY = 0.02, 1.000004  # each epoch


@recipe("lapgan", year=2015, paper=PAPER, data="images", machine="GPU")
def lapgan(
    data: object = "digits",
    *,
    levels: int = 2,
    together: bool = True,
    conditional: bool = False,
    width: int = 64,
    dense: int = 1200,
    **common: Unpack[Common],
) -> Run:
    """Pyramid of GANs: a small image, then at each level what doubling its size leaves out.

    The paper's numbers for CIFAR-10 (8×8, 16×16, 32×32), by the authors' program: at the least size
    fully connected networks, two layers of 1,200 units in the generator and of 600 with dropout 0.5
    in the critic, 100 latents; at each further level 64 channels, a generator of kernels 7, 7 and
    5 on a plane of noise and the enlarged coarse image, a critic of kernels 5 and 5 (stride 2) with
    dropout 0.5 on difference + coarse image, of independent images for real and fake; no norms;
    noise from U(−1, 1); batches of 128, half real and half fake, and of 128 fakes for the
    generator; k = 1; SGD with rate 0.02 divided by 1.000004 each epoch of 45,000 images, momentum
    from 0.5 to 0.7 over 250 epochs (with classes from 0 to 0.2). The schedules run over images, not
    over the steps.

    What differs: images lie in [−1, 1] where theirs have mean 0 and deviation 1, and the smallest
    ones leave the generator through tanh; all its hidden units are rectifiers; its weights and
    those of the first critic start uniform, with their deviations of 0.05 and 0.005; enlarging
    lets the edges of images meet, theirs the centres of corner pixels; the critics' convolutions
    are padded; the coarse images of fakes are those of the real batch in another order, in the
    generator's turn each with two planes of noise; the momentum grows each update; samples are
    drawn from averaged weights, and clipped. When they stopped is unknown (they chose by Parzen
    estimates); here it is after 250 epochs. Classes, where asked for, are a plane
    beside the images, as theirs, in level 0's generator an embedding of 16 numbers.

    Args:
        data: A built-in name, an image folder, an array or its file.
        levels: How often images are halved.
        together: Every level learns in each step; else one after the other.
        conditional: Tell all players the class, which the data must have.
        width: Channels of the levels above the least.
        dense: Units of each hidden layer of the first generator; its critic has half as many.
        **common: seed, steps, batch_size, device, precision.

    Example:
        >>> from saddlepoint import recipes
        >>> run = recipes.lapgan("fashion-mnist", levels=2, together=False)
        >>> run.learner.levels, run.learner.refinement.critic.dropout
        (2, 0.5)
    """
    horizon = EPOCHS * EPOCH
    start = 0.0 if conditional else 0.5  # of the momentum
    sgd = Sgd(
        learning_rate=Exponential(start=RATE, end=RATE / DECAY**EPOCHS, images=horizon),
        momentum=Piecewise(points=((0.0, start), (1.0, start + 0.2)), images=horizon),
    )
    common_to_both = {
        "prior": Uniform(),
        "objective": "non_saturating",
        "critic_weight": 0.5,  # their mean is over both halves of the batch
        "generator_batch": 2,
        "generator_optimiser": sgd,
        "critic_optimiser": sgd,
    }
    first = Adversarial(
        latent=100,
        generator=Mlp(hidden=(dense, dense), initial_range=0.05 * 3**0.5),
        critic=Mlp(hidden=(dense // 2,) * 2, dropout=0.5, initial_range=0.005 * 3**0.5),
        **common_to_both,
    )
    network = Refiner(width=width, dropout=0.5)
    others = Adversarial(generator=network, critic=network, **common_to_both)
    learner = Laplacian(
        levels=levels,
        together=together,
        conditional=conditional,
        innermost=first,
        refinement=others,
    )
    training = Training(steps=horizon // BATCH, batch_size=BATCH, sample_every=5000)
    return assemble("lapgan", data, learner, training, **common)


lapgan_two_core = two_core(
    lapgan,
    "32 channels, 400 and 200 units, and 10,000 steps.",
    width=32,
    dense=400,
    steps=10_000,
)


@recipe("lapgan-r3", year=2015, paper=PAPER, data="images", machine="GPU")
def lapgan_r3(
    data: object = "digits",
    *,
    levels: int = 2,
    together: bool = True,
    conditional: bool = False,
    width: int = 64,
    dense: int = 1200,
    gamma: float = 0.3,
    **common: Unpack[Common],
) -> Run:
    """Pyramid of GANs with the game of R3GAN: relativistic, R1 and R2, Adam.

    ``lapgan``'s networks without dropout and with LeakyReLU, at each level the game of Huang et al.
    2024: the relativistic objective, R1 and R2 with the same γ, Adam with rate 2e-4, β1 = 0 and
    β2 = 0.99; batch 64, 50,000 steps. Ours, and not tuned: it shows what of LAPGAN is the pyramid
    and what its game.

    Args:
        data: A built-in name, an image folder, an array or its file.
        levels: How often images are halved.
        together: Every level learns in each step; else one after the other.
        conditional: Tell all players the class, which the data must have.
        width: Channels of the levels above the least.
        dense: Units of each hidden layer of the first generator; its critic has half as many.
        gamma: γ of R1 and R2, at every level.
        **common: seed, steps, batch_size, device, precision.
    """
    adam = Adam(learning_rate=2e-4, beta1=0.0, beta2=0.99)
    common_to_both = {
        "prior": Uniform(),
        "objective": "relativistic",
        "critic_regularisers": (r1(gamma), r2(gamma)),
        "generator_optimiser": adam,
        "critic_optimiser": adam,
    }
    first = Adversarial(
        latent=100,
        generator=Mlp(hidden=(dense, dense), activation="leaky_relu"),
        critic=Mlp(hidden=(dense // 2,) * 2, activation="leaky_relu"),
        **common_to_both,
    )
    others = Adversarial(
        generator=Refiner(width=width, activation="leaky_relu"),
        critic=Refiner(width=width, activation="leaky_relu", dropout=0.0),
        **common_to_both,
    )
    learner = Laplacian(
        levels=levels,
        together=together,
        conditional=conditional,
        innermost=first,
        refinement=others,
    )
    training = Training(steps=50_000, batch_size=BATCH)
    return assemble("lapgan-r3", data, learner, training, **common)


lapgan_r3_two_core = two_core(
    lapgan_r3,
    "32 channels, 400 and 200 units, and 5,000 steps.",
    width=32,
    dense=400,
    steps=5000,
)
