"""The lab: classic experiments, a folder a chapter, a function each; importing one registers it."""

from saddlepoint.lab import cures, game, images, likelihood
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
    "cures",
    "experiment",
    "game",
    "images",
    "likelihood",
]
