"""Recipes: functions that return the description of a published model's run (torch-free).

``saddlepoint.recipes.dcgan(data="fashion-mnist")`` is the call; ``RECIPES`` lists them all.
"""

from saddlepoint.recipes.dcgan import dcgan
from saddlepoint.recipes.gan import gan
from saddlepoint.recipes.registry import RECIPES, find
from saddlepoint.recipes.vae import vae

__all__ = ["RECIPES", "dcgan", "find", "gan", "vae"]
