"""How experiments are done: the options of the command and of ``carry_out`` (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabOptions:
    """How experiments are done."""

    minutes: float | None = None
    """Time of each training, in minutes of one core (by default the experiment's own)."""
    seeds: int | None = None
    """Seeds trained side by side (by default the experiment's own)."""
    seed: int = 0
    """The first seed; the others follow it."""
    whole: bool = False
    """The longer form of the experiments that have one."""
    data: str | None = None
    """A built-in name or a path, for experiments that take other data than their own."""
    only: str | None = None
    """Of one experiment only the trainings whose title holds this."""
    fast: bool = False
    """The experiment's reduced budget, to see that it works."""
    dark: bool = False
    """Drawn figures on a dark ground."""
    svg: bool = False
    """Drawn figures as SVG, too."""
    at_once: int | None = None
    """How many trainings run side by side, each on one thread (by default 2)."""
