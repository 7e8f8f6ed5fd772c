"""From a folder of images, a device and its speed to the description of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from saddlepoint.data.array import Array
from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.data.source import DataSource, Split
from saddlepoint.data.splitting import counts
from saddlepoint.description import Part
from saddlepoint.errors import BadInput
from saddlepoint.features.efficientnet import weights_file
from saddlepoint.planning import decisions
from saddlepoint.planning.decisions import Decision, Situation
from saddlepoint.planning.glance import Glance, glance
from saddlepoint.planning.observed import Observation
from saddlepoint.planning.remarks import observe
from saddlepoint.planning.speed import (
    check_minutes,
    on_noise,
    seconds_a_step,
    seconds_a_validation,
)
from saddlepoint.recipes.image import image
from saddlepoint.run.description import Run
from saddlepoint.run.training import Validation
from saddlepoint.training.device import choose, in_words

FIRST_SHAPE = (3, decisions.SIDE, decisions.SIDE)
LEAST_IMAGES = 10
DATA, SPLIT, TRAINING, SCORE = "data.", "data.split.", "training.", "training.validation."


@dataclass(frozen=True)
class Plan:
    """A run for some images, and what was chosen and seen on the way.

    Attributes:
        run: The description.
        decisions: What was chosen, each with its reason and the option that changes it.
        observations: What is remarkable about the data.
        glance: The data as they were looked at.
    """

    run: Run
    decisions: tuple[Decision, ...]
    observations: tuple[Observation, ...]
    glance: Glance

    @property
    def may_mirror(self) -> bool:
        """Whether mirrored images would do no harm, as far as that was seen."""
        seen = [each.figures or {} for each in self.observations]
        return any(figures.get("symmetric") == 1.0 for figures in seen)

    @property
    def words(self) -> list[str]:
        """What was chosen as words of a command line, which choose the same without a look."""
        return _words(_options(self.decisions))

    def __str__(self) -> str:
        lines = [each.line for each in self.decisions]
        return "\n".join([*lines, *(str(each) for each in self.observations)])


def plan(
    data: object,
    *,
    minutes: float | None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    validate: bool = True,
    say: Callable[[str], None] | None = None,
    completed: Callable[[list[str]], Run] | None = None,
    **given: Any,
) -> Plan:
    """Look at images, measure the machine, and describe a run of the recipe ``image``.

    The same data, minutes and speed give the same plan; the run's description holds what was
    chosen, so that it repeats without a second look.

    Args:
        data: As for recipes: a folder of images, a .zip, an array or its file, a built-in name.
        minutes: How long one is ready to wait; by default until samples are usable.
        device: auto, cpu, cuda, ...
        precision: As of ``Training``.
        threads: As of ``Training``.
        validate: Whether a validation is to be chosen; else there is none.
        say: Told what is being done.
        completed: From words of a command line that choose what is chosen here to the run with
            whatever else was asked for, as ``train`` reads them; this run is measured and returned.
        **given: Options of ``recipes.image`` that are not to be chosen.

    Raises:
        BadInput: No images, too few of them, both minutes and steps, or an option that does not
            exist.

    Example:
        >>> import saddlepoint as sp
        >>> chosen = sp.plan("digits", minutes=0.1)
        >>> chosen.run.recipe, [each.subject for each in chosen.decisions]
        ('image', ['network', 'augmentation', 'reconstruction', 'validation', 'length'])
    """
    if minutes is not None:
        check_minutes(minutes)
        if "steps" in given:
            raise BadInput("--minutes and --steps both say how long: give one of them.")
    tell = say or (lambda _: None)
    settings = {"device": device, "precision": precision, "threads": threads}
    source = describe_data(data)
    if given.get("conditional") and isinstance(source, Folder):
        source = source.replace(labels=True)

    def run_of(options: Mapping[str, Any]) -> Run:
        if completed is not None:
            return completed(_words(options))
        run = _described(source, {**options, **given})
        return run.replace(training=run.training.replace(**settings))

    tell("looking at the data and measuring the machine ...")
    looked, of_data = _look(source, minutes, run_of)
    looked, kept = _with_enough_held_out(source, looked)
    if given.get("conditional"):
        _refuse_without_classes(source, looked)
    images = looked.counts["train"]
    if images < LEAST_IMAGES:
        raise BadInput(
            f"{source.place} has {looked.total} images, {images} of them for training: a "
            f"generator needs {LEAST_IMAGES} at least, and some hundreds to be of use."
        )
    policy = choose(device, precision)
    situation = Situation(
        images=images,
        shape=looked.shape,
        machine=in_words(policy.device, threads),
        graphics=policy.device.type != "cpu",
        minutes=minutes,
        given=given,
    )
    chosen = [
        *of_data,
        *kept,
        decisions.network(situation),
        decisions.augmentation(situation),
        decisions.reconstruction(situation),
    ]
    if validate:
        chosen.append(decisions.validation(looked.counts["validation"], weights_file() is not None))
    batch = given.get("batch_size") or decisions.batch_of(images)
    draft = run_of({**_options(chosen), "batch_size": batch})
    every = draft.training.checkpoint_every
    situation = replace(
        situation,
        seconds=max(
            seconds_a_step(on_noise(draft, looked.shape)), draft.seeds * _decoding(looked, batch)
        ),
        validating=seconds_a_validation(draft, looked.shape, looked.counts["validation"]),
        checkpoint_every=every if draft.training.changed("checkpoint_every") else None,
        seeds=draft.seeds,
    )
    chosen.append(decisions.length(situation))
    run = run_of(_options(chosen))
    own = _described(source, {**_options(chosen), **given})
    return Plan(
        run=run,
        decisions=tuple(_as_asked(each, own, run) for each in chosen),
        observations=observe(looked),
        glance=looked,
    )


def _look(
    source: DataSource, minutes: float | None, run_of: Callable[[Mapping[str, Any]], Run]
) -> tuple[Glance, list[Decision]]:
    """The data at the size and with the channels with which they will be trained."""
    if not isinstance(source, Folder):
        return glance(source), []
    if source.size is None:
        seconds = seconds_a_step(on_noise(run_of({"batch_size": decisions.BATCH}), FIRST_SHAPE))
        looked = glance(source, size=lambda sizes: decisions.side(sizes, seconds, minutes))
        chosen = [_size(looked, seconds)]
    else:
        looked = glance(source)
        height, width = looked.shape[1:]
        chosen = [Decision("size", {}, f"{height}×{width}", "as asked")]
    channels = decisions.channels_of(looked.grey, looked.transparent, len(looked.images))
    if channels is None or source.channels != "auto":
        return looked, chosen
    share = looked.transparent / len(looked.images)
    chosen.append(
        Decision(
            "channels",
            {"data.channels": channels},
            f"{channels}, transparency is learned, too",
            f"{share:.0%} of the pictures are transparent somewhere",
            f"--data.channels {channels - 1}",
        )
    )
    return glance(looked.description.replace(channels=channels)), chosen


def _size(looked: Glance, seconds_at_32: float) -> Decision:
    """The size that was chosen, and why."""
    assert looked.sizes is not None
    height, width = looked.shape[1:]
    larger = f"--data.size {2 * max(height, width)}"
    if len(looked.sizes) == 1 and (height, width) in looked.sizes:
        reason = "their own"
    else:
        reason, larger = decisions.side_reason(looked.sizes, height, seconds_at_32)
    size = height if height == width else (height, width)
    return Decision("size", {"data.size": size}, f"{height}×{width}", reason, larger)


def _refuse_without_classes(source: DataSource, looked: Glance) -> None:
    """Refuse to tell classes that not every image has, before anything is measured.

    Raises:
        BadInput: Some images have none.
    """
    needs = "--conditional needs the class of every image, and"
    instead = "or leave out --conditional."
    if looked.folder is None and (looked.labels is None or (looked.labels < 0).any()):
        raise BadInput(f"{needs} {source.place} has none for some or all: add labels, {instead}")
    if looked.folder is not None and looked.loose:
        raise BadInput(
            f"{needs} {looked.loose:,} of {looked.total:,} in {source.place} lie in no sub-folder: "
            f"move them into one, {instead}"
        )


#: Where the description holds what a decision is about.
_PLACES = {
    "network": ("generator", "critic"),
    "augmentation": ("lenses",),
    "reconstruction": ("auxiliaries",),
}


def _with_enough_held_out(source: DataSource, looked: Glance) -> tuple[Glance, list[Decision]]:
    """The look at data of which enough are held out for scores, where that was left open."""
    if not isinstance(source, Array | Folder) or source.split != Split():
        return looked, []
    tests = looked.counts["test"] if looked.official_test else 0
    free = looked.total - tests
    share = decisions.held_out_share(free)
    if share is None:
        return looked, []
    split = Split(validation=share) if looked.official_test else Split(validation=share, test=share)
    sizes = counts(free, split)
    options, instead = {f"{SPLIT}validation": share}, "--data.split.validation 0.1"
    shown = f"{sizes['validation']} images for choosing a checkpoint"
    if looked.official_test:
        sizes |= {"train": free - sizes["validation"], "test": tests}
    else:
        options[f"{SPLIT}test"] = share
        instead = f"--data.split.test 0.1 {instead}"
        shown = f"{shown} and {sizes['test']} for scores"
    reason = f"a tenth of {free:,} is too few"
    description = looked.description.replace(split=split)
    decision = Decision("held out", options, shown, reason, instead)
    return replace(looked, description=description, counts=sizes), [decision]


def _as_asked(decision: Decision, own: Run, run: Run) -> Decision:
    """The decision, or what options by their place made of what it is about."""
    changed = {
        name: getattr(run.learner, name)
        for name in _PLACES.get(decision.subject, ())
        if getattr(run.learner, name, None) != getattr(own.learner, name)
    }
    if not changed:
        return decision
    shown = ", ".join(f"{name} {_spoken(value)}" for name, value in changed.items())
    return replace(decision, shown=shown, reason="as asked", instead="")


def _spoken(value: Part | tuple[Part, ...]) -> str:
    """A part, or several, in words."""
    if isinstance(value, tuple):
        return " ".join(part.word() for part in value) or "none"
    width = getattr(value, "width", None)
    return f"{value.word()}{f' of {width} channels' if width else ''}"


def _words(options: Mapping[str, Any]) -> list[str]:
    """Options as words of a command line."""
    words: list[str] = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(option if value else f"--no-{option[2:]}")
            continue
        values = value if isinstance(value, tuple) else (value,)
        words += [
            option,
            *(f"{each:g}" if isinstance(each, float) else str(each) for each in values),
        ]
    return words


def _options(chosen: Iterable[Decision]) -> dict[str, Any]:
    return {name: value for each in chosen for name, value in each.options.items()}


def _described(source: DataSource, options: Mapping[str, Any]) -> Run:
    """The run of the recipe; options of the data are among the others."""
    of_data = {
        k.removeprefix(DATA): v
        for k, v in options.items()
        if k.startswith(DATA) and not k.startswith(SPLIT)
    }
    if shares := {k.removeprefix(SPLIT): v for k, v in options.items() if k.startswith(SPLIT)}:
        of_data["split"] = Split(**shares)
    scored = {k.removeprefix(SCORE): v for k, v in options.items() if k.startswith(SCORE)}
    training = {
        k.removeprefix(TRAINING): v
        for k, v in options.items()
        if k.startswith(TRAINING) and not k.startswith(SCORE)
    }
    others = {k: v for k, v in options.items() if not k.startswith((DATA, TRAINING))}
    run = image(source.replace(**of_data) if of_data else source, **others)
    if scored:
        training["validation"] = Validation(**scored)
    return run.replace(training=run.training.replace(**training)) if training else run


def _decoding(looked: Glance, batch: int) -> float:
    """Seconds that decoding the batches of a step takes where a folder is streamed; else 0."""
    folder = looked.folder
    if folder is None or looked.seconds_a_decode is None:
        return 0.0
    channels, height, width = looked.shape
    if looked.total * channels * height * width <= folder.memory_gib * 2**30:
        return 0.0
    return 2 * batch * looked.seconds_a_decode / folder.workers
