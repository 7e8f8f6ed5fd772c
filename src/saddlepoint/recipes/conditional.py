"""The option ``conditional`` of recipes, and what it changes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from saddlepoint.description import Part
from saddlepoint.errors import BadInput
from saddlepoint.learners.adversarial.conditioning import (
    Classifier,
    Concatenation,
    Conditioning,
    Projection,
)
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.run.description import Run


@dataclass(frozen=True)
class Told:
    """How the players of a recipe learn of classes.

    Attributes:
        classes: What the critic makes of them.
        by_norm: Whether the generator's norms are told the class, instead of an embedding in z.
        words: The same for the option's help.
    """

    classes: Conditioning
    by_norm: bool
    words: str


PROJECTED = Told(Projection(), False, "an embedding beside the latents, a projection in the critic")
JOINED = Told(Concatenation(), False, "concatenated to the inputs of both players")
NORMED = Told(
    Projection(), True, "gains of each class in the generator, a projection in the critic"
)
#: Of R3GAN's program.
ALONE = Told(
    Projection(alone=True, embedding=64),
    False,
    "64 numbers beside the latents, and a projection as the critic's score",
)
#: Of WGAN-GP's residual network for CIFAR-10.
READ = Told(
    Classifier(real=1.0, fake=0.0, generator=0.1),
    True,
    "gains of each class in the generator, a classifier beside the critic's score (1, 0 and 0.1)",
)


def with_classes(function: Callable[..., Run], told: Told) -> Callable[..., Run]:
    """The recipe with the further option ``conditional``, off by default."""

    @functools.wraps(function)
    def chosen(*args: object, conditional: bool = False, **options: object) -> Run:
        run = function(*args, **options)
        return conditioned(run, told) if conditional else run

    signature = inspect.signature(function, eval_str=True)
    parameters = list(signature.parameters.values())
    option = inspect.Parameter(
        "conditional", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=bool
    )
    parameters.insert(len(parameters) - 1, option)  # in front of the common ones
    cast(Any, chosen).__signature__ = signature.replace(parameters=parameters)
    about = inspect.cleandoc(function.__doc__ or "")
    line = f"    conditional: Tell the players the class, which the data must have: {told.words}.\n"
    before, common, after = about.partition("    **common:")
    before = before if common else f"{before}\n\nArgs:\n"
    chosen.__doc__ = f"{before}{line}{common}{after}"
    return chosen


def conditioned(run: Run, told: Told) -> Run:
    """The run of players that are told classes.

    Raises:
        BadInput: The generator's norms cannot be told.
    """
    learner = run.learner
    if not isinstance(learner, Adversarial):
        raise BadInput(f"the family '{learner.kind}' has no players that could be told classes.")
    generator: Part = learner.generator
    if told.by_norm:
        generator = generator.replace(norm="class_batch")
    return run.replace(learner=learner.replace(classes=told.classes, generator=generator))
