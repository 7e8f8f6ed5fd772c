"""When a loss is asked for (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.schedules import Elapsed


@dataclass(frozen=True)
class Moment(Elapsed):
    """The place of one update in its run, as far as a loss may depend on it.

    Attributes:
        progress: See ``Elapsed``; a moment is what schedules are read at.
        images: See ``Elapsed``.
        stage_progress: Share of the present stage that has passed; of one stage, ``progress``.
        number: Steps before this one.
        update: Updates of the same phase before this one; where it makes one a step, ``number``.
        examples: Training examples (of one member, in this process) that were drawn before this
            update's batch; unlike ``images`` it counts every batch of a step.
        whole_graph: Keep the dependence on the players that do not move, too: consensus
            differentiates through it. Else a learner may cut it to save work.
    """

    stage_progress: float = 0.0
    number: int = 0
    update: int = 0
    examples: int = 0
    whole_graph: bool = False
