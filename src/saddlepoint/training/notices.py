"""Sentences that a user should read at the start of a training (torch-free)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from saddlepoint.data.info import DataInfo
from saddlepoint.data.source import DataSource
from saddlepoint.data.splitting import LEAST_COMPARED
from saddlepoint.networks.network import Network
from saddlepoint.run.description import Run
from saddlepoint.training.progress import duration

LONG_SECONDS = 3600.0
LARGE_SIDE = 48  # pixels from which smaller images are worth a mention
SMALL_BATCH = 16


def few_held_out(described: DataSource, info: DataInfo) -> str | None:
    """What ``evaluate`` will make of splits that are too small for it; None if they are not.

    Args:
        described: The run's data.
        info: Their counts.
    """
    counts, least = info.counts, LEAST_COMPARED
    short = [split for split in ("test", "validation") if counts[split] < least]
    if not short:
        return None
    total = sum(counts.values())
    what = "images" if info.images else "examples"
    if total < least:
        return (
            f"{info.name} has {total} {what}: too few to be evaluated at all, which takes {least}. "
            f"The training goes on; add {what} to have it scored."
        )
    held = f"{counts['test']} are held out for tests and {counts['validation']} for validation"
    # Of an official test set no share can be chosen, and the shares are of the others.
    official = info.official_test and not described.counts_are_options
    free = total - counts["test"] if official else total
    more = " ".join(_larger_split(described, split, free) for split in short)
    left = total - sum(max(least, counts[split]) for split in ("test", "validation"))
    enough = (left >= 0.4 * total or described.counts_are_options) and not (
        official and "test" in short
    )
    advice = f"To hold out more: {more}." if enough else f"More {what} would help."
    return (
        f"of the {total:,} {what} of {info.name}, {held}: too few for `saddlepoint evaluate` to "
        f"use alone ({least} each). It will compare with training {what} too, and say so. {advice}"
    )


def idle_labels(described: DataSource, uses_labels: bool, learner: str) -> str | None:
    """What becomes of labels that were asked for; None if they are used, or were not asked for.

    Args:
        described: The run's data.
        uses_labels: Whether the learner does.
        learner: Its kind.
    """
    option = described.labels_asked_for
    if option is None or uses_labels:
        return None
    return (
        f"{option} asks for labels, and the learner '{learner}' learns from none: they serve "
        "`saddlepoint evaluate` alone."
    )


def _larger_split(described: DataSource, split: str, total: int) -> str:
    if described.counts_are_options:
        return f"--data.{split} {LEAST_COMPARED}"
    return f"--data.split.{split} {math.ceil(100 * LEAST_COMPARED / total) / 100:g}"


def long_training(
    run: Run,
    info: DataInfo,
    *,
    batch_size: int,
    done: int,
    target: int,
    left: float,
    seconds_a_step: float,
    where: str,
    resumed: bool,
) -> str:
    """How long a training will take, and the options of this run that shorten it.

    Args:
        run: The description.
        info: What is known of its data.
        batch_size: Examples per update.
        done: Steps that are done.
        target: Steps that were asked for.
        left: Seconds that the others will take.
        seconds_a_step: Of which so many for each step.
        where: The device in words.
        resumed: Whether the run began earlier: then only its length can change.
    """
    each = f"{seconds_a_step:.2g} s" if seconds_a_step >= 1 else f"{1000 * seconds_a_step:.2g} ms"
    if seconds_a_step >= 10:
        each = f"{seconds_a_step:.0f} s"
    elif 0.1 <= seconds_a_step < 1:
        each = f"{1000 * seconds_a_step:.0f} ms"
    within = _two_digits(done + (target - done) * LONG_SECONDS / left)
    steps = f"--steps {within} (an hour)" if within > done else "fewer --steps"
    sentence = (
        f"at {each} a step the {target - done:,} steps left take about {duration(left)} on this "
        f"machine ({where})"
    )
    if resumed:
        return f"{sentence}; shorter: {steps}. Ctrl-C saves, and `saddlepoint resume` goes on."
    return f"{sentence}; shorter: {', '.join([steps, *_cheaper(run, info, batch_size)])}."


def _two_digits(number: float) -> int:
    """The number rounded down to two significant digits."""
    scale = 10 ** max(0, math.floor(math.log10(max(number, 1))) - 1)
    return int(number // scale * scale)


def _cheaper(run: Run, info: DataInfo, batch_size: int) -> Iterator[str]:
    """Options that make a step cheaper, each with a value that halves something."""
    if run.data.resizes and max(info.shape[1:]) >= LARGE_SIDE:
        height, width = (max(8, side // 2) for side in info.shape[1:])
        size = f"{height}" if height == width else f"{height} {width}"
        yield f"smaller images (--data.size {size})"
    narrower = []
    for name in type(run.learner).model_fields:
        network = getattr(run.learner, name)
        if isinstance(network, Network):
            dotted = f"--learner.{name.replace('_', '-')}"
            narrower += [f"{dotted}.{field} {words}" for field, words in network.narrower().items()]
    if narrower:
        yield f"narrower networks ({' '.join(narrower)})"
    if batch_size >= 2 * SMALL_BATCH:
        yield f"--batch-size {batch_size // 2}"
