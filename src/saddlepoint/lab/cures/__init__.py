"""The cures: what helps where the game fails, and what each costs."""

from saddlepoint.lab.cures import mode_collapse

__all__ = ["mode_collapse"]
