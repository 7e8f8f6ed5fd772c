"""From a folder of images, a device and its speed to the description of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.data.source import DataSource, Split
from saddlepoint.description import Part
from saddlepoint.errors import BadInput
from saddlepoint.features.efficientnet import weights_file
from saddlepoint.planning import decisions
from saddlepoint.planning.data_choices import (
    decoding,
    look,
    refuse_loose_images,
    refuse_without_labels,
    with_enough_held_out,
)
from saddlepoint.planning.decisions import Decision, Situation
from saddlepoint.planning.glance import Glance
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
NEVER = 10**9  # steps
DATA, SPLIT, TRAINING, SCORE = "data.", "data.split.", "training.", "training.validation."

#: Where the description holds what a decision is about.
_PLACES = {
    "network": ("generator", "critic"),
    "augmentation": ("lenses",),
    "reconstruction": ("auxiliaries",),
}


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
    at_once: int = 1,
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
        at_once: Of seeds with a run directory each: so many processes.
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

    def seconds_at_32() -> float:
        options = {"batch_size": decisions.BATCH}
        try:
            return seconds_a_step(on_noise(run_of(options), FIRST_SHAPE), at_once)
        except BadInput:  # what was asked for may fit images of another size alone
            return seconds_a_step(on_noise(_described(source, options), FIRST_SHAPE), at_once)

    first = run_of({})
    told = getattr(getattr(first.learner, "classes", None), "needs_all", False)
    if told and isinstance(first.data, Folder) and first.data.labels:
        refuse_loose_images(first.data)
    tell("looking at the data and measuring the machine ...")
    looked, of_data = look(source, minutes, seconds_at_32)
    looked, kept = with_enough_held_out(source, looked)
    if told and looked.folder is None:
        refuse_without_labels(looked)
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
    # With so rare checkpoints those that were asked for show themselves.
    free = {"batch_size": batch, "training.checkpoint_every": NEVER}
    draft = run_of({**_options(chosen), **free})
    every = draft.training.checkpoint_every
    step = seconds_a_step(on_noise(draft, looked.shape), at_once)
    held_out = looked.counts["validation"]
    situation = replace(
        situation,
        seconds=max(step, draft.seeds * decoding(looked, batch)),
        validating=seconds_a_validation(draft, looked.shape, held_out, looked.labels is not None),
        checkpoint_every=every if every != NEVER else None,
        seeds=draft.seeds,
    )
    if validate and decisions.takes_too_long(situation):
        chosen[-1] = decisions.no_time_for_validation(situation)
        situation = replace(situation, validating=0.0)
    chosen.append(decisions.length(situation))
    run = run_of(_options(chosen))
    own = _described(source, {**_options(chosen), **given})
    return Plan(
        run=run,
        decisions=tuple(_as_asked(each, own, run) for each in chosen),
        observations=observe(looked),
        glance=looked,
    )


def _as_asked(decision: Decision, own: Run, run: Run) -> Decision:
    """The decision, or what options by their place made of what it is about."""
    places = _PLACES.get(decision.subject, ())
    if places and type(run.learner) is not type(own.learner):
        return replace(
            decision, shown=f"the learner {run.learner.word()}", reason="as asked", instead=""
        )
    changed = {
        name: getattr(run.learner, name)
        for name in places
        if getattr(run.learner, name) != getattr(own.learner, name)
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
        if value is None:
            continue
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
