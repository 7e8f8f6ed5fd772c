"""After a training: what the scores say, what would most likely help next, and with which command.

``verdict`` is a pure function of the evaluation's rows and of facts of the run, which ``facts_of``
reads from its directory. What helps is an ordered list of rules, ``RULES``, of which the first two
that hold are said; each has its reason in its docstring.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from saddlepoint.data.splitting import LEAST_COMPARED
from saddlepoint.errors import command_line
from saddlepoint.evaluation.result import Evaluation
from saddlepoint.learners.adversarial.augmentation import AdaptiveAugment, Augment, DiffAugment
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.planning.decisions import FEW, MOST_HELD_OUT, median_side
from saddlepoint.planning.glance import Glance
from saddlepoint.run.description import Run

MIRROR = "mirror"  # the transform
_POINTS = 6  # validations in the last third, below which no trend is spoken of
_FALL = 0.02  # of the score: less is not worth as long a training again
_FINER = 1.5  # times the trained size that pictures must have for a larger one to show more
_SAID = 2


@dataclass(frozen=True)
class Facts:
    """What is known of a run beside its scores.

    Attributes:
        run: Its directory.
        images: Images it was trained on.
        held_out: Images of the test split.
        steps: How many were done.
        size: Shorter side at which it was trained, in pixels.
        own_size: Shorter side of most pictures' own; None where they have no other.
        validation: The validation score by step, lower is better; empty where there was none.
        augmented: Whether the critic's images were augmented.
        mirrored: Whether training images were mirrored.
        mirror: The option that mirrors them, where that does no harm; else "".
        augment: The option that augments, where the recipe has one; else "".
        wider: The option of a wider network, where there is one; else "".
        larger: The options of a larger size, where there is one; else "".
        anew: Words of ``train`` for larger data and networks into which this run's weights fit.
    """

    run: Path
    images: int
    held_out: int
    steps: int
    size: int
    own_size: int | None = None
    validation: tuple[tuple[int, float], ...] = ()
    augmented: bool = False
    mirrored: bool = False
    mirror: str = ""
    augment: str = ""
    wider: str = ""
    larger: str = ""
    anew: tuple[str, ...] = ("LARGER",)


@dataclass(frozen=True)
class Verdict:
    """What is said at the end.

    Attributes:
        sentences: Whether samples are realistic, diverse and copies; or why that is not known.
        compared: What was compared with what for that, and what is to be known of it.
        next: What would most likely help next, one or two sentences.
        commands: What can be done with the run: what for, and the command.
    """

    sentences: tuple[str, ...]
    next: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]
    compared: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """All of it, a line each."""
        width = max(len(what) for what, _ in self.commands) + 2
        named = (f"  {what + ':':{width}} {command}" for what, command in self.commands)
        advice = (f"Next: {each}" for each in self.next)
        return (*self.sentences, *self.compared, *advice, *named)


@dataclass(frozen=True)
class _Case:
    """What the rules see: the facts, the first words of the three answers, and the trend."""

    facts: Facts
    realistic: str
    diverse: str
    copies: str
    trend: str
    remedy: str

    @property
    def bad(self) -> bool:
        return bool({self.realistic, self.diverse} & {"No", "Not quite", "A hint that not"})

    @property
    def copied(self) -> bool:
        return self.copies.startswith("Yes")

    @property
    def unknown(self) -> bool:
        return not self.bad and self.realistic in ("Cannot be told", "No verdict", "Not measured")


def verdict(evaluation: Evaluation | None, facts: Facts, *, why_not: str = "") -> Verdict:
    """What to tell the user of a run that has ended.

    Args:
        evaluation: Its evaluation on the held-out images; None where there could be none.
        facts: What is known of the run.
        why_not: Why there is no evaluation, in a sentence; by default that too few images were
            held out.
    """
    if evaluation is None:
        said: tuple[str, ...] = (why_not or _too_few(facts),)
        answers, remedy = ("", "", ""), ""
    else:
        said = evaluation.summary
        realistic, diverse, copies = (_answer(sentence) for sentence in said)
        answers, remedy = (realistic, diverse, copies), evaluation.remedy
    case = _Case(facts, *answers, trend(facts.validation), remedy)
    advice = [each for rule in RULES if (each := rule(case))]
    if not advice:
        advice = [
            f"scores: `{_evaluate(facts)}`."
            if evaluation is None
            else "nothing that the scores ask for: they see no difference from held-out images."
        ]
    compared = () if evaluation is None else (f"Compared: {evaluation.head}", *evaluation.notes)
    return Verdict(said, tuple(advice[:_SAID]), _commands(facts), compared)


def facts_of(
    folder: Path, glanced: Glance | None = None, anew: Sequence[str] = ("LARGER",), **options: str
) -> Facts:
    """The facts of a run, from its directory.

    Args:
        folder: The run's directory.
        glanced: What the glance before the training found.
        anew: As of ``Facts``.
        **options: ``mirror``, ``augment``, ``wider`` and ``larger`` of ``Facts``.

    Raises:
        BadInput: It is no run directory.
    """
    from saddlepoint.training.record import read_record
    from saddlepoint.training.run_directory import read

    stored, history = read(folder), read_record(folder)
    score = f"validation/{stored.run.training.validation.score}"
    validation = zip(history.steps, history.scalars.get(score, []), strict=False)
    changes = _changes(stored.run)
    counts = stored.data.counts
    return Facts(
        run=folder,
        images=counts["train"],
        held_out=counts["test"],
        steps=history.steps[-1] if history.steps else stored.run.training.steps,
        size=min(stored.data.shape[1:]),
        own_size=None if glanced is None else own_size(glanced),
        validation=tuple((step, value) for step, value in validation if value is not None),
        augmented=bool(changes - {MIRROR}),
        mirrored=MIRROR in changes,
        anew=tuple(anew),
        **options,
    )


def _changes(run: Run) -> set[str]:
    """In which ways what the critic sees is changed."""
    lenses = run.learner.lenses if isinstance(run.learner, Adversarial) else ()
    changes: set[str] = set()
    for lens in lenses:
        if isinstance(lens, Augment | AdaptiveAugment):
            changes |= set(lens.transforms)
        elif isinstance(lens, DiffAugment):
            changes |= set(lens.policy)
    return changes


def own_size(glanced: Glance) -> int | None:
    """The median of the files' shorter sides; None of data that have one size."""
    return None if glanced.sizes is None else median_side(glanced.sizes)


def trend(validation: Sequence[tuple[int, float]]) -> str:
    """Where the validation score was going at the end: falling, level, rising, or "" (unknown).

    A straight line through the last third (at least 6 validations), by least squares. It falls or
    rises if the slope's t-test has p < 0.05 on its side (Student, n − 2 degrees of freedom, scatter
    about the line taken as independent) and the line changes by at least 2 % of its mean height.
    """
    known = [(step, value) for step, value in validation if math.isfinite(value)]
    last = known[-max(_POINTS, math.ceil(len(known) / 3)) :]
    if len(last) < _POINTS:
        return ""
    steps, values = np.array(last, np.float64).T
    if np.ptp(values) == 0:
        return "level"
    line = stats.linregress(steps, values)
    change = abs(line.slope) * float(np.ptp(steps))
    if line.pvalue / 2 >= 0.05 or change < _FALL * abs(float(values.mean())):
        return "level"
    return "falling" if line.slope < 0 else "rising"


def _answer(sentence: str) -> str:
    """``Not quite`` of ``Realistic? Not quite: a classifier ...``."""
    text = sentence.split("? ", 1)[-1]
    ends = [at for mark in (":", ".") if (at := text.find(mark)) >= 0]
    return text[: min(ends, default=len(text))]


def _too_few(facts: Facts) -> str:
    return (
        f"No scores: {facts.held_out:,} images were held out, and comparing samples with them "
        f"takes {LEAST_COMPARED}: look at the samples yourself."
    )


def no_test(case: _Case) -> str:
    """Without held-out images nothing can be said, and all else is a guess."""
    facts = case.facts
    if case.realistic or facts.held_out >= LEAST_COMPARED:
        return ""
    enough = math.ceil(LEAST_COMPARED / MOST_HELD_OUT)
    if facts.images + facts.held_out >= enough:
        return (
            f"a test of at least {LEAST_COMPARED} images, for scores: a larger share "
            "(--data.split.test), or a larger test set where the data come with one."
        )
    return (
        f"more images: from {enough:,} on enough of them are held out for scores, and "
        f"{facts.images:,} are few to learn from."
    )


def no_copies(case: _Case) -> str:
    """Copies mean that the critic knows each image by heart: longer training makes them worse."""
    if not case.copied:
        return ""
    return f"{_more_of(case.facts)}, since training images are copied; longer training would not."


def still_learning(case: _Case) -> str:
    """A score that falls at the end is the one direct sign that training on will help."""
    if case.copied or case.trend != "falling":
        return ""
    return (
        "longer training, since the validation score was still falling at the end: `"
        f"{command_line('resume', case.facts.run, '--steps', 2 * case.facts.steps)}`."
    )


def overfitting(case: _Case) -> str:
    """A score that rises at the end while images are few: the critic overfits."""
    if case.copied or case.trend != "rising":
        return ""
    cure = _more_of(case.facts)
    return f"{cure}: the validation score was rising at the end (the best checkpoint is kept)."


def few_images(case: _Case) -> str:
    """Below some thousands of images augmentation helps most, and more images still more."""
    if case.copied or not case.bad or case.facts.images >= FEW or case.trend == "rising":
        return ""
    return f"{_more_of(case.facts)}: {case.facts.images:,} images are few for a GAN."


def wider(case: _Case) -> str:
    """Scores that are level and worse than real ones: the networks hold no more."""
    if not case.bad or case.copied or case.trend != "level":
        return ""
    if case.facts.wider:
        return f"a wider network ({case.facts.wider}): the score had stopped falling."
    return "a wider network or a smaller size: the score had stopped falling."


def longer(case: _Case) -> str:
    """Not good, and no trend is known: longer training is the cheapest try."""
    if not case.bad or case.copied or case.trend:
        return ""
    command = command_line("resume", case.facts.run, "--steps", 2 * case.facts.steps)
    return f"longer training: `{command}`; too few validations tell whether it still learns."


def see_more(case: _Case) -> str:
    """No difference in a space that hardly sees content is no praise: first look better."""
    if not case.unknown or not case.remedy:
        return ""
    return f"scores that see content: `{case.remedy}`, then `{_evaluate(case.facts)}`."


def more_to_compare(case: _Case) -> str:
    """Where little would be noticed, more held-out images tell more."""
    if not case.unknown or case.remedy:
        return ""
    return f"more images: {case.facts.held_out:,} held-out ones show only large differences."


def larger(case: _Case) -> str:
    """Good samples of pictures that have finer detail: a larger size shows it."""
    facts = case.facts
    if case.bad or case.copied or not case.realistic or facts.own_size is None:
        return ""
    if facts.own_size < _FINER * facts.size:
        return ""
    option = facts.larger or f"--data.size {2 * facts.size}"
    return (
        f"a larger size ({option}): the pictures have {facts.own_size:,} pixels a side, and "
        f"{facts.size:,} were learnt."
    )


#: In this order; the first two that hold are said.
RULES: tuple[Callable[[_Case], str], ...] = (
    no_test,
    no_copies,
    still_learning,
    overfitting,
    few_images,
    wider,
    longer,
    see_more,
    more_to_compare,
    larger,
)


def _more_of(facts: Facts) -> str:
    """More images, or what stands in for them and is not in use."""
    instead = []
    if facts.mirror and not facts.mirrored:
        instead.append(f"mirroring ({facts.mirror})")
    if facts.augment and not facts.augmented:
        instead.append(f"augmentation ({facts.augment})")
    return f"more images{', or ' if instead else ''}{' and '.join(instead)}"


def _evaluate(facts: Facts) -> str:
    return command_line("evaluate", facts.run)


def _commands(facts: Facts) -> tuple[tuple[str, str], ...]:
    run, further = facts.run, ("--steps", 2 * facts.steps)
    return (
        ("sample", command_line("sample", run, "--n", 64, "--out", "grid.png")),
        ("single files", command_line("sample", run, "--n", 1000, "--out", "samples")),
        ("go on", command_line("resume", run, *further)),
        (
            "with more images",
            command_line("resume", run, "--data", "LARGER", "--other-data", *further),
        ),
        ("anew with more", command_line("train", *facts.anew, "--init", run)),
        ("report", command_line("report", run)),
    )
