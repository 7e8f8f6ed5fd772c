"""Start a run or resume one: from a description to a job, its loop and its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from saddlepoint.data.bounds import check_batch
from saddlepoint.data.dataset import Dataset
from saddlepoint.errors import BadInput, RunStopped, command_line, lacks_memory
from saddlepoint.run.description import NAME, Run
from saddlepoint.training import checkpoint, run_directory, starting, state
from saddlepoint.training.device import Policy, choose, processor
from saddlepoint.training.freed_memory import keeping_freed_memory
from saddlepoint.training.job import Job
from saddlepoint.training.other_data import open_other_data
from saddlepoint.training.own_data import open_own_data
from saddlepoint.training.printing import html_table, text_table
from saddlepoint.training.progress import display
from saddlepoint.training.record import Record
from saddlepoint.training.signals import Signals

DEFAULT_BATCH = 128


@dataclass(frozen=True)
class Result:
    """What a run came to.

    Attributes:
        folder: The run directory.
        step: Steps done.
        scalars: The last log line; of a group the means over its seeds.
        seeds: Of a group with a run directory a seed, what each came to.
    """

    folder: Path
    step: int
    scalars: dict[str, float]
    seeds: tuple[Result, ...] = ()

    def _rows(self) -> dict[str, str]:
        return {name: f"{value:.4g}" for name, value in self.scalars.items()} | {
            "load": f"sp.load({str(self.folder)!r})"
        }

    def __str__(self) -> str:
        return text_table(f"{self.folder}: {self.step:,} steps are done", self._rows())

    def _repr_html_(self) -> str:
        return html_table(f"{self.folder}: {self.step:,} steps are done", self._rows())


def train(run: Run, out: str | Path | None = None, *, quiet: bool = False) -> Result:
    """Train a new run to its end.

    Args:
        run: The description, from a recipe or ``read_run``.
        out: The run directory, new or empty; by default the first free ``runs/NAME-N``.
        quiet: Show no progress.

    Raises:
        BadInput: Something in the request cannot be done.
        RunStopped: Non-finite values, a full disk or memory; the last checkpoint is kept.
        Interrupted: A signal came; the state was saved.

    Example:
        >>> import saddlepoint as sp
        >>> run = sp.recipes.gan("ring", steps=2, batch_size=16, device="cpu")
        >>> sp.train(run, "runs/ring", quiet=True).step
        2
        >>> sp.resume("runs/ring", steps=3, quiet=True).step
        3
    """
    where = Path(out).expanduser() if out is not None else run_directory.free_name(run)
    policy = choose(run.training.device, run.training.precision)
    with (
        new_folder(where),
        machine(run.training.threads, policy),
        keeping_freed_memory(),
        run_directory.lock(where),
    ):
        job = new_job(run, where, policy)
        return _carry_out(job, run.training.steps, "start", quiet, said_of(job))


@contextmanager
def new_folder(where: Path) -> Iterator[None]:
    """The directory of a new run; if nothing begins in it, no trace is left.

    Raises:
        BadInput: It holds another run, or other things.
        RunStopped: It cannot be made.
    """
    new = not where.exists()
    run_directory.prepare(where)
    try:
        yield
    finally:
        if not (where / NAME).exists():
            run_directory.remove_parts(where)
            if new:
                with suppress(OSError):  # something of another's was put there meanwhile
                    where.rmdir()


def new_job(run: Run, where: Path, policy: Policy) -> Job:
    """A new run in memory, its description written.

    The weights that it starts from, where they are another run's, are its first checkpoint: the
    other run is not needed any more.

    Raises:
        BadInput: Something in the request cannot be done.
    """
    source = starting.source_of(run.init)
    run = run.replace(
        data=run.data.kept_at(where), init=run.init if source is None else source.init
    )
    data = run.data.open(keep=where)
    job = Job(run, where, data, policy, _batch_size(run, data), horizon=run.training.steps)
    if source is not None:
        job.begun = source.begin(job)
    run_directory.write(where, run, _resolved(job, run.training.steps))
    if source is not None:
        checkpoint.save(where, 0, *state.of(job))
    return job


def said_of(job: Job) -> list[str]:
    """What a reader must know of how a new run begins."""
    begun = [] if job.begun is None else starting.sentences(job.begun)
    return [*begun, *job.stepper.freezing.said(job.stepper.step_images)]


def resume(
    where: str | Path,
    *,
    steps: int | None = None,
    reschedule: bool = False,
    data: Any = None,
    other_data: bool = False,
    device: str | None = None,
    quiet: bool = False,
) -> Result:
    """Go on from the newest whole checkpoint.

    Args:
        where: The run directory.
        steps: Train to this many steps instead of those asked for before.
        reschedule: Stretch the schedules over the new number of steps; without it they stay at
            their end values beyond the first horizon.
        data: Where the run's data are now, if they moved: a path, or the array itself. They must
            be the same examples; the run remembers the new place.
        other_data: Go on with the data as they are now, of the same shape and classes, from the
            newest checkpoint on.
        device: Another device than the run's; then bits are not promised to agree.
        quiet: Show no progress.

    Raises:
        BadInput: No run there, no usable checkpoint, or the data are gone or changed.
        RunStopped: As for ``train``.
        Interrupted: As for ``train``.
    """
    where = Path(where).expanduser()
    stored = run_directory.read(where)
    resolved = stored.resolved
    policy = choose(device or resolved["device"], resolved["precision"])
    with machine(resolved["threads"], policy), keeping_freed_memory(), run_directory.lock(where):
        other = open_other_data(where, data) if other_data else None
        run, moved = stored.run, ""
        if other is None:
            dataset = open_own_data(where, data)
            run, moved = relocated(run, data, where)
        else:
            dataset, moved = other.dataset, other.sentence
        target = steps if steps is not None else resolved["steps"]
        job = Job(run, where, dataset, policy, resolved["batch_size"], resolved["horizon"])
        notes = _restore(job, where)
        if steps is not None and steps < job.done:
            raise BadInput(f"{where} has done {job.done} steps already, more than {steps}.")
        if reschedule:
            job.horizon = target
        if other is not None:
            run, resolved = other.adopt(job.done)
            job.run = run
        elif other_data:
            notes.append("the data are those that the run has: --other-data changed nothing.")
        if resolved["versions"] != run_directory.versions():
            notes.append(
                "library versions differ from those the run began with, so results may differ in "
                "their last bits."
            )
        run_directory.write(where, run, resolved | {"steps": target, "horizon": job.horizon})
        return _carry_out(job, target, "resume", quiet, notes, moved)


def relocated(run: Run, data: Any, where: Path) -> tuple[Run, str]:
    """The run with the new place of its data, and a sentence about it."""
    if data is None:
        return run, ""
    there = run.data.at(data, where).kept_at(where)
    if there == run.data:
        return run, ""
    return run.replace(data=there), f"the data moved from {run.data.place} to {there.place}"


def _restore(job: Job, where: Path) -> list[str]:
    """Load the newest whole checkpoint; a run that died before its first one starts over."""
    if not checkpoint.steps_of(where):
        source = starting.source_of(job.run.init)  # killed before these weights were stored
        if source is not None:
            source.begin(job)
            checkpoint.save(where, 0, *state.of(job))
        return ["no checkpoint was due before the run stopped: starting at step 0."]
    saved, complaints = checkpoint.load_newest(where)
    job.restore(saved)
    return [*complaints, *([f"using the checkpoint of step {saved.step}."] if complaints else [])]


def _carry_out(
    job: Job,
    target: int,
    event: str,
    quiet: bool,
    notes: Sequence[str] = (),
    moved: str = "",
) -> Result:
    """Run the loop and put every kind of end on record."""
    shown = display(job.done, target, job.headline, visible=not quiet, forms=job.learner.forms)
    try:
        with explained(job), Signals() as signals:
            record = Record(job.folder)
            if moved:
                record.event(job.done, "data", moved)
            record.event(job.done, event, " ".join(notes))
            for note in [*job.data.info.notes, *notes]:
                shown.say(note)
            if job.done == 0:
                job.draw_real()
                job.draw(record)
            for _ in job.loop(target, record, shown, signals):
                pass
            record.event(job.done, "finished")
            record.close()
    finally:
        shown.close()
        job.close()
    return Result(job.folder, job.done, job.scalars)


@contextmanager
def explained(job: Job) -> Iterator[None]:
    """A full disk or memory as a sentence.

    Raises:
        RunStopped: It is full.
    """
    try:
        yield
    except OSError as error:
        raise RunStopped(
            f"{job.folder} could not be written ({error.strerror or error}); make room or make it "
            f"writable, then `{command_line('resume', job.folder)}`."
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        sentence = (
            f"the memory of {job.policy.device} does not suffice: use a smaller --batch-size or "
            "a narrower network."
        )
        with suppress(OSError):
            record = Record(job.folder)
            record.event(job.done, "stopped", sentence)
            record.close()
        raise RunStopped(sentence) from error


def _batch_size(run: Run, data: Dataset) -> int:
    available = data.info.counts["train"]
    asked = run.training.batch_size
    if asked is not None and asked > available:
        raise BadInput(
            f"--batch-size {asked} is larger than the {available} training examples of "
            f"{data.info.name}: use at most {available}."
        )
    size = asked if asked is not None else min(DEFAULT_BATCH, available)
    # Asked before a network is made for examples of that size.
    check_batch(data.info.shape, size)
    return size


def _resolved(job: Job, steps: int) -> dict[str, Any]:
    return {
        "device": str(job.policy.device),
        "processor": processor(job.policy.device),
        "precision": job.policy.precision,
        "threads": torch.get_num_threads(),
        "versions": run_directory.versions(),
        "batch_size": job.batch_size,
        "steps": steps,
        "horizon": job.horizon,
        "data": job.data.info.model_dump(mode="json"),
        "parameters": job.parameter_counts(),
        "headline": list(job.headline),
        "units": job.units,
        "init": job.begun,
    }


@contextmanager
def machine(threads: int | None, policy: Policy) -> Iterator[None]:
    """Set what belongs to the process, and put it back afterwards.

    Flushing denormals to zero keeps a saturated critic, whose gradients underflow, from slowing
    the CPU's convolutions down many times.
    """
    before = torch.get_num_threads()
    flushed = torch.tensor(1e-40).mul(1.0).item() == 0.0
    cuda = [policy.device] if policy.device.type == "cuda" else []
    torch.set_flush_denormal(True)
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        with torch.random.fork_rng(devices=cuda):
            yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(flushed)
