"""Several runs with the same time each, some at once, every one on a thread of its own."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from saddlepoint.errors import Interrupted
from saddlepoint.run.description import NAME, Run, read_json
from saddlepoint.training import trainer
from saddlepoint.training.checkpoint import replace_text
from saddlepoint.training.record import read_record

PROBE_STEPS, FIRST_STEPS = 40, 4  # of a short probe; the long one has four times as many
PROBE_SHARE = 0.05  # of the time bought, that two probes may take
LEAST_STEPS = 100
PICTURES = 5  # of its samples that a cell draws at most: a picture takes as long as many steps
SPENT = "core-seconds.json"
_REFRESH_SECONDS = 1.0
_INTERRUPTED: list[int] = []  # the signal that this process of the pool received


@dataclass(frozen=True)
class Cell:
    """One run of an experiment.

    Attributes:
        title: Its title.
        described: Its description but for the steps.
        where: Its directory.
        steps: Its training steps; None: what the experiment's time buys.
        checkpoints: How often it saves and is validated; it draws as often, but five times at most.
        share: Of the experiment's time that it gets.
    """

    title: str
    described: Run
    where: Path
    steps: int | None = None
    checkpoints: int = 5
    share: float = 1.0


def train_cells(
    cells: Sequence[Cell], minutes: float | None, at_once: int, most: int | None = None
) -> Iterator[Cell]:
    """Train every cell for as long, and give each back when it is done.

    A cell trains on one thread, so that ``at_once`` of them share a machine with as many cores.
    Its steps are what its own step time buys, both in time of the processor: what else the machine
    does changes how long one waits, not how much a method is given. A cell that has begun goes
    on; one that is done is not trained again.

    Args:
        cells: What to train.
        minutes: Processor time of each; not needed where each has its own number of steps.
        at_once: Processes side by side; 1 trains in this one.
        most: Steps that no cell exceeds, however cheap its steps are.
    """
    if at_once == 1:
        for cell in cells:
            _train_measured(cell, minutes, most, quiet=False)
            yield cell
        return
    context = multiprocessing.get_context("spawn")  # a fork would inherit PyTorch's threads
    pool = ProcessPoolExecutor(at_once, mp_context=context, initializer=_end_with_the_parent)
    with pool, _Watched(cells) as watched:
        waiting = {pool.submit(_train, cell, minutes, most): cell for cell in cells}
        try:
            while waiting:
                done, _ = wait(waiting, _REFRESH_SECONDS, FIRST_COMPLETED)
                watched.refresh()
                for future in done:
                    future.result()
                    yield waiting.pop(future)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("and saved: the same command goes on from there") from None
        finally:
            _cancel(waiting)


def _cancel(waiting: dict[Future[None], Cell]) -> None:
    for future in waiting:
        future.cancel()


def _end_with_the_parent() -> None:
    """Let this process of the pool save and end when the one that started it is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a process of a pool has a parent"

    def watch() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _train(cell: Cell, minutes: float | None, most: int | None) -> None:
    """Train one cell in a process of the pool; a process that was interrupted starts no other.

    The pool hands out a cell or two in advance, which it cannot take back.
    """
    if _INTERRUPTED:
        raise Interrupted("not started: this process was interrupted.", _INTERRUPTED[0])
    try:
        _train_measured(cell, minutes, most, quiet=True)
    except Interrupted as stop:
        _INTERRUPTED.append(stop.exit_code - 128)
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            os._exit(stop.exit_code)  # the pool's queues would keep it waiting for ever
        raise
    except KeyboardInterrupt:
        _INTERRUPTED.append(signal.SIGINT)
        raise


def core_seconds(where: Path) -> float:
    """Processor time that the training in a run directory has had; 0 before it began."""
    spent = where / SPENT
    return float(read_json(spent)["core_seconds"]) if spent.exists() else 0.0


def _train_measured(cell: Cell, minutes: float | None, most: int | None, quiet: bool) -> None:
    before = core_seconds(cell.where)
    start = time.process_time()
    try:
        if (cell.where / NAME).exists():
            trainer.resume(cell.where, quiet=quiet)
        else:
            time_of_it = None if minutes is None else cell.share * minutes
            steps = cell.steps or _steps(cell.described, time_of_it, most)
            start = time.process_time()
            often = max(1, steps // cell.checkpoints)
            seldom = max(often, steps // PICTURES)
            training = cell.described.training.replace(
                steps=steps,
                sample_every=seldom,
                checkpoint_every=often,
                threads=1,
                watch=False,  # whose time would count as that of the method
            )
            trainer.train(cell.described.replace(training=training), cell.where, quiet=quiet)
    finally:
        if cell.where.exists():
            seconds = before + time.process_time() - start
            replace_text(cell.where / SPENT, json.dumps({"core_seconds": seconds}))


def _steps(described: Run, minutes: float | None, most: int | None) -> int:
    assert minutes is not None, "a cell has steps or time"
    if most is not None and most <= LEAST_STEPS:  # no budget buys fewer, so nothing is measured
        return most
    steps = affordable(described, minutes)
    return steps if most is None else min(steps, most)


def affordable(described: Run, minutes: float) -> int:
    """Steps that fit into so many minutes of one core, by the time of some steps.

    Slow steps are told by few of them, so that measuring does not take half as long as training.
    """
    seconds = 60 * minutes
    _probe(described, FIRST_STEPS)  # what is loaded and set up once counts for nobody
    each = _seconds_a_step(described, FIRST_STEPS)
    several = min(PROBE_STEPS, int(PROBE_SHARE * seconds / (5 * each)))
    if several > FIRST_STEPS:
        each = _seconds_a_step(described, several)
    steps = seconds / each
    whole = 10 if steps < 1000 else 100
    return max(LEAST_STEPS, whole * round(steps / whole))


def _seconds_a_step(described: Run, short: int) -> float:
    """By the difference of two probes, which their starts do not count in."""
    few, many = _probe(described, short), _probe(described, 4 * short)
    return (many - few) / (3 * short) if many > few else many / (4 * short)


def _probe(described: Run, steps: int) -> float:
    """Processor seconds of a run of so many steps, its start included."""
    training = described.training.replace(
        steps=steps,
        log_every=10**6,
        sample_every=10**6,
        checkpoint_every=10**6,
        threads=1,
        watch=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        trainer.train(described.replace(training=training), Path(folder) / "probe", quiet=True)
        return time.process_time() - start


class _Watched:
    """Bars that follow the cells by their records; nothing where no terminal shows them."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.cells = cells
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self.bars: dict[str, Callable[[int], None]] = {}

    def __enter__(self) -> _Watched:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def refresh(self) -> None:
        """Read how far each cell is."""
        for cell in self.cells:
            if not (cell.where / NAME).exists():
                continue
            if cell.title not in self.bars:
                total = read_json(cell.where / NAME)["resolved"]["steps"]
                self.bars[cell.title] = self._bar(cell.title, total)
            steps = read_record(cell.where).steps
            if len(steps):
                self.bars[cell.title](int(steps[-1]))

    def _bar(self, title: str, total: int) -> Callable[[int], None]:
        task = self.progress.add_task(title, total=total)

        def update(step: int) -> None:
            self.progress.update(task, completed=step, visible=step < total)

        return update
