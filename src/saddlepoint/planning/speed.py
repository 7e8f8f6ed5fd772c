"""How fast a description trains and is scored on this machine, measured in some seconds."""

from __future__ import annotations

import math
import time

import numpy as np
import torch

from saddlepoint.data.describing import describe_data
from saddlepoint.errors import BadInput
from saddlepoint.features.efficientnet import weights_file
from saddlepoint.features.opening import open_features
from saddlepoint.run.description import Run
from saddlepoint.run.init import Init
from saddlepoint.run.training import Best, Validation
from saddlepoint.scores.declaration import SCORES
from saddlepoint.training.device import choose
from saddlepoint.training.groups import is_apart
from saddlepoint.training.progress import duration
from saddlepoint.training.stepwise import steps
from saddlepoint.training.trainer import machine

WARM_UP = 3  # steps in which caches fill and kernels are chosen
LEAST_STEPS = 3
PATIENCE_SECONDS = 2.0
LEAST_EXAMPLES = 128
CLASSES = 2
SCORED = 32  # images whose features are timed
MOST_MINUTES = 60 * 24 * 366


def seconds_a_step(run: Run, at_once: int = 1) -> float:
    """Seconds of one training step of this description, by the clock; its length does not count.

    It is a step of every seed, whether they train side by side or one after the other.

    Args:
        run: The description.
        at_once: Of seeds with a run directory each: so many processes, which share the processor.

    Raises:
        BadInput: Something in the description cannot be done.
    """
    training = run.training.replace(steps=10**9)
    in_turn = 1
    if is_apart(run):
        at_once = min(at_once, run.seeds)
        in_turn = math.ceil(run.seeds / at_once)
        run = run.replace(seeds=1)
        if at_once > 1 and training.threads is None:
            training = training.replace(threads=max(1, torch.get_num_threads() // at_once))
    run = run.replace(training=training)
    started, first = time.perf_counter(), 0
    for state in steps(run, every=1):
        now = time.perf_counter()
        if state.step == WARM_UP:
            started, first = now, state.step
        elif state.step >= WARM_UP + LEAST_STEPS and now - started >= PATIENCE_SECONDS:
            return in_turn * (now - started) / (state.step - first)
    raise AssertionError("so many steps end after years")


def seconds_a_validation(
    run: Run, shape: tuple[int, int, int], held_out: int, labelled: bool
) -> float:
    """Seconds that features and score of a validation take, of all seeds; 0 without one.

    Drawing the samples takes as long as a few steps and is left out, as is a classifier, which
    would have to be trained first and is small.

    Args:
        run: The description.
        shape: (channels, height, width) of the images.
        held_out: Images of the validation split.
        labelled: Whether they have labels.
    """
    settings = run.training.validation
    word, n = settings.features, min(settings.samples, held_out)
    if word == "auto":
        better = "pixels" if weights_file() is None else "efficientnet-lite0"
        word = "classifier" if labelled else better
    if settings.score == "none" or word == "classifier" or n < 2:
        return 0.0
    quick = SCORES[settings.score].quick
    assert quick is not None  # of those that ``--validate`` takes
    policy = choose(run.training.device, run.training.precision)
    with machine(run.training.threads, policy):
        data = on_noise(run, shape).data.open()
        space = open_features(word, data)
        images = data.take("train", SCORED, torch.device("cpu")).x
        space.of(images[:1])  # which reads the weights
        began = time.perf_counter()
        features = space.of(images)
        seconds = (time.perf_counter() - began) * n / len(images)
        noise = torch.Generator().manual_seed(0)
        real, fake = torch.randn(2, n, features.shape[1], generator=noise)
        began = time.perf_counter()
        quick(real, fake)
        seconds += time.perf_counter() - began
    return run.seeds * seconds


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


def within(run: Run, minutes: float, at_once: int = 1) -> tuple[Run, str]:
    """The run with as many steps as fit into so many minutes here, and a sentence about it.

    Args:
        run: The description.
        minutes: How long its training may take; validations are not counted.
        at_once: As of ``seconds_a_step``.

    Raises:
        BadInput: The number makes no sense, or something in the description cannot be done.
    """
    check_minutes(minutes)
    each = seconds_a_step(run, at_once)
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
