"""The cures: what helps where the game fails, and what each costs."""

from saddlepoint.lab.cures import (
    batch_norm_correlation,
    clipping_vs_penalty,
    dcgan_rules,
    feature_matching,
    historical_averaging,
    instance_noise,
    label_smoothing,
    mode_collapse,
)

__all__ = [
    "batch_norm_correlation",
    "clipping_vs_penalty",
    "dcgan_rules",
    "feature_matching",
    "historical_averaging",
    "instance_noise",
    "label_smoothing",
    "mode_collapse",
]
