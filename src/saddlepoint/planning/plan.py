"""From a folder of images, a device and its speed to the description of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from saddlepoint.data.array import Array
from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.data.source import DataSource, Split
from saddlepoint.data.splitting import counts
from saddlepoint.errors import BadInput
from saddlepoint.features.efficientnet import weights_file
from saddlepoint.planning import decisions
from saddlepoint.planning.decisions import Decision, Situation
from saddlepoint.planning.glance import Glance, glance
from saddlepoint.planning.observed import Observation
from saddlepoint.planning.remarks import observe
from saddlepoint.planning.speed import check_minutes, on_noise, seconds_a_step
from saddlepoint.recipes.image import image
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training, Validation
from saddlepoint.training.device import choose, in_words

FIRST_SHAPE = (3, decisions.SIDE, decisions.SIDE)
LEAST_IMAGES = 10
DATA, TRAINING, SCORE = "data.", "training.", "training.validation."


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
        words: list[str] = []
        for decision in self.decisions:
            for name, value in decision.options.items():
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
    tell("looking at the data and measuring the machine ...")
    looked, kept = _with_enough_held_out(source, _look(source, minutes, settings, given))
    images = looked.training
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
        *_of_data(source, looked),
        *kept,
        decisions.network(situation),
        decisions.augmentation(situation),
        decisions.reconstruction(situation),
    ]
    if validate:
        chosen.append(decisions.validation(_held_out(looked), weights_file() is not None))
    batch = given.get("batch_size") or decisions.batch_of(images)
    draft = _described(looked.description, {**_options(chosen), **given, "batch_size": batch})
    draft = draft.replace(training=draft.training.replace(**settings))
    seconds = max(seconds_a_step(on_noise(draft, looked.shape)), _decoding(looked, batch))
    chosen.append(decisions.length(replace(situation, seconds=seconds)))
    run = _described(looked.description, {**_options(chosen), **given})
    run = run.replace(training=run.training.replace(**settings))
    return Plan(
        run=run,
        decisions=tuple(chosen),
        observations=observe(looked),
        glance=looked,
    )


def _look(
    source: DataSource, minutes: float | None, settings: dict[str, Any], given: dict[str, Any]
) -> Glance:
    """The data at the size at which they will be trained."""
    if not isinstance(source, Folder) or source.size is not None:
        return glance(source)
    first = image(source, **{k: v for k, v in given.items() if k in ("network", "width")})
    first = first.replace(training=Training(batch_size=decisions.BATCH, **settings))
    return glance(
        source,
        size=lambda sizes: decisions.side(
            sizes, seconds_a_step(on_noise(first, FIRST_SHAPE)), minutes
        ),
    )


def _with_enough_held_out(source: DataSource, looked: Glance) -> tuple[Glance, list[Decision]]:
    """The look at data of which enough are held out for scores, where that was left open."""
    share = decisions.held_out_share(looked.total)
    free = isinstance(source, Array | Folder) and source.split == Split()
    official = looked.training != counts(looked.total, Split())["train"]
    if share is None or not free or (official and looked.folder is None):
        return looked, []
    split = Split(validation=share, test=share)
    sizes = counts(looked.total, split)
    description = looked.description.replace(split=split)
    decision = Decision(
        "held out",
        {f"{DATA}split.validation": share, f"{DATA}split.test": share},
        f"{sizes['validation']} images for choosing a checkpoint and {sizes['test']} for scores",
        f"a tenth of {looked.total:,} is too few",
        "--data.split.test 0.1 --data.split.validation 0.1",
    )
    return replace(looked, description=description, training=sizes["train"]), [decision]


def _held_out(looked: Glance) -> int:
    """Images of the validation split, from its share."""
    return counts(looked.total, looked.description.split)["validation"]


def _of_data(source: DataSource, looked: Glance) -> list[Decision]:
    """What is chosen of a folder: size and channels."""
    folder = looked.folder
    if folder is None or not isinstance(source, Folder):
        return []
    made = []
    height, width = looked.shape[1:]
    shown = f"{height}×{width}"
    if source.size is not None:
        made.append(Decision("size", {}, shown, "as asked"))
    else:
        assert looked.sizes is not None
        sides = decisions.median_side(looked.sizes)
        own = len(looked.sizes) == 1 and (height, width) in looked.sizes
        reason = "their own" if own else f"half of the pictures have {sides} pixels a side or more"
        larger = f"--data.size {2 * max(height, width)}"
        size = height if height == width else (height, width)
        made.append(Decision("size", {"data.size": size}, shown, reason, larger))
    channels = decisions.channels_of(looked.grey, looked.transparent, looked.surveyed)
    if channels is not None and source.channels == "auto":
        share = looked.transparent / looked.surveyed
        made.append(
            Decision(
                "channels",
                {"data.channels": channels},
                f"{channels}, transparency is learned, too",
                f"{share:.0%} of the pictures are transparent somewhere",
                f"--data.channels {channels - 1}",
            )
        )
    return made


def _options(chosen: list[Decision]) -> dict[str, Any]:
    return {name: value for each in chosen for name, value in each.options.items()}


def _described(source: DataSource, options: Mapping[str, Any]) -> Run:
    """The run of the recipe; options of the data are among the others."""
    of_data = {
        k.removeprefix(DATA): v
        for k, v in options.items()
        if k.startswith(DATA) and not k.startswith(f"{DATA}split")  # which the look has already
    }
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
