"""Several seeds of one description: members of one program, or a run directory each."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from saddlepoint.errors import BadInput, SaddlepointError, command_line
from saddlepoint.run.description import GROUP, Run
from saddlepoint.run.init import Init
from saddlepoint.training import run_directory, starting, tasks, trainer
from saddlepoint.training.tasks import Further, Task
from saddlepoint.training.trainer import Result, relocated


def train(
    run: Run,
    out: str | Path | None = None,
    *,
    init: str | Path | None = None,
    at_once: int | None = None,
    quiet: bool = False,
) -> Result:
    """Train a new run to its end; of several seeds, every one.

    Seeds whose networks stack train side by side in one program. Others have a run directory each
    below the group's, ``seed-3`` for example, and every one is, bit for bit, the run that it would
    be alone.

    Args:
        run: The description, from a recipe or ``read_run``.
        out: The directory, new or empty; by default the first free ``runs/NAME-N``.
        init: The directory of another run, whose weights it starts from as far as they fit; short
            for ``run.init``.
        at_once: Of seeds in directories of their own: so many processes, 1 by default.
        quiet: Show no progress.

    Raises:
        BadInput: Something in the request cannot be done.
        RunStopped: Non-finite values, a full disk or memory; the last checkpoint is kept.
        Interrupted: A signal came; the state was saved.
    """
    check_at_once(at_once)
    if init is not None:
        run = run.replace(init=Init(run=Path(init)))
    if not is_apart(run):
        if at_once is not None:
            why = "this is one run" if run.seeds == 1 else "these seeds train in one program"
            raise BadInput(f"--at-once is for seeds with a run directory each, and {why}.")
        if run.seeds > 1 and not quiet:
            print(f"{run.seeds} seeds train side by side in one program.", file=sys.stderr)
        return trainer.train(run, out, quiet=quiet)
    where = Path(out).expanduser() if out is not None else run_directory.free_name(run)
    new = not where.exists()
    group = begin(run, where, at_once or 1)
    if not quiet:
        how = "one after the other" if (at_once or 1) == 1 else f"{at_once} at once"
        print(
            f"these networks hold one seed each: {run.seeds} runs below {where}, {how}.",
            file=sys.stderr,
        )
    try:
        return _carry_out(group, where, at_once, Further(), quiet)
    except SaddlepointError:
        leave_no_trace(where, group, new)
        raise


def resume(
    where: str | Path,
    *,
    steps: int | None = None,
    reschedule: bool = False,
    data: Any = None,
    other_data: bool = False,
    device: str | None = None,
    at_once: int | None = None,
    quiet: bool = False,
) -> Result:
    """Go on from the newest whole checkpoint; of a group, with every seed that is not done.

    Args:
        where: The run directory, or that of a group.
        steps: Train to this many steps instead of those asked for before.
        reschedule: Stretch the schedules over the new number of steps; without it they stay at
            their end values beyond the first horizon.
        data: Where the run's data are now, if they moved: a path, or the array itself. They must
            be the same examples; the run remembers the new place.
        other_data: Go on with the data as they are now, of the same shape and classes, from the
            newest checkpoint on; run.json keeps what the run had before. Of a group with a run
            directory a seed, it is asked for each seed.
        device: Another device than the run's; then bits are not promised to agree.
        at_once: Of a group with a run directory a seed: so many processes, 1 by default.
        quiet: Show no progress.

    Raises:
        BadInput: No run there, no usable checkpoint, or the data are gone or changed.
        RunStopped: As for ``train``.
        Interrupted: As for ``train``.
    """
    where = Path(where).expanduser()
    further = Further(steps, reschedule, data, device)
    check_at_once(at_once)
    if not run_directory.is_group(where):
        if at_once is not None:
            raise BadInput(f"--at-once is for seeds with a run directory each; {where} is a run.")
        return trainer.resume(
            where,
            steps=steps,
            reschedule=reschedule,
            data=data,
            other_data=other_data,
            device=device,
            quiet=quiet,
        )
    if other_data:
        first = run_directory.of_seeds(where)[0]
        raise BadInput(
            f"{where} holds a run a seed, which go on with other data one by one: "
            f"`{command_line('resume', first)} --other-data`, and so on."
        )
    run = run_directory.read_group(where)
    if data is not None:
        run, moved = relocated(run, data, where)
        if moved:
            run_directory.write_group(where, run)
    return _carry_out(seeds_of_group(run, where), where, at_once, further, quiet)


def is_apart(run: Run) -> bool:
    """Whether a run's seeds have a directory each."""
    return run.seeds > 1 and not run.learner.stacks()


def check_at_once(at_once: int | None) -> None:
    """Refuse a number of processes that makes no sense.

    Raises:
        BadInput: It does not.
    """
    if at_once is not None and not 1 <= at_once <= 64:
        raise BadInput(f"--at-once {at_once}: use 1 to 64 processes.")


def begin(run: Run, where: Path, at_once: int, name: str = "") -> list[Task]:
    """Make the folder of a run or a group; what is to be trained there.

    Where several train at once and no number of threads is asked for, they share the processor's.

    Args:
        run: The description.
        where: The folder, new or empty.
        at_once: How many will train at once.
        name: What stands before a seed in what is told; for a single run, its title.

    Raises:
        BadInput: The folder is in use, or the data cannot be stored there.
    """
    if at_once > 1 and run.training.threads is None:
        threads = max(1, torch.get_num_threads() // at_once)
        run = run.replace(training=run.training.replace(threads=threads))
    if not is_apart(run):
        return [Task(name, run, where)]
    new = not where.exists()
    run = run.replace(init=starting.pinned(run.init))  # the same for all
    run_directory.prepare(where, parts=())
    try:
        run = run.replace(data=run.data.kept_at(where))
    except SaddlepointError:
        leave_no_trace(where, (), new)
        raise
    run_directory.write_group(where, run)
    return seeds_of_group(run, where, name)


def seeds_of_group(run: Run, where: Path, name: str = "") -> list[Task]:
    """The runs of a group, by seed."""
    before = f"{name}, " if name else ""
    return [
        Task(f"{before}seed {seed}", run.replace(seed=seed, seeds=1), where / f"seed-{seed}")
        for seed in range(run.seed, run.seed + run.seeds)
    ]


def leave_no_trace(where: Path, group: Sequence[Task], new: bool) -> None:
    """Remove a group of which nothing began."""
    if any(run_directory.is_run(task.folder) for task in group):
        return
    (where / GROUP).unlink(missing_ok=True)
    run_directory.remove_parts(where)
    for task in group:
        with suppress(OSError):
            task.folder.rmdir()
    if new:
        with suppress(OSError):  # something of another's was put there meanwhile
            where.rmdir()


def over_seeds(where: Path, seeds: Sequence[Result]) -> Result:
    """What a group came to: the fewest steps, and the means of what every seed logged."""
    names = [n for n in seeds[0].scalars if all(n in seed.scalars for seed in seeds)]
    means = {name: statistics.fmean(seed.scalars[name] for seed in seeds) for name in names}
    return Result(where, min(seed.step for seed in seeds), means, tuple(seeds))


def _carry_out(
    group: Sequence[Task], where: Path, at_once: int | None, further: Further, quiet: bool
) -> Result:
    with run_directory.lock(where, parts=()):
        seeds = tasks.carry_out(group, where, at_once=at_once or 1, further=further, quiet=quiet)
    return over_seeds(where, seeds)
