"""Recipes: functions that return the description of a published model's run (torch-free).

``saddlepoint.recipes.dcgan(data="fashion-mnist")`` is the call; ``RECIPES`` lists them all. Those
of image GANs have the papers' numbers, and beside each stands one for two cores.
"""

from saddlepoint.recipes.acgan import acgan, acgan_two_core
from saddlepoint.recipes.cgan import cgan
from saddlepoint.recipes.dcgan import dcgan, dcgan_two_core
from saddlepoint.recipes.dragan import dragan, dragan_two_core
from saddlepoint.recipes.gan import gan
from saddlepoint.recipes.gan_2014 import gan_2014
from saddlepoint.recipes.image import image
from saddlepoint.recipes.improved_gan import improved_gan, improved_gan_two_core
from saddlepoint.recipes.improved_gan_ssl import improved_gan_ssl, improved_gan_ssl_two_core
from saddlepoint.recipes.infogan import infogan, infogan_two_core
from saddlepoint.recipes.lapgan import (
    lapgan,
    lapgan_r3,
    lapgan_r3_two_core,
    lapgan_two_core,
)
from saddlepoint.recipes.lsgan import lsgan, lsgan_two_core
from saddlepoint.recipes.mlps import lsgan_mlp, wgan_gp_mlp, wgan_mlp
from saddlepoint.recipes.pacgan import pacgan, pacgan_two_core
from saddlepoint.recipes.r3gan import r3gan, r3gan_64, r3gan_two_core
from saddlepoint.recipes.registry import RECIPES, find
from saddlepoint.recipes.sngan import sngan, sngan_two_core
from saddlepoint.recipes.toys import toy_array, toy_grid, toy_ring, toy_swiss_roll
from saddlepoint.recipes.vae import vae
from saddlepoint.recipes.vae_m2 import (
    vae_m1_m2,
    vae_m1_m2_two_core,
    vae_m2,
    vae_m2_two_core,
)
from saddlepoint.recipes.wgan import wgan, wgan_two_core
from saddlepoint.recipes.wgan_gp import (
    wgan_gp,
    wgan_gp_resnet,
    wgan_gp_resnet_two_core,
    wgan_gp_two_core,
)

__all__ = [
    "RECIPES",
    "acgan",
    "acgan_two_core",
    "cgan",
    "dcgan",
    "dcgan_two_core",
    "dragan",
    "dragan_two_core",
    "find",
    "gan",
    "gan_2014",
    "image",
    "improved_gan",
    "improved_gan_ssl",
    "improved_gan_ssl_two_core",
    "improved_gan_two_core",
    "infogan",
    "infogan_two_core",
    "lapgan",
    "lapgan_r3",
    "lapgan_r3_two_core",
    "lapgan_two_core",
    "lsgan",
    "lsgan_mlp",
    "lsgan_two_core",
    "pacgan",
    "pacgan_two_core",
    "r3gan",
    "r3gan_64",
    "r3gan_two_core",
    "sngan",
    "sngan_two_core",
    "toy_array",
    "toy_grid",
    "toy_ring",
    "toy_swiss_roll",
    "vae",
    "vae_m1_m2",
    "vae_m1_m2_two_core",
    "vae_m2",
    "vae_m2_two_core",
    "wgan",
    "wgan_gp",
    "wgan_gp_mlp",
    "wgan_gp_resnet",
    "wgan_gp_resnet_two_core",
    "wgan_gp_two_core",
    "wgan_mlp",
    "wgan_two_core",
]
