"""Stages: the parts of a run between whose borders the same phases play (torch-free)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Timed(Protocol):
    """What has its share of the run."""

    @property
    def during(self) -> tuple[float, float]:
        """From where up to where it plays, in progress."""


class Stages:
    """The stages that a learner's phases make, and how many of them were entered.

    A stage begins where a phase begins or ends. Stages are entered in order and never left again,
    also if the schedules are stretched over more steps.

    Attributes:
        starts: Progress at which each stage begins; the first begins at 0.
        entered: Number of the stage that was entered last; part of the checkpoint.
    """

    def __init__(self, phases: Sequence[Timed]) -> None:
        borders = {border for phase in phases for border in phase.during if 0 < border < 1}
        self.starts = (0.0, *sorted(borders))
        self.entered = 0

    def due(self, progress: float) -> Sequence[int]:
        """The stages that begin at ``progress`` or began before and were not entered."""
        present = sum(start <= progress for start in self.starts) - 1
        return range(self.entered + 1, present + 1)

    def progress(self, progress: float) -> float:
        """The share of the present stage that has passed."""
        present = sum(start <= progress for start in self.starts) - 1
        first, end = self.starts[present], (*self.starts, 1.0)[present + 1]
        return (progress - first) / (end - first)
