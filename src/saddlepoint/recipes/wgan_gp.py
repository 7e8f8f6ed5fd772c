"""WGAN-GP: Gulrajani et al., Improved Training of Wasserstein GANs, 2017, on its image networks."""

from __future__ import annotations

from typing import Unpack

from saddlepoint.games.regularisers import wgan_gp as gradient_penalty
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.lenses import Dequantise
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.resnet import ResNet
from saddlepoint.optimisers import Adam
from saddlepoint.recipes.conditional import PROJECTED, READ
from saddlepoint.recipes.registry import Common, assemble, recipe, two_core
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training
from saddlepoint.schedules import Piecewise

PAPER = "Gulrajani et al., Improved Training of Wasserstein GANs"
#: WGAN-GP's and SNGAN's critic: two blocks that halve, two that do not.
CRITIC_BLOCKS = (0, 0, 2)


@recipe("wgan-gp", year=2017, paper=PAPER, data="images", machine="GPU", told=PROJECTED)
def wgan_gp(
    data: object = "digits",
    *,
    width: int = 128,
    latent: int = 128,
    penalty: float = 10.0,
    critic_steps: int = 5,
    learning_rate: float = 1e-4,
    **common: Unpack[Common],
) -> Run:
    """Wasserstein GAN with gradient penalty on a DCGAN.

    The authors' program for CIFAR-10 without labels: 128 latents, batch norm in the generator and
    no norm in the critic, 128 channels next to the image, kernels of 5, He's initial weights,
    λ = 10, five critic steps, Adam 1e-4 with β1 = 0.5, β2 = 0.9, batch 64, 200,000 turns.

    What differs: samples are drawn from averaged weights.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: Channels next to the image.
        latent: Length of the latent vector.
        penalty: λ.
        critic_steps: Critic updates before each generator update.
        learning_rate: Of both players.
        **common: seed, steps, batch_size, device, precision.
    """
    network = Dcgan(width=width, kernel=5, initialisation="he")
    rate = Adam(learning_rate=learning_rate, beta1=0.5, beta2=0.9)
    learner = Adversarial(
        latent=latent,
        objective="wasserstein",
        critic_steps=critic_steps,
        critic_regularisers=(gradient_penalty(penalty),),
        generator=network,
        critic=network.replace(norm="none"),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    return assemble("wgan-gp", data, learner, Training(steps=200_000, batch_size=64), **common)


wgan_gp_two_core = two_core(
    wgan_gp,
    "32 channels next to the image, a rate of 5e-4, three critic steps and 2,500 turns.",
    width=32,
    critic_steps=3,
    learning_rate=5e-4,
    steps=2500,
)


@recipe("wgan-gp-resnet", year=2017, paper=PAPER, data="images", machine="GPU", told=READ)
def wgan_gp_resnet(
    data: object = "digits",
    *,
    width: int = 128,
    penalty: float = 10.0,
    critic_steps: int = 5,
    **common: Unpack[Common],
) -> Run:
    """Wasserstein GAN with gradient penalty on residual networks.

    The authors' residual network for CIFAR-10, without its classes: 128 latents, 128 channels at
    every size, batch norm in the generator, no norm in the critic, the mean over places before its
    head, λ = 10, five critic steps, Adam with β1 = 0, β2 = 0.9 and a rate from 2e-4 to 0 in a
    straight line over 100,000 turns, batches of 64, of 128 fakes in the generator's turn, real
    images with uniform noise of one grey level.

    What differs: on images of other sizes than 32×32 the generator starts at the size that
    halving down to at most 5 pixels leaves; samples are drawn from averaged weights.

    Args:
        data: A built-in name, an image folder, an array or its file.
        width: Channels at every size.
        penalty: λ.
        critic_steps: Critic updates before each generator update.
        **common: seed, steps, batch_size, device, precision.
    """
    network = ResNet(width=width, widest=1)
    falling = Piecewise(points=((0.0, 2e-4), (1.0, 0.0)))
    rate = Adam(learning_rate=falling, beta1=0.0, beta2=0.9)
    learner = Adversarial(
        latent=128,
        objective="wasserstein",
        critic_steps=critic_steps,
        generator_batch=2,
        lenses=(Dequantise(),),
        critic_regularisers=(gradient_penalty(penalty),),
        generator=network.replace(norm="batch"),
        critic=network.replace(blocks=CRITIC_BLOCKS),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    training = Training(steps=100_000, batch_size=64)
    return assemble("wgan-gp-resnet", data, learner, training, **common)


wgan_gp_resnet_two_core = two_core(
    wgan_gp_resnet,
    "32 channels, three critic steps and 2,000 turns.",
    width=32,
    critic_steps=3,
    steps=2000,
)
