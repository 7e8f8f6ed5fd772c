"""The lab: classic experiments, one function each; what is imported here is registered."""

from saddlepoint.lab import image_gans, mode_collapse
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import EXPERIMENTS, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, Interval, PerSeed

__all__ = [
    "EXPERIMENTS",
    "Bench",
    "Budget",
    "Claim",
    "Column",
    "Findings",
    "Interval",
    "PerSeed",
    "experiment",
    "image_gans",
    "mode_collapse",
]
