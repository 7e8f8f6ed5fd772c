"""Image GANs: recipes beside each other on the same pictures."""

from saddlepoint.lab.images import (
    augmentation_leak,
    image_gans,
    infogan_codes,
    other_weights,
    pyramid_vs_single,
    semi_supervised,
    small_data,
    time_to_quality,
)

__all__ = [
    "augmentation_leak",
    "image_gans",
    "infogan_codes",
    "other_weights",
    "pyramid_vs_single",
    "semi_supervised",
    "small_data",
    "time_to_quality",
]
