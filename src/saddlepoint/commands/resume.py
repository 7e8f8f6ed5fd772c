"""``saddlepoint resume``: go on where a run was left."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from saddlepoint.commands.program import after_training
from saddlepoint.commands.sweep import after_sweep
from saddlepoint.errors import BadInput


def resume(
    run: Positional[Path],
    *,
    steps: int | None = None,
    reschedule: bool = False,
    data: str | None = None,
    other_data: bool = False,
    device: str | None = None,
    at_once: int | None = None,
    quiet: bool = False,
) -> None:
    """Go on with a run exactly where its newest checkpoint left it.

    Args:
        run: The run directory, or that of a group, whose missing seeds are trained.
        steps: Train to this many steps instead of those asked for before.
        reschedule: Stretch the schedules over the new number of steps.
        data: Where the run's data are now, if they moved; they must be the same.
        other_data: Go on with the data as they are now, grown or shrunk, of the same shape and
            classes.
        device: Another device than the run began on.
        at_once: Of seeds that have a run directory each: so many processes, 1 by default.
        quiet: Show no progress.
    """
    from saddlepoint.sweeping import sweep

    if sweep.is_sweep(run):
        if steps is not None or reschedule or data is not None or other_data or device:
            raise BadInput(
                f"{run} is a sweep, whose runs end where they were to end: leave all options but "
                "--at-once and --quiet out."
            )
        after_sweep(sweep.resume(run, at_once=at_once or 1, quiet=quiet))
        return
    from saddlepoint.training import groups

    result = groups.resume(
        run,
        steps=steps,
        reschedule=reschedule,
        data=data,
        other_data=other_data,
        device=device,
        at_once=at_once,
        quiet=quiet,
    )
    after_training(result.folder, result.step, quiet=quiet)
