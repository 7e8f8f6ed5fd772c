"""The cures: what helps where the game fails, and what each costs."""

from saddlepoint.lab.cures import dcgan_rules, mode_collapse

__all__ = ["dcgan_rules", "mode_collapse"]
