"""Run directories that are brought to their ends, one after the other or several at once."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saddlepoint.errors import IMPORTS, BadInput, Interrupted, RunStopped, command_line
from saddlepoint.run.description import Run
from saddlepoint.training import checkpoint, run_directory, trainer
from saddlepoint.training.processes import Children
from saddlepoint.training.progress import duration
from saddlepoint.training.record import read_record
from saddlepoint.training.signals import signal_name
from saddlepoint.training.trainer import Result

_ENDS = ("start", "resume", "finished", "interrupted", "stopped")


@dataclass(frozen=True)
class Further:
    """How a run goes on, as ``resume`` takes it."""

    steps: int | None = None
    reschedule: bool = False
    data: Any = None
    device: str | None = None

    @property
    def asked(self) -> bool:
        """Whether also a finished run has something to do."""
        return self != Further()


@dataclass(frozen=True)
class Task:
    """A run directory that is to be trained to its end.

    Attributes:
        title: What it is called.
        run: Its description, for when it has not begun.
        folder: The run directory.
    """

    title: str
    run: Run
    folder: Path

    @property
    def done(self) -> bool:
        """Whether it came to its end."""
        return self._last_end.get("event") == "finished"

    @property
    def stopped_by(self) -> str:
        """Why it stopped itself; empty if it did not."""
        last = self._last_end
        return str(last["detail"]) if last.get("event") == "stopped" else ""

    @property
    def _last_end(self) -> dict[str, Any]:
        """The last of its starts and ends."""
        if not run_directory.is_run(self.folder):
            return {}
        ends = [e for e in read_record(self.folder).events if e.get("event") in _ENDS]
        return ends[-1] if ends else {}

    def carry_out(self, further: Further, quiet: bool) -> Result:
        """Start the run, or go on with it.

        Raises:
            SaddlepointError: As of ``trainer.train`` and ``trainer.resume``.
        """
        options: dict[str, Any] = {"steps": further.steps, "reschedule": further.reschedule}
        if run_directory.is_run(self.folder):
            options |= {"data": further.data, "device": further.device}
            return trainer.resume(self.folder, **options, quiet=quiet)
        if self.folder.exists():  # of a process that was killed before the run began
            run_directory.remove_parts(self.folder)
        run = self.run
        if further.device is not None:
            run = run.replace(training=run.training.replace(device=further.device))
        result = trainer.train(run, self.folder, quiet=quiet)
        if further.steps is None or further.steps <= result.step:
            return result
        return trainer.resume(self.folder, **options, quiet=quiet)

    def result(self) -> Result:
        """What it came to, as its directory tells."""
        steps = checkpoint.steps_of(self.folder)
        logged = read_record(self.folder).scalars
        scalars = {name: values[-1] for name, values in logged.items() if values[-1] is not None}
        return Result(self.folder, steps[-1] if steps else 0, scalars)


def carry_out(
    tasks: Sequence[Task],
    where: Path,
    *,
    at_once: int = 1,
    further: Further = Further(),
    quiet: bool = False,
) -> list[Result]:
    """Bring every task to its end; what is done already is left alone.

    A run that stops itself keeps none of the others from going on.

    Args:
        tasks: What is to be trained.
        where: What ``saddlepoint resume`` goes on with.
        at_once: Processes side by side; 1 trains in this one.
        further: How those that have begun go on.
        quiet: Show no progress.

    Raises:
        RunStopped: One or several stopped themselves; all others came to their ends.
        Interrupted: A signal came; everything was saved.
        BadInput: One cannot be done as asked; those that trained at once were saved.
    """
    left = [task for task in tasks if further.asked or not task.done]
    progress = _Progress(tasks, left, at_once, quiet)
    try:
        stopped = (_in_turn if at_once == 1 else _at_once)(left, at_once, further, progress)
    except Interrupted as stop:
        number = stop.exit_code - 128
        raise Interrupted(
            f"stopped by {signal_name(number)}; everything is saved. "
            f"Go on with `{command_line('resume', where)}`.",
            number,
        ) from None
    except KeyboardInterrupt as stop:
        detail = f"{stop}; " if str(stop) else ""
        raise KeyboardInterrupt(f"{detail}`{command_line('resume', where)}` goes on") from None
    if stopped:
        said = [f"{task.title}: {stopped[task.title]}" for task in left if task.title in stopped]
        raise RunStopped(" ".join(said))
    return [task.result() for task in tasks]


class _Progress:
    """Says which run of how many begins and ends, and how long the others will take."""

    def __init__(
        self, tasks: Sequence[Task], left: Sequence[Task], at_once: int, quiet: bool
    ) -> None:
        self.quiet, self.at_once = quiet, at_once
        self._places = {task.folder: number for number, task in enumerate(tasks, 1)}
        self._left, self._ended, self._began = len(left), 0, time.monotonic()
        if len(left) < len(tasks):
            self.say(f"{len(tasks) - len(left)} of {len(tasks)} runs are done already.")

    def say(self, sentence: str) -> None:
        """One line on standard error."""
        if not self.quiet:
            print(sentence, file=sys.stderr, flush=True)

    def begins(self, task: Task) -> None:
        """A run starts or goes on."""
        self.say(
            f"{task.title} ({self._places[task.folder]} of {len(self._places)}): {task.folder}"
        )

    def ended(self, task: Task) -> None:
        """A run came to an end."""
        self._ended += 1
        more = self._left - self._ended
        if not more:
            return
        each = (time.monotonic() - self._began) / math.ceil(self._ended / self.at_once)
        seconds = each * math.ceil(more / self.at_once)
        self.say(f"{task.title} is done; about {duration(seconds)} for the other {more}.")


def _in_turn(
    tasks: Sequence[Task], at_once: int, further: Further, progress: _Progress
) -> dict[str, str]:
    stopped = {}
    for task in tasks:
        progress.begins(task)
        try:
            task.carry_out(further, progress.quiet)
        except RunStopped as error:
            stopped[task.title] = str(error)
        progress.ended(task)
    return stopped


def _at_once(
    tasks: Sequence[Task], at_once: int, further: Further, progress: _Progress
) -> dict[str, str]:
    if further.data is not None and not isinstance(further.data, str | Path):
        raise BadInput("several processes read data from files: give a path, or leave out at_once.")
    stopped = {}
    orders = [(task, _order(task, further)) for task in tasks]
    with Children(at_once, progress.say) as children:
        for task, child in children.ends_of(orders, progress.begins):
            if child.code == BadInput.exit_code:
                raise BadInput(f"{task.title}: {child.said}")
            if child.code:
                stopped[task.title] = child.said
            progress.ended(task)
    return stopped


def _order(task: Task, further: Further) -> dict[str, Any]:
    """What another process needs to know of a task."""
    return {
        "imports": list(IMPORTS),
        "title": task.title,
        "run": task.run.model_dump(mode="json"),
        "folder": str(task.folder.absolute()),
        "steps": further.steps,
        "reschedule": further.reschedule,
        "data": None if further.data is None else str(further.data),
        "device": further.device,
    }
