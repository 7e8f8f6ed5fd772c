"""How fast a description trains and is scored on this machine, measured in some seconds."""

from __future__ import annotations

import time

import numpy as np
import torch

from saddlepoint.data.describing import describe_data
from saddlepoint.errors import BadInput
from saddlepoint.features.opening import open_features
from saddlepoint.run.description import Run
from saddlepoint.run.init import Init
from saddlepoint.run.training import Best, Validation
from saddlepoint.training.groups import is_apart
from saddlepoint.training.progress import duration
from saddlepoint.training.stepwise import steps

WARM_UP = 3  # steps in which caches fill and kernels are chosen
LEAST_STEPS = 3
PATIENCE_SECONDS = 2.0
LEAST_EXAMPLES = 128
CLASSES = 2
SCORED = 32  # images whose features are timed
QUICK = ("pixels", "classifier", "auto")
MOST_MINUTES = 60 * 24 * 366


def seconds_a_step(run: Run) -> float:
    """Seconds of one training step of this description, by the clock; its length does not count.

    It is a step of every seed, whether they train side by side or one after the other.

    Raises:
        BadInput: Something in the description cannot be done.
    """
    training = run.training.replace(steps=10**9)
    in_turn = run.seeds if is_apart(run) else 1
    run = run.replace(seeds=run.seeds // in_turn, training=training)
    started, first = time.perf_counter(), 0
    for state in steps(run, every=1):
        now = time.perf_counter()
        if state.step == WARM_UP:
            started, first = now, state.step
        elif state.step >= WARM_UP + LEAST_STEPS and now - started >= PATIENCE_SECONDS:
            return in_turn * (now - started) / (state.step - first)
    raise AssertionError("so many steps end after years")


def seconds_a_validation(run: Run, shape: tuple[int, int, int], held_out: int) -> float:
    """Seconds that features of the samples of a validation take, of all seeds; 0 without one.

    Drawing the samples and comparing them takes as long as a few steps, and is left out, as are
    pixels and the features of a small classifier.

    Args:
        run: The description.
        shape: (channels, height, width) of the images.
        held_out: Images of the validation split.
    """
    settings = run.training.validation
    if settings.score == "none" or settings.features in QUICK:
        return 0.0
    data = on_noise(run, shape).data.open()
    space = open_features(settings.features, data)
    batch = data.take("train", SCORED, torch.device("cpu")).x
    space.of(batch[:1])  # which reads the weights
    began = time.perf_counter()
    space.of(batch)
    each = (time.perf_counter() - began) / len(batch)
    return run.seeds * min(settings.samples, held_out) * each


def on_noise(run: Run, shape: tuple[int, int, int]) -> Run:
    """The run on images of noise of this (channels, height, width).

    What pixels show changes the time of no step, so that data need not be read to measure it.
    """
    channels, height, width = shape
    n = max(LEAST_EXAMPLES, 2 * (run.training.batch_size or LEAST_EXAMPLES))
    pixels = np.random.default_rng(0).integers(0, 256, (n, height, width, channels), np.uint8)
    labels = np.arange(n) % CLASSES
    bare = run.training.replace(validation=Validation(), best=Best())  # which need held-out images
    noise = describe_data((pixels, labels), layout="NHWC")
    return run.replace(data=noise, training=bare, init=Init())


def within(run: Run, minutes: float) -> tuple[Run, str]:
    """The run with as many steps as fit into so many minutes here, and a sentence about it.

    Raises:
        BadInput: The number makes no sense, or something in the description cannot be done.
    """
    check_minutes(minutes)
    each = seconds_a_step(run)
    number = max(1, round(60 * minutes / each))
    pace = f"{each:.2g} s" if each >= 1 else f"{1000 * each:.3g} ms"
    sentence = (
        f"{number:,} steps fit into {duration(60 * minutes)}, at {pace} a step on this machine; "
        f"--steps {number} repeats this."
    )
    return run.replace(training=run.training.replace(steps=number)), sentence


def check_minutes(minutes: float) -> None:
    """Refuse a time that makes no sense.

    Raises:
        BadInput: It is not above 0, or longer than a year.
    """
    if not 0 < minutes <= MOST_MINUTES:
        raise BadInput(f"--minutes {minutes:g}: use more than 0 and at most {MOST_MINUTES:,}.")
