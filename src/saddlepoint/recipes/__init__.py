"""Recipes: functions that return the description of a published model's run (torch-free).

``saddlepoint.recipes.dcgan(data="fashion-mnist")`` is the call; ``RECIPES`` lists them all.
"""

from saddlepoint.recipes.dcgan import dcgan
from saddlepoint.recipes.gan import gan
from saddlepoint.recipes.gan_2014 import gan_2014
from saddlepoint.recipes.lsgan import lsgan
from saddlepoint.recipes.registry import RECIPES, find
from saddlepoint.recipes.toys import toy_array, toy_grid, toy_ring, toy_swiss_roll
from saddlepoint.recipes.vae import vae
from saddlepoint.recipes.wasserstein import wgan, wgan_gp

__all__ = [
    "RECIPES",
    "dcgan",
    "find",
    "gan",
    "gan_2014",
    "lsgan",
    "toy_array",
    "toy_grid",
    "toy_ring",
    "toy_swiss_roll",
    "vae",
    "wgan",
    "wgan_gp",
]
