"""The cures: what helps where the game fails, and what each costs."""

from saddlepoint.lab.cures import (
    feature_matching,
    historical_averaging,
    instance_noise,
    label_smoothing,
    mode_collapse,
)

__all__ = [
    "feature_matching",
    "historical_averaging",
    "instance_noise",
    "label_smoothing",
    "mode_collapse",
]
