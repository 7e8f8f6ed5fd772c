"""What the watch of a training costs beside its steps.

    python benchmarks/watching.py [--data digits] [--recipe dcgan-two-core] [--steps 30]

Processor time of one thread, so that what else the machine does disturbs little: the median of the
steps after the first three, the first measurement (which also prepares what samples are compared
with) and the median of five more. The share is that of a run which is measured every 500 steps.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from saddlepoint.randomness import derive
from saddlepoint.recipes import RECIPES
from saddlepoint.training.device import choose
from saddlepoint.training.trainer import machine, new_folder, new_job

EVERY = 500
MEASUREMENTS = 6


def seconds(do: Callable[[], object]) -> float:
    """Processor time of a call."""
    start = time.process_time()
    do()
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--recipe", default="dcgan-two-core")
    parser.add_argument("--steps", type=int, default=30)
    asked = parser.parse_args()
    run = RECIPES[asked.recipe](asked.data, device="cpu", steps=asked.steps)
    policy = choose("cpu", "auto")
    with (
        tempfile.TemporaryDirectory() as folder,
        new_folder(Path(folder) / "run"),
        machine(1, policy),
    ):
        job = new_job(run, Path(folder) / "run", policy)

        def step() -> None:
            job.stepper.step(job.done, 0.0)
            job.done += 1
            job.average.update(job.done)

        def measure() -> None:
            job.average.update(job.done)  # so that statistics are settled anew
            job.average.settle(derive(run.seed, "recalibration"))
            assert job.watch is not None
            job.watch.figures(job.average.learner)

        steps = [seconds(step) for _ in range(asked.steps)]
        first, *others = [seconds(measure) for _ in range(MEASUREMENTS)]
        job.close()
    each, again = statistics.median(steps[3:]), statistics.median(others)
    print(f"{asked.recipe} on {asked.data}, shape {job.data.info.shape}, torch {torch.__version__}")
    print(f"step {1000 * each:.1f} ms ({1000 * min(steps):.1f} to {1000 * max(steps[3:]):.1f})")
    print(f"first measurement {1000 * first:.0f} ms, others {1000 * again:.0f} ms")
    print(f"share of {EVERY} steps: {100 * again / (EVERY * each):.2f} %")


if __name__ == "__main__":
    main()
