"""Image GANs: recipes beside each other on the same pictures."""

from saddlepoint.lab.images import image_gans, pyramid_vs_single

__all__ = ["image_gans", "pyramid_vs_single"]
