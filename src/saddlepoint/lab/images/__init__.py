"""Image GANs: recipes beside each other on the same pictures."""

from saddlepoint.lab.images import image_gans, semi_supervised

__all__ = ["image_gans", "semi_supervised"]
