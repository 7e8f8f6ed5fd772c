"""The cures: what helps where the game fails, and what each costs."""

from saddlepoint.lab.cures import (
    historical_averaging,
    instance_noise,
    label_smoothing,
    mode_collapse,
)

__all__ = ["historical_averaging", "instance_noise", "label_smoothing", "mode_collapse"]
