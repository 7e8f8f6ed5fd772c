"""A training that is watched from a loop of one's own, in a notebook for example."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from torch import Tensor

from saddlepoint.errors import BadInput, Interrupted
from saddlepoint.randomness import derive
from saddlepoint.run.description import Run
from saddlepoint.training import run_directory
from saddlepoint.training.device import choose
from saddlepoint.training.freed_memory import keeping_freed_memory
from saddlepoint.training.job import Job
from saddlepoint.training.progress import Silent
from saddlepoint.training.record import Record
from saddlepoint.training.signals import Signals, signal_name
from saddlepoint.training.trainer import explained, machine, new_folder, new_job, said_of


@dataclass(frozen=True)
class State:
    """A training between two steps.

    Attributes:
        step: Steps done.
        scalars: Their means since the state before.
        folder: The run directory; None if nothing is kept.
    """

    step: int
    scalars: dict[str, float]
    folder: Path | None
    _job: Job

    def sample(self, n: int, seed: int = 0, member: int = 0) -> Tensor:
        """Draw ``n`` samples with the averaged weights, (n, *shape) float32 on the CPU.

        They are those of the training as it stands when this is called, and change nothing in it.
        Members and seeds as of ``Trained.sample``.

        Raises:
            BadInput: There is no such member.
        """
        seeds = self._job.run.seeds
        if not 0 <= member < seeds:
            raise BadInput(f"there is no member {member}: the run has {seeds}, from 0.")
        if n < 1:
            raise BadInput(f"cannot draw {n} samples: ask for at least 1.")
        self._job.average.settle(derive(self._job.run.seed, "recalibration"))
        drawn = self._job.average.learner.sample(n, seed)
        return (drawn[member] if seeds > 1 else drawn).float().cpu()


def steps(run: Run, out: str | Path | None = None, *, every: int = 10) -> Iterator[State]:
    """Train a new run, and stop to be looked at every few steps.

    ``for state in sp.steps(run): print(state.step, state.scalars)``. What the caller does between
    two states changes no bit of the run, and leaving the loop ends the training.

    Args:
        run: The description, from a recipe or ``read_run``; of several seeds, one whose networks
            stack.
        out: The run directory, new or empty, where checkpoints and pictures come as of ``train``;
            ``resume`` goes on from them. By default nothing is kept.
        every: Steps from one state to the next; log lines come as often.

    Raises:
        BadInput: Something in the request cannot be done.
        RunStopped: Non-finite values, a full disk or memory.
        Interrupted: SIGTERM or Ctrl-C came during a step; with ``out`` the state was saved.
    """
    if every < 1:
        raise BadInput(f"every={every}: use 1 or more steps.")
    training = run.training.replace(log_every=every)
    with ExitStack() as stack:
        if out is None:
            where = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "run"
            seldom = 10**9
            training = training.replace(sample_every=seldom, sample_seconds=None, watch=False)
            if training.validation.score == "none":  # which comes with every checkpoint
                training = training.replace(checkpoint_every=seldom)
        else:
            where = Path(out).expanduser()
        run = run.replace(training=training)
        policy = choose(training.device, training.precision)
        stack.enter_context(new_folder(where))
        stack.enter_context(run_directory.lock(where))
        with machine(training.threads, policy):
            job = new_job(run, where, policy)
            stack.callback(job.close)
            record = Record(where)
            stack.callback(record.close)
            record.event(0, "start", " ".join(said_of(job)))
            if out is not None:
                job.draw_real()
                job.draw(record)
        # once for all steps: its end gives everything back, and the next step would fetch it anew
        stack.enter_context(keeping_freed_memory())
        signals = Signals()
        loop = job.loop(training.steps, record, Silent(), signals)
        left = True
        while left:
            try:
                with machine(training.threads, policy), explained(job), signals:
                    done = list(islice(loop, every))
            except Interrupted as stop:
                if out is not None:
                    raise
                number = stop.exit_code - 128
                raise Interrupted(
                    f"stopped by {signal_name(number)} after step {job.done}; nothing is kept, "
                    "since no folder was named.",
                    number,
                ) from None
            left = len(done) == every and job.done < training.steps
            if not left:
                record.event(job.done, "finished")
            try:
                if done:
                    yield State(job.done, dict(job.scalars), None if out is None else where, job)
            except GeneratorExit:
                if left and out is not None:
                    job.save(record)
                    record.event(job.done, "interrupted", "the loop was left")
                raise
